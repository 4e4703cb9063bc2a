use crate::wire::{FileId, Path};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Data: the path of a cgroup, then that of the actor's executable, then the first of its arguments.
/// The header names who reached for agtrack, tagged or not. What it is, is in here because whoever
/// asks /proc may come too late.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Tamper {
    /// The signal, what ptrace was to do, or the id of the cgroup.
    pub value: u64,
    /// What the actor runs.
    pub exe: FileId,
    /// Where that is; [`path_flag::UNREADABLE`] where it runs nothing.
    ///
    /// [`path_flag::UNREADABLE`]: crate::wire::path_flag::UNREADABLE
    pub exe_path: Path,
    /// Id of its cgroup.
    pub cgroup: u64,
    /// Start of its real parent, `CLOCK_BOOTTIME` ns.
    pub parent_start: u64,
    /// Its real parent.
    pub parent: u32,
    /// Bytes of its arguments in the data.
    pub arguments: u32,
    /// The user who logged in; all ones without a login.
    pub login_user: u32,
    /// Zero.
    pub reserved: u32,
    /// Its real user.
    pub uid: u32,
    /// Its effective user.
    pub euid: u32,
    /// Bytes of the cgroup's path.
    pub path: u32,
    /// Number of the system call; 0 where another hook saw it.
    pub number: u32,
    /// How it ended: 0 or more, or -errno.
    pub ret: i32,
    /// So many attempts before this one were counted only, because there were too many in a second.
    pub coalesced: u32,
}
