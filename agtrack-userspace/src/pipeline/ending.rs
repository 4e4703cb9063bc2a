//! Ends that no event tells: they wait for their turn among the events.
//!
//! User space learns of them while it reads the rings, the lifecycle ring before the bulk one: what
//! the same moment brought may not have been read yet.

use crate::record::{ProcessKey, WhyOver};

/// Something that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// A process whose exit the kernel skipped.
    Process {
        /// The process.
        key: ProcessKey,
        /// Its session.
        session: u64,
    },
    /// What bound a session.
    Session {
        /// The session's key.
        key: u64,
        /// Its processes have lost their tags.
        dropped: bool,
        /// Why, where that is not that the cgroup is gone.
        why: Option<WhyOver>,
    },
}

impl Ending {
    /// The key of the session that it concerns.
    pub(super) fn session(self) -> u64 {
        match self {
            Ending::Process { session, .. } => session,
            Ending::Session { key, .. } => key,
        }
    }
}

/// Ends that have not been told yet, by time (boot clock, ns).
#[derive(Debug, Default)]
pub(super) struct Endings {
    waiting: Vec<(u64, Ending)>,
}

impl Endings {
    pub(super) fn put(&mut self, at: u64, ending: Ending) {
        let after = self.waiting.partition_point(|(other, _)| *other <= at);
        self.waiting.insert(after, (at, ending));
    }

    /// The first, if it came before this time.
    pub(super) fn take_before(&mut self, time: u64) -> Option<(u64, Ending)> {
        let due = self.waiting.first().is_some_and(|(at, _)| *at < time);
        due.then(|| self.waiting.remove(0))
    }

    /// Whether one of them is the end of this session.
    pub(super) fn concern(&self, session: u64) -> bool {
        self.of(session).next().is_some()
    }

    /// Whether one of them takes the session's processes away.
    pub(super) fn drop(&self, session: u64) -> bool {
        self.of(session).any(|dropped| dropped)
    }

    fn of(&self, session: u64) -> impl Iterator<Item = bool> {
        self.waiting
            .iter()
            .filter_map(move |(_, ending)| match ending {
                Ending::Session { key, dropped, .. } if *key == session => Some(*dropped),
                _ => None,
            })
    }
}
