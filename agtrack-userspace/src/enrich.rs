//! Events get their process and their agent.
//!
//! In: decoded [`Event`]s in order, and what /proc said of processes. Out: [`Known`] events: who
//! did it, on whose account. It keeps the table of tracked processes and sessions; it asks nobody.

mod actor;
mod containers;
mod environment;
mod process;
mod session;
#[cfg(test)]
mod tests;

use agtrack_common::event::{CgroupAttach, Exec, Payload};
use agtrack_common::wire::{Path, path_flag};
use foldhash::HashMap;

use crate::decode::{Event, Program, Segments, What};
use crate::input::{Clock, ContainerWanted, NewSession, ProcessFacts, Start, Tracker};
use crate::record::{Agent, Container, EnvNames, Process, ProcessKey, Shared, Text};

pub use actor::Actor;
use environment::Environments;
pub use process::ProcessTable;
pub(crate) use process::arguments;
pub use session::{Session, Sessions, derived_id};

/// Cgroups that are kept; more are told without their path.
const CGROUPS: usize = 256 * 1024;

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
    /// Names of the environment that an exec gave its program.
    pub env_names: Option<Shared<EnvNames>>,
}

impl Known {
    /// Whether somebody else did it, to the agent's cgroup: whoever makes it for an agent is none.
    pub fn is_outsiders(&self) -> bool {
        match &self.event.what {
            What::Happened(
                Payload::CgroupCreate(_) | Payload::CgroupAttach(_) | Payload::CgroupRemove(_),
            ) => self.event.header.session != self.session,
            What::Happened(_) | What::Ended(_) => false,
        }
    }
}

/// What an event says of others than its actor.
#[derive(Default)]
struct Told {
    target_uid: Option<String>,
    cgroup: Option<Text>,
    env_names: Option<Shared<EnvNames>>,
}

/// The table of processes, sessions and cgroups.
#[derive(Debug)]
pub struct Enricher {
    processes: ProcessTable,
    sessions: Sessions,
    cgroups: HashMap<u64, Text>,
    environments: Environments,
    boot_id: String,
    tracker: Option<Tracker>,
    /// What happened before this recorder is told too.
    goes_on: bool,
}

impl Enricher {
    /// Begins with nothing but the machine.
    pub fn new(start: &Start) -> Self {
        let mut enricher = Enricher {
            processes: ProcessTable::new(&start.host.boot_id),
            sessions: Sessions::default(),
            cgroups: HashMap::default(),
            environments: Environments::default(),
            boot_id: start.host.boot_id.clone(),
            tracker: start.tracker.clone(),
            goes_on: start.kept.is_some(),
        };
        enricher.clock(start.clock);
        enricher
    }

    /// The latest reading of both clocks.
    pub fn clock(&mut self, clock: Clock) {
        self.processes.clock(clock);
    }

    /// A session begins.
    pub fn begin_session(&mut self, session: NewSession) -> &Session {
        let processes = self.processes.of_session(session.key).count() as u64;
        self.sessions.begin(session, processes)
    }

    /// Learns a process from /proc. One whose session is not known is nobody's.
    pub fn learn_process(&mut self, mut facts: ProcessFacts) {
        let key = ProcessKey {
            pid: facts.pid,
            start: facts.start,
        };
        if !self.knows(facts.session) {
            facts.session = 0;
        }
        self.changing(key, |processes| processes.learn(facts));
    }

    /// Whether the cgroup at a path lies in one that binds a session.
    pub fn is_in_session(&self, path: &Text) -> bool {
        let mut bound = self.sessions.cgroups();
        bound.any(|cgroup| {
            let below = path.0.strip_prefix(&*cgroup.0);
            below.is_some_and(|below| below.is_empty() || below.starts_with(b"/"))
        })
    }

    /// What a runtime says of a container.
    pub fn learn_container(&mut self, container: Container) {
        self.processes.learn_container(container);
    }

    /// Containers of tracked processes that were met since the last time and that nobody has asked of.
    pub fn take_wanted(&mut self) -> Vec<ContainerWanted> {
        self.processes.take_wanted()
    }

    /// Whether a session with this key runs.
    pub fn knows(&self, session: u64) -> bool {
        self.sessions.get(session).is_some()
    }

    /// Changes the table where it may change whose process `key` is, and counts that.
    fn changing<T>(&mut self, key: ProcessKey, change: impl FnOnce(&mut ProcessTable) -> T) -> T {
        let before = self.processes.session(key);
        let result = change(&mut self.processes);
        let after = self.processes.session(key);
        if before != after {
            self.sessions.process_ended(before);
            self.sessions.process_began(after);
        }
        result
    }

    /// Learns where a cgroup is.
    pub fn learn_cgroup(&mut self, id: u64, path: Text) {
        if self.cgroups.len() < CGROUPS || self.cgroups.contains_key(&id) {
            self.cgroups.insert(id, path);
        }
    }

    /// Whether it is known where a cgroup is.
    pub fn knows_cgroup(&self, id: u64) -> bool {
        self.cgroups.contains_key(&id)
    }

    /// All sessions.
    pub fn sessions(&mut self) -> &mut Sessions {
        &mut self.sessions
    }

    /// The agents of all running sessions, with the sessions' keys.
    pub fn agents(&self) -> impl Iterator<Item = (u64, &Shared<Agent>)> {
        self.sessions.iter()
    }

    /// All sessions that run.
    pub fn running(&self) -> impl Iterator<Item = &Session> {
        self.sessions.running()
    }

    /// The agent of a running session.
    pub fn agent(&self, session: u64) -> Option<&Shared<Agent>> {
        self.sessions.get(session).map(|found| &found.agent)
    }

    /// Whose a process is that did something for a session, which may have ended: as both are known
    /// now.
    pub fn whose(&self, session: u64, key: ProcessKey) -> Option<(Shared<Process>, Shared<Agent>)> {
        let agent = self.sessions.agent(session)?;
        Some((self.processes.get_or_blank(key), agent))
    }

    /// All processes.
    pub fn processes(&self) -> &ProcessTable {
        &self.processes
    }

    /// A process has ended without an event.
    pub fn forget_process(&mut self, key: ProcessKey) {
        let session = self.sessions.get(self.processes.session(key));
        let agent = session.map(|session| session.agent.clone());
        self.changing(key, |processes| processes.end(key, agent));
    }

    /// Takes a session out whose processes are not recorded any more, and says which these are.
    pub fn drop_session(&mut self, session: u64) -> Option<(Session, Vec<String>)> {
        let taken = self.sessions.take(session)?;
        let running = self.processes.running(session);
        let keys: Vec<_> = self.processes.of_session(session).collect();
        for key in keys {
            self.processes.end(key, Some(taken.agent.clone()));
        }
        Some((taken, running))
    }

    /// Completes an event. `None`: it belongs to no session, so it is nobody's action.
    pub fn complete(&mut self, event: Event) -> Option<Known> {
        let session = session_of(&event);
        let agent = self.agent_of(session, &event)?;
        let key = ProcessKey::new(event.header.tgid, event.header.start);
        let told = match &event.what {
            What::Happened(payload) => self.take_in(key, session, payload, &event),
            What::Ended(_) => Told::default(),
        };
        let process = self.who(key, &event);
        if let What::Happened(Payload::Exit(_)) = event.what {
            self.forget_process(key);
        }
        let cgroup = told.cgroup.or_else(|| process.cgroup.clone());
        Some(Known {
            event,
            process,
            agent,
            session,
            cgroup,
            target_uid: told.target_uid,
            env_names: told.env_names,
        })
    }

    /// Who did it. One that nobody told of shows itself by what it does, but not by what its sockets
    /// do: they may live longer than the last process that used them.
    fn who(&mut self, key: ProcessKey, event: &Event) -> Shared<Process> {
        if let What::Happened(Payload::Flow(_) | Payload::Excerpt(_)) = event.what {
            return self.processes.get_or_blank(key);
        }
        let own = event.header.session;
        let own = if self.knows(own) { own } else { 0 };
        self.changing(key, |processes| processes.get_or_guess(key, own))
    }

    /// A connection may end after the session of the process that held it.
    fn agent_of(&self, session: u64, event: &Event) -> Option<Shared<Agent>> {
        if let What::Happened(Payload::Flow(_)) = event.what {
            return self.sessions.agent(session);
        }
        Some(self.sessions.get(session)?.agent.clone())
    }

    /// One that was born into its cgroup comes without the path.
    fn moved(&mut self, body: &CgroupAttach, data: &[u8]) -> Told {
        let (path, exe) = seen(body, data);
        if let Some(path) = &path {
            self.cgroups.insert(body.id, path.clone());
        }
        let path = path.or_else(|| self.cgroups.get(&body.id).cloned());
        let target = ProcessKey::new(body.target, body.target_start);
        self.changing(target, |processes| processes.moved(body, path.clone(), exe));
        Told {
            target_uid: Some(target.uid(&self.boot_id)),
            cgroup: path,
            env_names: None,
        }
    }

    /// It runs another program from now on.
    fn ran(&mut self, key: ProcessKey, session: u64, body: &Exec, data: &[u8]) -> Told {
        let cgroup = self.cgroups.get(&body.cgroup).cloned();
        let program = Program::new(body, data);
        let env_names = Some(self.environments.names(program.names));
        self.changing(key, |processes| {
            processes.exec(key, (body, program), session, cgroup)
        });
        Told {
            env_names,
            ..Told::default()
        }
    }

    /// Changes the table as the event says, before the actor is looked up.
    fn take_in(&mut self, key: ProcessKey, session: u64, payload: &Payload, event: &Event) -> Told {
        match payload {
            Payload::Fork(body) => {
                let child = ProcessKey::new(body.child, body.child_start);
                let cgroup = self.cgroups.get(&body.cgroup).cloned();
                self.changing(key, |processes| processes.get_or_guess(key, session));
                self.changing(child, |processes| {
                    processes.fork(key, child, session, cgroup)
                });
                target(child.uid(&self.boot_id))
            }
            Payload::Exec(body) => self.ran(key, session, body, &event.data),
            Payload::CgroupAttach(body) => self.moved(body, &event.data),
            Payload::CgroupCreate(body) => {
                let path = Text(Segments::new(&event.data).bytes(body.path).to_vec());
                self.cgroups.insert(body.id, path.clone());
                cgroup(path)
            }
            Payload::CgroupRemove(body) => {
                let path = Text(Segments::new(&event.data).bytes(body.path).to_vec());
                self.cgroups.remove(&body.id);
                cgroup(path)
            }
            Payload::SetId(body) if body.ret >= 0 => {
                let ids = (body.uid, body.euid);
                self.changing(key, |processes| processes.set_ids(key, session, ids));
                Told::default()
            }
            Payload::Signal(body) => {
                target(ProcessKey::new(body.target, body.target_start).uid(&self.boot_id))
            }
            Payload::Exit(_)
            | Payload::ExecFailed(_)
            | Payload::SetId(_)
            | Payload::Call(..)
            | Payload::Endpoint(..)
            | Payload::Peer(..)
            | Payload::Close(_)
            | Payload::Open(_)
            | Payload::Uring(_)
            | Payload::Flow(_)
            | Payload::Excerpt(_)
            | Payload::Unlink(_)
            | Payload::Change(..)
            | Payload::Rename(_)
            | Payload::Tamper(..)
            | Payload::Connect(_) => Told::default(),
        }
    }
}

fn target(uid: String) -> Told {
    Told {
        target_uid: Some(uid),
        ..Told::default()
    }
}

fn cgroup(path: Text) -> Told {
    Told {
        cgroup: Some(path),
        ..Told::default()
    }
}

/// What the kernel saw a moved process run, and where it moved; `data` is what comes with the event.
fn seen(body: &CgroupAttach, data: &[u8]) -> (Option<Text>, Option<Text>) {
    let mut segments = Segments::new(data);
    let path = Text(segments.bytes(body.path).to_vec());
    let exe = executable(&mut segments, &body.exe_path);
    ((!path.0.is_empty()).then_some(path), exe)
}

/// The executable whose path comes next in the data; none where the process runs nothing.
fn executable(segments: &mut Segments<'_>, path: &Path) -> Option<Text> {
    let readable = path.flags & path_flag::UNREADABLE == 0;
    readable.then(|| Text(segments.path(path).bytes))
}

/// The session an event is to be recorded under: the actor's, or the watched cgroup's.
pub(crate) fn session_of(event: &Event) -> u64 {
    match event.what {
        What::Happened(Payload::CgroupCreate(body)) if body.session != 0 => body.session,
        What::Happened(Payload::CgroupAttach(body)) => body.session,
        What::Happened(Payload::CgroupRemove(body)) if body.session != 0 => body.session,
        What::Happened(_) | What::Ended(_) => event.header.session,
    }
}
