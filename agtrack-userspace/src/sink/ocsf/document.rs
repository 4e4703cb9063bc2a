//! The mapping for people, as tables of `docs/ocsf.md`.

use std::fmt::Write;

use super::table::{ROWS, Row, URING};

/// Action, class, activity, severity, place: a row an action.
#[must_use]
pub fn actions() -> String {
    let mut text =
        String::from("| action | class | activity | at least | object |\n|---|---|---|---|---|\n");
    for row in ROWS {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {} {} | {} | {} | {} |",
            row.action,
            row.class.uid,
            row.class.name,
            activities(row),
            row.severity.name(),
            row.place.words()
        );
    }
    text
}

fn activities(row: &Row) -> String {
    let all = row.activity.all().into_iter();
    let all: Vec<_> = all.map(|one| format!("{} {}", one.0, one.1)).collect();
    all.join(", ")
}

/// Requests to io_uring and the actions that they are told as.
#[must_use]
pub fn requests() -> String {
    let rows = URING.iter();
    let words: Vec<_> = rows
        .map(|(request, action)| format!("`{request}` as `{action}`"))
        .collect();
    words.join(", ")
}
