//! The shape of what travels through the rings.
//!
//! An event is `Header | body | tail`. The tail holds long data (paths, arguments) whose lengths
//! stand in the body, so a short event costs few bytes. Data too long for one message travels
//! ahead of the event in [`Part`] messages with the same `tid` and `time`; the event's data is all
//! parts and the tail, joined in order of their offset.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `Header::kind` of a [`Part`].
pub const PART: u16 = 0x8001;
/// `Header::kind` of an [`Outcome`].
pub const OUTCOME: u16 = 0x8002;

/// `ret` of an event whose result is not known where it was seen; an [`Outcome`] should follow.
pub const RET_UNKNOWN: i32 = i32::MIN;

/// Longest path that a walk records, in bytes (`PATH_MAX` in `include/uapi/linux/limits.h`).
pub const PATH_MAX: usize = 4096;
/// Longest name of one path component, with its NUL (`NAME_MAX` + 1).
pub const NAME_SIZE: usize = 256;
/// Bytes of arguments recorded at exec; longer ones are cut and marked with their true length.
pub const ARGS_MAX: u32 = 32 * 1024;
/// Bytes of names of environment variables recorded at exec, with a NUL after each.
pub const ENVIRONMENT_MAX: u32 = 4096;
/// Bytes of the longest name of one that is recorded, with its NUL.
pub const VARIABLE_MAX: u32 = 64;
/// Bytes of arguments recorded of a process that reaches for agtrack.
pub const ATTEMPT_ARGS_MAX: u64 = 512;

/// In front of every message.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Header {
    /// An event kind, [`PART`] or [`OUTCOME`].
    pub kind: u16,
    /// Which hook saw it: an id from the event table.
    pub hook: u16,
    /// Bytes of tail behind the body.
    pub tail: u16,
    /// Bytes of data that went ahead in [`Part`]s: where the tail belongs in it.
    pub ahead: u16,
    /// `CLOCK_BOOTTIME` in ns when the hook began.
    pub time: u64,
    /// Thread group (process) that acted.
    pub tgid: u32,
    /// Thread that acted.
    pub tid: u32,
    /// Start of the process: `CLOCK_BOOTTIME` ns of its leader.
    pub start: u64,
    /// Session key from the process's tag; 0 where an untagged process acted.
    pub session: u64,
}

/// A piece of the next event of the same thread and time.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Part {
    /// Where in the event's data this tail belongs, in bytes.
    pub offset: u32,
    /// Zero.
    pub reserved: u32,
}

/// The result of the operation that the same thread announced last.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Outcome {
    /// Kind of the announced event.
    pub kind: u32,
    /// 0 or more: success. Negative: -errno.
    pub ret: i32,
    /// Flags of the call that the announcement did not see (`renameat2`'s). Of an io_uring request
    /// the lower half of its address.
    pub flags: u32,
    /// The upper half of that; else zero.
    pub high: u32,
}

/// Lengths and marks of one path within an event's data.
///
/// `walked` bytes of NUL-terminated components, leaf first, as read from the kernel's dentries;
/// then `name` bytes that were given by the caller and are relative to what was walked.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Path {
    /// Bytes of components.
    pub walked: u32,
    /// Bytes of the caller's string, 0 if the components are the whole path.
    pub name: u32,
    /// `path_flag` bits.
    pub flags: u32,
    /// Offset in the components where the process's root directory was passed, or `u32::MAX`.
    pub root: u32,
}

/// Bits of [`Path::flags`].
pub mod path_flag {
    /// Cut at `PATH_MAX` bytes.
    pub const TRUNCATED: u32 = 1;
    /// The name no longer leads to the object.
    pub const DELETED: u32 = 2;
    /// Not below any mount: memfd, pipe, socket.
    pub const PSEUDO: u32 = 4;
    /// A component could not be read.
    pub const UNREADABLE: u32 = 8;
    /// More components than the walk takes.
    pub const DEEP: u32 = 16;
    /// The string part was read from the caller's memory after the call.
    pub const ARGUMENT: u32 = 32;
    /// The object came from a descriptor that another thread could have swapped.
    pub const FD: u32 = 64;
    /// Who opened the file for reading could not have opened it for writing.
    pub const UNWRITABLE: u32 = 128;
}

/// Which file: enough to recognise it under another name.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct FileId {
    /// Inode number; 0 where it is not known.
    pub ino: u64,
    /// Kernel-internal device number (`super_block.s_dev`: 12 bits major, 20 bits minor).
    pub dev: u32,
    /// `i_mode`: type and permission bits.
    pub mode: u32,
}
