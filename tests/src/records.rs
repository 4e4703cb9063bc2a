//! Finding one's way in records.

use std::path::Path;
use std::sync::Arc;

use agtrack::record::Text;
use serde_json::Value;

use crate::{coverage, follow};

/// Some records, in the order of the journal.
#[derive(Clone, Debug, Default)]
pub struct Records(pub Vec<Arc<Value>>);

impl Records {
    /// Those of a journal that nobody writes any more.
    ///
    /// # Panics
    /// As [`follow::each`].
    pub fn read(journal: &Path) -> Records {
        Records(follow::all(journal).into_iter().map(Arc::new).collect())
    }

    /// Those of this action.
    pub fn action(&self, action: &str) -> Records {
        // A gap names the action it concerns, too.
        self.keep(|record| record["kind"] == "action" && record["action"] == action)
            .noted()
    }

    /// Those of this kind.
    pub fn kind(&self, kind: &str) -> Records {
        self.keep(|record| record["kind"] == kind).noted()
    }

    /// They were asked for by name.
    fn noted(self) -> Records {
        for record in &self.0 {
            coverage::note(record);
        }
        self
    }

    /// Those that `keep` wants.
    pub fn keep(&self, keep: impl Fn(&Value) -> bool) -> Records {
        Records(
            self.0
                .iter()
                .filter(|record| keep(record))
                .cloned()
                .collect(),
        )
    }

    /// Those about this path: of an object, or the old or new name of a rename.
    pub fn path(&self, path: impl AsRef<[u8]>) -> Records {
        let path = path.as_ref();
        self.keep(|record| paths(record).iter().any(|found| found == path))
    }

    /// Those whose paths all lie below this directory.
    pub fn below(&self, directory: &str) -> Records {
        let prefix = format!("{directory}/");
        self.keep(|record| {
            let paths = paths(record);
            !paths.is_empty() && paths.iter().all(|path| path.starts_with(prefix.as_bytes()))
        })
    }

    /// Those that this process acted in.
    pub fn of(&self, pid: u32) -> Records {
        self.keep(|record| record["process"]["pid"] == pid)
    }

    /// The only one.
    ///
    /// # Panics
    /// There is none, or there are several.
    pub fn one(&self) -> &Value {
        let [record] = &*self.0 else {
            panic!("one record was expected, not these: {self}")
        };
        coverage::note(record);
        record
    }

    /// Fails where there are any.
    ///
    /// # Panics
    /// There are some.
    pub fn none(&self) {
        assert!(self.0.is_empty(), "no record was expected: {self}");
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} records", self.0.len())?;
        for record in self.0.iter().take(40) {
            write!(f, "\n  {record}")?;
        }
        Ok(())
    }
}

/// The bytes behind a string in a record.
///
/// # Panics
/// It is no string.
pub fn bytes(value: &Value) -> Vec<u8> {
    let Value::String(text) = value else {
        panic!("a string was expected, not {value}")
    };
    Text::from_escaped(text).0
}

/// The arguments of an exec.
pub fn words(value: &Value) -> Vec<Vec<u8>> {
    value
        .as_array()
        .expect("a list was expected")
        .iter()
        .map(bytes)
        .collect()
}

/// A number in a record.
///
/// # Panics
/// It is no number.
pub fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("a number was expected, not {value}"))
}

fn paths(record: &Value) -> Vec<Vec<u8>> {
    ["path", "from", "to", "exe", "socket", "cgroup"]
        .iter()
        .filter_map(|name| record["object"].get(name))
        .map(bytes)
        .collect()
}
