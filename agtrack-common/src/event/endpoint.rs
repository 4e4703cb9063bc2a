use crate::wire::Path;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Data: for `AF_UNIX`, where the socket is bound (an abstract name begins with NUL).
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Endpoint {
    /// The socket's own IPv6 address, or IPv4 in the first four bytes; network order.
    pub local: [u8; 16],
    /// That of its peer.
    pub peer: [u8; 16],
    /// `AF_UNIX`: the socket's own.
    pub path: Path,
    /// `AF_*`.
    pub family: u16,
    /// Host order.
    pub local_port: u16,
    /// Host order; 0 without a peer.
    pub peer_port: u16,
    /// `IPPROTO_*`; 0 where it is not known.
    pub protocol: u16,
    /// `SOCK_*`.
    pub socket_type: u16,
    /// Zero.
    pub reserved: u16,
    /// 0 or more, or -errno.
    pub ret: i32,
}
