//! The sockets that are followed.
//!
//! In: segments. Out: what their streams found. Never more than [`SOCKETS`]: the one that was silent
//! longest makes room, and tells first what it has.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use super::stream::Stream;
use super::{Flow, SOCKETS, Segment, Told};

/// How long the rest of something may take, ns.
const PATIENCE: u64 = 5_000_000_000;
/// How often that is looked at, ns.
const LOOK: u64 = 1_000_000_000;
/// Peers of a socket that were told.
const PEERS: usize = 16;

#[derive(Debug)]
pub(super) struct Table<O> {
    sockets: HashMap<u64, Socket<O>>,
    /// By when they were last heard of.
    order: BTreeMap<u64, u64>,
    uses: u64,
    looked: u64,
}

#[derive(Debug)]
struct Socket<O> {
    outbound: Stream<O>,
    inbound: Stream<O>,
    /// Between which addresses its streams are: its own, and the other one's.
    ends: Option<(SocketAddr, SocketAddr)>,
    peers: Vec<SocketAddr>,
    used: u64,
}

impl<O> Default for Table<O> {
    fn default() -> Self {
        Table {
            sockets: HashMap::new(),
            order: BTreeMap::new(),
            uses: 0,
            looked: 0,
        }
    }
}

impl<O: Clone> Table<O> {
    pub(super) fn stream(
        &mut self,
        owner: &O,
        time: u64,
        segment: &Segment<'_>,
        flow: Flow,
        out: &mut Vec<Told<O>>,
    ) {
        self.make_room(segment.socket, out);
        let socket = self.socket(segment.socket);
        socket.connected((segment.local, segment.peer), out);
        let stream = match segment.outbound {
            true => &mut socket.outbound,
            false => &mut socket.inbound,
        };
        stream.take(owner, time, segment, flow, out);
    }

    /// Whether the socket has not been seen with this peer.
    pub(super) fn is_new_peer(
        &mut self,
        socket: u64,
        peer: SocketAddr,
        out: &mut Vec<Told<O>>,
    ) -> bool {
        self.make_room(socket, out);
        let peers = &mut self.socket(socket).peers;
        if peers.contains(&peer) {
            return false;
        }
        if peers.len() >= PEERS {
            peers.remove(0);
        }
        peers.push(peer);
        true
    }

    pub(super) fn give_up(&mut self, time: u64, out: &mut Vec<Told<O>>) {
        if time.saturating_sub(self.looked) < LOOK {
            return;
        }
        self.looked = time;
        let is_late = |_: &O, since: u64| since.saturating_add(PATIENCE) < time;
        self.end_where(is_late, out);
    }

    pub(super) fn end(&mut self, is_over: impl Fn(&O) -> bool, out: &mut Vec<Told<O>>) {
        self.end_where(|owner, _| is_over(owner), out);
    }

    fn end_where(&mut self, which: impl Fn(&O, u64) -> bool, out: &mut Vec<Told<O>>) {
        // In order, so that the same input gives the same records.
        for number in self.order.values() {
            if let Some(socket) = self.sockets.get_mut(number) {
                for stream in [&mut socket.outbound, &mut socket.inbound] {
                    if stream
                        .waits()
                        .is_some_and(|(owner, since)| which(owner, since))
                    {
                        stream.end(out);
                    }
                }
            }
        }
    }

    pub(super) fn held(&self) -> usize {
        let streams = self.sockets.values();
        streams
            .map(|socket| socket.outbound.held() + socket.inbound.held())
            .sum()
    }

    /// The socket, last used now.
    fn socket(&mut self, number: u64) -> &mut Socket<O> {
        self.uses += 1;
        let socket = self.sockets.entry(number).or_insert_with(|| Socket {
            outbound: Stream::default(),
            inbound: Stream::default(),
            ends: None,
            peers: Vec::new(),
            used: 0,
        });
        self.order.remove(&socket.used);
        socket.used = self.uses;
        self.order.insert(self.uses, number);
        socket
    }

    fn make_room(&mut self, number: u64, out: &mut Vec<Told<O>>) {
        if self.sockets.len() < SOCKETS || self.sockets.contains_key(&number) {
            return;
        }
        if let Some((_, oldest)) = self.order.pop_first()
            && let Some(mut socket) = self.sockets.remove(&oldest)
        {
            socket.outbound.end(out);
            socket.inbound.end(out);
        }
    }
}

impl<O: Clone> Socket<O> {
    /// A socket can be connected again, and keeps its number: its streams begin anew then. What the
    /// ones before had begun is told.
    fn connected(&mut self, ends: (SocketAddr, SocketAddr), out: &mut Vec<Told<O>>) {
        let before = self.ends.replace(ends);
        if before.is_some_and(|before| before != ends) {
            for stream in [&mut self.outbound, &mut self.inbound] {
                stream.end(out);
                *stream = Stream::default();
            }
        }
    }
}
