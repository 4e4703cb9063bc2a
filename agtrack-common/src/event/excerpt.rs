use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What a packet of a tagged process's socket carried. The header names who holds the socket.
/// Data: the first bytes of it, as many as are worth it.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Excerpt {
    /// The socket's cookie: unique as long as the host is up.
    pub socket: u64,
    /// Place of the first byte in the connection's stream of this direction, from 0; 0 of a
    /// datagram.
    pub offset: u64,
    /// The socket's own IPv6 address, or IPv4 in the first four bytes; network order.
    pub local: [u8; 16],
    /// That of its peer.
    pub peer: [u8; 16],
    /// Bytes that the packet carried from there; the data may be fewer.
    pub total: u32,
    /// `AF_*` of the packet.
    pub family: u16,
    /// Host order.
    pub local_port: u16,
    /// Host order.
    pub peer_port: u16,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// One of `excerpt_class`.
    pub class: u16,
    /// 1: the socket sent it; 0: it was sent to the socket.
    pub outbound: u16,
}

/// What the kernel takes the bytes for.
pub mod excerpt_class {
    /// To or from port 53 of the peer.
    pub const DNS: u16 = 1;
    /// The begin of a stream, which looks like a TLS handshake record.
    pub const TLS: u16 = 2;
    /// A segment that begins with a method of HTTP/1.
    pub const HTTP: u16 = 3;
    /// A datagram to UDP port 443 with a long header. Told once for each peer of a socket.
    pub const QUIC: u16 = 4;
}
