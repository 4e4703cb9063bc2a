use crate::wire::{FileId, Path};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Data: components of the executable, components of the working directory, the script, arguments.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Exec {
    /// The executable that now runs (the interpreter, for a script).
    pub exe: FileId,
    /// Its path.
    pub exe_path: Path,
    /// Working directory.
    pub cwd: Path,
    /// The script that was named, where the executable is its interpreter.
    pub script: Path,
    /// Start of the real parent, `CLOCK_BOOTTIME` ns.
    pub parent_start: u64,
    /// cgroup2 id.
    pub cgroup: u64,
    /// Bytes of arguments the process has, NUL after each.
    pub args_total: u32,
    /// Bytes of them in the data.
    pub args_kept: u32,
    /// The real parent.
    pub parent: u32,
    /// Real user.
    pub uid: u32,
    /// Effective user: what a setuid program became.
    pub euid: u32,
    /// Real group.
    pub gid: u32,
    /// Effective group.
    pub egid: u32,
    /// 1: the tag was missing and was taken over from the parent here.
    pub repaired: u32,
}

/// A program that was not executed. Data: the path.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct ExecFailed {
    /// What was to be executed, as it was named.
    pub path: Path,
    /// -errno.
    pub ret: i32,
    /// Zero.
    pub reserved: u32,
}
