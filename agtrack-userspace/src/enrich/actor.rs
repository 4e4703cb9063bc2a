//! Who reached for agtrack itself: an agent's process or any other.

use agtrack_common::event::Tamper;

use super::process::Seen;
use super::{Enricher, arguments, executable};
use crate::decode::{Event, Segments};
use crate::input::Touched;
use crate::record::{Agent, By, Process, ProcessKey, Shared, TICK, Text};

/// The first process of the machine.
const INIT: u32 = 1;
/// The login user of a process without a login.
const NO_LOGIN: u32 = u32::MAX;

/// A process that reached for agtrack.
#[derive(Clone, Debug)]
pub struct Actor {
    /// It.
    pub process: Shared<Process>,
    /// Whose it is or was.
    pub agent: Option<Shared<Agent>>,
    /// What it is to the recorder.
    pub by: By,
    /// It had ended before anybody could look at it.
    pub gone: bool,
}

impl Enricher {
    /// Who sent an event about the recorder: what the kernel saw it be goes before what /proc says.
    pub fn attempted(&mut self, event: &Event, body: &Tamper) -> Actor {
        let key = ProcessKey::new(event.header.tgid, event.header.start);
        let mut segments = Segments::new(&event.data);
        segments.bytes(body.path);
        let seen = Seen {
            exe: executable(&mut segments, &body.exe_path),
            args: arguments(segments.bytes(body.arguments)).collect(),
            parent: ProcessKey::new(body.parent, body.parent_start),
            cgroup: self.path_of(body.cgroup),
            user: body.uid,
            euser: body.euid,
            login_user: (body.login_user != NO_LOGIN).then_some(body.login_user),
        };
        let is_ours = self.is_ours(event.header.time);
        let kin = is_ours && self.is_kin(seen.parent, body.cgroup);
        let process = self.processes.as_seen(key, seen);
        let mut actor = self.actor(key, event.header.session, process, false);
        if kin && actor.by == By::Other {
            actor.by = By::Parent;
        }
        // Who started this recorder need not have started the one before.
        if !is_ours && actor.by == By::Parent {
            actor.by = By::Other;
        }
        actor
    }

    /// Whether what happened then was done to this recorder, and not to the one before it.
    fn is_ours(&self, time: u64) -> bool {
        let own = self.tracker.as_ref().filter(|_| self.goes_on);
        own.is_none_or(|own| time >= own.key.start * TICK)
    }

    fn path_of(&self, cgroup: u64) -> Option<Text> {
        let own = self.tracker.as_ref();
        let own = own.filter(|own| cgroup != 0 && own.cgroup_id == Some(cgroup));
        let own = own.and_then(|own| own.cgroup.clone());
        own.or_else(|| self.cgroups.get(&cgroup).cloned())
    }

    /// Whether a process with this parent, in this cgroup, was started by the one that started the
    /// recorder, in the recorder's own cgroup.
    fn is_kin(&self, above: ProcessKey, cgroup: u64) -> bool {
        self.tracker.as_ref().is_some_and(|own| {
            cgroup != 0 && own.cgroup_id == Some(cgroup) && own.parent == Some(above)
        })
    }

    /// Who changed a file: of one that has ended only its number is known, and what was known of an
    /// agent's process with it.
    pub fn touched(&mut self, touched: &Touched) -> Actor {
        let (pid, start) = (touched.pid, touched.start);
        let key = ProcessKey { pid, start };
        let known = match start {
            0 => self.processes.newest(pid).unwrap_or(key),
            _ => key,
        };
        let process = self.processes.get(known).cloned();
        let process = process.unwrap_or_else(|| Shared::new(self.processes.unknown(key)));
        self.actor(known, touched.session, process, start == 0)
    }

    /// The recorder's own uid and process id.
    pub fn tracker(&self, time: u64) -> Option<(String, u32)> {
        let key = self.tracker.as_ref().filter(|_| self.is_ours(time))?.key;
        Some((key.uid(&self.boot_id), key.pid))
    }

    fn actor(&self, key: ProcessKey, session: u64, process: Shared<Process>, gone: bool) -> Actor {
        let of = |session| Some(self.sessions.get(session)?.agent.clone());
        let agent = of(session)
            .or_else(|| of(self.processes.session(key)))
            .or_else(|| self.processes.agent_of_ended(key).cloned());
        let by = match &agent {
            Some(_) => By::Agent,
            None if self.is_parent(key, &process) => By::Parent,
            None if key.pid == INIT => By::Init,
            None if self.is_own(&process) => By::Own,
            None => By::Other,
        };
        Actor {
            process,
            agent,
            by,
            gone,
        }
    }

    fn is_own(&self, process: &Process) -> bool {
        let own = self.tracker.as_ref().and_then(|own| own.exe.as_ref());
        own.is_some() && process.exe.as_ref() == own
    }

    /// Whether a process started the recorder, or was itself started by the one that did, in the
    /// recorder's own cgroup: so systemd starts the command that tells a service to reload.
    fn is_parent(&self, key: ProcessKey, process: &Process) -> bool {
        let Some(tracker) = &self.tracker else {
            return false;
        };
        let Some(parent) = tracker.parent else {
            return false;
        };
        let same_cgroup = tracker.cgroup.is_some() && process.cgroup == tracker.cgroup;
        let sibling = process.parent_uid.as_ref() == Some(&parent.uid(&self.boot_id));
        parent == key || (same_cgroup && sibling)
    }
}
