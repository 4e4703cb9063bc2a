//! Whether the recording thread goes on: it says so in each round, and others compare.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many rounds the recording thread has begun, and when the last one was.
#[derive(Debug)]
pub(super) struct Pulse {
    rounds: AtomicU64,
    began: Instant,
    /// Of the last round, ms after `began`.
    last: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Pulse {
        Pulse {
            rounds: AtomicU64::new(0),
            began: Instant::now(),
            last: AtomicU64::new(0),
        }
    }
}

impl Pulse {
    /// A round begins. For the recording thread alone.
    pub(super) fn beat(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
        self.rounds.fetch_add(1, Ordering::Relaxed);
    }

    /// Rounds so far.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// How long ago the last round began.
    pub(super) fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(last)
    }
}
