//! Sessions that flooded a ring: what the kernel counted of each, told once.

use std::collections::BTreeMap;

use crate::input::FloodCount;

/// What has been told so far.
#[derive(Debug, Default)]
pub(super) struct Floods {
    told: BTreeMap<(u64, u16), u64>,
    by_hook: BTreeMap<u16, u64>,
}

impl Floods {
    /// How much each count grew since it was last seen. One that is not there any more is of a session
    /// that is over, and forgotten.
    pub(super) fn grown(&mut self, counts: Vec<FloodCount>) -> Vec<FloodCount> {
        let before = std::mem::take(&mut self.told);
        let mut grown = Vec::new();
        for now in counts {
            let key = (now.session, now.hook);
            let told = before.get(&key).copied().unwrap_or_default();
            self.told.insert(key, now.count);
            let count = now.count.saturating_sub(told);
            if count > 0 {
                *self.by_hook.entry(now.hook).or_default() += count;
                grown.push(FloodCount { count, ..now });
            }
        }
        grown
    }

    /// All that was told of a hook.
    pub(super) fn told(&self, hook: u16) -> u64 {
        self.by_hook.get(&hook).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flood(session: u64, hook: u16, count: u64) -> FloodCount {
        FloodCount {
            session,
            hook,
            count,
        }
    }

    #[test]
    fn only_growth_is_told_each_session_by_itself() {
        let mut floods = Floods::default();
        let first = vec![flood(1, 7, 10), flood(2, 7, 4)];
        assert_eq!(floods.grown(first.clone()), first);
        let second = vec![flood(1, 7, 15), flood(2, 7, 4)];
        assert_eq!(floods.grown(second), [flood(1, 7, 5)]);
        assert_eq!((floods.told(7), floods.told(8)), (19, 0));
    }

    #[test]
    fn a_session_that_was_forgotten_begins_anew() {
        let mut floods = Floods::default();
        floods.grown(vec![flood(1, 7, 10)]);
        floods.grown(Vec::new());
        assert_eq!(floods.grown(vec![flood(1, 7, 3)]), [flood(1, 7, 3)]);
        assert_eq!(floods.told(7), 13);
    }
}
