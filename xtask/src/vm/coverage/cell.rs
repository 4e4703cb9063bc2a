//! How an event was seen on one machine.

use std::collections::BTreeSet;
use std::fmt;

/// Where the path or address came from, in the order of trust; `yes` where there is none.
const SOURCES: &[&str] = &["kernel", "fd", "argument", "yes"];

/// Nothing was seen.
const EMPTY: &str = "—";

/// Behind the sources where no record told how it ended.
const NO_RESULT: &str = "no result";

/// How an event was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Indices of [`SOURCES`].
    sources: BTreeSet<usize>,
    /// A record told how it ended.
    ends: bool,
}

impl Cell {
    /// Takes in a record: its `path_source`, `-` for none, and its `outcome.result`.
    pub(crate) fn add(&mut self, source: &str, result: &str) {
        self.ends |= result != "unknown";
        self.sources.extend(index(source));
        if source == "-" {
            self.sources.extend(index("yes"));
        }
    }

    /// Whether it was seen at all.
    pub(crate) fn is_seen(&self) -> bool {
        !self.sources.is_empty()
    }

    /// What of it is not so now.
    pub(crate) fn lost(&self, now: &Cell) -> Option<String> {
        if !self.is_seen() {
            return None;
        }
        if !now.is_seen() {
            return Some(format!(
                "was seen ({self}), and no test that passed saw it now"
            ));
        }
        let is_less = !self.sources.is_subset(&now.sources) || (self.ends && !now.ends);
        is_less.then(|| format!("was `{self}`, is `{now}`"))
    }

    /// Reads what [`fmt::Display`] wrote. None: no such text.
    pub(crate) fn parse(text: &str) -> Option<Cell> {
        let mut cell = Cell {
            ends: true,
            ..Cell::default()
        };
        if text == EMPTY {
            return Some(Cell::default());
        }
        for word in text.split(", ") {
            match word {
                NO_RESULT => cell.ends = false,
                word => {
                    cell.sources.insert(index(word)?);
                }
            }
        }
        Some(cell)
    }
}

fn index(source: &str) -> Option<usize> {
    SOURCES.iter().position(|known| *known == source)
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_seen() {
            return f.write_str(EMPTY);
        }
        // What has no path beside what has one says nothing.
        let yes = SOURCES.len() - 1;
        let alone = self.sources.len() == 1;
        let shown = self.sources.iter().filter(|index| alone || **index != yes);
        let mut words: Vec<_> = shown.map(|index| SOURCES[*index]).collect();
        if !self.ends {
            words.push(NO_RESULT);
        }
        f.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(records: &[(&str, &str)]) -> Cell {
        let mut cell = Cell::default();
        for (source, result) in records {
            cell.add(source, result);
        }
        cell
    }

    #[test]
    fn sources_stand_in_the_order_of_trust() {
        let cell = cell(&[("argument", "success"), ("kernel", "unknown")]);
        assert_eq!(cell.to_string(), "kernel, argument");
        assert_eq!(Cell::parse("kernel, argument"), Some(cell));
    }

    #[test]
    fn what_never_had_an_end_says_so() {
        let sent = cell(&[("-", "unknown")]);
        assert_eq!(sent.to_string(), "yes, no result");
        assert_eq!(Cell::parse("yes, no result"), Some(sent));
        assert_eq!(cell(&[("-", "failure")]).to_string(), "yes");
        assert_eq!(Cell::default().to_string(), "—");
        assert_eq!(Cell::parse("—"), Some(Cell::default()));
        assert_eq!(Cell::parse("perhaps"), None);
    }

    #[test]
    fn less_than_before_is_said() {
        let before = cell(&[("kernel", "success"), ("argument", "success")]);
        assert_eq!(before.lost(&before), None);
        let less = cell(&[("argument", "success")]);
        assert!(before.lost(&less).is_some());
        assert_eq!(less.lost(&before), None);
        assert!(less.lost(&cell(&[("argument", "unknown")])).is_some());
        assert!(less.lost(&Cell::default()).is_some());
    }
}
