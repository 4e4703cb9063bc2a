//! The watchdog of systemd, fed with the progress of the recording thread and nothing else: a daemon
//! that answers and does not record is to be started again.

use sd_notify::NotifyState;

/// What was seen of the recording thread last.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    /// systemd wants to be told.
    is_set: bool,
    rounds: u64,
}

impl Watchdog {
    /// As `WatchdogSec=` of the unit says.
    pub(super) fn from_environment() -> Watchdog {
        Watchdog {
            is_set: sd_notify::watchdog_enabled().is_some(),
            rounds: 0,
        }
    }

    /// What to tell systemd, given how many rounds the thread has begun: nothing where it has begun
    /// none since this was asked last.
    pub(super) fn look(&mut self, rounds: u64) -> Option<NotifyState<'static>> {
        let has_moved = self.rounds != rounds;
        self.rounds = rounds;
        (self.is_set && has_moved).then_some(NotifyState::Watchdog)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_stands_still_feeds_nothing() {
        let mut watchdog = Watchdog {
            is_set: true,
            rounds: 0,
        };
        let fed: Vec<_> = [3, 3, 3, 4]
            .map(|rounds| watchdog.look(rounds).is_some())
            .into();
        assert_eq!(fed, [true, false, false, true]);
    }

    #[test]
    fn who_has_no_watchdog_is_told_nothing() {
        assert!(Watchdog::default().look(7).is_none());
    }
}
