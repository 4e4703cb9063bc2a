//! What a recording came to, in numbers and a few names.
//!
//! Comes in: drafts on their way to the journal. Goes out: what a person wants to know at the end.
//! Never: more memory than its bounds, whatever an agent does, and no details of sessions that
//! nobody waits for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::deed::Deeds;
use crate::journal;
use crate::record::{
    Agent, Binding, Body, Change, Draft, Effects, Gap, GapReason, Object, SessionChange, Tamper,
    Text,
};

/// Names in a list; the rest is counted.
const LISTED: usize = 24;
/// Launched sessions whose deeds are kept; a launcher starts one.
const SESSIONS: usize = 4;
/// Sessions inside them that are known as such; what more do is in the journal only.
const NESTED: usize = 4096;

/// What a session did, in numbers and a few names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Records of each action.
    pub actions: BTreeMap<String, u64>,
    /// What came of them.
    pub effects: Effects,
    /// Events that are known to be missing.
    pub lost: u64,
    /// Runs of hooks that the kernel skipped, on the whole host: an upper bound.
    pub skipped: u64,
    /// Attempts on the recorder itself that are not to be expected, by whomever.
    #[serde(default)]
    pub tampered: u64,
    /// Agents that it started in its calls, or that these did: the first ones that ended. What they
    /// did is in all other numbers too.
    #[serde(default)]
    pub agents: Vec<Started>,
    /// How many there were.
    #[serde(default)]
    pub agents_total: u64,
    /// Units and containers that others made at its request: the first ones. What was done in them is in
    /// no other number.
    #[serde(default)]
    pub results: Vec<Asked>,
    /// How many there were.
    #[serde(default)]
    pub results_total: u64,
}

/// A unit or container that others made at an agent's request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Its cgroup.
    pub cgroup: Text,
    /// Through what it was asked for.
    pub channel: String,
}

/// An agent that was started in a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The agent program.
    pub program: String,
    /// Its actions, without those of agents that it started itself.
    pub actions: u64,
    /// Its calls.
    pub tool_calls: u64,
}

/// Whether somebody takes a file away from a journal.
fn takes_journal(tamper: &Tamper) -> bool {
    match (&*tamper.action, &tamper.object) {
        ("tracker.unlink", Object::File { path, .. })
        | ("tracker.rename", Object::Rename { from: path, .. } | Object::File { path, .. }) => {
            journal::is_file(&path.0)
        }
        _ => false,
    }
}

/// Adds drafts up.
#[derive(Debug, Default)]
pub(super) struct Tally {
    actions: BTreeMap<String, u64>,
    sessions: BTreeMap<Uuid, Session>,
    /// Sessions of agents that were started in calls, and the launched session that they are part of.
    roots: BTreeMap<Uuid, Uuid>,
    /// By reason.
    losses: BTreeMap<GapReason, u64>,
    skipped: u64,
    tampered: u64,
    /// Who was the last that took a file away from the journal.
    removed_by: Option<String>,
}

/// A launched session.
#[derive(Debug, Default)]
struct Session {
    actions: BTreeMap<String, u64>,
    deeds: Deeds,
    agents: Vec<Started>,
    agents_total: u64,
    results: Vec<Asked>,
    results_total: u64,
}

impl Tally {
    pub(super) fn add(&mut self, draft: &Draft) {
        match (&draft.body, &draft.agent) {
            (Body::Action(action), Some(agent)) => {
                count(&mut self.actions, &action.action);
                // A daemon runs for months, and nobody waits for what one of its sessions did.
                if agent.binding != Binding::Launcher {
                    return;
                }
                if let Some(session) = self.launched(agent) {
                    count(&mut session.actions, &action.action);
                    session.deeds.add(action);
                }
            }
            (Body::Session(change), Some(agent)) if agent.binding == Binding::Launcher => {
                self.session(agent, change);
            }
            (Body::Session(change), Some(agent)) if agent.binding == Binding::Inferred => {
                self.result(agent, change);
            }
            (Body::Gap(gap), _) => self.gap(gap),
            (Body::Tamper(tamper), agent) if !tamper.expected => {
                self.tampered += tamper.completeness.count;
                if takes_journal(tamper) {
                    let agent = agent.as_ref();
                    let whose =
                        agent.map(|it| format!(" of agent {}, session {}", it.name, it.session));
                    self.removed_by = Some(tamper.who() + &whose.unwrap_or_default());
                }
            }
            (
                Body::Action(_)
                | Body::Session(_)
                | Body::ToolCall(_)
                | Body::Handoff(_)
                | Body::Tamper(_)
                | Body::Lifecycle(_)
                | Body::Heartbeat(_),
                _,
            ) => {}
        }
    }

    pub(super) fn removed_by(&self) -> Option<&str> {
        self.removed_by.as_deref()
    }

    /// An agent that was started in a call begins or ends.
    fn session(&mut self, agent: &Agent, change: &SessionChange) {
        let (Some(parent), Some(program)) = (agent.parent, &agent.program) else {
            return;
        };
        if change.change == Change::Start && self.roots.len() < NESTED {
            let root = self.roots.get(&parent).copied().unwrap_or(parent);
            self.roots.insert(agent.session, root);
        }
        let Some(session) = self.launched(agent) else {
            return;
        };
        if change.change == Change::End {
            session.agents_total += 1;
            if session.agents.len() < LISTED {
                session.agents.push(Started {
                    program: program.clone(),
                    actions: change.totals.actions.values().sum(),
                    tool_calls: change.totals.tool_calls,
                });
            }
        }
    }

    /// What a launched session has asked others for begins.
    fn result(&mut self, agent: &Agent, change: &SessionChange) {
        let (Some(parent), Some(bound)) = (agent.parent, &change.bound) else {
            return;
        };
        let (Some(cgroup), Some(origin)) = (&change.cgroup, &bound.handoff) else {
            return;
        };
        let root = self.roots.get(&parent).copied().unwrap_or(parent);
        // A daemon has no launched session.
        let Some(session) = self.sessions.get_mut(&root) else {
            return;
        };
        if change.change != Change::Start {
            return;
        }
        session.results_total += 1;
        if session.results.len() < LISTED {
            session.results.push(Asked {
                cgroup: cgroup.clone(),
                channel: origin.channel.clone(),
            });
        }
        if self.roots.len() < NESTED {
            self.roots.insert(agent.session, root);
        }
    }

    /// The launched session that an agent is part of.
    fn launched(&mut self, agent: &Agent) -> Option<&mut Session> {
        let id = match agent.parent {
            None => agent.session,
            Some(_) => *self.roots.get(&agent.session)?,
        };
        let has_room = self.sessions.len() < SESSIONS;
        let wanted = has_room || self.sessions.contains_key(&id);
        wanted.then(|| self.sessions.entry(id).or_default())
    }

    fn gap(&mut self, gap: &Gap) {
        let count = gap.count.unwrap_or(0);
        if gap.reason == GapReason::Skipped {
            self.skipped += count;
        } else if gap.reason.is_loss() {
            *self.losses.entry(gap.reason).or_default() += count;
        }
    }

    /// Events that are known to be missing, by why.
    pub(super) fn losses(&self) -> &BTreeMap<GapReason, u64> {
        &self.losses
    }

    /// Runs of hooks that the kernel skipped.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Of one launched session; or the numbers of all together.
    pub(super) fn summary(&self, session: Option<Uuid>) -> Summary {
        let mut summary = Summary {
            lost: self.losses.values().sum(),
            skipped: self.skipped,
            tampered: self.tampered,
            ..Summary::default()
        };
        match session {
            None => summary.actions = self.actions.clone(),
            Some(id) => {
                if let Some(session) = self.sessions.get(&id) {
                    summary.actions = session.actions.clone();
                    summary.effects = session.deeds.effects(LISTED);
                    summary.agents = session.agents.clone();
                    summary.agents_total = session.agents_total;
                    summary.results = session.results.clone();
                    summary.results_total = session.results_total;
                }
            }
        }
        summary
    }
}

/// Names of actions come from the event table: there are few.
fn count(actions: &mut BTreeMap<String, u64>, action: &str) {
    match actions.get_mut(action) {
        Some(count) => *count += 1,
        None => {
            actions.insert(action.to_owned(), 1);
        }
    }
}
