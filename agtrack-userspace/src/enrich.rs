//! Events get their process and their agent.
//!
//! In: decoded [`Event`]s in order, and what /proc said of processes. Out: [`Known`] events: who
//! did it, on whose account. It keeps the table of tracked processes and sessions; it asks nobody.

mod process;
mod session;

use std::collections::HashMap;

use agtrack_common::event::Payload;

use crate::decode::{Event, Segments, What};
use crate::input::{Clock, NewSession, ProcessFacts, Start};
use crate::record::{Agent, Process, ProcessKey, Shared, Text};

pub use process::ProcessTable;
pub(crate) use process::arguments;
pub use session::{Session, Sessions};

/// An event with the process that acted and the agent it belongs to.
#[derive(Clone, Debug)]
pub struct Known {
    /// What happened.
    pub event: Event,
    /// Who did it, as it was then.
    pub process: Shared<Process>,
    /// On whose account.
    pub agent: Shared<Agent>,
    /// Session key.
    pub session: u64,
    /// Path of the cgroup that a cgroup event is about, or of the process otherwise.
    pub cgroup: Option<Text>,
    /// Uid of the process that a fork made or an attach moved.
    pub target_uid: Option<String>,
}

/// The table of processes, sessions and cgroups.
#[derive(Debug)]
pub struct Enricher {
    processes: ProcessTable,
    sessions: Sessions,
    cgroups: HashMap<u64, Text>,
    boot_id: String,
    clock: Clock,
}

impl Enricher {
    /// Begins with nothing but the machine.
    pub fn new(start: &Start) -> Self {
        Enricher {
            processes: ProcessTable::default(),
            sessions: Sessions::default(),
            cgroups: HashMap::new(),
            boot_id: start.host.boot_id.clone(),
            clock: start.clock,
        }
    }

    /// The latest reading of both clocks.
    pub fn clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// A session begins.
    pub fn begin_session(&mut self, session: NewSession) -> &Session {
        self.sessions.begin(session)
    }

    /// Learns a process from /proc.
    pub fn learn_process(&mut self, facts: ProcessFacts) {
        let key = ProcessKey {
            pid: facts.pid,
            start: facts.start,
        };
        if facts.session != 0 && !self.processes.is_tracked(key) {
            self.sessions.process_began(facts.session);
        }
        self.processes.learn(facts, &self.boot_id, self.clock);
    }

    /// Learns where a cgroup is.
    pub fn learn_cgroup(&mut self, id: u64, path: Text) {
        self.cgroups.insert(id, path);
    }

    /// All sessions.
    pub fn sessions(&mut self) -> &mut Sessions {
        &mut self.sessions
    }

    /// All processes.
    pub fn processes(&self) -> &ProcessTable {
        &self.processes
    }

    /// A process has ended without an event.
    pub fn forget_process(&mut self, key: ProcessKey, session: u64) {
        if self.processes.end(key) {
            self.sessions.process_ended(session);
        }
    }

    /// Completes an event. `None`: it belongs to no session, so it is nobody's action.
    pub fn complete(&mut self, event: Event) -> Option<Known> {
        let session = session_of(&event);
        let agent = self.sessions.get(session)?.agent.clone();
        let key = ProcessKey::new(event.header.tgid, event.header.start);
        let mut target_uid = None;
        let mut cgroup = None;
        if let What::Happened(payload) = &event.what {
            let (target, path) = self.take_in(key, session, payload, &event);
            target_uid = target;
            cgroup = path;
        }
        let process = self.processes.get_or_guess(key, &self.boot_id, self.clock);
        if let What::Happened(Payload::Exit(_)) = event.what
            && self.processes.end(key)
        {
            self.sessions.process_ended(session);
        }
        let cgroup = cgroup.or_else(|| process.cgroup.clone());
        Some(Known {
            event,
            process,
            agent,
            session,
            cgroup,
            target_uid,
        })
    }

    /// Changes the table as the event says, before the actor is looked up.
    fn take_in(
        &mut self,
        key: ProcessKey,
        session: u64,
        payload: &Payload,
        event: &Event,
    ) -> (Option<String>, Option<Text>) {
        match payload {
            Payload::Fork(body) => {
                let child = ProcessKey::new(body.child, body.child_start);
                if !self.processes.is_tracked(child) {
                    self.sessions.process_began(session);
                }
                let cgroup = self.cgroups.get(&body.cgroup).cloned();
                self.processes
                    .fork(key, child, cgroup, &self.boot_id, self.clock);
                (Some(child.uid(&self.boot_id)), None)
            }
            Payload::Exec(body) => {
                if !self.processes.is_tracked(key) {
                    self.sessions.process_began(session);
                }
                let cgroup = self.cgroups.get(&body.cgroup).cloned();
                self.processes
                    .exec(key, body, &event.data, cgroup, &self.boot_id, self.clock);
                (None, None)
            }
            Payload::CgroupAttach(body) => {
                let target = ProcessKey::new(body.target, body.target_start);
                if !self.processes.is_tracked(target) {
                    self.sessions.process_began(session);
                }
                let (target, path) =
                    self.processes
                        .moved(body, &event.data, &self.boot_id, self.clock);
                self.cgroups.insert(body.id, path.clone());
                (Some(target.uid(&self.boot_id)), Some(path))
            }
            Payload::CgroupCreate(body) => {
                let path = Text(Segments::new(&event.data).bytes(body.path).to_vec());
                self.cgroups.insert(body.id, path.clone());
                (None, Some(path))
            }
            Payload::CgroupRemove(body) => {
                let path = Text(Segments::new(&event.data).bytes(body.path).to_vec());
                self.cgroups.remove(&body.id);
                (None, Some(path))
            }
            Payload::Exit(_)
            | Payload::Open(_)
            | Payload::Unlink(_)
            | Payload::Rename(_)
            | Payload::Connect(_) => (None, None),
        }
    }
}

/// The session an event is to be recorded under: the actor's, or the watched cgroup's.
fn session_of(event: &Event) -> u64 {
    match event.what {
        What::Happened(Payload::CgroupCreate(body)) if body.session != 0 => body.session,
        What::Happened(Payload::CgroupAttach(body)) => body.session,
        What::Happened(Payload::CgroupRemove(body)) if body.session != 0 => body.session,
        What::Happened(_) | What::Ended(_) => event.header.session,
    }
}
