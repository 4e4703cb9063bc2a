//! How long to wait before the next attempt.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(60);
/// A receiver may not put a sink to sleep for longer.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// Waiting times that double from one attempt to the next.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How long to wait now: between half and all of 250 ms, 500 ms … 60 s, so that many hosts do not come
    /// back in the same moment; `dice` decides. Not less than the receiver asked for.
    pub(super) fn wait(&mut self, asked: Option<Duration>, dice: u64) -> Duration {
        let whole = FIRST
            .saturating_mul(1_u32.checked_shl(self.failures.min(16)).unwrap_or(u32::MAX))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let half = whole / 2;
        let millis = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
        let jitter = Duration::from_millis(dice % (millis + 1));
        let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
        (half + jitter).max(asked)
    }

    /// It worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_up_to_a_minute_and_begin_anew() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..12)
            .map(|_| backoff.wait(None, u64::MAX).as_millis())
            .collect();
        assert!(waits[0] >= 125 && waits[0] <= 250, "{waits:?}");
        assert!(waits[1] >= 250 && waits[1] <= 500, "{waits:?}");
        assert!(waits[11] >= 30_000 && waits[11] <= 60_000, "{waits:?}");
        backoff.reset();
        assert!(backoff.wait(None, 0).as_millis() <= 250);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_endless_nor_shorter_than_asked(
            times in 0_usize..100, asked in proptest::option::of(0_u64..u64::MAX), dice: u64
        ) {
            let mut backoff = Backoff::default();
            (0..times).for_each(|_| { backoff.wait(None, dice); });
            let asked = asked.map(Duration::from_secs);
            let wait = backoff.wait(asked, dice);
            prop_assert!(wait >= Duration::from_millis(125));
            prop_assert!(wait <= LONGEST_ASKED.max(LONGEST));
            prop_assert!(wait >= asked.unwrap_or_default().min(LONGEST_ASKED));
        }
    }
}
