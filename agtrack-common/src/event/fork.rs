use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The header names the parent.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Fork {
    /// The new process's start, `CLOCK_BOOTTIME` ns.
    pub child_start: u64,
    /// The new process's cgroup2 id.
    pub cgroup: u64,
    /// The new process.
    pub child: u32,
    /// The new process's own namespaces: `CLONE_NEW*` bits.
    pub namespaces: u32,
}
