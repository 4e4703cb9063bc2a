//! Whether everything that the probes began has arrived.

use agtrack_common::count::Counters;

use crate::input::HookCounters;

/// The counters as they were read last. A program that passed the gate before it closed hands its
/// event over first and counts it at its end: where more has arrived than is counted, one is on its
/// way between the two. That they agree is not enough either: they must stand still as well.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    last: Option<Vec<Counters>>,
}

impl Quiet {
    /// Takes the next reading; `drained` messages came before it, `events` in all. True: two
    /// readings were the same, nothing came between them and nothing is on its way.
    pub(crate) fn is_settled(
        &mut self,
        drained: usize,
        events: u64,
        counters: &[HookCounters],
    ) -> bool {
        // Skipped runs are anybody's: those go on.
        let counts: Vec<_> = counters.iter().map(|hook| hook.counts).collect();
        let submitted: u64 = counts.iter().map(|counts| counts.submitted).sum();
        let same = self.last.as_ref() == Some(&counts);
        self.last = Some(counts);
        same && drained == 0 && events == submitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(submitted: u64) -> Vec<HookCounters> {
        vec![HookCounters {
            counts: Counters {
                submitted,
                ..Counters::default()
            },
            ..HookCounters::default()
        }]
    }

    /// One that has passed the gate and not yet written is in no counter.
    #[test]
    fn one_reading_that_agrees_is_not_the_end() {
        let mut quiet = Quiet::default();
        assert!(!quiet.is_settled(3, 3, &reading(3)));
        assert!(!quiet.is_settled(0, 3, &reading(4)), "one more was written");
        assert!(!quiet.is_settled(1, 4, &reading(4)), "and has just come");
        assert!(quiet.is_settled(0, 4, &reading(4)));
    }

    #[test]
    fn what_the_kernel_skips_of_others_is_not_waited_for() {
        let mut quiet = Quiet::default();
        let mut counters = reading(4);
        assert!(!quiet.is_settled(0, 4, &counters));
        counters[0].skipped += 1;
        assert!(quiet.is_settled(0, 4, &counters));
    }

    /// A processor may be taken away between the two steps.
    #[test]
    fn what_has_come_must_be_counted() {
        let mut quiet = Quiet::default();
        assert!(!quiet.is_settled(1, 4, &reading(3)));
        assert!(!quiet.is_settled(0, 4, &reading(3)));
        assert!(!quiet.is_settled(0, 4, &reading(4)));
        assert!(quiet.is_settled(0, 4, &reading(4)));
    }

    #[test]
    fn what_was_submitted_must_have_come() {
        let mut quiet = Quiet::default();
        assert!(!quiet.is_settled(0, 3, &reading(4)));
        assert!(!quiet.is_settled(0, 3, &reading(4)));
    }
}
