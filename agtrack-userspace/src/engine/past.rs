//! Sessions that recorders before left without an end, as the journal tells.
//!
//! In: the journal, from its end backwards. Out: which sessions go on now, and which have ended
//! unseen. The journal is the only state: nothing else is kept of sessions for the next recorder.

mod again;
mod search;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use uuid::Uuid;

use super::facts;
use super::hands::Hands;
use super::watch::Watch;
use crate::cgroup::{Cgroup, Hierarchy};
use crate::input::{Input, LeftCall, LeftOpen, NewSession, Resumed, Unended};
use crate::journal::Extent;
use crate::record::{
    Agent, Binding, Change, Origin, ProcessKey, Requester, SessionChange, SessionTotals, Text,
    WhyOver,
};

/// Bytes of the journal's end that are searched at most.
const SEARCHED: u64 = 256 << 20;

/// What the journal tells of sessions without an end.
#[derive(Debug, Default)]
pub(super) struct Past {
    sessions: BTreeMap<Uuid, Left>,
    /// The last record of all.
    last: Last,
    /// Bytes that were searched, where that was not enough.
    searched: Option<u64>,
    /// The kernel has recorded since then.
    pub(super) kept: bool,
}

/// A session without an end.
#[derive(Clone, Debug)]
struct Left {
    agent: Agent,
    command: Vec<Text>,
    cgroup: Option<Text>,
    cgroup_id: Option<u64>,
    /// The handoff that it is the result of.
    origin: Option<Origin>,
    /// Who asked for it.
    request: Option<Requester>,
    /// Those of its processes that are known and have not ended, its first before all.
    processes: Vec<ProcessKey>,
    /// Its tool calls that have not ended, in order of their begin.
    calls: Vec<LeftCall>,
    /// Of one that was suspended.
    totals: Option<SessionTotals>,
    totals_since: Option<u64>,
}

/// The last record of a journal.
#[derive(Clone, Debug, Default, serde::Deserialize)]
struct Last {
    time: String,
    boot_time: u64,
    host: Booted,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
struct Booted {
    boot_id: String,
}

impl Past {
    /// Searches the journal in `directory`. What cannot be read counts as not searched.
    pub(super) fn read(directory: &Path) -> Past {
        match Extent::open(directory) {
            Ok(extent) => search::search(&extent, SEARCHED),
            Err(_) => Past {
                searched: Some(0),
                ..Past::default()
            },
        }
    }

    /// Whether there are sessions that may go on.
    pub(super) fn goes_on(&self) -> bool {
        self.left_open().sessions > 0
    }

    /// What the start says of it.
    pub(super) fn left_open(&self) -> LeftOpen {
        LeftOpen {
            sessions: self.sessions.len() as u64,
            searched: self.searched,
        }
    }

    /// Gives a session that begins the id that it had before, where it is the same agent's and bound
    /// to the same cgroup of the same boot.
    pub(super) fn resume(&mut self, new: &mut NewSession, boot_id: &str) {
        if self.last.host.boot_id != boot_id || new.cgroup_id.is_none() {
            return;
        }
        let is_it = |left: &Left| {
            left.is_bound_to_cgroup()
                && left.agent.binding == new.binding
                && left.agent.id == new.agent_id
                && left.cgroup == new.cgroup
                && left.cgroup_id == new.cgroup_id
        };
        // Ids grow with time: where there are several, the last is meant.
        let mut found = self.sessions.iter().rev();
        let Some(id) = found.find_map(|(id, left)| is_it(left).then_some(*id)) else {
            return;
        };
        if let Some(left) = self.sessions.remove(&id) {
            new.id = id;
            new.resumed = Some(self.resumed(left));
        }
    }

    fn resumed(&self, left: Left) -> Resumed {
        Resumed {
            since: self.last.boot_time,
            totals: left.totals,
            totals_since: left.totals_since,
            kept: self.kept,
            processes: left.processes,
            calls: left.calls,
        }
    }

    /// When the last record was made, boot clock, ns; 0: at another boot.
    pub(super) fn last_time(&self, boot_id: &str) -> u64 {
        match self.last.host.boot_id == boot_id {
            true => self.last.boot_time,
            false => 0,
        }
    }

    /// Those that did not go on, in order of their begin. `is_there` says whether a cgroup of this
    /// id is at a path, `is_configured` whether an agent of this id is configured.
    fn take_ended(
        &mut self,
        boot_id: &str,
        is_there: impl Fn(&Text, u64) -> bool,
        is_configured: impl Fn(&str) -> bool,
    ) -> Vec<Unended> {
        let same_boot = self.last.host.boot_id == boot_id;
        let sessions = std::mem::take(&mut self.sessions).into_values();
        let ended = sessions.map(|left| {
            let cgroup = left.cgroup.as_ref().zip(left.cgroup_id);
            let why = match cgroup {
                _ if !left.outlives_recorder() => WhyOver::RecorderGone,
                _ if !same_boot => WhyOver::Reboot,
                _ if left.was_asked_for_process() => WhyOver::ProcessesGone,
                _ if left.began_with_process() => match is_configured(&left.agent.id) {
                    true => WhyOver::ProcessesGone,
                    false => WhyOver::NotConfigured,
                },
                Some((path, id)) if is_there(path, id) => WhyOver::NotConfigured,
                _ => WhyOver::CgroupGone,
            };
            Unended {
                agent: left.agent,
                command: left.command,
                cgroup: left.cgroup,
                totals: left.totals,
                totals_since: left.totals_since,
                calls: left.calls,
                why,
                last_recorded: self.last.time.clone(),
                boot_id: self.last.host.boot_id.clone(),
            }
        });
        ended.collect()
    }
}

impl Left {
    /// As the last record of a session tells; none where that is its end. `before` is what was known.
    fn after(before: Option<Left>, agent: &Agent, change: SessionChange) -> Option<Left> {
        if change.change == Change::End {
            return None;
        }
        let suspended = change.change == Change::Suspend;
        let process = change.process.as_ref().map(|process| &process.uid);
        let told = process.into_iter().chain(&change.still_running);
        let mut processes: Vec<_> = told.filter_map(|uid| ProcessKey::of_uid(uid)).collect();
        let bound = change.bound.unwrap_or_default();
        let (mut cgroup_id, mut origin) = (bound.cgroup_id, bound.handoff);
        let mut request = bound.request;
        if let Some(before) = before {
            cgroup_id = cgroup_id.or(before.cgroup_id);
            origin = origin.or(before.origin);
            request = request.or(before.request);
            // Its first stays first.
            processes.splice(0..0, before.processes.into_iter().take(1));
        }
        let mut seen = HashSet::new();
        processes.retain(|process| seen.insert(*process));
        Some(Left {
            agent: agent.clone(),
            command: change.command,
            cgroup: change.cgroup,
            cgroup_id,
            origin,
            request,
            processes,
            calls: Vec::new(),
            totals: suspended.then_some(change.totals),
            totals_since: change.totals_since,
        })
    }

    /// One that another began is bound to the recorder, as is what it launched itself.
    fn is_bound_to_cgroup(&self) -> bool {
        match self.agent.binding {
            Binding::Cgroup | Binding::Container => self.agent.parent.is_none(),
            Binding::Inferred => self.agent.program.is_none(),
            Binding::Launcher | Binding::Executable | Binding::User => false,
        }
    }

    /// One that began with the program or user of a process.
    fn began_with_process(&self) -> bool {
        match self.agent.binding {
            Binding::Executable | Binding::User => self.agent.parent.is_none(),
            Binding::Launcher | Binding::Cgroup | Binding::Container | Binding::Inferred => false,
        }
    }

    /// One that began with a process because somebody asked for it.
    fn was_asked_for_process(&self) -> bool {
        let of_process = self.agent.binding == Binding::Launcher && self.agent.parent.is_none();
        of_process && self.request.is_some()
    }

    fn outlives_recorder(&self) -> bool {
        self.is_bound_to_cgroup() || self.began_with_process() || self.was_asked_for_process()
    }
}

impl Resumed {
    /// Leaves out the processes that do not run any more.
    ///
    /// `kept`: of which the kernel tells more, also that they have ended.
    pub(super) fn keep_living(&mut self, kept: &HashMap<ProcessKey, u64>) {
        let goes_on =
            |key: &ProcessKey| kept.contains_key(key) || facts::is_alive(key.pid, key.start);
        self.processes.retain(goes_on);
        for call in &mut self.calls {
            call.running.retain(goes_on);
        }
    }
}

impl Hands {
    /// Tells the end of sessions of recorders before that did not go on.
    pub(super) fn end_past(&mut self, watch: &Watch) -> anyhow::Result<()> {
        let hierarchy = self.hierarchy.as_ref();
        let is_there =
            |path: &Text, id| hierarchy.is_some_and(|all| found(all, path, id).is_some());
        let is_configured = |id: &str| watch.rule(id).is_some();
        let ended = self.past.take_ended(&self.boot_id, is_there, is_configured);
        for unended in ended {
            self.core.feed(Input::Unended(Box::new(unended)))?;
        }
        Ok(())
    }
}

/// The cgroup at a path, if it has this id.
fn found(hierarchy: &Hierarchy, path: &Text, id: u64) -> Option<Cgroup> {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(&path.0));
    hierarchy.at(path).ok().filter(|found| found.id == id)
}
