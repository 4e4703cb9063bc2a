//! What is known of the sockets of tagged processes, by their cookies.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// As many sockets of tagged processes are known at a time.
pub const SOCKETS: u32 = 16 * 1024;

/// Who holds a socket: the tagged process that used it last. Replaced as a whole.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Holder {
    /// Session key.
    pub session: u64,
    /// Start of the process, boot clock, ns.
    pub start: u64,
    /// Process id.
    pub tgid: u32,
    /// `IPPROTO_*` of the socket.
    pub protocol: u32,
}

/// What passes through a socket, whoever holds it. Changed in place.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Traffic {
    /// When the connection was asked for or taken, or the first datagram passed: boot clock, ns; 0:
    /// it was not seen.
    pub begun: u64,
    /// When the last datagram passed.
    pub last: u64,
    /// When the last process closed it; 0: somebody holds it still.
    pub closed: u64,
    /// Datagrams only, as all that follows: TCP keeps its own books.
    pub bytes_out: u64,
    /// Bytes of payload that came.
    pub bytes_in: u64,
    /// Datagrams sent.
    pub packets_out: u64,
    /// Datagrams that came.
    pub packets_in: u64,
    /// The socket's own address in the first datagram.
    pub local: [u8; 16],
    /// That of its peer.
    pub peer: [u8; 16],
    /// `AF_*` of the first datagram; 0: none has passed.
    pub family: u16,
    /// Host order.
    pub local_port: u16,
    /// Host order.
    pub peer_port: u16,
    /// One of `flow_direction`, of TCP too.
    pub direction: u16,
    /// 1: not all datagrams were of that peer.
    pub several: u32,
    /// A stream's: 1: `begin` is known.
    pub has_begin: u32,
    /// Number of the first byte that came.
    pub begin: u32,
    /// 1: TLS was begun here, and the answer has not come.
    pub greeted: u32,
    /// What has been copied of what was sent: up to here in the stream.
    pub copied: u64,
    /// What is sent and belongs to what was copied: up to here.
    pub out: Wanted,
    /// The same of what comes.
    pub back: Wanted,
}

/// What is still to be copied of a stream.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Wanted {
    /// Where it begins in the stream.
    pub from: u64,
    /// Up to here; 0: nothing.
    pub until: u64,
    /// One of `excerpt_class`.
    pub class: u64,
}
