//! Between which moments.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// Bytes of a time as records have it: `2026-11-22T21:03:11.482913004Z`.
const LENGTH: usize = 30;
const KEY: &[u8] = b"\"time\":\"";
/// The time stands so far in front of every record of agtrack's.
const FRONT: usize = 200;

/// A time that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no time: give one like `2026-11-22T21:03:11Z`, a local one like `2026-11-22`, \
     `2026-11-22 21:03` or `11:00`, or how long ago: `30m`, `2h`, `3d`"
)]
pub struct BadTime(String);

/// A moment, from what a person writes: RFC 3339, a date with or without a time (in the zone of
/// `now`), a time of day (the last one that is not after `now`), or how long before `now`.
///
/// # Errors
/// It is none of these.
pub fn moment(text: &str, now: &Zoned) -> Result<Timestamp, BadTime> {
    let bad = || BadTime(text.to_owned());
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(time) = text.parse::<DateTime>() {
        let zone: &TimeZone = now.time_zone();
        let zoned = time.to_zoned(zone.clone());
        return zoned.map(|zoned| zoned.timestamp()).map_err(|_| bad());
    }
    if let Some(time) = of_day(text) {
        return last(time, now).ok_or_else(bad);
    }
    let span: Span = text.parse().map_err(|_| bad())?;
    if span.is_negative() {
        return Err(bad());
    }
    let then = now.checked_sub(span).map_err(|_| bad())?;
    Ok(then.timestamp())
}

/// A time of day; a number alone is none.
fn of_day(text: &str) -> Option<Time> {
    let is_one = text.contains(':') && !text.contains(['-', '+']);
    text.parse().ok().filter(|_| is_one)
}

/// When it was so late last.
fn last(time: Time, now: &Zoned) -> Option<Timestamp> {
    let today = now.date();
    let days = [Some(today), today.yesterday().ok()].into_iter().flatten();
    let zone = now.time_zone();
    let mut moments = days.filter_map(|day| day.to_datetime(time).to_zoned(zone.clone()).ok());
    let last = moments.find(|moment| moment.timestamp() <= now.timestamp())?;
    Some(last.timestamp())
}

/// From one moment on, up to another and not including it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub since: Option<Timestamp>,
    /// The first behind it.
    pub until: Option<Timestamp>,
}

impl Period {
    /// Whether all of time is meant.
    pub(super) fn is_all(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    /// Whether a record's time is in it; none that cannot be read is.
    #[must_use]
    pub fn has(&self, time: &str) -> bool {
        self.is_all() || time.parse().is_ok_and(|time| self.holds(time))
    }

    fn holds(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }

    /// Whether all between two moments, with `margin` seconds around them, is before it or behind.
    pub(super) fn is_apart(&self, from: Timestamp, to: Timestamp, margin: i64) -> bool {
        let (from, to) = (from.as_second() - margin, to.as_second() + margin);
        self.since.is_some_and(|since| to < since.as_second())
            || self.until.is_some_and(|until| from > until.as_second())
    }
}

/// A [`Period`] for lines that nobody has parsed yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    since: Option<Vec<u8>>,
    until: Option<Vec<u8>>,
}

impl Window {
    pub(super) fn new(period: &Period) -> Window {
        let text = |time: Timestamp| format!("{time:.9}").into_bytes();
        // Times of other lengths do not sort as text.
        let text = |time: Option<Timestamp>| time.map(text).filter(|text| text.len() == LENGTH);
        Window {
            since: text(period.since),
            until: text(period.until),
        }
    }

    /// False where the line's time is certainly another.
    pub(super) fn may_have(&self, line: &[u8]) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Some(time) = time(line) else {
            return true;
        };
        self.since.as_deref().is_none_or(|since| since <= time)
            && self.until.as_deref().is_none_or(|until| time < until)
    }
}

/// The time in front of a line that agtrack wrote.
fn time(line: &[u8]) -> Option<&[u8]> {
    let front = line.get(..line.len().min(FRONT))?;
    if !front.starts_with(b"{\"v\":") {
        return None;
    }
    let at = memchr::memmem::find(front, KEY)? + KEY.len();
    let time = front.get(at..at + LENGTH)?;
    let ends = time.ends_with(b"Z") && front.get(at + LENGTH) == Some(&b'"');
    (ends && time.first()?.is_ascii_digit()).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> String {
        let now: Zoned = "2026-11-22T12:00:00+01:00[Europe/Berlin]".parse().unwrap();
        moment(text, &now).map_or_else(|error| error.to_string(), |time| time.to_string())
    }

    #[test]
    fn moments_are_told_as_people_tell_them() {
        assert_eq!(at("2026-11-22T21:03:11.5Z"), "2026-11-22T21:03:11.5Z");
        assert_eq!(at("2026-11-22T21:03:11+02:00"), "2026-11-22T19:03:11Z");
        assert_eq!(at("2026-11-22"), "2026-11-21T23:00:00Z");
        assert_eq!(at("2026-11-22 21:03"), "2026-11-22T20:03:00Z");
        assert_eq!(at("11:00"), "2026-11-22T10:00:00Z");
        assert_eq!(at("11:59:59.5"), "2026-11-22T10:59:59.5Z");
        assert_eq!(at("12:00"), "2026-11-22T11:00:00Z");
        // Today's is still to come.
        assert_eq!(at("12:01"), "2026-11-21T11:01:00Z");
        assert_eq!(at("30m"), "2026-11-22T10:30:00Z");
        assert_eq!(at("2h"), "2026-11-22T09:00:00Z");
        assert_eq!(at("3d"), "2026-11-19T11:00:00Z");
        assert_eq!(at("1h 30m"), "2026-11-22T09:30:00Z");
    }

    #[test]
    fn what_is_no_time_is_told() {
        for text in [
            "",
            "yesterday",
            "-2h",
            "2026-13-01",
            "12",
            "25:00",
            "99999999999h",
        ] {
            assert!(at(text).contains("is no time"), "{text}: {}", at(text));
        }
    }

    fn period(since: Option<&str>, until: Option<&str>) -> Period {
        let time = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        Period {
            since: time(since),
            until: time(until),
        }
    }

    #[test]
    fn a_period_has_its_begin_and_not_its_end() {
        let (from, to) = ("2026-11-22T21:00:00.000000001Z", "2026-11-22T22:00:00Z");
        let period = period(Some(from), Some(to));
        let window = Window::new(&period);
        for (time, is) in [
            ("2026-11-22T21:00:00.000000000Z", false),
            (from, true),
            ("2026-11-22T21:59:59.999999999Z", true),
            ("2026-11-22T22:00:00.000000000Z", false),
        ] {
            assert_eq!(period.has(time), is, "{time}");
            let line = format!(r#"{{"v":1,"seq":1,"id":"x:1","time":"{time}","boot_time":1}}"#);
            assert_eq!(window.may_have(line.as_bytes()), is, "{time}");
        }
        assert!(!period.has("253402300800000000000"));
    }

    #[test]
    fn lines_whose_time_is_not_found_are_not_judged() {
        let window = Window::new(&period(Some("2026-11-22T21:00:00Z"), None));
        for line in [
            "",
            "{\"v\":1}",
            "{\"agent\":null,\"time\":\"2020-11-22T21:00:00.000000000Z\"}",
            "{\"v\":1,\"time\":\"2020-11-22T21:00:00Z\"}",
        ] {
            assert!(window.may_have(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn spans_apart_are_told_with_a_margin() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let period = period(Some("2026-11-22T21:00:00Z"), Some("2026-11-22T22:00:00Z"));
        let apart = |from: &str, to: &str| period.is_apart(at(from), at(to), 60);
        assert!(apart("2026-11-22T20:00:00Z", "2026-11-22T20:58:59Z"));
        assert!(!apart("2026-11-22T20:00:00Z", "2026-11-22T20:59:01Z"));
        assert!(apart("2026-11-22T22:01:01Z", "2026-11-22T23:00:00Z"));
        assert!(!apart("2026-11-22T20:00:00Z", "2026-11-22T23:00:00Z"));
    }
}
