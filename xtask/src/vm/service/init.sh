#!/bin/busybox sh
# The first process of the machine with systemd: unpacks Debian into memory and hands over to its init.
/bin/busybox mkdir -p /root
/bin/busybox mount -t tmpfs -o size=3g,mode=755 root /root
/bin/busybox tar -C /root -xf /root.tar
/bin/busybox rm /root.tar
/bin/busybox cp -r /proof /root/proof
/bin/busybox chmod 644 /root/proof/proof.service
# What the Debian was made without is not to be left out of packages that are installed in it.
/bin/busybox rm -f /root/etc/dpkg/dpkg.cfg.d/99mmdebstrap
echo 0123456789abcdef0123456789abcdef > /root/etc/machine-id
echo vm > /root/etc/hostname
/bin/busybox cp /root/proof/proof.service /root/etc/systemd/system/proof.service
/bin/busybox mkdir -p /root/etc/systemd/system/multi-user.target.wants
/bin/busybox ln -s ../proof.service /root/etc/systemd/system/multi-user.target.wants/proof.service
exec /bin/busybox switch_root /root /sbin/init
