use crate::wire::{FileId, Path};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Data: the path of a cgroup, then that of the actor's executable. The header names who reached for
/// agtrack, tagged or not.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Tamper {
    /// The signal, what ptrace was to do, or the id of the cgroup.
    pub value: u64,
    /// What the actor runs: whoever asks /proc may come too late.
    pub exe: FileId,
    /// Where that is; [`path_flag::UNREADABLE`] where it runs nothing.
    ///
    /// [`path_flag::UNREADABLE`]: crate::wire::path_flag::UNREADABLE
    pub exe_path: Path,
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
