//! What a recording came to, in numbers and a few names.
//!
//! Comes in: drafts on their way to the journal. Goes out: what a person wants to know at the end.
//! Never: more memory than its bounds, whatever an agent does, and no details of sessions that
//! nobody waits for.

mod deed;
mod files;
mod program;
mod shelf;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::record::{Binding, Body, Draft, Gap, GapReason, Text};
use deed::Deeds;

/// Names in a list; the rest is counted.
const LISTED: usize = 24;
/// Bytes of a name in a list.
const NAME: usize = 512;
/// Launched sessions whose deeds are kept; a launcher starts one.
const SESSIONS: usize = 4;

/// What a session did, in numbers and a few names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Records of each action.
    pub actions: BTreeMap<String, u64>,
    /// Programs that ran, the most telling first.
    pub programs: Listed,
    /// Well-known credentials that were touched.
    pub credentials: Listed,
    /// Files that are there now and were not before.
    pub created: Listed,
    /// Files that were written and are not known to be new.
    pub written: Listed,
    /// Files that were there before and are gone.
    pub deleted: Listed,
    /// Files that were there before and have another name now.
    pub renamed: Listed,
    /// Files that were created and are gone again.
    pub temporary: u64,
    /// Hosts and sockets, each with its results; those on other machines first.
    pub peers: Listed,
    /// What the kernel refused, with the action in front.
    pub refused: Listed,
    /// Programs that a signal ended, unless it is one of every day.
    pub killed: Listed,
    /// Other failures by error.
    pub failures: BTreeMap<String, u64>,
    /// Events that are known to be missing.
    pub lost: u64,
    /// Runs of hooks that the kernel skipped, on the whole host: an upper bound.
    pub skipped: u64,
    /// Attempts on the recorder itself that are not to be expected, by whomever.
    #[serde(default)]
    pub tampered: u64,
}

/// The first of a list, and how long it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// How many different ones there are.
    pub total: u64,
    /// How often there was one more and no room to tell it from the others.
    pub beyond: u64,
    /// The first of them.
    pub items: Vec<Item>,
}

/// One of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its name, cut where it is very long.
    pub name: Text,
    /// Its new name, where it was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Text>,
    /// What it is; empty where the list says that.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// The program that did it first; empty where that is not kept.
    #[serde(default)]
    pub by: Text,
    /// What was done or what came of it, in a word each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ways: Vec<String>,
    /// How often; for a folder, the files in it.
    pub count: u64,
}

impl Item {
    fn named(name: &[u8]) -> Item {
        let mut bytes = name[..name.len().min(NAME)].to_vec();
        if bytes.len() < name.len() {
            bytes.extend_from_slice("…".as_bytes());
        }
        Item {
            name: Text(bytes),
            count: 1,
            ..Item::default()
        }
    }
}

impl Listed {
    fn first(total: u64, items: impl Iterator<Item = Item>) -> Listed {
        Listed {
            total,
            beyond: 0,
            items: items.take(LISTED).collect(),
        }
    }
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
                | Body::Tamper(_)
                | Body::Lifecycle(_)
                | Body::Heartbeat(_),
                _,
            ) => {}
        }
    }

    fn gap(&mut self, gap: &Gap) {
        let count = gap.count.unwrap_or(0);
        match gap.reason {
            GapReason::Skipped => self.skipped += count,
            GapReason::LateTag
            | GapReason::TouchesLost
            | GapReason::UncleanStop
            | GapReason::TornLine => {}
            GapReason::RingFull
            | GapReason::MapFull
            | GapReason::SessionBudget
            | GapReason::Oversized
            | GapReason::PartsLost
            | GapReason::Unaccounted
            | GapReason::Undecodable
            | GapReason::JournalFull => self.lost += count,
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
                    session.deeds.tell(&mut summary);
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
