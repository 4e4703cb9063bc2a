//! Completeness is arithmetic: what the hooks counted against what arrived.

use std::collections::BTreeMap;

use agtrack_common::count::Counters;
use agtrack_common::event::Hook;

use crate::decode;
use crate::input::{FloodCount, HookCounters};
use crate::record::{Gap, GapReason, HookReport, HookTotals, Totals};

use super::flood::Floods;

/// Names of hooks as they stand in records.
#[derive(Debug, Default)]
pub struct HookNames {
    by_program: BTreeMap<String, String>,
}

impl HookNames {
    /// From what the hooks got.
    pub fn new(reports: &[HookReport]) -> Self {
        let name = |report: &HookReport| format!("{} ({})", report.program, report.target);
        HookNames {
            by_program: reports
                .iter()
                .map(|r| (r.program.clone(), name(r)))
                .collect(),
        }
    }

    fn name(&self, hook: u16) -> (Option<String>, Option<String>) {
        let Some(hook) = Hook::by_id(hook) else {
            return (None, None);
        };
        let name = self.by_program.get(hook.program).cloned();
        (
            Some(name.unwrap_or_else(|| hook.program.to_owned())),
            Some(hook.kind.row().action.to_owned()),
        )
    }
}

/// Keeps the books.
#[derive(Debug)]
pub(super) struct Reconciler {
    names: HookNames,
    arrived: BTreeMap<u16, u64>,
    dismissed: BTreeMap<u16, u64>,
    last: BTreeMap<u16, HookCounters>,
    floods: Floods,
    since: u64,
    undecodable: u64,
    undecodable_told: u64,
    last_error: String,
}

/// A counter whose growth is a gap.
type Lost = (GapReason, fn(&Counters) -> u64, &'static str);

const LOSSES: &[Lost] = &[
    (
        GapReason::RingFull,
        |c| c.lost_ring,
        "events that the ring had no room for",
    ),
    (
        GapReason::MapFull,
        |c| c.lost_map,
        "events that a map had no room for",
    ),
    (
        GapReason::Oversized,
        |c| c.lost_oversized,
        "events too large for a message",
    ),
    (
        GapReason::PartsLost,
        |c| c.lost_parts,
        "parts of events; the events arrived without them",
    ),
];

impl Reconciler {
    pub(super) fn new(names: HookNames, attached: &[u16]) -> Self {
        Reconciler {
            names,
            arrived: attached.iter().map(|hook| (*hook, 0)).collect(),
            dismissed: BTreeMap::new(),
            last: BTreeMap::new(),
            floods: Floods::default(),
            since: 0,
            undecodable: 0,
            undecodable_told: 0,
            last_error: String::new(),
        }
    }

    /// An event came from this hook.
    pub(super) fn arrived(&mut self, hook: u16) {
        *self.arrived.entry(hook).or_default() += 1;
    }

    /// An event that arrived from this hook is nobody's action, so there is no record of it.
    pub(super) fn dismissed(&mut self, hook: u16) {
        *self.dismissed.entry(hook).or_default() += 1;
    }

    /// Bytes that are not an event.
    pub(super) fn undecodable(&mut self, error: &decode::Error) {
        self.undecodable += 1;
        self.last_error = error.to_string();
    }

    /// From the last look at the counters until now.
    pub(super) fn period(&mut self, now: u64) -> (u64, u64) {
        let from = if self.since == 0 { now } else { self.since };
        self.since = now;
        (from, now)
    }

    /// Compares with the counters before.
    pub(super) fn counters(
        &mut self,
        counters: Vec<HookCounters>,
        from: u64,
        until: u64,
    ) -> Vec<Gap> {
        let mut gaps = self.undecodable_gap(from, until);
        let mut skipped = BTreeMap::new();
        for now in counters {
            let before = self.last.insert(now.hook, now).unwrap_or_default();
            for (reason, count, detail) in LOSSES {
                let lost = count(&now.counts).saturating_sub(count(&before.counts));
                if lost > 0 {
                    gaps.push(self.gap(now.hook, *reason, lost, (from, until), detail));
                }
            }
            let missed = now.skipped.saturating_sub(before.skipped);
            if let Some(hook) = Hook::by_id(now.hook)
                && missed > 0
            {
                // Hooks that share a program share its skipped runs.
                skipped.entry(hook.program).or_insert((now.hook, missed));
            }
        }
        for (hook, missed) in skipped.into_values() {
            let detail = "runs of this program that the kernel skipped, for whatever process: at \
                          most this many events are missing";
            gaps.push(self.gap(hook, GapReason::Skipped, missed, (from, until), detail));
        }
        gaps
    }

    /// What sessions lost by their own floods since the last look, each with the session's key.
    pub(super) fn floods(
        &mut self,
        counts: Vec<FloodCount>,
        period: (u64, u64),
    ) -> Vec<(u64, Gap)> {
        let detail = "events of this session, which flooded a ring that was more than half full: \
                      its share of the rest was used up";
        let told = self.floods.grown(counts).into_iter().map(|flood| {
            let reason = GapReason::SessionBudget;
            let gap = self.gap(flood.hook, reason, flood.count, period, detail);
            (flood.session, gap)
        });
        told.collect()
    }

    /// The last look. `is_all`: nothing is on its way any more.
    pub(super) fn close(&mut self, is_all: bool, from: u64, until: u64) -> Vec<Gap> {
        let mut gaps = self.undecodable_gap(from, until);
        let short: Vec<_> = self
            .last
            .values()
            .map(|c| {
                (
                    c.hook,
                    c.counts.submitted.saturating_sub(self.arrivals(c.hook)),
                )
            })
            .filter(|(_, missing)| is_all && *missing > 0)
            .collect();
        gaps.extend(self.floods_of_nobody(from, until));
        for (hook, missing) in short {
            let detail = "events that the kernel handed over and that did not arrive";
            gaps.push(self.gap(hook, GapReason::Unaccounted, missing, (from, until), detail));
        }
        gaps
    }

    /// Floods of more sessions at a time than the kernel could count one by one.
    fn floods_of_nobody(&self, from: u64, until: u64) -> Vec<Gap> {
        let rest = |c: &HookCounters| {
            c.counts
                .lost_budget
                .saturating_sub(self.floods.told(c.hook))
        };
        let untold = self.last.values().filter(|c| rest(c) > 0);
        let detail = "events of sessions that flooded a ring; more sessions than could be counted \
                      one by one";
        let gap = |c: &HookCounters| {
            self.gap(
                c.hook,
                GapReason::SessionBudget,
                rest(c),
                (from, until),
                detail,
            )
        };
        untold.map(gap).collect()
    }

    /// The books so far.
    pub(super) fn totals(&self) -> Vec<HookTotals> {
        let used = self
            .last
            .values()
            .filter(|c| c.counts.seen > 0 || c.skipped > 0);
        used.map(|c| {
            let (hook, action) = self.names.name(c.hook);
            HookTotals {
                action: action.unwrap_or_default(),
                hook: hook.unwrap_or_default(),
                counts: Totals {
                    seen: c.counts.seen,
                    submitted: c.counts.submitted,
                    filtered: c.counts.filtered,
                    coalesced: c.counts.coalesced,
                    lost: c.counts.lost(),
                    arrived: self.arrivals(c.hook),
                    dismissed: self.dismissed.get(&c.hook).copied().unwrap_or_default(),
                    skipped: c.skipped,
                },
            }
        })
        .collect()
    }

    fn arrivals(&self, hook: u16) -> u64 {
        self.arrived.get(&hook).copied().unwrap_or_default()
    }

    fn undecodable_gap(&mut self, from: u64, until: u64) -> Vec<Gap> {
        let news = self.undecodable - self.undecodable_told;
        self.undecodable_told = self.undecodable;
        if news == 0 {
            return Vec::new();
        }
        vec![Gap {
            reason: GapReason::Undecodable,
            hook: None,
            action: None,
            count: Some(news),
            from,
            until,
            detail: format!(
                "messages that are not events; the last: {}",
                self.last_error
            ),
        }]
    }

    fn gap(
        &self,
        hook: u16,
        reason: GapReason,
        count: u64,
        (from, until): (u64, u64),
        detail: &str,
    ) -> Gap {
        let (name, action) = self.names.name(hook);
        Gap {
            reason,
            hook: name,
            action,
            count: Some(count),
            from,
            until,
            detail: detail.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use agtrack_common::event::hook;

    use super::*;

    fn counters(seen: u64, lost_ring: u64, skipped: u64) -> Vec<HookCounters> {
        let submitted = seen - lost_ring;
        let hook = hook::OPEN_SYSCALL;
        vec![HookCounters {
            hook,
            counts: Counters {
                seen,
                submitted,
                lost_ring,
                ..Default::default()
            },
            skipped,
        }]
    }

    fn reconciler() -> Reconciler {
        Reconciler::new(HookNames::default(), &[hook::OPEN_SYSCALL])
    }

    #[test]
    fn growth_of_a_loss_counter_is_a_gap_once() {
        let mut books = reconciler();
        assert_eq!(books.counters(counters(5, 0, 0), 0, 1), []);
        let gaps = books.counters(counters(9, 3, 0), 1, 2);
        assert_eq!(
            (gaps[0].reason, gaps[0].count),
            (GapReason::RingFull, Some(3))
        );
        assert_eq!(gaps[0].action.as_deref(), Some("file.open"));
        assert_eq!(books.counters(counters(9, 3, 0), 2, 3), []);
    }

    #[test]
    fn hooks_of_one_program_report_its_skips_once() {
        let mut both = counters(1, 0, 4);
        both.push(HookCounters {
            hook: hook::UNLINK_SYSCALL,
            skipped: 4,
            ..Default::default()
        });
        let gaps = reconciler().counters(both, 0, 1);
        assert_eq!(gaps.len(), 1);
        assert_eq!(
            (gaps[0].reason, gaps[0].count),
            (GapReason::Skipped, Some(4))
        );
    }

    #[test]
    fn what_was_submitted_and_did_not_arrive_is_told_at_the_end() {
        let mut books = reconciler();
        books.counters(counters(2, 0, 0), 0, 1);
        books.arrived(hook::OPEN_SYSCALL);
        let gaps = books.close(true, 1, 2);
        assert_eq!(
            (gaps[0].reason, gaps[0].count),
            (GapReason::Unaccounted, Some(1))
        );
        books.arrived(hook::OPEN_SYSCALL);
        assert_eq!(books.close(true, 1, 2), []);
    }

    #[test]
    fn an_event_that_is_nobodys_action_stays_in_the_books() {
        let mut books = reconciler();
        books.counters(counters(2, 0, 0), 0, 1);
        books.arrived(hook::OPEN_SYSCALL);
        books.arrived(hook::OPEN_SYSCALL);
        books.dismissed(hook::OPEN_SYSCALL);
        let totals = books.totals()[0].counts;
        assert_eq!((totals.arrived, totals.dismissed), (2, 1));
        assert_eq!(books.close(true, 1, 2), []);
    }

    #[test]
    fn bytes_that_are_no_event_are_counted() {
        let mut books = reconciler();
        books.undecodable(&decode::Error::Header(3));
        let gaps = books.counters(Vec::new(), 0, 1);
        assert_eq!(
            (gaps[0].reason, gaps[0].count),
            (GapReason::Undecodable, Some(1))
        );
    }

    #[test]
    fn floods_that_no_session_was_named_for_are_told_at_the_end() {
        let hook = hook::OPEN_SYSCALL;
        let counts = Counters {
            lost_budget: 5,
            ..Counters::default()
        };
        let now = HookCounters {
            hook,
            counts,
            skipped: 0,
        };
        let flood = FloodCount {
            session: 7,
            hook,
            count: 3,
        };
        let mut books = reconciler();
        books.counters(vec![now], 0, 1);
        assert_eq!(books.floods(vec![flood], (0, 1))[0].1.count, Some(3));
        assert_eq!(books.close(true, 1, 2)[0].count, Some(2));
    }
}
