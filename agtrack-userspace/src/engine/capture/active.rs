//! One capture: which sessions, which packets of theirs, what was lost.

use std::collections::BTreeMap;

use agtrack_common::packet::PacketHeader;
use uuid::Uuid;

use super::held::Held;
use super::outlet::Outlet;
use super::{CaptureDone, LINGER, Whose};
use crate::capture::Packet;
use crate::input::Requester;
use crate::pipeline::Pipeline;
use crate::record::{Agent, Direction};

/// A session that is captured.
#[derive(Clone, Copy, Debug)]
struct Followed {
    id: Uuid,
    /// How many the kernel had no room for, as far as that was told.
    lost: u64,
    /// When it was seen to have ended, boot clock, ns.
    over: Option<u64>,
    /// It ended so long ago that nothing more comes.
    is_gone: bool,
}

/// A capture that runs.
#[derive(Debug)]
pub(in crate::engine) struct Active {
    id: u64,
    whose: Whose,
    longest: u32,
    asker: Requester,
    outlet: Outlet,
    /// By key.
    followed: BTreeMap<u64, Followed>,
    /// Sessions that the kernel had no room for.
    refused: u64,
    /// What passed before is none of it, boot clock, ns.
    begin: u64,
    /// What passes after that is none of it, boot clock, ns.
    end: Option<u64>,
    /// What the kernel had lost by then is taken in.
    is_counted: bool,
    done: CaptureDone,
    /// Lost since the last packet that was written.
    lost: u64,
}

impl Active {
    /// One that begins at `begin`, boot clock, ns, and writes to `outlet`.
    pub(in crate::engine) fn new(
        id: u64,
        (whose, longest, asker): (Whose, u32, Requester),
        outlet: Outlet,
        begin: u64,
    ) -> Active {
        Active {
            id,
            whose,
            longest: longest.max(1),
            asker,
            outlet,
            followed: BTreeMap::new(),
            refused: 0,
            begin,
            end: None,
            is_counted: false,
            done: CaptureDone::default(),
            lost: 0,
        }
    }

    pub(in crate::engine) fn id(&self) -> u64 {
        self.id
    }

    pub(in crate::engine) fn whose(&self) -> &Whose {
        &self.whose
    }

    pub(in crate::engine) fn longest(&self) -> u32 {
        self.longest
    }

    pub(in crate::engine) fn asker(&self) -> &Requester {
        &self.asker
    }

    pub(in crate::engine) fn is_ending(&self) -> bool {
        self.end.is_some()
    }

    /// Whether it has come to its end since this was asked last.
    pub(super) fn take_ending(&mut self) -> bool {
        let is_news = self.is_ending() && !self.is_counted;
        self.is_counted |= is_news;
        is_news
    }

    /// Keys of the sessions of which anything may come.
    pub(in crate::engine) fn sessions(&self) -> impl Iterator<Item = u64> {
        let rest = |(_, followed): &(&u64, &Followed)| !followed.is_gone;
        self.followed.iter().filter(rest).map(|(key, _)| *key)
    }

    /// Their ids.
    pub(in crate::engine) fn ids(&self) -> Vec<Uuid> {
        self.followed.values().map(|followed| followed.id).collect()
    }

    /// Takes up sessions that have begun, and lets go of those that have been over for a while. The
    /// capture of one session ends with it.
    pub(in crate::engine) fn look(&mut self, pipeline: &Pipeline, now: u64) {
        for (key, agent) in pipeline.sessions() {
            if self.means(agent) && !self.is_ending() {
                self.followed.entry(key).or_insert(Followed {
                    id: agent.session,
                    lost: 0,
                    over: None,
                    is_gone: false,
                });
            }
        }
        for (key, followed) in &mut self.followed {
            let runs = pipeline.session(*key);
            if runs.is_none_or(|agent| agent.session != followed.id) {
                let over = *followed.over.get_or_insert(now);
                followed.is_gone = now > over + LINGER;
            }
        }
        let is_one = matches!(self.whose, Whose::Session(_));
        if is_one && self.followed.values().all(|followed| followed.is_gone) {
            self.end_at(now);
        }
    }

    /// Whether this agent's sessions are meant.
    fn means(&self, agent: &Agent) -> bool {
        match &self.whose {
            Whose::Agent(name) => agent.id == *name || agent.name == *name,
            Whose::Session(id) => agent.session == *id,
        }
    }

    /// The kernel has counted so many losses of a session so far: those since the last count are told.
    pub(super) fn count_lost(&mut self, key: u64, lost: u64) {
        if let Some(followed) = self.followed.get_mut(&key) {
            self.lost += lost.saturating_sub(followed.lost);
            followed.lost = followed.lost.max(lost);
        }
    }

    /// What the kernel had counted before this capture began is none of it.
    pub(in crate::engine) fn begin_count(&mut self, key: u64, lost: u64) {
        if let Some(followed) = self.followed.get_mut(&key) {
            followed.lost = followed.lost.max(lost);
        }
    }

    /// Forgets a session of which nothing more comes, unless it is all that this is about.
    pub(super) fn forget_over(&mut self, key: u64) {
        let is_one = matches!(self.whose, Whose::Session(_));
        self.followed
            .retain(|other, followed| *other != key || is_one || !followed.is_gone);
    }

    /// The kernel had no room for a session.
    pub(super) fn refuse(&mut self, key: u64) {
        if self.followed.remove(&key).is_some() {
            self.refused += 1;
        }
    }

    /// How many sessions the kernel had no room for.
    pub(in crate::engine) fn refused(&self) -> u64 {
        self.refused
    }

    pub(super) fn end_at(&mut self, now: u64) {
        self.end.get_or_insert(now);
    }

    /// Whether nothing can come any more, all that passed before `told` being written.
    pub(super) fn has_ended(&self, told: u64) -> bool {
        self.end.is_some_and(|end| end < told)
    }

    fn wants(&self, header: &PacketHeader) -> bool {
        self.followed.contains_key(&header.session)
            && header.time >= self.begin
            && self.end.is_none_or(|end| header.time <= end)
    }

    /// A packet that there was no room for.
    pub(super) fn lose(&mut self, header: &PacketHeader) {
        if self.wants(header) {
            self.count_lost(header.session, header.lost);
            self.lost += 1;
        }
    }

    /// A packet; `time` is that of the wall clock.
    pub(super) fn packet(&mut self, packet: &Held, time: u64, comment: &str) {
        let header = &packet.header;
        if !self.wants(header) {
            return;
        }
        self.count_lost(header.session, header.lost);
        let kept = packet.bytes.len().min(self.longest as usize);
        let bytes = packet.bytes.get(..kept).unwrap_or_default();
        let direction = match header.outbound {
            0 => Direction::Inbound,
            _ => Direction::Outbound,
        };
        let written = self.outlet.packet(&Packet {
            time,
            direction,
            total: header.length,
            bytes,
            comment,
            lost: self.lost,
        });
        if written {
            self.done.packets += 1;
            self.done.bytes += kept as u64;
            self.done.lost += std::mem::take(&mut self.lost);
        } else {
            self.lost += 1;
        }
    }

    pub(super) fn hand_over(&mut self) {
        self.outlet.hand_over();
    }

    /// Ends the file, and says what it came to as far as that is known here: whether the last of it
    /// reaches the disk is told to who waits.
    pub(in crate::engine) fn close(mut self) -> CaptureDone {
        self.done.lost += self.lost;
        self.outlet.end(self.lost, self.done.clone());
        self.done
    }
}
