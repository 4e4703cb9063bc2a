//! What was so a moment ago: how long something waits, and how much there was within a minute.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::record::{Condition, SinkHealth};
use crate::sink::Posted;

/// Rates are told of so long.
const MINUTE: Duration = Duration::from_secs(60);
/// Places of the journal that are remembered: at one a second for an hour.
const PLACES: usize = 3600;
/// A receiver that is well has answered by then.
const SILENT: Duration = Duration::from_secs(10);
/// A sink that is so far behind has fallen behind.
const BEHIND: Duration = Duration::from_secs(30);

/// Numbers at a moment.
#[derive(Debug)]
struct Sample {
    when: Instant,
    /// Records acknowledged, by sink.
    delivered: BTreeMap<String, u64>,
    /// Events lost.
    lost: u64,
}

/// Numbers of the last minute, and of the last hour of the journal.
#[derive(Debug, Default)]
pub(super) struct History {
    samples: VecDeque<Sample>,
    /// Where the journal's end was, and since when.
    ends: VecDeque<(Instant, u64)>,
    last_commit: Option<Timestamp>,
}

impl History {
    /// Takes note of now: the journal's last record, events lost so far, what sinks have posted.
    pub(super) fn note(
        &mut self,
        now: Instant,
        (head, lost): (u64, u64),
        sinks: &BTreeMap<String, Posted>,
    ) {
        let known = self.ends.back().map(|(_, end)| *end);
        if known != Some(head) {
            if known.is_some() {
                self.last_commit = Some(Timestamp::now());
            }
            if self.ends.len() == PLACES {
                self.ends.pop_front();
            }
            self.ends.push_back((now, head));
        }
        let counted = sinks.iter().filter_map(|(name, posted)| {
            let cursor = posted.cursor.as_ref()?;
            Some((name.clone(), cursor.delivered))
        });
        self.samples.push_back(Sample {
            when: now,
            delivered: counted.collect(),
            lost,
        });
        // One of a minute ago stays, to compare with.
        while self
            .samples
            .get(1)
            .is_some_and(|second| now.saturating_duration_since(second.when) >= MINUTE)
        {
            self.samples.pop_front();
        }
    }

    /// When a record was last seen to be committed.
    pub(super) fn last_commit(&self) -> Option<Timestamp> {
        self.last_commit
    }

    /// Events lost within the last minute, of `lost` by now.
    pub(super) fn lost(&self, lost: u64) -> u64 {
        let before = self.samples.front().map_or(0, |sample| sample.lost);
        lost.saturating_sub(before)
    }

    /// How long record `seq` has been in the journal, of which `head` is the last; at least so long,
    /// where that is more than an hour.
    fn age(&self, now: Instant, (seq, head): (u64, u64)) -> Duration {
        if seq > head {
            return Duration::ZERO;
        }
        let came = self.ends.iter().find(|(_, end)| *end >= seq);
        came.map_or(Duration::ZERO, |(when, _)| {
            now.saturating_duration_since(*when)
        })
    }

    /// How a sink is doing, going by what it has posted.
    pub(super) fn sink(
        &self,
        now: Instant,
        head: u64,
        (name, posted): (&str, &Posted),
    ) -> SinkHealth {
        let cursor = posted.cursor.as_ref();
        let next = cursor.map_or(1, |cursor| cursor.next_seq);
        let delivered = cursor.map_or(0, |cursor| cursor.delivered);
        // Where a sink came later than the first sample, since then.
        let mut samples = self.samples.iter();
        let before = samples.find_map(|sample| sample.delivered.get(name));
        let age = self.age(now, (next, head));
        let waits = posted
            .trying
            .map(|since| now.saturating_duration_since(since));
        let waits = waits.filter(|waits| *waits >= SILENT);
        let fault = cursor.and_then(|cursor| cursor.error.as_ref());
        let state = match (waits, fault) {
            (Some(_), _) => Condition::Hung,
            (None, Some(_)) => Condition::Failing,
            (None, None) if cursor.is_none() => Condition::Failing,
            (None, None) if age >= BEHIND => Condition::Slow,
            (None, None) => Condition::Ok,
        };
        let error = match (waits, fault) {
            (Some(waits), None) => Some(format!(
                "the receiver has not answered for {} s",
                waits.as_secs()
            )),
            (_, Some(fault)) => Some(fault.reason.clone()),
            (None, None) if cursor.is_none() => {
                Some("its place in the journal is not known yet; the daemon's log says why".into())
            }
            (None, None) => None,
        };
        let wait = posted.next.map(|next| next.saturating_duration_since(now));
        SinkHealth {
            name: name.to_owned(),
            delivered_seq: next.saturating_sub(1),
            behind: (head + 1).saturating_sub(next),
            refused: cursor.map_or(0, |cursor| cursor.refused),
            error,
            state,
            behind_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            last_minute: delivered.saturating_sub(before.copied().unwrap_or(delivered)),
            next_try: wait.map(|wait| time(Timestamp::now() + wait)),
        }
    }
}

/// RFC 3339 in UTC, to the second.
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::{Cursor, Fault};

    fn posted(next_seq: u64, delivered: u64) -> Posted {
        let cursor = Cursor {
            log_id: uuid::Uuid::nil(),
            next_seq,
            sent_seq: next_seq,
            delivered,
            refused: 0,
            missed: 0,
            error: None,
        };
        Posted {
            cursor: Some(cursor),
            ..Posted::default()
        }
    }

    /// A history of so many seconds, in each of which 10 records were committed and 9 delivered.
    fn history(begin: Instant, seconds: u64) -> History {
        let mut history = History::default();
        for second in 0..=seconds {
            let sinks = BTreeMap::from([("s".to_owned(), posted(1 + second * 9, second * 9))]);
            let when = begin + Duration::from_secs(second);
            history.note(when, (second * 10, second), &sinks);
        }
        history
    }

    #[test]
    fn what_waits_and_what_was_done_is_told_in_time() {
        let begin = Instant::now();
        let history = history(begin, 200);
        let now = begin + Duration::from_secs(200);
        let health = history.sink(now, 2000, ("s", &posted(1801, 1800)));
        assert_eq!((health.behind, health.last_minute), (200, 9 * 60));
        // Record 1801 was committed with the batch of second 181.
        assert_eq!(health.behind_ms, 19_000);
        assert_eq!(health.state, Condition::Ok);
        assert_eq!(history.lost(200), 60);
        assert!(history.samples.len() < 63);
        assert!(history.last_commit().is_some());
        let later = now + Duration::from_secs(11);
        let health = history.sink(later, 2000, ("s", &posted(1801, 1800)));
        assert_eq!(health.state, Condition::Slow);
        let health = history.sink(later, 2000, ("s", &posted(2001, 2000)));
        assert_eq!((health.behind, health.behind_ms), (0, 0));
    }

    #[test]
    fn one_that_does_not_come_back_hangs_and_one_that_is_refused_fails() {
        let begin = Instant::now();
        let history = history(begin, 20);
        let now = begin + Duration::from_secs(20);
        let mut one = posted(1, 0);
        one.trying = Some(begin);
        let health = history.sink(now, 200, ("s", &one));
        assert_eq!(health.state, Condition::Hung);
        assert!(health.error.unwrap().contains("not answered for 20 s"));
        one.trying = Some(now);
        assert_eq!(
            history.sink(now, 200, ("s", &one)).state,
            Condition::Ok,
            "20 s are not much"
        );
        if let Some(cursor) = &mut one.cursor {
            cursor.error = Some(Fault {
                since: String::new(),
                reason: "refused".to_owned(),
            });
        }
        one.next = Some(now + Duration::from_secs(3));
        let health = history.sink(now, 200, ("s", &one));
        assert_eq!(health.state, Condition::Failing);
        assert_eq!(health.error.as_deref(), Some("refused"));
        assert!(health.next_try.is_some());
        let none = history.sink(now, 200, ("s", &Posted::default()));
        assert_eq!(none.state, Condition::Failing);
    }

    #[test]
    fn an_hour_is_remembered_and_no_more() {
        let begin = Instant::now();
        let history = history(begin, 5000);
        assert_eq!(history.ends.len(), PLACES);
        let now = begin + Duration::from_secs(5000);
        let health = history.sink(now, 50_000, ("s", &posted(1, 0)));
        assert_eq!(health.behind_ms, (PLACES as u64 - 1) * 1000);
    }
}
