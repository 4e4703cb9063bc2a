//! What the two are compared by.

use std::collections::BTreeMap;

/// One thing that was done: by which process, what, to what, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deed {
    /// Process id.
    pub(crate) pid: u32,
    /// The action's name.
    pub(crate) action: &'static str,
    /// Paths, arguments, modes, addresses.
    pub(crate) what: Vec<String>,
    /// `success`, `in_progress`, or the error's name; `?`: not seen.
    pub(crate) result: String,
}

/// How often each thing was done.
pub(crate) type Deeds = BTreeMap<Deed, u64>;

/// Actions that are no system calls of strace, one for one.
pub(crate) const NOT_COMPARED: &[(&str, &str)] = &[
    ("cgroup.create", "strace shows a mkdir"),
    ("cgroup.attach", "strace shows a write"),
    ("cgroup.remove", "strace shows an rmdir"),
    (
        "net.send",
        "strace shows each datagram, and agtrack each peer",
    ),
    (
        "net.receive",
        "strace shows each datagram, and agtrack each peer",
    ),
    ("net.payload", "strace shows bytes, not what they say"),
    (
        "file.close",
        "strace shows each write, and agtrack their sum",
    ),
    (
        "file.mmap",
        "strace shows how a mapping was asked for, and not how its file was opened",
    ),
    (
        "file.receive",
        "strace shows the numbers that came with a message, and agtrack the files",
    ),
    (
        "net.flow",
        "strace shows no end of a connection, and does not see datagrams arrive",
    ),
    (
        "kernel.io_uring",
        "strace shows that there are requests, not which",
    ),
];
