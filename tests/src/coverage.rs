//! What passing tests found in journals: of this the table in `docs/coverage.md` is made.
//!
//! In: records that a test asked for by name, from the readers of journals ([`crate::records`],
//! [`crate::place`]). Out: a file of lines `ACTION SOURCE RESULT`. What a test that failed found, or
//! one that was repeated before it passed, is never in it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// Where the lines are wanted; nobody collects where it is not set.
pub const WANTED: &str = "AGTRACK_COVERAGE";

thread_local! {
    /// Of the test of this thread.
    static FOUND: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// Of tests that passed.
static PROVEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Takes note of a record that the test of this thread asked for.
pub fn note(record: &Value) {
    if let Some(line) = line(record) {
        FOUND.with_borrow_mut(|found| found.insert(line));
    }
}

/// A test of this thread begins: what was found before was another's.
pub fn begin() {
    FOUND.with_borrow_mut(BTreeSet::clear);
}

/// The test of this thread passed.
pub fn passed() {
    let found = FOUND.take();
    PROVEN
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .extend(found);
}

/// Writes what tests that passed found, in order.
///
/// # Panics
/// The file cannot be written.
pub fn write(file: &Path) {
    let mut text = String::new();
    for line in &*PROVEN.lock().unwrap_or_else(PoisonError::into_inner) {
        text.push_str(line);
        text.push('\n');
    }
    std::fs::write(file, text)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
}

/// Of what somebody did; other records are of no event.
fn line(record: &Value) -> Option<String> {
    if !["action", "tamper"].contains(&record["kind"].as_str()?) {
        return None;
    }
    let action = record["action"].as_str()?;
    let result = record["outcome"]["result"].as_str()?;
    let source = record["completeness"]["path_source"].as_str();
    Some(format!("{action} {} {result}", source.unwrap_or("-")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(action: &str, source: Option<&str>) -> Value {
        json!({
            "kind": "action",
            "action": action,
            "outcome": {"result": "success"},
            "completeness": {"path_source": source},
        })
    }

    #[test]
    fn a_line_has_the_source_where_there_is_one() {
        let of = |source| line(&record("file.open", source)).unwrap();
        assert_eq!(of(Some("fd")), "file.open fd success");
        assert_eq!(of(None), "file.open - success");
    }

    #[test]
    fn a_gap_is_no_event() {
        let gap = json!({"kind": "gap", "action": "file.open", "reason": "skipped"});
        assert_eq!(line(&gap), None);
    }

    #[test]
    fn what_a_test_that_did_not_pass_found_is_not_told() {
        begin();
        note(&record("file.unlink", None));
        begin();
        note(&record("file.rename", None));
        passed();
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("coverage");
        write(&file);
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(text, "file.rename - success\n");
    }
}
