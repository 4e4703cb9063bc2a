//! How many records matched, by who acted.

use std::collections::HashMap;

use serde::Serialize;

use super::brief::process_of;
use crate::record::Record;

/// Rows that are kept apart; what comes beyond is one row without names.
const MOST: usize = 10_000;

/// Who acted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Row {
    /// Name of the agent; null for nobody's.
    pub agent: Option<String>,
    /// Id of the session.
    pub session: Option<String>,
    /// Path of the program, escaped as in records.
    pub exe: Option<String>,
}

impl Row {
    /// Of one record.
    pub fn of(record: &Record) -> Row {
        let agent = record.agent.as_deref();
        let exe = process_of(&record.body).and_then(|process| process.exe.as_ref());
        Row {
            agent: agent.map(|agent| agent.name.clone()),
            session: agent.map(|agent| agent.session.to_string()),
            exe: exe.map(|exe| exe.escaped().into_owned()),
        }
    }
}

/// Counts by row, in bounded memory.
#[derive(Debug, Default)]
pub struct Tally {
    rows: HashMap<Row, u64>,
    beyond: u64,
}

impl Tally {
    /// One more.
    pub fn add(&mut self, row: Row) {
        if self.rows.len() < MOST || self.rows.contains_key(&row) {
            *self.rows.entry(row).or_default() += 1;
        } else {
            self.beyond += 1;
        }
    }

    /// The most frequent first; and how many records had no row any more.
    pub fn finish(self) -> (Vec<(Row, u64)>, u64) {
        let mut rows: Vec<_> = self.rows.into_iter().collect();
        rows.sort_by(|(one, a), (other, b)| b.cmp(a).then_with(|| one.cmp(other)));
        (rows, self.beyond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_bounded_and_none_is_lost() {
        let row = |name: usize| Row {
            agent: Some(name.to_string()),
            ..Row::default()
        };
        let mut tally = Tally::default();
        for name in 0..MOST + 5 {
            tally.add(row(name));
        }
        tally.add(row(7));
        let (rows, beyond) = tally.finish();
        assert_eq!((rows.len(), beyond), (MOST, 5));
        assert_eq!(rows.first(), Some(&(row(7), 2)));
        let sum: u64 = rows.iter().map(|(_, count)| count).sum();
        assert_eq!(sum + beyond, MOST as u64 + 6);
    }
}
