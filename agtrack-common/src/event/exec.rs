use crate::wire::{FileId, Path};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The names of environment variables, as far as they are in the data: a NUL after each. Values stay
/// in the kernel.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Environment {
    /// Bytes of names.
    pub names: u32,
    /// So many entries have no name, or one of more than `VARIABLE_MAX` - 1 bytes.
    pub untold: u32,
    /// Bytes of the environment that were not looked at.
    pub left: u32,
    /// Zero.
    pub reserved: u32,
}

/// Data: components of the executable, components of the working directory, the script, what the
/// descriptor in its name leads to, arguments, names of environment variables.
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
    /// What the descriptor leads to that the script's name is of; empty for any other name.
    pub script_file: Path,
    /// Names of environment variables.
    pub environment: Environment,
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
    pub repaired: u16,
    /// Number of the rule that names the program or the user, where the process got its tag by it
    /// here; 0: it did not.
    pub bound: u16,
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
