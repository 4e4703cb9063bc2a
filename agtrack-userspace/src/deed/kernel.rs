//! Files that the kernel makes up: what is written there is kept nowhere.

/// Devices that keep nothing, and terminals.
const DEVICES: &[&[u8]] = &[
    b"/dev/console",
    b"/dev/full",
    b"/dev/null",
    b"/dev/ptmx",
    b"/dev/random",
    b"/dev/tty",
    b"/dev/urandom",
    b"/dev/zero",
];

/// Files through which processes are moved: that is `cgroup.attach`, a change of its own.
const MOVES: &[&[u8]] = &[b"/cgroup.procs", b"/cgroup.threads"];

/// Whether the kernel makes this file up and what is written there ends with who wrote it, or is told
/// by another action. `/proc/sys` and the limits of cgroups last.
pub fn is_kernel_made(path: &[u8]) -> bool {
    let of_process = || {
        let rest = path.strip_prefix(b"/proc/")?;
        let first = rest.split(|byte| *byte == b'/').next()?;
        let is_number = !first.is_empty() && first.iter().all(u8::is_ascii_digit);
        Some(is_number || [&b"self"[..], b"thread-self"].contains(&first))
    };
    DEVICES.contains(&path)
        || path.starts_with(b"/dev/pts/")
        || MOVES.iter().any(|end| path.ends_with(end))
        || of_process() == Some(true)
}
