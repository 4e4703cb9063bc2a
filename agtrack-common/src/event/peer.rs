use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// With whom datagrams were exchanged on a socket that is not connected.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Peer {
    /// IPv6 address, or IPv4 in the first four bytes; network order.
    pub address: [u8; 16],
    /// `AF_*`.
    pub family: u16,
    /// Host order.
    pub port: u16,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// `SOCK_*`.
    pub socket_type: u16,
}

/// Key of the peers that were told: one record for each, not for each datagram.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub struct KnownPeer {
    /// The socket's cookie: unique as long as the host is up.
    pub socket: u64,
    /// The process's start, boot clock, ns: sockets are handed on.
    pub start: u64,
    /// As in [`Peer`].
    pub address: [u8; 16],
    /// As in [`Peer`].
    pub port: u16,
    /// The event.
    pub kind: u16,
    /// Process id.
    pub tgid: u32,
}
