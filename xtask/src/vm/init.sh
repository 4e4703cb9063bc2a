#!/bin/busybox sh
# The first process of a test machine: mounts what a host has, runs /run.sh, powers off.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root TMPDIR=/tmp
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mount -t tmpfs shm /dev/shm
chmod 1777 /tmp /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t securityfs security /sys/kernel/security
mount -t tracefs trace /sys/kernel/tracing
ln -s /proc/self/fd /dev/fd
ln -s sh /bin/bash
ip link set lo up
hostname vm
ulimit -l unlimited

# The command line may say what is enough: TESTED, back ends whose tests are run (others are only
# loaded); ONLY, names of tests; SEEN, which tests run elsewhere (`kernel`
# or `own`, see `Seen` in tests/src/here.rs).
[ -z "$SEEN" ] || export AGTRACK_SEEN_ALREADY="$SEEN"

# block KIND BACKEND COMMAND: runs the command; its output and status go to the second line.
block() {
    case "$1,${TESTED:-$2}," in
        verifier,* | *",$2,"*) ;;
        *)
            echo "@@ without $1 $2" > /dev/ttyS1
            return
            ;;
    esac
    # What some of the tests see says nothing of what can be seen.
    case "$1,$ONLY,$SEEN" in
        coverage,, | coverage,,kernel) ;;
        coverage,*)
            echo "@@ without coverage $2" > /dev/ttyS1
            return
            ;;
    esac
    echo "@@ begin $1 $2" > /dev/ttyS1
    AGTRACK_BIN=/bin/agtrack AGTRACK_BACKEND=$2 AGTRACK_IN_VM=1 RUST_BACKTRACE=1 \
        sh -c "$3" > /dev/ttyS1 2>&1 < /dev/null
    echo "@@ end $1 $2 $?" > /dev/ttyS1
}

echo "@@ kernel $(uname -r) lsm=$(cat /sys/kernel/security/lsm)" > /dev/ttyS1
stty -F /dev/ttyS1 -onlcr 2> /dev/null
. /run.sh
echo "@@ done" > /dev/ttyS1
sync
poweroff -f
