//! Numbers of the kernel's interface as words.

use agtrack_common::event::Open;
use nix::sys::signal::Signal;

/// Open flags other than the access mode (include/uapi/asm-generic/fcntl.h, x86_64).
const OPEN: &[(u32, &str)] = &[
    (0o100, "CREAT"),
    (0o200, "EXCL"),
    (0o1000, "TRUNC"),
    (0o2000, "APPEND"),
    (0o4000, "NONBLOCK"),
    (0o40000, "DIRECT"),
    (0o200000, "DIRECTORY"),
    (0o400000, "NOFOLLOW"),
    (0o20000000, "TMPFILE"),
];

/// include/uapi/linux/fs.h
const RENAME: &[(u32, &str)] = &[(1, "NOREPLACE"), (2, "EXCHANGE"), (4, "WHITEOUT")];

/// include/uapi/linux/mount.h, `MS_*`
const MOUNT: &[(u32, &str)] = &[
    (1, "RDONLY"),
    (2, "NOSUID"),
    (4, "NODEV"),
    (8, "NOEXEC"),
    (32, "REMOUNT"),
    (256, "NOSYMFOLLOW"),
    (4096, "BIND"),
    (8192, "MOVE"),
    (16384, "REC"),
    (1 << 17, "UNBINDABLE"),
    (1 << 18, "PRIVATE"),
    (1 << 19, "SLAVE"),
    (1 << 20, "SHARED"),
];

/// include/linux/fs.h, `MNT_*` and `UMOUNT_NOFOLLOW`
const UMOUNT: &[(u32, &str)] = &[(1, "FORCE"), (2, "DETACH"), (4, "EXPIRE"), (8, "NOFOLLOW")];

/// include/uapi/asm-generic/mman-common.h, `PROT_*`
const PROTECTION: &[(u32, &str)] = &[(1, "READ"), (2, "WRITE"), (4, "EXEC")];

/// include/uapi/linux/sched.h, `CLONE_NEW*`
const NAMESPACES: &[(u32, &str)] = &[
    (0x80, "time"),
    (0x2_0000, "mnt"),
    (0x200_0000, "cgroup"),
    (0x400_0000, "uts"),
    (0x800_0000, "ipc"),
    (0x1000_0000, "user"),
    (0x2000_0000, "pid"),
    (0x4000_0000, "net"),
];

/// include/uapi/linux/ptrace.h, and of x86 asm/ptrace-abi.h
const PTRACE: &[(u64, &str)] = &[
    (PTRACE_TRACEME, "TRACEME"),
    (1, "PEEKTEXT"),
    (2, "PEEKDATA"),
    (3, "PEEKUSER"),
    (4, "POKETEXT"),
    (5, "POKEDATA"),
    (6, "POKEUSER"),
    (7, "CONT"),
    (8, "KILL"),
    (9, "SINGLESTEP"),
    (12, "GETREGS"),
    (13, "SETREGS"),
    (16, "ATTACH"),
    (17, "DETACH"),
    (24, "SYSCALL"),
    (0x4200, "SETOPTIONS"),
    (0x4202, "GETSIGINFO"),
    (0x4204, "GETREGSET"),
    (0x4205, "SETREGSET"),
    (0x4206, "SEIZE"),
    (0x4207, "INTERRUPT"),
    (0x4208, "LISTEN"),
];

/// `PTRACE_TRACEME`: the caller asks to be traced; its second argument means nothing.
pub(super) const PTRACE_TRACEME: u64 = 0;

/// include/uapi/linux/bpf.h, `enum bpf_cmd`, counted from 0.
const BPF: &[&str] = &[
    "MAP_CREATE",
    "MAP_LOOKUP_ELEM",
    "MAP_UPDATE_ELEM",
    "MAP_DELETE_ELEM",
    "MAP_GET_NEXT_KEY",
    "PROG_LOAD",
    "OBJ_PIN",
    "OBJ_GET",
    "PROG_ATTACH",
    "PROG_DETACH",
    "PROG_TEST_RUN",
    "PROG_GET_NEXT_ID",
    "MAP_GET_NEXT_ID",
    "PROG_GET_FD_BY_ID",
    "MAP_GET_FD_BY_ID",
    "OBJ_GET_INFO_BY_FD",
    "PROG_QUERY",
    "RAW_TRACEPOINT_OPEN",
    "BTF_LOAD",
    "BTF_GET_FD_BY_ID",
    "TASK_FD_QUERY",
    "MAP_LOOKUP_AND_DELETE_ELEM",
    "MAP_FREEZE",
    "BTF_GET_NEXT_ID",
    "MAP_LOOKUP_BATCH",
    "MAP_LOOKUP_AND_DELETE_BATCH",
    "MAP_UPDATE_BATCH",
    "MAP_DELETE_BATCH",
    "LINK_CREATE",
    "LINK_UPDATE",
    "LINK_GET_FD_BY_ID",
    "LINK_GET_NEXT_ID",
    "ENABLE_STATS",
    "ITER_CREATE",
    "LINK_DETACH",
    "PROG_BIND_MAP",
];

/// include/uapi/linux/keyctl.h, counted from 0.
const KEYCTL: &[&str] = &[
    "GET_KEYRING_ID",
    "JOIN_SESSION_KEYRING",
    "UPDATE",
    "REVOKE",
    "CHOWN",
    "SETPERM",
    "DESCRIBE",
    "CLEAR",
    "LINK",
    "UNLINK",
    "SEARCH",
    "READ",
    "INSTANTIATE",
    "NEGATE",
    "SET_REQKEY_KEYRING",
    "SET_TIMEOUT",
    "ASSUME_AUTHORITY",
    "GET_SECURITY",
    "SESSION_TO_PARENT",
    "REJECT",
    "INSTANTIATE_IOV",
    "INVALIDATE",
    "GET_PERSISTENT",
];

pub(super) fn namespaces(flags: u32) -> Vec<String> {
    words(flags, NAMESPACES)
}

pub(in crate::correlate) fn ptrace(request: u64) -> Option<&'static str> {
    let known = PTRACE.iter().find(|(number, _)| *number == request);
    known.map(|(_, word)| *word)
}

pub(super) fn bpf(command: u64) -> Option<&'static str> {
    BPF.get(usize::try_from(command).ok()?).copied()
}

pub(super) fn keyctl(operation: u64) -> Option<&'static str> {
    KEYCTL.get(usize::try_from(operation).ok()?).copied()
}

pub(super) fn mount(flags: u32) -> Vec<String> {
    words(flags, MOUNT)
}

pub(super) fn umount(flags: u32) -> Vec<String> {
    words(flags, UMOUNT)
}

pub(super) fn protection(flags: u32) -> Vec<String> {
    words(flags, PROTECTION)
}

/// Whether an open made a file without a name.
pub(super) fn is_unnamed(body: &Open) -> bool {
    const TMPFILE: u32 = 0o20_000_000;
    body.flags & TMPFILE != 0 && body.file.ino != 0
}

pub(super) fn open(flags: u32) -> Vec<String> {
    words(flags, OPEN)
}

pub(super) fn rename(flags: u32) -> Vec<String> {
    words(flags, RENAME)
}

fn words(flags: u32, table: &[(u32, &str)]) -> Vec<String> {
    table
        .iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, word)| (*word).to_owned())
        .collect()
}

/// `IPPROTO_*`; where only the socket's type is known, what that type means by default.
pub(super) fn protocol(protocol: u16, socket_type: u16) -> String {
    match (protocol, socket_type) {
        (6, _) | (0, 1) => "tcp".to_owned(),
        (17, _) | (0, 2) => "udp".to_owned(),
        (1 | 58, _) => "icmp".to_owned(),
        (132, _) => "sctp".to_owned(),
        (number, _) => number.to_string(),
    }
}

/// A signal's name; real-time signals have numbers only.
pub(in crate::correlate) fn signal(number: i32) -> String {
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("SIG{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_words() {
        assert_eq!(open(0o1101), ["CREAT", "TRUNC"]);
        assert_eq!(rename(2), ["EXCHANGE"]);
        assert_eq!(protocol(0, 2), "udp");
    }
}
