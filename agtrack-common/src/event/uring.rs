use crate::wire::{FileId, Path};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Data: the path, the second path or text, then a `sockaddr`.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Uring {
    /// Which one it is while it is under way: its outcome names it.
    pub request: u64,
    /// The file behind the descriptor, where it was looked at.
    pub file: FileId,
    /// What it is about; of a link the new name. Of a descriptor the path of its file.
    pub path: Path,
    /// `renameat`: the new name. `linkat`: the name there is already. `symlinkat`, `setxattr`,
    /// `fsetxattr`: `name` is the text of the link or the name of the attribute.
    pub other: Path,
    /// `openat`, `renameat`, `unlinkat`: flags. `mkdirat`: mode. `ftruncate`: length.
    /// `uring_cmd`: which command. `shutdown`: how. `socket`: family, type and protocol, 16 bits
    /// each.
    pub value: u64,
    /// Number of the request (`uring`).
    pub opcode: u32,
    /// The descriptor it is about, below zero where there is none or it was not seen.
    pub descriptor: i32,
    /// Bytes of the `sockaddr`, or of what [`uring_flag::OWN`] says.
    pub address: u32,
    /// `uring_flag` bits.
    pub flags: u32,
    /// Where there is an address: `IPPROTO_*` of the socket; 0 where it is not known.
    pub protocol: u16,
    /// `SOCK_*`; 0 where it is not known.
    pub socket_type: u16,
    /// Zero.
    pub reserved: u32,
}

/// Bits of [`Uring::flags`].
pub mod uring_flag {
    /// The descriptor is the index of a registered file, or of where one is to be put.
    pub const REGISTERED: u32 = 1;
    /// The address was read from the caller's memory before the kernel did.
    pub const ARGUMENT: u32 = 2;
    /// The address could not be read.
    pub const UNREADABLE: u32 = 4;
    /// An [`crate::wire::Outcome`] may follow.
    pub const AWAITED: u32 = 8;
    /// The address is the socket's own: of IPv4 and IPv6 its family and port, 16 bits each as the
    /// machine has them, and the bytes of its address.
    pub const OWN: u32 = 16;
    /// It is of the socket that stood behind the descriptor before the kernel looked that up.
    pub const FOUND: u32 = 32;
}
