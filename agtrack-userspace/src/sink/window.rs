//! What was taken and may still be lost with the connection.
//!
//! Where a receiver acknowledges nothing, records count as delivered only when the connection has held
//! for a while after them. When it breaks, those since are sent again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Batches within this count as one, so that a window has few of them.
const STEP: Duration = Duration::from_millis(100);

/// Batches that are not sure yet.
#[derive(Debug)]
pub(super) struct Window {
    time: Duration,
    /// When the last of them was taken, and the record behind them; oldest first.
    taken: VecDeque<(Instant, u64)>,
}

impl Window {
    /// Records are sure after `time`.
    pub(super) fn new(time: Duration) -> Window {
        Window {
            time,
            taken: VecDeque::new(),
        }
    }

    /// Up to before `next` the receiver has all now.
    pub(super) fn take(&mut self, now: Instant, next: u64) {
        let len = self.taken.len();
        let step = STEP.min(self.time);
        // Together with the ones before, if there is another one before these.
        if let [.., (before, _), (last, seq)] = self.taken.make_contiguous()
            && now.duration_since(*before) < step
            && len > 1
        {
            (*last, *seq) = (now, next);
            return;
        }
        self.taken.push_back((now, next));
    }

    /// When the oldest becomes sure.
    pub(super) fn due(&self) -> Option<Instant> {
        self.taken.front().map(|(when, _)| *when + self.time)
    }

    /// Forgets what is sure by now; the record behind that.
    pub(super) fn settle(&mut self, now: Instant) -> Option<u64> {
        let mut sure = None;
        while let Some((when, next)) = self.taken.front()
            && now.duration_since(*when) >= self.time
        {
            sure = Some(*next);
            self.taken.pop_front();
        }
        sure
    }

    /// As [`Window::settle`], where records are sure as soon as they are taken.
    pub(super) fn settle_at_once(&mut self) -> Option<u64> {
        if !self.time.is_zero() {
            return None;
        }
        self.taken.drain(..).next_back().map(|(_, next)| next)
    }

    /// The connection broke: whether there was anything that may be lost.
    pub(super) fn lose(&mut self) -> bool {
        let any = !self.taken.is_empty();
        self.taken.clear();
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_taken_is_sure_after_its_time() {
        let begin = Instant::now();
        let mut window = Window::new(10 * SECOND);
        assert_eq!(window.due(), None);
        window.take(begin, 5);
        window.take(begin + SECOND, 9);
        assert_eq!(window.due(), Some(begin + 10 * SECOND));
        assert_eq!(window.settle(begin + 9 * SECOND), None);
        assert_eq!(window.settle(begin + 10 * SECOND), Some(5));
        assert_eq!(window.settle(begin + 60 * SECOND), Some(9));
        assert!(!window.lose());
    }

    #[test]
    fn without_a_time_all_is_sure_at_once() {
        let now = Instant::now();
        let mut window = Window::new(Duration::ZERO);
        window.take(now, 5);
        assert_eq!(window.settle(now), Some(5));
    }

    #[test]
    fn a_flood_of_batches_is_a_few_entries_and_none_is_sure_too_early() {
        let begin = Instant::now();
        let mut window = Window::new(SECOND);
        for step in 0..100_000_u64 {
            let now = begin + Duration::from_micros(step * 50);
            window.take(now, step + 1);
            if let Some(sure) = window.settle(now) {
                // The last record before it was taken a second ago or longer.
                assert!((sure - 1) * 50 + 1_000_000 <= step * 50, "{sure} at {step}");
            }
            assert!(window.taken.len() < 30, "{}", window.taken.len());
        }
    }

    #[test]
    fn what_is_lost_is_told_once() {
        let mut window = Window::new(SECOND);
        window.take(Instant::now(), 5);
        assert!(window.lose());
        assert!(!window.lose());
    }
}
