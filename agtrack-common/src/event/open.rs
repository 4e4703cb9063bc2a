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
    /// So many opens like this one, by the same thread, were counted only: each within a second of the
    /// one that was told last.
    pub repeats: u32,
}

/// Key of what a thread opened for reading.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Reading {
    /// Inode.
    pub inode: u64,
    /// Address of the name (`struct dentry`).
    pub name: u64,
    /// Device.
    pub device: u32,
    /// Which file of that inode number it is.
    pub generation: u32,
    /// Thread id.
    pub thread: u32,
    /// Zero.
    pub reserved: u32,
}

/// How often it did.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct Readings {
    /// When one was told last, boot clock, ns.
    pub told: u64,
    /// How many were counted since.
    pub counted: u64,
    /// Start of the thread's process, boot clock, ns: thread ids are used again.
    pub start: u64,
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
