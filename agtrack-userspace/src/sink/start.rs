//! Where a sink begins that has no cursor yet.

use std::fmt;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cursor::Cursor;
use super::settings::Settings;
use super::task::Place;
use crate::journal::{self, Reader};

/// Where a sink begins that has no cursor yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With what is recorded from the start of this daemon on, or from its reload on.
    #[default]
    Now,
    /// With the oldest record that is kept.
    Beginning,
    /// With the record of this number.
    Seq(u64),
    /// With the first record of this time or a later one.
    Time(Timestamp),
}

impl Start {
    /// The number of the first record that is meant, in the journal in `dir`; `now` is that of the next
    /// one when the sink was asked for. Reads the journal for a time, so it may take a while.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(super) fn place(self, dir: &Path, now: u64) -> Result<u64, journal::Error> {
        match self {
            Start::Now => Ok(now),
            Start::Beginning => Ok(1),
            Start::Seq(seq) => Ok(seq.max(1)),
            Start::Time(time) => first_since(dir, time, now),
        }
    }
}

fn first_since(dir: &Path, since: Timestamp, now: u64) -> Result<u64, journal::Error> {
    #[derive(Deserialize)]
    struct Timed<'a> {
        #[serde(borrow)]
        time: &'a str,
    }
    let mut reader = Reader::open(dir, journal::Start::Beginning)?;
    let mut next = now;
    while let Some(line) = reader.next_line()? {
        let timed = serde_json::from_slice::<Timed<'_>>(line.bytes).ok();
        let time = timed.and_then(|timed| timed.time.parse::<Timestamp>().ok());
        if time.is_some_and(|time| time >= since) {
            return Ok(line.seq);
        }
        next = next.max(line.seq + 1);
    }
    Ok(next)
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Start::Now => f.write_str("now"),
            Start::Beginning => f.write_str("beginning"),
            Start::Seq(seq) => write!(f, "{seq}"),
            Start::Time(time) => write!(f, "{time}"),
        }
    }
}

impl Serialize for Start {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Start::Seq(seq) => to.serialize_u64(*seq),
            other => to.collect_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Start, D::Error> {
        from.deserialize_any(Either)
    }
}

struct Either;

impl serde::de::Visitor<'_> for Either {
    type Value = Start;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"now\", \"beginning\", a record's number, or a time in quotes")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Start, E> {
        match text {
            "now" => Ok(Start::Now),
            "beginning" => Ok(Start::Beginning),
            time => time.parse().map(Start::Time).map_err(|_| {
                E::custom(format!(
                    "\"{text}\" is neither `now`, `beginning` nor a time such as \
                     `2026-11-22T21:03:11Z`"
                ))
            }),
        }
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Start, E> {
        self.visit_u64(u64::try_from(number).unwrap_or(0))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Start, E> {
        match number {
            0 => Err(E::custom(
                "there is no such record: they are numbered from 1",
            )),
            seq => Ok(Start::Seq(seq)),
        }
    }
}

/// The cursor of a sink that begins: its own, or a new one where it has none of this journal.
///
/// # Errors
/// The journal cannot be read: says why.
pub(super) async fn cursor(settings: &Settings, place: &Place) -> Result<Cursor, String> {
    let (settings, place) = (settings.clone(), place.clone());
    let found = tokio::task::spawn_blocking(move || find(&settings, &place));
    found
        .await
        .unwrap_or_else(|error| Err(format!("a thread of the sink ended ({error})")))
}

fn find(settings: &Settings, place: &Place) -> Result<Cursor, String> {
    let unreadable = |error: journal::Error| format!("cannot read the journal: {error}");
    let tell = |what: &str| (place.tell)(&format!("sink {}: {what}", settings.name));
    let reader = Reader::open(&place.journal, journal::Start::Beginning).map_err(unreadable)?;
    let log_id = reader.log_id();
    match Cursor::read(&place.state, &settings.name, log_id) {
        Ok(Some(cursor)) => {
            Cursor::rename_old(&place.state, &settings.name, log_id);
            return Ok(cursor);
        }
        Ok(None) => {
            let others = Cursor::others(&place.state, &settings.name, Some(log_id));
            if let Some(other) = others.first() {
                tell(&format!(
                    "its cursor is of another journal ({other}) and kept for that, so it begins at `{}`",
                    settings.start
                ));
            }
        }
        Err(error) => {
            let path = Cursor::path(&place.state, &settings.name, log_id);
            tell(&format!(
                "its cursor {} cannot be read ({error}), so it begins at `{}`",
                path.display(),
                settings.start
            ));
        }
    }
    let next = settings
        .start
        .place(&place.journal, place.now)
        .map_err(unreadable)?;
    Cursor::sweep(&place.state, &settings.name, log_id);
    Ok(Cursor::new(log_id, next))
}
