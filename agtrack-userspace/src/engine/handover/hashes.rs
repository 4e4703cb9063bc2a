//! Hashes of what was done while nobody read it.

use std::time::{Duration, Instant};

use crate::engine::core::Core;

/// Between two looks for them.
const MOMENT: Duration = Duration::from_millis(1);
/// How long all waiting may take: a start is waited for too.
const WHOLE: Duration = Duration::from_secs(5);

/// The patience with hashes is counted by the clock of the past, which passes faster than files are read: so
/// they are waited for before it goes on.
pub(super) struct Hashes {
    /// How long a record waits for its hash.
    patience: Duration,
    /// Up to when all that was asked is answered, boot clock, ns.
    until: u64,
    /// What is left of [`WHOLE`]; nothing once they took longer than a record may wait.
    left: Duration,
}

impl Hashes {
    pub(super) fn new(core: &Core) -> Hashes {
        Hashes {
            patience: core.pipeline.hash_wait(),
            until: 0,
            left: WHOLE,
        }
    }

    /// Before the clock says `time`: once in half the time that a record may wait.
    pub(super) fn await_until(&mut self, time: u64, core: &mut Core) -> anyhow::Result<()> {
        let since = Duration::from_nanos(time.saturating_sub(self.until));
        if since < self.patience / 2 {
            return Ok(());
        }
        self.until = time;
        self.await_all(core)
    }

    pub(super) fn await_all(&mut self, core: &mut Core) -> anyhow::Result<()> {
        let begun = Instant::now();
        let most = self.patience.min(self.left);
        while core.pipeline.awaits_hashes() && begun.elapsed() < most {
            core.take_hashes()?;
            std::thread::sleep(MOMENT);
        }
        self.left = match begun.elapsed() {
            spent if spent < most => self.left.saturating_sub(spent),
            _ => Duration::ZERO,
        };
        Ok(())
    }
}
