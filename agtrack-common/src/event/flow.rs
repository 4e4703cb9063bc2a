use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What a TCP connection or a UDP socket had carried when it ended. The header names who held the
/// socket last, who need not be who ended it, nor be alive.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Flow {
    /// The socket's cookie: unique as long as the host is up.
    pub socket: u64,
    /// The socket's own IPv6 address, or IPv4 in the first four bytes; network order.
    pub local: [u8; 16],
    /// That of its peer; of UDP the first one's.
    pub peer: [u8; 16],
    /// When the connection was asked for or taken, or the first datagram passed: boot clock, ns; 0
    /// where that was before the socket was looked at.
    pub begun: u64,
    /// When it ended, or the last datagram passed.
    pub ended: u64,
    /// Bytes of payload sent, each once.
    pub bytes_out: u64,
    /// Bytes of payload that came, each once.
    pub bytes_in: u64,
    /// Segments or datagrams sent.
    pub packets_out: u64,
    /// Segments or datagrams that came.
    pub packets_in: u64,
    /// Segments of TCP that were sent again.
    pub retransmits: u32,
    /// `AF_*`.
    pub family: u16,
    /// Host order.
    pub local_port: u16,
    /// Host order.
    pub peer_port: u16,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// One of `flow_direction`.
    pub direction: u16,
    /// 1: datagrams of other peers too passed through the socket.
    pub several: u16,
    /// 0, or -errno: what broke it off.
    pub ret: i32,
    /// Zero.
    pub reserved: u32,
}

/// Which side began.
pub mod flow_direction {
    /// It was not seen.
    pub const UNKNOWN: u16 = 0;
    /// This one.
    pub const OUTBOUND: u16 = 1;
    /// The peer.
    pub const INBOUND: u16 = 2;
}
