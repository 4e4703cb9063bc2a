//! Objects of JSON that are being filled.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::record::Text;

/// Nanoseconds in a millisecond, the unit of times and durations in OCSF.
const MILLISECOND: u64 = 1_000_000;

/// Names and values; what is not known is left out, as OCSF wants it.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// One more.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Fields {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// One more, if it is known.
    pub(super) fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Fields {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// One more, unless it is empty.
    pub(super) fn list(self, name: &str, values: Vec<Value>) -> Fields {
        match values.is_empty() {
            true => self,
            false => self.with(name, values),
        }
    }

    /// All of `others` too.
    pub(super) fn all(mut self, others: Fields) -> Fields {
        self.0.extend(others.0);
        self
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Takes one away.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }
}

impl From<Fields> for Value {
    fn from(fields: Fields) -> Value {
        Value::Object(fields.0)
    }
}

impl From<Map<String, Value>> for Fields {
    fn from(map: Map<String, Value>) -> Fields {
        Fields(map)
    }
}

/// As it stands in records.
pub(super) fn text(text: &Text) -> String {
    text.escaped().into_owned()
}

/// The last part of a path; the whole where it has none, as `anon_inode:[…]` and `/`.
pub(super) fn name(path: &Text) -> String {
    let path = path.escaped();
    let last = path.rsplit('/').find(|part| !part.is_empty());
    last.unwrap_or(&path).to_owned()
}

/// A record's time as milliseconds since 1970. One that no date can be written for is a number of
/// nanoseconds in the record.
pub(super) fn milliseconds(time: &str) -> Option<i64> {
    if let Ok(time) = time.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let nanoseconds: i128 = time.parse().ok()?;
    i64::try_from(nanoseconds / i128::from(MILLISECOND)).ok()
}

/// Nanoseconds as milliseconds.
pub(super) fn duration(nanoseconds: u64) -> u64 {
    nanoseconds / MILLISECOND
}
