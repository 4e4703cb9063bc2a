use crate::wire::{FileId, Path};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Data: the old path, the new path.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Rename {
    /// The file; zero where only its name is known.
    pub file: FileId,
    /// The name it had.
    pub from: Path,
    /// The name it got.
    pub to: Path,
    /// `RENAME_NOREPLACE`, `RENAME_EXCHANGE`, `RENAME_WHITEOUT` (include/uapi/linux/fs.h).
    pub flags: u32,
    /// 0, -errno, or `RET_UNKNOWN`.
    pub ret: i32,
}
