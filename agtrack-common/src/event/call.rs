use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bit of [`Call::number`]: an i386 call.
pub const COMPAT: u32 = 1 << 31;

/// A system call whose arguments say what it was about.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Call {
    /// Its first arguments, as passed in registers.
    pub arguments: [u64; 4],
    /// Number of the call; with [`COMPAT`] that of i386 programs.
    pub number: u32,
    /// What it returned: 0 or more, or -errno.
    pub ret: i32,
}
