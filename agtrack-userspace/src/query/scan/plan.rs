//! Which parts of a journal are read, in their order.

use jiff::Timestamp;
use serde::Deserialize;

use super::block;
use crate::journal::{Error, Extent};
use crate::query::Period;

/// Bytes of one block.
const BLOCK: u64 = 1 << 20;
/// Seconds by which records may stand before or behind their time: results come late, and some
/// records are written ahead of others.
const MARGIN: i64 = 60;

/// Bytes of a segment: the lines that begin in there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) segment: u64,
    pub(super) begin: u64,
    pub(super) end: u64,
    /// It is the segment's last.
    pub(super) ends: bool,
}

pub(super) struct Plan {
    pub(super) units: Vec<Unit>,
    /// Segments that were there a moment ago.
    pub(super) gone: u64,
}

/// The blocks of all segments that may hold records of this time.
pub(super) fn plan(extent: &Extent, period: &Period) -> Result<Plan, Error> {
    let mut plan = Plan {
        units: Vec::new(),
        gone: 0,
    };
    let mut spans: Vec<(u64, u64, Option<Moment>)> = Vec::new();
    for segment in extent.segments() {
        let Some(part) = extent.part(*segment)? else {
            plan.gone += 1;
            continue;
        };
        let first = match period.is_all() {
            true => None,
            false => block::first_line(&part)
                .map_err(|error| extent.failed(*segment, "read", error))?
                .and_then(|line| Moment::read(&line)),
        };
        spans.push((*segment, part.end, first));
    }
    for (index, (segment, end, first)) in spans.iter().enumerate() {
        let next = spans
            .get(index + 1)
            .and_then(|(_, _, first)| first.as_ref());
        let apart = match (first, next) {
            (Some(first), Some(next)) => first.is_apart(next, period),
            // What a segment ends with is known from the one behind it.
            _ => false,
        };
        if !apart {
            plan.units.extend(units(*segment, *end));
        }
    }
    Ok(plan)
}

fn units(segment: u64, end: u64) -> impl Iterator<Item = Unit> {
    (0..end.div_ceil(BLOCK)).map(move |index| {
        let begin = index * BLOCK;
        let stop = end.min(begin + BLOCK);
        Unit {
            segment,
            begin,
            end: stop,
            ends: stop == end,
        }
    })
}

/// When a record was made, by both clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Moment {
    time: Timestamp,
    boot_id: String,
    /// Second of the wall clock at which the boot clock was zero.
    zero: i64,
}

#[derive(Deserialize)]
struct Front {
    time: String,
    boot_time: u64,
    host: Host,
}

#[derive(Deserialize)]
struct Host {
    boot_id: String,
}

impl Moment {
    fn read(line: &[u8]) -> Option<Moment> {
        let front: Front = serde_json::from_slice(line).ok()?;
        let time: Timestamp = front.time.parse().ok()?;
        let up = i64::try_from(front.boot_time / 1_000_000_000).ok()?;
        Some(Moment {
            time,
            boot_id: front.host.boot_id,
            zero: time.as_second() - up,
        })
    }

    /// Whether nothing between the two can be of that time: never where the wall clock was set in
    /// between, or the machine started anew.
    fn is_apart(&self, next: &Moment, period: &Period) -> bool {
        let steady = self.boot_id == next.boot_id && (self.zero - next.zero).abs() < MARGIN / 2;
        steady && self.time <= next.time && period.is_apart(self.time, next.time, MARGIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(time: &str, boot: u64, boot_id: &str) -> Moment {
        let line = format!(
            r#"{{"v":1,"time":"{time}","boot_time":{boot},"host":{{"boot_id":"{boot_id}"}}}}"#
        );
        Moment::read(line.as_bytes()).unwrap()
    }

    const HOUR: u64 = 3_600_000_000_000;

    #[test]
    fn segments_of_another_time_are_passed_over_unless_the_clock_was_set() {
        let period = Period {
            since: Some("2026-11-22T21:00:00Z".parse().unwrap()),
            until: None,
        };
        let first = moment("2026-11-22T10:00:00Z", HOUR, "b");
        let apart = |time, boot, id| first.is_apart(&moment(time, boot, id), &period);
        assert!(apart("2026-11-22T11:00:00Z", 2 * HOUR, "b"));
        assert!(!apart("2026-11-22T22:00:00Z", 13 * HOUR, "b"));
        // Set back within, or another boot: what is in between is not known.
        assert!(!apart("2026-11-22T11:00:00Z", 13 * HOUR, "b"));
        assert!(!apart("2026-11-22T11:00:00Z", 2 * HOUR, "c"));
        assert!(!apart("2026-11-22T09:00:00Z", 0, "b"));
    }

    #[test]
    fn blocks_cover_a_segment_once() {
        let units: Vec<_> = units(7, 2 * BLOCK + 5).collect();
        let ends: Vec<_> = units
            .iter()
            .map(|unit| (unit.begin, unit.end, unit.ends))
            .collect();
        let (one, two, end) = (BLOCK, 2 * BLOCK, 2 * BLOCK + 5);
        assert_eq!(ends, [(0, one, false), (one, two, false), (two, end, true)]);
        assert_eq!(super::units(7, 0).count(), 0);
        assert_eq!(super::units(7, BLOCK).count(), 1);
    }
}
