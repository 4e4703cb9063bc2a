//! What a recording came to, in numbers and a few names.
//!
//! Comes in: drafts on their way to the journal. Goes out: what a person wants to know at the end.
//! Never: more memory than its bounds, whatever an agent does, and no details of sessions that
//! nobody waits for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::deed::Deeds;
use crate::record::{Binding, Body, Draft, Effects, Gap, GapReason};

/// Names in a list; the rest is counted.
const LISTED: usize = 24;
/// Launched sessions whose deeds are kept; a launcher starts one.
const SESSIONS: usize = 4;

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
}

/// Adds drafts up.
#[derive(Debug, Default)]
pub(super) struct Tally {
    actions: BTreeMap<String, u64>,
    sessions: BTreeMap<Uuid, Session>,
    lost: u64,
    skipped: u64,
    tampered: u64,
}

/// A launched session.
#[derive(Debug, Default)]
struct Session {
    actions: BTreeMap<String, u64>,
    deeds: Deeds,
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
                let has_room = self.sessions.len() < SESSIONS;
                if has_room || self.sessions.contains_key(&agent.session) {
                    let session = self.sessions.entry(agent.session).or_default();
                    count(&mut session.actions, &action.action);
                    session.deeds.add(action);
                }
            }
            (Body::Gap(gap), _) => self.gap(gap),
            (Body::Tamper(tamper), _) if !tamper.expected => {
                self.tampered += tamper.completeness.count;
            }
            (
                Body::Action(_)
                | Body::Session(_)
                | Body::ToolCall(_)
                | Body::Tamper(_)
                | Body::Lifecycle(_)
                | Body::Heartbeat(_),
                _,
            ) => {}
        }
    }

    fn gap(&mut self, gap: &Gap) {
        let count = gap.count.unwrap_or(0);
        if gap.reason == GapReason::Skipped {
            self.skipped += count;
        } else if gap.reason.is_loss() {
            self.lost += count;
        }
    }

    /// Of one launched session; or the numbers of all together.
    pub(super) fn summary(&self, session: Option<Uuid>) -> Summary {
        let mut summary = Summary {
            lost: self.lost,
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
