//! Which event is seen on which kernel by which back end, compared with an earlier run.
//!
//! Comes in: what the machines say their tests found, the event table, and `docs/coverage.md`. Goes
//! out: complaints, or with `--bless` that file anew. Never: a word about a machine that did not do
//! all its tests, or whose tests failed.

mod cell;
mod page;

use std::collections::BTreeMap;
use std::path::PathBuf;

use agtrack_common::event::{FENTRY, HOOKS, LSM, Row, TABLE, TRACEPOINT};
use anyhow::{Context, Result};

use crate::workspace::Workspace;
pub(crate) use cell::Cell;

/// Kernel and back end.
pub(crate) type Machine = (String, String);

/// What was seen by the name of a row; nothing where it was not.
pub(crate) type Seen = BTreeMap<String, Cell>;

/// What was seen on each machine that did all its tests.
pub(crate) type Table = BTreeMap<Machine, Seen>;

/// Where an event has a hook and still nothing is seen: row, kernel, back end (empty: all), reason.
const EXPLAINED: &[(&str, &str, &str, &str)] = &[
    (
        "process.pivot_root",
        "",
        "",
        "the root of these machines is their first file system, which cannot be moved; it is tested \
         where the tests run outside of them",
    ),
    ("kernel.perf_event_open", "5.10", "lsm", NO_HOOK),
    ("kernel.perf_event_open", "5.10", "fentry", NO_HOOK),
];

const NO_HOOK: &str = "its hook cannot be attached on this kernel; the start record says why";

/// What a machine printed: lines of `ACTION SOURCE RESULT`.
pub(crate) fn read(lines: &[&str]) -> Seen {
    let mut seen = Seen::new();
    for line in lines {
        let words: Vec<_> = line.split_whitespace().collect();
        if let [action, source, result] = words[..]
            && let Some(event) = Event::of(action, result)
        {
            seen.entry(event.name()).or_default().add(source, result);
        }
    }
    seen
}

/// What is worse than before.
///
/// # Errors
/// The page cannot be read.
pub(crate) fn check(workspace: &Workspace, now: &Table) -> Result<Vec<String>> {
    let path = path(workspace);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "cannot read {}; `cargo xtask vm --bless` writes it",
            path.display()
        )
    })?;
    let before = page::parse(&text);
    let mut complaints = unexplained(now);
    complaints.extend(worse(&before, now));
    Ok(complaints)
}

/// Writes what was seen, of the machines that ran; what is not explained is a complaint still.
///
/// # Errors
/// The page cannot be written.
pub(crate) fn bless(workspace: &Workspace, now: &Table) -> Result<Vec<String>> {
    let path = path(workspace);
    // The first time there is none.
    let mut table = page::parse(&std::fs::read_to_string(&path).unwrap_or_default());
    table.extend(now.iter().map(|(key, seen)| (key.clone(), seen.clone())));
    std::fs::write(&path, page::print(&table))
        .with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("vm: {} machines written to {}", now.len(), path.display());
    Ok(unexplained(now))
}

fn path(workspace: &Workspace) -> PathBuf {
    workspace.root.join("docs/coverage.md")
}

/// Cells that are empty without a reason.
fn unexplained(now: &Table) -> Vec<String> {
    let mut complaints = Vec::new();
    for ((kernel, backend), seen) in now {
        for event in events().filter(|event| !seen.contains_key(&event.name())) {
            if event.reason(kernel, backend).is_none() {
                complaints.push(format!(
                    "{kernel} {backend} {}: no test that passed saw it, and nothing explains that; \
                     see EXPLAINED in xtask/src/vm/coverage.rs",
                    event.name()
                ));
            }
        }
    }
    complaints
}

/// What was seen before and is not, or not as well, now; and rows that the page lacks.
fn worse(before: &Table, now: &Table) -> Vec<String> {
    let mut complaints = Vec::new();
    for (machine, seen) in now {
        let (kernel, backend) = machine;
        let Some(before) = before.get(machine) else {
            complaints.push(format!(
                "{kernel} {backend}: not in docs/coverage.md; `cargo xtask vm --bless` writes it"
            ));
            continue;
        };
        for row in events().map(Event::name) {
            let (was, is) = (
                before.get(&row),
                seen.get(&row).cloned().unwrap_or_default(),
            );
            match was {
                Some(was) => complaints.extend(
                    was.lost(&is)
                        .map(|lost| format!("{kernel} {backend} {row}: {lost}")),
                ),
                None if is.is_seen() => complaints.push(format!(
                    "{kernel} {backend} {row}: is seen, and docs/coverage.md does not say so; \
                     `cargo xtask vm --bless` writes it"
                )),
                None => {}
            }
        }
    }
    complaints
}

/// A line of the page: an event of the table, by one of the actions that its records have.
#[derive(Clone, Copy)]
struct Event {
    row: &'static Row,
    action: &'static str,
}

fn events() -> impl Iterator<Item = Event> {
    let of = |row: &'static Row| row.kind.actions().map(move |action| Event { row, action });
    TABLE.iter().flat_map(of)
}

impl Event {
    /// That of a record: events that differ in how they end may share an action.
    fn of(action: &str, result: &str) -> Option<Event> {
        let events = || events().filter(|event| event.action == action);
        let failed = |event: &Event| event.is_failure() == (result == "failure");
        events().find(failed).or_else(|| events().next())
    }

    fn is_failure(self) -> bool {
        self.row.body.ends_with("Failed")
    }

    /// The action, and what tells it from another event of the same.
    fn name(self) -> String {
        let failed = if self.is_failure() {
            " that failed"
        } else {
            ""
        };
        format!("{}{failed}", self.action)
    }

    /// Why nothing can be seen of it.
    fn reason(self, kernel: &str, backend: &str) -> Option<&'static str> {
        let bit = match backend {
            "lsm" => LSM,
            "fentry" => FENTRY,
            _ => TRACEPOINT,
        };
        if !HOOKS
            .iter()
            .any(|hook| hook.kind == self.row.kind && hook.backends & bit != 0)
        {
            return Some("this back end has no hook for it");
        }
        let matches = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        let name = self.name();
        EXPLAINED
            .iter()
            .find(|(event, on, by, _)| {
                *event == name && matches(on, kernel) && matches(by, backend)
            })
            .map(|(.., reason)| *reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(kernel: &str, backend: &str) -> Machine {
        (kernel.to_owned(), backend.to_owned())
    }

    fn seen(lines: &[&str]) -> Table {
        Table::from([(machine("6.1", "lsm"), read(lines))])
    }

    #[test]
    fn events_of_one_action_are_told_apart_by_their_end() {
        let seen = read(&[
            "process.exec kernel success\r",
            "process.exec argument failure\r",
            "file.open kernel failure",
        ]);
        let rows: Vec<_> = seen.keys().map(String::as_str).collect();
        let expect = ["file.open", "process.exec", "process.exec that failed"];
        assert_eq!(rows, expect);
    }

    #[test]
    fn what_is_read_from_packets_is_known_by_its_own_action() {
        let seen = read(&["net.tls_hello - success", "net.payload - success"]);
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["net.tls_hello"]);
    }

    #[test]
    fn what_is_no_event_is_no_row() {
        assert_eq!(read(&["tracker.nothing - success", "half a"]), Seen::new());
    }

    #[test]
    fn an_event_that_is_not_seen_any_more_is_a_complaint() {
        let before = seen(&["file.open kernel success", "file.chmod kernel success"]);
        let now = seen(&["file.open kernel success"]);
        assert_eq!(worse(&before, &before), Vec::<String>::new());
        assert_eq!(
            worse(&before, &now),
            ["6.1 lsm file.chmod: was seen (kernel), and no test that passed saw it now"]
        );
    }

    #[test]
    fn an_event_that_is_new_is_to_be_written() {
        let before = seen(&["file.open kernel success"]);
        let now = seen(&["file.open kernel success", "file.chmod fd success"]);
        assert!(worse(&before, &now)[0].contains("file.chmod: is seen"));
        assert_eq!(worse(&Table::new(), &now).len(), 1);
    }

    #[test]
    fn an_empty_cell_needs_a_reason() {
        let complaints = unexplained(&seen(&["file.open kernel success"]));
        let explained = events().filter(|event| event.reason("6.1", "lsm").is_some());
        let expect = events().count() - explained.count() - 1;
        assert_eq!(complaints.len(), expect, "{complaints:?}");
        assert!(complaints[0].starts_with("6.1 lsm process.fork: no test"));
    }

    #[test]
    fn what_is_explained_is_a_row_of_the_table() {
        for (row, ..) in EXPLAINED {
            assert!(events().any(|event| event.name() == *row), "{row}");
        }
    }
}
