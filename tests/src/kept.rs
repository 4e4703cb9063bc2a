//! Keeps one record of each shape that tests read, for the test of encodings.
//!
//! In: records, from whoever reads journals ([`crate::follow`]). Out: a file of records, one a line,
//! bounded. A shape is what a record says it is and the names of all fields it has.

use std::collections::{BTreeSet, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

/// Where the records are wanted; nobody keeps any where it is not set.
pub const WANTED: &str = "AGTRACK_KEEP_RECORDS";

/// More shapes than any run has had: should they be without end, the file is not.
const MOST: usize = 20_000;

/// Keeps a record, unless one like it is kept.
///
/// # Panics
/// The file cannot be written.
pub fn keep(record: &Value) {
    static KEPT: OnceLock<Option<Kept>> = OnceLock::new();
    let kept = KEPT.get_or_init(|| {
        let file = std::env::var_os(WANTED)?;
        Some(Kept::to(Path::new(&file)))
    });
    if let Some(kept) = kept {
        kept.add(record);
    }
}

struct Kept {
    file: File,
    shapes: Mutex<HashSet<String>>,
}

impl Kept {
    fn to(path: &Path) -> Kept {
        let file = OpenOptions::new().append(true).create(true).open(path);
        Kept {
            file: file.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display())),
            shapes: Mutex::default(),
        }
    }

    fn add(&self, record: &Value) {
        let mut shapes = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        if shapes.len() < MOST && shapes.insert(shape(record)) {
            // One write: other processes append too.
            let line = format!("{record}\n");
            (&self.file)
                .write_all(line.as_bytes())
                .expect("kept records can be written");
        }
    }
}

fn shape(record: &Value) -> String {
    let mut fields = BTreeSet::new();
    names(record, "", &mut fields);
    let said = ["kind", "action", "change", "reason", "via"];
    let said = said.map(|name| record[name].as_str().unwrap_or_default());
    // What decides where an object is placed.
    let object = &record["object"];
    let chosen = ["request", "method", "attribute"];
    let chosen = chosen.map(|name| object[name].as_str().unwrap_or_default());
    let errno = record["outcome"]["errno"].as_str().unwrap_or_default();
    format!("{said:?} {chosen:?} {errno} {fields:?}")
}

/// Names of all that is not null, with those around them. Names in maps are data, and those with
/// a dot are actions.
fn names(value: &Value, above: &str, fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map.iter().filter(|(name, _)| !name.contains('.')) {
                names(value, &format!("{above}/{name}"), fields);
            }
        }
        Value::Array(list) => {
            for value in list {
                names(value, above, fields);
            }
        }
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            fields.insert(above.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_of_each_shape_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("records.jsonl");
        let kept = Kept::to(&path);
        let record = |path: Value| json!({"kind": "action", "action": "a", "object": path});
        for object in [
            json!({"path": "/a"}),
            json!({"path": "/b"}),
            json!({"path": null}),
            json!({"path": "/a", "inode": 5}),
        ] {
            kept.add(&record(object));
        }
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
    }
}
