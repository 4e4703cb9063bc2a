//! Tags: which processes and cgroups are tracked, and for which session.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Set in session keys that a launcher handed out; the others are cgroup ids.
pub const LAUNCHED: u64 = 1 << 63;

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
