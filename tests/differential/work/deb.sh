# Builds a Debian package, looks into it, and installs it below a directory.
umask 022
mkdir -p tree/DEBIAN tree/usr/bin tree/usr/share/doc/tiny root/var/lib/dpkg/updates
cat > tree/usr/bin/tiny <<'END'
#!/bin/sh
echo tiny runs
END
chmod 755 tree/usr/bin/tiny
printf 'tiny (1.0) unstable; urgency=low\n' | gzip -9n > tree/usr/share/doc/tiny/changelog.gz
ln -s tiny tree/usr/bin/small
cat > tree/DEBIAN/control <<'END'
Package: tiny
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: very small
END
(cd tree && find usr -type f -exec md5sum {} + > DEBIAN/md5sums)
find tree -newermt '1 hour ago' -exec touch --no-dereference -d '2020-01-01' {} +
chown -R 1:1 tree/usr
dpkg-deb --root-owner-group --build tree tiny.deb > /dev/null
dpkg-deb --info tiny.deb > info
dpkg-deb --contents tiny.deb > contents
dpkg-deb --raw-extract tiny.deb raw
dpkg-deb --fsys-tarfile tiny.deb | tar -t > members
: > root/var/lib/dpkg/status
dpkg --root="$PWD/root" --log=/dev/null --install tiny.deb > /dev/null
[ "$(sh root/usr/bin/small)" = "tiny runs" ]
dpkg --root="$PWD/root" --log=/dev/null --purge tiny > /dev/null
[ ! -e root/usr/bin/tiny ]
