//! Sessions: one run of one agent.

use std::collections::{BTreeMap, HashMap};

use crate::input::NewSession;
use crate::record::{Agent, Binding, ProcessKey, Shared, Text};

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
    /// Actions so far, by name.
    pub actions: BTreeMap<String, u64>,
}

impl Session {
    /// A launched session ends with its last process; one of a cgroup ends with the cgroup, or with
    /// its last process where some had left the cgroup before.
    pub fn is_over(&self) -> bool {
        self.processes == 0 && (self.unbound || self.agent.binding == Binding::Launcher)
    }
}

/// All running sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    by_key: HashMap<u64, Session>,
}

impl Sessions {
    pub(super) fn begin(&mut self, new: NewSession, processes: u64) -> &Session {
        let agent = Shared::new(Agent {
            id: new.agent_id,
            name: new.agent_name,
            owner: new.owner,
            labels: new.labels,
            session: new.id,
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
            actions: BTreeMap::new(),
        };
        self.by_key.entry(new.key).insert_entry(session).into_mut()
    }

    /// The session with this key.
    pub fn get(&self, key: u64) -> Option<&Session> {
        self.by_key.get(&key)
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
    pub fn count(&mut self, key: u64, action: &str) {
        if let Some(session) = self.by_key.get_mut(&key) {
            match session.actions.get_mut(action) {
                Some(count) => *count += 1,
                None => {
                    session.actions.insert(action.to_owned(), 1);
                }
            }
        }
    }

    /// Takes a session out if it is over.
    pub fn take_if_over(&mut self, key: u64) -> Option<Session> {
        if self.by_key.get(&key)?.is_over() {
            self.by_key.remove(&key)
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
        self.by_key.remove(&key)
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
