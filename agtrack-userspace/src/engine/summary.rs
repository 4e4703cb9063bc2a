//! What a recording came to, in numbers and a few names.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::record::{
    Access, Action, Address, Body, Draft, Gap, GapReason, Object, OutcomeResult, Text,
};

/// Names kept of each kind.
const KEPT: usize = 64;
/// Different names counted of each kind; beyond, the total stays.
const COUNTED: usize = 100_000;

/// What a session did, in numbers and a few names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Records of each action.
    pub actions: BTreeMap<String, u64>,
    /// Files that were written.
    pub written: Named,
    /// Files that were deleted.
    pub deleted: Named,
    /// Hosts and sockets that were contacted.
    pub hosts: Named,
    /// Actions that failed, each with its reason.
    pub failures: Named,
    /// Events that are known to be missing.
    pub lost: u64,
    /// Runs of hooks that the kernel skipped, on the whole host: an upper bound.
    pub skipped: u64,
}

/// A bounded list of names, and how many there were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// How many different ones.
    pub total: u64,
    /// The first of them, as bytes.
    pub first: Vec<Vec<u8>>,
}

/// Adds drafts up.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sessions: BTreeMap<Uuid, Counts>,
    lost: u64,
    skipped: u64,
}

#[derive(Debug, Default)]
struct Counts {
    actions: BTreeMap<String, u64>,
    written: Names,
    deleted: Names,
    hosts: Names,
    failures: Names,
}

#[derive(Debug, Default)]
struct Names {
    seen: BTreeSet<Vec<u8>>,
    first: Vec<Vec<u8>>,
}

impl Tally {
    pub(super) fn add(&mut self, draft: &Draft) {
        match (&draft.body, &draft.agent) {
            (Body::Action(action), Some(agent)) => {
                self.sessions.entry(agent.session).or_default().add(action);
            }
            (Body::Gap(gap), _) => self.gap(gap),
            _ => {}
        }
    }

    fn gap(&mut self, gap: &Gap) {
        let count = gap.count.unwrap_or(0);
        match gap.reason {
            GapReason::Skipped => self.skipped += count,
            GapReason::LateTag | GapReason::UncleanStop | GapReason::TornLine => {}
            GapReason::RingFull
            | GapReason::MapFull
            | GapReason::Oversized
            | GapReason::PartsLost
            | GapReason::Unaccounted
            | GapReason::Undecodable
            | GapReason::JournalFull => self.lost += count,
        }
    }

    /// Of one session, or of all together.
    pub(super) fn summary(&self, session: Option<Uuid>) -> Summary {
        let mut summary = Summary {
            lost: self.lost,
            skipped: self.skipped,
            ..Summary::default()
        };
        let wanted = self
            .sessions
            .iter()
            .filter(|(id, _)| session.is_none_or(|one| one == **id));
        for (_, counts) in wanted {
            for (action, count) in &counts.actions {
                *summary.actions.entry(action.clone()).or_default() += count;
            }
            counts.written.add_to(&mut summary.written);
            counts.deleted.add_to(&mut summary.deleted);
            counts.hosts.add_to(&mut summary.hosts);
            counts.failures.add_to(&mut summary.failures);
        }
        summary
    }
}

impl Counts {
    fn add(&mut self, action: &Action) {
        *self.actions.entry(action.action.clone()).or_default() += 1;
        if action.outcome.result == OutcomeResult::Failure {
            self.failures.add(failure(action));
            return;
        }
        match &action.object {
            Object::Open {
                path,
                access: Access::Write | Access::ReadWrite,
                ..
            } => {
                self.written.add(path.0.clone());
            }
            Object::File { path, .. } => self.deleted.add(path.0.clone()),
            Object::Connect(Address::Ip { ip, port, .. }) => {
                let host = std::net::SocketAddr::new(*ip, *port);
                self.hosts.add(host.to_string().into_bytes());
            }
            Object::Connect(Address::Unix { socket }) => self.hosts.add(socket.0.clone()),
            Object::Open { .. }
            | Object::Rename { .. }
            | Object::Exec { .. }
            | Object::Fork { .. }
            | Object::Exit { .. }
            | Object::Cgroup { .. }
            | Object::Connect(Address::Other { .. }) => {}
        }
    }
}

fn failure(action: &Action) -> Vec<u8> {
    let target: Text = match &action.object {
        Object::Open { path, .. } | Object::File { path, .. } => path.clone(),
        Object::Rename { from, .. } => from.clone(),
        Object::Connect(Address::Ip { ip, port, .. }) => std::net::SocketAddr::new(*ip, *port)
            .to_string()
            .into_bytes()
            .into(),
        Object::Connect(Address::Unix { socket }) => socket.clone(),
        Object::Exec { exe, .. } => exe.clone(),
        Object::Connect(Address::Other { .. })
        | Object::Fork { .. }
        | Object::Exit { .. }
        | Object::Cgroup { .. } => Text::default(),
    };
    let reason = action.outcome.errno.as_deref().unwrap_or("failed");
    [
        action.action.as_bytes(),
        b" ",
        &target.0,
        b" ",
        reason.as_bytes(),
    ]
    .concat()
}

impl Names {
    fn add(&mut self, name: Vec<u8>) {
        if self.seen.len() >= COUNTED || self.seen.contains(&name) {
            return;
        }
        if self.first.len() < KEPT {
            self.first.push(name.clone());
        }
        self.seen.insert(name);
    }

    fn add_to(&self, named: &mut Named) {
        named.total += self.seen.len() as u64;
        let room = KEPT.saturating_sub(named.first.len());
        named.first.extend(self.first.iter().take(room).cloned());
    }
}
