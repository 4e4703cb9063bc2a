//! How much is hashed in a second.

use std::time::{Duration, Instant};

/// Bytes a second.
pub(super) const MOST: u64 = 512 << 20;

/// What is left of this second.
#[derive(Debug)]
pub(super) struct Budget {
    second: Instant,
    left: u64,
}

impl Budget {
    pub(super) fn new() -> Budget {
        Budget {
            second: Instant::now(),
            left: MOST,
        }
    }

    /// Whether so many bytes may be read now. What is larger than a second's worth may be where
    /// nothing else was read.
    pub(super) fn take(&mut self, bytes: u64, now: Instant) -> bool {
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.left = MOST;
        }
        if bytes > self.left && self.left < MOST {
            return false;
        }
        self.left = self.left.saturating_sub(bytes);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_share() {
        let mut budget = Budget::new();
        let now = budget.second;
        assert!(budget.take(MOST - 1, now));
        assert!(!budget.take(2, now));
        assert!(budget.take(1, now));
        let later = now + Duration::from_secs(1);
        assert!(budget.take(2 * MOST, later));
        assert!(!budget.take(1, later));
    }
}
