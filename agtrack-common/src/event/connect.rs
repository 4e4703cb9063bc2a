use crate::wire::Path;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Data: for `AF_UNIX`, the path of the socket (an abstract name begins with NUL).
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Connect {
    /// IPv6 address, or IPv4 in the first four bytes; network order.
    pub address: [u8; 16],
    /// `AF_UNIX` peer.
    pub path: Path,
    /// `AF_*`.
    pub family: u16,
    /// Host order.
    pub port: u16,
    /// `IPPROTO_*`; 0 where it is not known.
    pub protocol: u16,
    /// `SOCK_*`; 0 where it is not known.
    pub socket_type: u16,
    /// 0, -errno, or `RET_UNKNOWN`.
    pub ret: i32,
    /// 1: the address was read from the caller's memory after the call.
    pub argument: u32,
}
