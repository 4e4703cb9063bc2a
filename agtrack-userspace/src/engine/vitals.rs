//! How recording goes, for who must not wait for the thread that does it.
//!
//! In: numbers, left here once a second. Out: the last of them, with what is known without the thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::core::Core;
use super::hasher::HasherLoad;
use super::live::Live;
use super::pulse::Pulse;
use crate::journal;
use crate::record::{GapReason, Heartbeat};

/// What the recording thread said last.
#[derive(Clone, Debug, Default)]
pub struct Vitals {
    /// What a heartbeat would have said then.
    pub beat: Heartbeat,
    /// Agents that rules name.
    pub agents: u64,
    /// Events that are known to be missing, by why.
    pub losses: BTreeMap<GapReason, u64>,
    /// Runs of hooks that the kernel skipped, on the whole host: an upper bound.
    pub skipped: u64,
    /// Events that wait in order for others that may come before them.
    pub held: u64,
    /// None: nothing is hashed.
    pub hasher: Option<HasherLoad>,
}

impl Vitals {
    pub(super) fn of(core: &Core, agents: usize) -> Vitals {
        Vitals {
            beat: core.pipeline.vitals(),
            agents: agents as u64,
            losses: core.tally.losses().clone(),
            skipped: core.tally.skipped(),
            held: core.pipeline.waiting() as u64,
            hasher: core.hasher.as_ref().map(super::hasher::Hasher::load),
        }
    }
}

/// Where the thread leaves them.
#[derive(Clone, Debug, Default)]
pub(super) struct Chart(Arc<Mutex<Vitals>>);

impl Chart {
    pub(super) fn put(&self, vitals: Vitals) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = vitals;
    }

    fn read(&self) -> Vitals {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Tells how a recorder is doing, whatever hangs in it.
#[derive(Clone, Debug)]
pub struct Gauge {
    pub(super) pulse: Arc<Pulse>,
    pub(super) chart: Chart,
    pub(super) journal: journal::Gauge,
}

impl Gauge {
    /// What the recording thread said last, at most a second before its last round.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        self.chart.read()
    }

    /// How long ago the recording thread began its last round; it begins ten a second at least.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.pulse.silence()
    }

    /// How the journal is doing.
    #[must_use]
    pub fn journal(&self) -> &journal::Gauge {
        &self.journal
    }
}

impl Live {
    /// Tells how it is doing from now on.
    pub(super) fn gauge(&self, pulse: Arc<Pulse>) -> Gauge {
        let chart = Chart::default();
        chart.put(self.vitals());
        let journal = self.hands.core.journal.gauge();
        Gauge {
            pulse,
            chart,
            journal,
        }
    }

    pub(super) fn vitals(&self) -> Vitals {
        Vitals::of(&self.hands.core, self.watch.agents().count())
    }
}
