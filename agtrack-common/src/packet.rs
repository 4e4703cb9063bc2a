//! Packets of sessions that somebody wants to have as they are.
//!
//! They are no events: they have a ring of their own, so that they displace none, and nothing is
//! recorded of them but that they were asked for.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// So many sessions may be captured at a time.
pub const CAPTURES: u32 = 64;

/// The most that is kept of a packet, bytes: as much as readers of captures take. On the wire none is
/// as long, but before it is cut up for the wire one may be longer than this.
pub const LONGEST: u32 = 256 * 1024;

/// Counts of a session whose packets are wanted, by its key. How much of each packet is wanted is one
/// number for all (`CONTROL[2]`), so that these are never written but by adding to them.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Captured {
    /// Packets that passed.
    pub seen: u64,
    /// Those of them that the ring had no room for.
    pub lost: u64,
}

/// What stands in front of a packet in the ring. Behind it there is more room than the packet has
/// bytes.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct PacketHeader {
    /// When it passed the socket, boot clock, ns.
    pub time: u64,
    /// Session key of who holds the socket.
    pub session: u64,
    /// Start of that process, boot clock, ns.
    pub start: u64,
    /// [`Captured::lost`] at this moment.
    pub lost: u64,
    /// The process that holds the socket.
    pub tgid: u32,
    /// Bytes of the packet from its IP header on.
    pub length: u32,
    /// The first of them that follow here.
    pub kept: u32,
    /// 1: it was sent; 0: it came.
    pub outbound: u32,
}
