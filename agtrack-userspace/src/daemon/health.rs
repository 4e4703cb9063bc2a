//! How the sinks are doing, for heartbeats.

use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::health::Monitor;
use crate::record::SinkHealth;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(10);

/// What the recording thread was told last.
#[derive(Debug)]
pub(super) struct Told {
    when: Instant,
    before: Vec<SinkHealth>,
}

impl Default for Told {
    fn default() -> Self {
        Told {
            when: Instant::now(),
            before: Vec::new(),
        }
    }
}

impl Told {
    /// Has heartbeats say how the sinks are doing, where that has changed.
    pub(super) fn tell(&mut self, engine: &Engine, monitor: &Monitor) {
        if self.when.elapsed() < LOOK {
            return;
        }
        let now = monitor.read().sinks;
        if now != self.before {
            engine.sinks(now.clone());
        }
        (self.when, self.before) = (Instant::now(), now);
    }
}
