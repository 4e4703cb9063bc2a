# What an administrator's script does to a host, here to namespaces of its own.
mkdir -p root/dir tmp bound new
cp /bin/true root/dir/true
unshare --mount sh -euc '
    mount -t tmpfs -o nosuid,size=1m none tmp
    echo x > outside
    mount --bind root bound
    mount -o remount,bind,ro bound
    ! touch bound/refused 2> /dev/null
    umount bound
    umount -l tmp'
unshare --uts --ipc --net hostname somewhere-else
unshare --user --map-root-user id -u > id
nsenter --mount=/proc/self/ns/mnt true
chroot / true
! chroot root /dir/not-there 2> /dev/null
! umount tmp 2> /dev/null
setpriv --bounding-set=-chown --inh-caps=-all true
setpriv --reuid=1 --regid=1 --clear-groups unshare --mount true 2> /dev/null || true
setpriv --reuid=1 --clear-groups mount -t tmpfs none tmp 2> /dev/null || true
python3 -B -c '
import socket
for family, kind, protocol in [(17, 3, 768), (2, 3, 1), (2, 1, 0)]:
    socket.socket(family, kind, protocol).close()'
