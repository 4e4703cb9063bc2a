use crate::wire::{FileId, Path};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Data: the path.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Close {
    /// The file.
    pub file: FileId,
    /// Its path.
    pub path: Path,
    /// Bytes written through it that were not told before.
    pub written: u64,
    /// Write calls that wrote them.
    pub calls: u64,
    /// Length of the file, bytes.
    pub size: u64,
    /// `close_flag` bits.
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
}

/// Bits of [`Close::flags`].
pub mod close_flag {
    /// Its open created the file.
    pub const CREATED: u32 = 1;
    /// Its open emptied the file.
    pub const EMPTIED: u32 = 2;
    /// Nobody has it open any more.
    pub const LAST: u32 = 4;
    /// Others have it open still.
    pub const HELD: u32 = 8;
    /// More than one process wrote these bytes.
    pub const SEVERAL: u32 = 16;
}
