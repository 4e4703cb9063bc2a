//! Sessions: one run of one agent.

use std::collections::VecDeque;

use foldhash::{HashMap, HashSet};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::input::{Clock, NewSession};
use crate::record::{
    Action, Agent, Binding, Container, Origin, ProcessKey, Requester, SessionTotals, Shared, Text,
};

/// How many ended sessions are remembered.
const ENDED: usize = 256;

/// A running session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Key in the kernel's tags.
    pub key: u64,
    /// The agent, as it stands in records.
    pub agent: Shared<Agent>,
    /// Its first process.
    pub root: Option<ProcessKey>,
    /// What was launched.
    pub command: Vec<Text>,
    /// Its cgroup.
    pub cgroup: Option<Text>,
    /// Living processes.
    pub processes: u64,
    /// Its cgroup is gone.
    pub unbound: bool,
    /// The kernel's id of that.
    pub cgroup_id: Option<u64>,
    /// The container that it is in, as its rule knows it; not redacted.
    pub container: Option<Container>,
    /// What it did so far; tool calls only those of recorders before.
    pub totals: SessionTotals,
    /// Where the totals begin, if not with the session, boot clock, ns.
    pub totals_since: Option<u64>,
    /// The handoff that it is the result of.
    pub origin: Option<Origin>,
    /// When the last record of a recorder before was made, boot clock, ns, and the processes that it
    /// had recorded until then.
    pub before: Option<(u64, HashSet<ProcessKey>)>,
    /// Who asked for it, where no rule has bound it.
    pub request: Option<Requester>,
}

impl Session {
    /// A session that begins with a process ends with its last one; one of a cgroup or container ends with the cgroup,
    /// or with its last process where some had left the cgroup before.
    pub fn is_over(&self) -> bool {
        let ends_empty = match self.agent.binding {
            Binding::Launcher | Binding::Executable | Binding::User => true,
            Binding::Cgroup | Binding::Container | Binding::Inferred => self.unbound,
        };
        self.processes == 0 && ends_empty
    }

    /// Whether it goes on without a recorder, so that the next one finds it again: as long as its
    /// cgroup is there, or one of its processes. What was launched is its recorder's alone.
    pub fn outlives_recorder(&self) -> bool {
        match self.agent.binding {
            Binding::Cgroup | Binding::Container | Binding::Inferred => {
                self.cgroup_id.is_some() && !self.unbound
            }
            Binding::Executable | Binding::User => true,
            Binding::Launcher => false,
        }
    }
}

/// All running sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    by_key: HashMap<u64, Session>,
    /// Who the last few that ended were: counters are told once a second.
    ended: VecDeque<(u64, Shared<Agent>)>,
}

impl Sessions {
    pub(super) fn begin(&mut self, new: NewSession, processes: u64) -> &Session {
        let before = new.resumed.as_ref();
        let before = before.map(|told| (told.since, told.processes.iter().copied().collect()));
        let (totals, totals_since) = match new.resumed {
            None => (SessionTotals::default(), None),
            Some(resumed) => match resumed.totals {
                Some(totals) => (totals, resumed.totals_since),
                None => (SessionTotals::default(), Some(resumed.since)),
            },
        };
        let agent = Shared::new(Agent {
            id: new.agent_id,
            name: new.agent_name,
            owner: new.owner,
            version: new.version,
            labels: new.labels,
            session: new.id,
            parent: new.parent,
            program: None,
            binding: new.binding,
        });
        let session = Session {
            key: new.key,
            agent,
            root: new.root,
            command: new.command,
            cgroup: new.cgroup,
            processes,
            unbound: false,
            cgroup_id: new.cgroup_id,
            container: new.container,
            totals,
            totals_since,
            origin: new.origin,
            before,
            request: new.request,
        };
        self.by_key.entry(new.key).insert_entry(session).into_mut()
    }

    /// The session with this key.
    pub fn get(&self, key: u64) -> Option<&Session> {
        self.by_key.get(&key)
    }

    /// Whose session this is, or was a moment ago.
    pub fn agent(&self, key: u64) -> Option<Shared<Agent>> {
        let running = self.by_key.get(&key).map(|session| &session.agent);
        let ended = || self.ended.iter().rev().find(|(ended, _)| *ended == key);
        running.or_else(|| ended().map(|(_, agent)| agent)).cloned()
    }

    /// The agents of all running sessions, with the sessions' keys.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Shared<Agent>)> {
        self.by_key
            .iter()
            .map(|(key, session)| (*key, &session.agent))
    }

    /// All that run.
    pub(super) fn running(&self) -> impl Iterator<Item = &Session> {
        self.by_key.values()
    }

    /// The cgroups that bind sessions.
    pub(super) fn cgroups(&self) -> impl Iterator<Item = &Text> {
        self.by_key
            .values()
            .filter_map(|session| session.cgroup.as_ref())
    }

    /// Number of running sessions.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Counts an action.
    pub fn count(&mut self, key: u64, action: &Action) {
        if let Some(session) = self.by_key.get_mut(&key) {
            session.totals.add(action);
        }
    }

    /// Counts opens of a class that are not recorded.
    pub fn count_open(&mut self, key: u64, class: &str, count: u64) {
        if let Some(session) = self.by_key.get_mut(&key) {
            session.totals.add_opens(class, count);
        }
    }

    /// Takes a session out if it is over.
    pub fn take_if_over(&mut self, key: u64) -> Option<Session> {
        if self.by_key.get(&key)?.is_over() {
            self.take(key)
        } else {
            None
        }
    }

    /// The cgroup of a session is gone.
    pub fn unbind(&mut self, key: u64) {
        if let Some(session) = self.by_key.get_mut(&key) {
            session.unbound = true;
        }
    }

    /// Takes a session out.
    pub fn take(&mut self, key: u64) -> Option<Session> {
        let session = self.by_key.remove(&key)?;
        if self.ended.len() == ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back((key, session.agent.clone()));
        Some(session)
    }

    /// Takes all sessions out, in order of key.
    pub fn take_all(&mut self) -> Vec<Session> {
        let mut all: Vec<_> = self.by_key.drain().map(|(_, session)| session).collect();
        all.sort_by_key(|session| session.key);
        all
    }

    pub(super) fn process_began(&mut self, key: u64) {
        if let Some(session) = self.by_key.get_mut(&key) {
            session.processes += 1;
        }
    }

    pub(super) fn process_ended(&mut self, key: u64) {
        if let Some(session) = self.by_key.get_mut(&key) {
            session.processes = session.processes.saturating_sub(1);
        }
    }
}

/// A UUIDv7 that the same log gives again: of the time (boot clock, ns), the session around, and what
/// it begins with. `clock` is one reading of both clocks.
pub fn derived_id(around: Uuid, begins: &str, time: u64, clock: Clock) -> Uuid {
    let wall = clock.wall.saturating_sub(clock.boot.saturating_sub(time));
    let mut digest = Sha256::new();
    digest.update(around.as_bytes());
    digest.update(time.to_be_bytes());
    digest.update(begins);
    let mut rest = [0; 10];
    for (byte, hashed) in rest.iter_mut().zip(digest.finalize()) {
        *byte = hashed;
    }
    uuid::Builder::from_unix_timestamp_millis(wall / 1_000_000, &rest).into_uuid()
}
