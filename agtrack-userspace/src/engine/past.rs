//! Sessions that recorders before left without an end, as the journal tells.
//!
//! In: the journal, from its end backwards. Out: which sessions go on now, and which have ended
//! unseen. The journal is the only state: nothing else is kept of sessions for the next recorder.

mod search;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use uuid::Uuid;

use super::hands::Hands;
use crate::cgroup::Hierarchy;
use crate::input::{Input, LeftOpen, NewSession, Resumed, Unended};
use crate::journal::Extent;
use crate::record::{Agent, Binding, Change, SessionChange, SessionTotals, Text, WhyOver};

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
}

/// A session without an end.
#[derive(Clone, Debug)]
struct Left {
    agent: Agent,
    command: Vec<Text>,
    cgroup: Option<Text>,
    cgroup_id: Option<u64>,
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
            new.resumed = Some(Resumed {
                since: self.last.boot_time,
                totals: left.totals,
                totals_since: left.totals_since,
            });
        }
    }

    /// Those that did not go on, in order of their begin. `is_there` says whether a cgroup of this
    /// id is at a path.
    fn take_ended(&mut self, boot_id: &str, is_there: impl Fn(&Text, u64) -> bool) -> Vec<Unended> {
        let same_boot = self.last.host.boot_id == boot_id;
        let sessions = std::mem::take(&mut self.sessions).into_values();
        let ended = sessions.map(|left| {
            let cgroup = left.cgroup.as_ref().zip(left.cgroup_id);
            let why = match cgroup {
                _ if !left.is_bound_to_cgroup() => WhyOver::RecorderGone,
                _ if !same_boot => WhyOver::Reboot,
                Some((path, id)) if is_there(path, id) => WhyOver::NotConfigured,
                _ => WhyOver::CgroupGone,
            };
            Unended {
                agent: left.agent,
                command: left.command,
                cgroup: left.cgroup,
                totals: left.totals,
                totals_since: left.totals_since,
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
        let cgroup_id = change.bound.and_then(|bound| bound.cgroup_id);
        Some(Left {
            agent: agent.clone(),
            command: change.command,
            cgroup: change.cgroup,
            cgroup_id: cgroup_id.or(before.and_then(|left| left.cgroup_id)),
            totals: suspended.then_some(change.totals),
            totals_since: change.totals_since,
        })
    }

    /// One that another began is bound to the recorder, as is what was launched.
    fn is_bound_to_cgroup(&self) -> bool {
        self.agent.binding == Binding::Cgroup && self.agent.parent.is_none()
    }
}

impl Hands {
    /// Tells the end of sessions of recorders before that did not go on.
    pub(super) fn end_past(&mut self) -> anyhow::Result<()> {
        let hierarchy = self.hierarchy.as_ref();
        let is_there = |path: &Text, id| hierarchy.is_some_and(|all| is_at(all, path, id));
        let ended = self.past.take_ended(&self.boot_id, is_there);
        for unended in ended {
            self.core.feed(Input::Unended(Box::new(unended)))?;
        }
        Ok(())
    }
}

fn is_at(hierarchy: &Hierarchy, path: &Text, id: u64) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(&path.0));
    hierarchy.at(path).is_ok_and(|found| found.id == id)
}
