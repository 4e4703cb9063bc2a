//! What agents say over their sockets, where it is said in the open: names they look up, how TLS and
//! QUIC begin, requests of HTTP/1.
//!
//! In: [`Segment`]s, pieces of what a socket sent or was sent, each with an owner: whoever it is told
//! of. Out: [`Found`]. Streams are put together again, bounded in every way: whatever is said, no
//! more than [`MOST_HELD`] bytes are kept. It knows no clock and asks nobody; what it cannot read is
//! nothing, not an error, and what it cannot read to the end is told as far as it goes.

mod dns;
mod http;
mod pieces;
mod quic;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod tls;

use std::net::SocketAddr;

use crate::record::{Address, Direction, Object};
use stream::Reader;
use table::Table;

/// Bytes of one direction of a socket that wait for the rest. A hello has two thousand.
pub const HELD: usize = 8 * 1024;
/// Sockets that are followed at a time; the one that was silent longest is let go.
pub const SOCKETS: usize = 512;
/// Bytes of all that waits.
pub const MOST_HELD: usize = SOCKETS * 2 * HELD;

/// A transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A stream.
    Tcp,
    /// Each segment is whole.
    Udp,
}

/// A piece of what was said.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The socket's number, never used again.
    pub socket: u64,
    /// How it travels.
    pub transport: Transport,
    /// Whoever copied it takes it for DNS: nothing in the bytes says so.
    pub is_dns: bool,
    /// The socket sent it.
    pub outbound: bool,
    /// The socket's own address.
    pub local: SocketAddr,
    /// The other one's.
    pub peer: SocketAddr,
    /// Where it is in the stream of its direction, bytes; means nothing for a datagram.
    pub offset: u64,
    /// Bytes it had.
    pub total: u32,
    /// The first of them.
    pub bytes: &'a [u8],
}

/// Between whom.
#[derive(Clone, Copy, Debug)]
struct Flow {
    transport: Transport,
    is_dns: bool,
    outbound: bool,
    peer: SocketAddr,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What it is called.
    pub action: &'static str,
    /// What it is.
    pub object: Object,
    /// A part of it was not seen or is not kept.
    pub truncated: bool,
    /// What else is to be known.
    pub notes: Vec<&'static str>,
}

/// What was found, with the owner and the time of the segment it began with.
pub type Told<O> = (O, u64, Found);

/// Follows sockets.
#[derive(Debug)]
pub struct Protocols<O> {
    table: Table<O>,
}

impl<O> Default for Protocols<O> {
    fn default() -> Self {
        Protocols {
            table: Table::default(),
        }
    }
}

impl<O: Clone> Protocols<O> {
    /// Takes a segment of `owner`, seen at `time` (any clock, ns), and appends what was found, each
    /// with the owner and the time of its first segment.
    pub fn take(&mut self, owner: &O, time: u64, segment: &Segment<'_>, out: &mut Vec<Told<O>>) {
        let flow = Flow::of(segment);
        match segment.transport {
            Transport::Tcp => self.table.stream(owner, time, segment, flow, out),
            Transport::Udp => {
                if let Some(found) = self.datagram(segment, flow, out) {
                    out.push((owner.clone(), time, found));
                }
            }
        }
    }

    /// Tells of what has waited since before `time` for a rest that does not come.
    pub fn give_up(&mut self, time: u64, out: &mut Vec<Told<O>>) {
        self.table.give_up(time, out);
    }

    /// Tells of what waits and is of such owners: they say no more.
    pub fn end(&mut self, is_over: impl Fn(&O) -> bool, out: &mut Vec<Told<O>>) {
        self.table.end(is_over, out);
    }

    /// Bytes that wait for the rest.
    pub fn held(&self) -> usize {
        self.table.held()
    }

    fn datagram(
        &mut self,
        segment: &Segment<'_>,
        flow: Flow,
        out: &mut Vec<Told<O>>,
    ) -> Option<Found> {
        if flow.is_dns {
            let cut = segment.total as usize > segment.bytes.len();
            return dns::message(segment.bytes, flow, cut);
        }
        let version = quic::version(segment)?;
        let is_new = self.table.is_new_peer(segment.socket, segment.peer, out);
        is_new.then(|| quic::found(version, flow))
    }
}

impl Flow {
    fn of(segment: &Segment<'_>) -> Flow {
        Flow {
            transport: segment.transport,
            is_dns: segment.is_dns,
            outbound: segment.outbound,
            peer: segment.peer,
        }
    }

    fn direction(self) -> Direction {
        match self.outbound {
            true => Direction::Outbound,
            false => Direction::Inbound,
        }
    }

    /// As it stands in records.
    fn peer(self) -> Address {
        let proto = match self.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        Address::Ip {
            ip: self.peer.ip(),
            port: self.peer.port(),
            proto: proto.to_owned(),
            domain: None,
        }
    }

    /// What a segment with these bytes begins, if anything. Where DNS is spoken, others may be too.
    fn begins(self, bytes: &[u8]) -> Option<Reader> {
        if tls::begins(bytes) {
            Some(Reader::Tls)
        } else if http::begins(bytes) {
            Some(Reader::Http)
        } else if tls::may_begin(bytes) || http::may_begin(bytes) {
            Some(Reader::Any)
        } else {
            self.is_dns.then_some(Reader::Dns)
        }
    }
}
