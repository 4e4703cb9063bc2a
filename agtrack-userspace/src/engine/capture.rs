//! Captures: packets of one agent, or of one session, on their way to a file.
//!
//! Comes in: requests, and packets from the ring that is theirs alone. Goes out: the bytes of a pcapng
//! file, through a thread of its own for each file, and a record of who asked. Never: waits for a
//! file; what a slow one does not take is lost there, and counted.

mod active;
mod held;
mod outlet;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};

use agtrack_common::packet::PacketHeader;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zerocopy::FromBytes;

use crate::input::{Clock, Requester};
use crate::pipeline::Pipeline;
use crate::record::ProcessKey;

pub(super) use active::Active;
use held::{Held, Waiting};
pub(super) use outlet::Outlet;

/// So many captures may run at a time.
pub const MOST: usize = 16;
/// How long packets of a session are taken after it has ended, ns: the kernel sends what its sockets
/// still have.
const LINGER: u64 = 500_000_000;

/// Whose packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// All sessions of the agent with this id or name, also those that begin later.
    Agent(String),
    /// One session.
    Session(Uuid),
}

/// Whose packets, in the words of who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// Id or name of an agent.
    Agent(String),
    /// Id of a session that runs, or how it begins.
    Session(String),
}

/// A capture that is asked for.
#[derive(Clone, Debug)]
pub struct CaptureRequest {
    /// Whose packets.
    pub whose: Named,
    /// Bytes kept of each packet, from the IP header on; at least 1.
    pub longest: u32,
    /// Where the file is written.
    pub file: Arc<OwnedFd>,
    /// Who asks.
    pub asker: Requester,
    /// Gets what it came to.
    pub done: mpsc::Sender<CaptureDone>,
}

/// A capture that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureBegun {
    /// Names it to [`super::Requests::end_capture`].
    pub id: u64,
    /// The sessions that are captured now.
    pub sessions: Vec<Uuid>,
}

/// What a capture came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureDone {
    /// Packets in the file.
    pub packets: u64,
    /// Bytes of them that are in the file.
    pub bytes: u64,
    /// Packets that passed and are not in it.
    pub lost: u64,
    /// Why the file is not whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// All captures that run.
#[derive(Debug, Default)]
pub(super) struct Captures {
    active: Vec<Active>,
    waiting: Waiting,
    begun: u64,
}

/// What the kernel is to hand over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Keys of sessions.
    pub(super) sessions: BTreeSet<u64>,
    /// Bytes of each packet; 0: none is wanted.
    pub(super) longest: u32,
}

impl Captures {
    pub(super) fn is_idle(&self) -> bool {
        self.active.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.active.len() >= MOST
    }

    /// A number for the next one.
    pub(super) fn next_id(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    pub(super) fn add(&mut self, capture: Active) {
        self.active.push(capture);
    }

    /// What the kernel is to hand over for all of them.
    pub(super) fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::default();
        for capture in self.active.iter().filter(|capture| !capture.is_ending()) {
            wanted.sessions.extend(capture.sessions());
            wanted.longest = wanted.longest.max(capture.longest());
        }
        wanted
    }

    pub(super) fn get(&self, id: u64) -> Option<&Active> {
        self.active.iter().find(|capture| capture.id() == id)
    }

    /// Whether one of them has come to its end since this was asked last.
    pub(super) fn take_ending(&mut self) -> bool {
        let mut news = false;
        for capture in &mut self.active {
            news |= capture.take_ending();
        }
        news
    }

    /// The kernel has counted so many losses of a session by now.
    pub(super) fn count_lost(&mut self, key: u64, lost: u64) {
        for capture in &mut self.active {
            capture.count_lost(key, lost);
        }
    }

    /// The kernel has no room for a session.
    pub(super) fn refuse(&mut self, key: u64) {
        for capture in &mut self.active {
            capture.refuse(key);
        }
    }

    /// The kernel tells nothing more of a session: it is forgotten where it is over.
    pub(super) fn forget_over(&mut self, key: u64) {
        for capture in &mut self.active {
            capture.forget_over(key);
        }
    }

    /// Looks which sessions have begun and ended.
    pub(super) fn look(&mut self, pipeline: &Pipeline, now: u64) {
        for capture in &mut self.active {
            capture.look(pipeline, now);
        }
    }

    /// A packet from the ring. It waits until all is told that happened before it, so that it is known
    /// whose it was.
    pub(super) fn take(&mut self, message: &[u8]) {
        let Ok((header, data)) = PacketHeader::read_from_prefix(message) else {
            return;
        };
        let kept = data.len().min(header.kept as usize);
        let bytes = data.get(..kept).unwrap_or_default();
        if let Err(header) = self.waiting.put(header, bytes) {
            self.lose(&header);
        }
    }

    fn lose(&mut self, header: &PacketHeader) {
        for capture in &mut self.active {
            capture.lose(header);
        }
    }

    /// Hands packets over that waited, and what was gathered to the files.
    pub(super) fn write(&mut self, pipeline: &Pipeline) {
        let clock = pipeline.time();
        while let Some(packet) = self.waiting.take_before(pipeline.told()) {
            self.deliver(pipeline, clock, &packet);
        }
        for capture in &mut self.active {
            capture.hand_over();
        }
    }

    fn deliver(&mut self, pipeline: &Pipeline, clock: Clock, packet: &Held) {
        let header = &packet.header;
        let key = ProcessKey::new(header.tgid, header.start);
        let whose = pipeline.whose(header.session, key);
        let comment = whose.map(|(process, agent)| crate::capture::comment(&process, &agent));
        let comment = comment.unwrap_or_else(|| format!("?[{}]", header.tgid));
        for capture in &mut self.active {
            capture.packet(packet, wall(clock, header.time), &comment);
        }
    }

    /// Lets one of them take nothing that passes after `now`, boot clock, ns.
    pub(super) fn end(&mut self, id: u64, now: u64) {
        for capture in self.active.iter_mut().filter(|capture| capture.id() == id) {
            capture.end_at(now);
        }
    }

    /// The same for all of them.
    pub(super) fn end_all(&mut self, now: u64) {
        for capture in &mut self.active {
            capture.end_at(now);
        }
    }

    /// Takes those out for which nothing can come any more, all before `told` being written.
    pub(super) fn take_ended(&mut self, told: u64) -> Vec<Active> {
        let ended = |capture: &mut Active| capture.has_ended(told);
        self.active.extract_if(.., ended).collect()
    }
}

/// Nanoseconds since 1970 of a moment on the boot clock.
fn wall(clock: Clock, boot: u64) -> u64 {
    clock.wall.wrapping_add(boot).wrapping_sub(clock.boot)
}
