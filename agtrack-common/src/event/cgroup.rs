use crate::wire::{FileId, Path};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Data: the path of the cgroup within the hierarchy. The header names who made it.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct CgroupCreate {
    /// The new cgroup.
    pub id: u64,
    /// The one above it.
    pub parent: u64,
    /// Session key that its processes get, 0 if none.
    pub session: u64,
    /// Bytes of path.
    pub path: u32,
    /// Zero.
    pub reserved: u32,
}

/// Data: the path of the cgroup, then that of the executable. The header names who moved the
/// process.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct CgroupAttach {
    /// The cgroup it moved to.
    pub id: u64,
    /// The moved process's start, `CLOCK_BOOTTIME` ns.
    pub target_start: u64,
    /// Its session key after the move.
    pub session: u64,
    /// What the moved process runs: whoever asks /proc may come too late.
    pub exe: FileId,
    /// Where that is; [`path_flag::UNREADABLE`] where it runs nothing.
    ///
    /// [`path_flag::UNREADABLE`]: crate::wire::path_flag::UNREADABLE
    pub exe_path: Path,
    /// The moved process.
    pub target: u32,
    /// Bytes of the cgroup's path.
    pub path: u32,
    /// 1: the move gave it its tag.
    pub tagged: u32,
    /// Its real user.
    pub uid: u32,
    /// Its effective user.
    pub euid: u32,
    /// Zero.
    pub reserved: u32,
}

/// Data: the path of the cgroup. The header names who removed it.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct CgroupRemove {
    /// The cgroup.
    pub id: u64,
    /// Session key that its processes got.
    pub session: u64,
    /// Bytes of path.
    pub path: u32,
    /// Zero.
    pub reserved: u32,
}
