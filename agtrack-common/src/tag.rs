//! Tags: which processes and cgroups are tracked, and for which session.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Set in session keys that a launcher handed out; those without this and [`BOUND`] are cgroup ids.
pub const LAUNCHED: u64 = 1 << 63;

/// Set in session keys of processes that a rule names by their program or user.
pub const BOUND: u64 = 1 << 62;

/// The session key of such a process, from its id and start (`CLOCK_BOOTTIME` ns): there is time for
/// it nowhere but in the kernel, at its exec.
#[inline(always)]
pub const fn bound_key(pid: u32, start: u64) -> u64 {
    BOUND | ((start ^ ((pid as u64) << 38)) & (BOUND - 1))
}

/// Bytes of a program's name that the kernel compares with rules, with two NULs or more at the end.
pub const BOUND_NAME: usize = 256;

/// Names that rules may give programs at a time; as many files, and users.
pub const BOUND_MOST: u32 = 4096;

/// Which file a rule names; the value is the rule's number.
#[repr(C)]
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
pub struct BoundFile {
    /// Inode number.
    pub ino: u64,
    /// Device, as the kernel has it: major number above 20 bits of minor number.
    pub dev: u32,
    /// Zero.
    pub reserved: u32,
}

/// Value of the process tag map; the key is the thread group id.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Tag {
    /// Start of the process, `CLOCK_BOOTTIME` ns. A hit counts only if it is the same: a pid
    /// may be used again.
    pub start: u64,
    /// Session key.
    pub session: u64,
    /// Opens that were counted and not told yet.
    pub owed: u64,
    /// 1: it was born with a tag, and nothing is counted of any file that it has open for writing, so none
    /// needs to be looked for when it ends. 0: not known.
    pub unwritten: u64,
}

/// Value of the cgroup tag map; the key is the cgroup id.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct CgroupTag {
    /// Session key for processes in this cgroup and below; 0: not tagged itself.
    pub session: u64,
    /// 1: each new child cgroup begins a session of its own, named by the child's id.
    pub children: u32,
    /// Zero.
    pub reserved: u32,
}
