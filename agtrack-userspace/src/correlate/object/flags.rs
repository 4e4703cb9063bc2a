//! Numbers of the kernel's interface as words.

use nix::sys::signal::Signal;

use crate::record::Object;

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

pub(super) fn mount(flags: u32) -> Vec<String> {
    words(flags, MOUNT)
}

pub(super) fn umount(flags: u32) -> Vec<String> {
    words(flags, UMOUNT)
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

/// A wait status (wait(2)).
pub(super) fn exit(status: u32) -> Object {
    let number = (status & 0x7f) as i32;
    let signal = (number != 0).then(|| match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        // Real-time signals have numbers only.
        Err(_) => format!("SIG{number}"),
    });
    Object::Exit {
        code: signal.is_none().then_some((status >> 8) as u8),
        signal,
        core: status & 0x80 != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_as_wait_reads_them() {
        let expect = |code, signal: Option<&str>, core| Object::Exit {
            code,
            signal: signal.map(str::to_owned),
            core,
        };
        assert_eq!(exit(0), expect(Some(0), None, false));
        assert_eq!(exit(0x0300), expect(Some(3), None, false));
        assert_eq!(exit(9), expect(None, Some("SIGKILL"), false));
        assert_eq!(exit(0x8b), expect(None, Some("SIGSEGV"), true));
        assert_eq!(exit(40), expect(None, Some("SIG40"), false));
    }

    #[test]
    fn flags_become_words() {
        assert_eq!(open(0o1101), ["CREAT", "TRUNC"]);
        assert_eq!(rename(2), ["EXCHANGE"]);
        assert_eq!(protocol(0, 2), "udp");
    }
}
