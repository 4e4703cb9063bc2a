use crate::wire::{FileId, Path};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Data: the path.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Open {
    /// The file; zero where the open failed.
    pub file: FileId,
    /// Its path.
    pub path: Path,
    /// `f_flags`: `O_*` as the kernel kept them.
    pub flags: u32,
    /// `f_mode`: `FMODE_*`.
    pub mode: u32,
    /// Descriptor or 0 on success, -errno, or `RET_UNKNOWN`.
    pub ret: i32,
    /// Zero.
    pub reserved: u32,
}

/// `f_mode` bits (include/linux/fs.h), stable since 5.10.
pub mod fmode {
    /// Opened for reading.
    pub const READ: u32 = 0x1;
    /// Opened for writing.
    pub const WRITE: u32 = 0x2;
    /// `O_PATH`: names a file without opening it.
    pub const PATH: u32 = 0x4000;
    /// This open created the file.
    pub const CREATED: u32 = 0x10_0000;
    /// Opened by the kernel for itself, as overlayfs does for the layer below.
    pub const NOACCOUNT: u32 = 0x2000_0000;
}
