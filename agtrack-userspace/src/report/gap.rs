//! A gap in words: between which times, how long, whose, and what may be missing.
//!
//! Said here once, for `agtrack tail`, `agtrack query` and reports.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use super::text::duration;
use crate::record::{Gap, GapReason, Record};

/// Between which moments something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Between {
    /// The first.
    #[serde(serialize_with = "rfc3339")]
    pub from: Timestamp,
    /// The last.
    #[serde(serialize_with = "rfc3339")]
    pub until: Timestamp,
}

fn rfc3339<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

impl Between {
    /// Of a gap, by the wall clock as it was when the gap was told; none where the record's time cannot
    /// be read.
    #[must_use]
    pub fn of(gap: &Gap, record: &Record) -> Option<Between> {
        let told: Timestamp = record.time.parse().ok()?;
        let at = |boot_time: u64| {
            let before = i128::from(record.boot_time) - i128::from(boot_time);
            told.checked_sub(SignedDuration::try_from_nanos_i128(before)?)
                .ok()
        };
        Some(Between {
            from: at(gap.from)?,
            until: at(gap.until)?,
        })
    }

    /// For people: `Nov 29 03:11:13.482 to 03:11:15.001 (1.5 s)`, or one moment.
    #[must_use]
    pub fn words(&self, zone: &TimeZone) -> String {
        let [from, until] = [self.from, self.until].map(|time| time.to_zoned(zone.clone()));
        let begin = from.strftime("%b %d %H:%M:%S%.3f");
        let long = self.until.duration_since(self.from);
        if long < SignedDuration::from_millis(1) {
            return format!("at {begin}");
        }
        let same_day = from.date() == until.date();
        let end = until.strftime(match same_day {
            true => "%H:%M:%S%.3f",
            false => "%b %d %H:%M:%S%.3f",
        });
        let long = duration(u64::try_from(long.as_nanos()).unwrap_or(u64::MAX));
        format!("{begin} to {end} ({long})")
    }

    /// Both together, and what lies between.
    #[must_use]
    pub fn around(self, other: Between) -> Between {
        Between {
            from: self.from.min(other.from),
            until: self.until.max(other.until),
        }
    }
}

/// What may be missing.
#[must_use]
pub fn missing(reason: GapReason) -> &'static str {
    match reason {
        GapReason::RingFull
        | GapReason::SessionBudget
        | GapReason::Oversized
        | GapReason::Unaccounted => "so many actions",
        GapReason::Undecodable => "at most so many actions",
        GapReason::MapFull => "actions, or all that a process did which could not be tagged",
        GapReason::PartsLost => "arguments or names of actions that are recorded",
        GapReason::Skipped => "at most so many actions, of all processes of the host",
        GapReason::JournalFull => "so many records",
        GapReason::TouchesLost => "who touched files of agtrack itself",
        GapReason::LateTag => "what the process did before",
        GapReason::ContainerUnknown => "all that is done in the container",
        GapReason::UndecidedFull => "so many of the first actions in the container",
        GapReason::NotRecording => "all that the session did in that time",
        GapReason::AmbiguousHandoff => "all that is done in the cgroup",
        GapReason::UncleanStop => "what the recorder before had read and not written yet",
        GapReason::JournalRemoved => "all that was recorded before",
        GapReason::TornLine => "the records that were torn",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(from: &str, until: &str) -> String {
        let between = Between {
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
        };
        between.words(&TimeZone::UTC)
    }

    #[test]
    fn a_gap_is_told_with_its_times_and_how_long_it_is() {
        let from = "2026-11-22T21:03:11.482Z";
        assert_eq!(
            between(from, "2026-11-22T21:04:12.5Z"),
            "Nov 22 21:03:11.482 to 21:04:12.500 (1 min 01 s)"
        );
        assert_eq!(
            between(from, "2026-11-23T00:03:11.482Z"),
            "Nov 22 21:03:11.482 to Nov 23 00:03:11.482 (3 h 00 min)"
        );
        assert_eq!(between(from, from), "at Nov 22 21:03:11.482");
    }
}
