use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The header names the process that ended.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Exit {
    /// As `wait(2)` reports it: signal in the low 7 bits, core flag 0x80, code above.
    pub status: u32,
    /// Zero.
    pub reserved: u32,
}
