use crate::wire::{FileId, Path};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Data: the path.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Unlink {
    /// The file; zero where only its name is known.
    pub file: FileId,
    /// Its path.
    pub path: Path,
    /// 0, -errno, or `RET_UNKNOWN`.
    pub ret: i32,
    /// Zero.
    pub reserved: u32,
}
