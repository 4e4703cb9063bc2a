//! The sign of life.

use super::Pipeline;
use crate::record::{Body, Draft, Heartbeat};

/// Nanoseconds between heartbeats.
const HEARTBEAT: u64 = 60_000_000_000;

impl Pipeline {
    pub(super) fn beat(&mut self, out: &mut Vec<Draft>) {
        if self.clock.boot.saturating_sub(self.heartbeat) < HEARTBEAT {
            return;
        }
        self.heartbeat = self.clock.boot;
        let beat = self.vitals();
        self.note(out, Body::Heartbeat(Box::new(beat)));
    }

    /// What a heartbeat says now: whoever else tells how recording goes reads the same numbers.
    pub fn vitals(&self) -> Heartbeat {
        Heartbeat {
            totals: self.reconciler.totals(),
            processes: self.enricher.processes().tracked() as u64,
            sessions: self.enricher.agents().count() as u64,
            sinks: self.sinks.clone(),
        }
    }
}
