//! Who is recorded now.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::engine::live::Live;
use crate::enrich::Session;
use crate::record::{Binding, Requester, Text};

/// A session that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEntry {
    /// Its id.
    pub id: Uuid,
    /// The agent's id.
    pub agent: String,
    /// The agent's name.
    pub name: String,
    /// What ties it to the agent.
    pub binding: Binding,
    /// Who asked for it, where no rule has bound it.
    pub request: Option<Requester>,
    /// When it began, RFC 3339.
    pub since: Option<String>,
    /// The session that handed its work off.
    pub parent: Option<Uuid>,
    /// Its cgroup.
    pub cgroup: Option<Text>,
    /// What was launched, after redaction.
    pub command: Vec<Text>,
    /// Living processes, by id.
    pub pids: Vec<u32>,
    /// Records of actions so far.
    pub actions: u64,
    /// Tool calls so far.
    pub tool_calls: u64,
    /// What else is known of the agent.
    pub labels: BTreeMap<String, String>,
}

/// An agent that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentEntry {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Whether the configuration has it; else somebody asked for sessions of it.
    pub configured: bool,
    /// What it is recognised by: keys of the configuration.
    pub by: Vec<String>,
    /// Sessions that run.
    pub sessions: u64,
    /// Living processes.
    pub processes: u64,
}

impl Live {
    /// The sessions that run, the oldest first.
    pub(in crate::engine) fn list_sessions(&mut self) -> Vec<SessionEntry> {
        let mut pids: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for (pid, tag) in self.hands.probes.tagged() {
            pids.entry(tag.session).or_default().push(pid);
        }
        let running = self.hands.core.pipeline.running();
        let entry = |(session, calls): (&Session, u64)| {
            let mut pids = pids.get(&session.key).cloned().unwrap_or_default();
            pids.sort_unstable();
            let command = self.hands.core.pipeline.shown_command(&session.command);
            SessionEntry {
                id: session.agent.session,
                agent: session.agent.id.clone(),
                name: session.agent.name.clone(),
                binding: session.agent.binding,
                request: session.request.clone(),
                since: began(session.agent.session),
                parent: session.agent.parent,
                cgroup: session.cgroup.clone(),
                command,
                pids,
                actions: session.totals.actions.values().sum(),
                tool_calls: calls,
                labels: session.agent.labels.clone(),
            }
        };
        let mut all: Vec<_> = running.into_iter().map(entry).collect();
        all.sort_by_key(|session| session.id);
        all
    }

    /// The agents of the configuration, and others of which sessions run, in order of id.
    pub(in crate::engine) fn list_agents(&mut self) -> Vec<AgentEntry> {
        let configured = self.watch.agents().filter_map(|(id, name)| {
            let rule = self.watch.rule(id)?;
            Some(AgentEntry {
                id: id.clone(),
                name: name.clone(),
                owner: rule.owner.clone(),
                configured: true,
                by: rule.recognised_by(),
                sessions: 0,
                processes: 0,
            })
        });
        let mut all: BTreeMap<_, _> = configured.map(|agent| (agent.id.clone(), agent)).collect();
        for session in self.list_sessions() {
            let agent = all
                .entry(session.agent.clone())
                .or_insert_with(|| AgentEntry {
                    id: session.agent.clone(),
                    name: session.name.clone(),
                    owner: None,
                    configured: false,
                    by: Vec::new(),
                    sessions: 0,
                    processes: 0,
                });
            agent.sessions += 1;
            agent.processes += session.pids.len() as u64;
        }
        all.into_values().collect()
    }
}

/// Ids of sessions are made of the time at which they began.
fn began(id: Uuid) -> Option<String> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    let nanos = i32::try_from(nanos).ok()?;
    let time = Timestamp::new(i64::try_from(seconds).ok()?, nanos).ok()?;
    Some(format!("{time:.3}"))
}

impl crate::engine::AgentRule {
    /// The keys of the configuration that it is recognised by.
    fn recognised_by(&self) -> Vec<String> {
        let rows = [
            ("cgroups", self.cgroups.is_empty()),
            ("executables", self.executables.is_empty()),
            ("users", self.users.is_empty()),
            ("containers", self.containers.is_empty()),
        ];
        let used = rows.iter().filter(|(_, is_empty)| !is_empty);
        used.map(|(key, _)| (*key).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_a_session_began_stands_in_its_id() {
        let id = "0193a5c2-7e10-7000-8000-000000000000".parse().unwrap();
        assert_eq!(began(id).as_deref(), Some("2024-12-08T10:13:27.184Z"));
        assert_eq!(began(Uuid::nil()), None);
    }
}
