//! `docs/coverage.md`, which is also what the next run is compared with.

use std::fmt::Write;

use super::{Cell, Machine, Table, events};
use crate::vm::{BACKENDS, VARIANTS};

const HEAD: &str = "\
# Coverage

Written by `cargo xtask vm --bless` from the end-to-end tests in virtual machines; do not edit. Each cell says what tests *that passed* asked for and found in the journal, on this kernel with this back end; `cargo xtask vm` fails where something that stands here is not found any more.

| cell | means |
|---|---|
| `kernel`, `fd`, `argument` | It is recorded; where its path or address came from, as [`path_source`](record.md#completeness) has it. Several: it depends on the call or on its end. |
| `yes` | It is recorded; it has no path, and no address from the caller. |
| `no result` | No record told how it ended: `outcome` was `unknown`. |
| — | Not seen; the reason stands below. |
| `not run` | This machine was not run, or tests failed in it. |

What is seen of an event, and what is not, is in the [table of limits](limits.md); through which hooks in [events.md](events.md). Attempts on the recorder's files (`tracker.write` and the like) are seen by fanotify, which is the same everywhere, and are no rows here. `6.12-preempt` is 6.12 booted with `preempt=full`.
";

const BACK_END: &str = "## Back end `";
const WHY: &str = "## Why a cell is empty";
/// A machine that was never run.
const NOT_RUN: &str = "not run";

/// The page.
pub(super) fn print(table: &Table) -> String {
    let mut page = HEAD.to_owned();
    for backend in BACKENDS {
        // Writing to a string does not fail.
        let _ = write!(page, "\n{BACK_END}{backend}`\n\n| event |");
        for variant in VARIANTS {
            let _ = write!(page, " {} |", variant.name);
        }
        let _ = writeln!(page, "\n|---|{}", "---|".repeat(VARIANTS.len()));
        for event in events() {
            let _ = write!(page, "| {} |", shown(&event.name()));
            for variant in VARIANTS {
                let machine = key(variant.name, backend);
                let cell = table.get(&machine).map(|seen| seen.get(&event.name()));
                let text = match cell {
                    None => NOT_RUN.to_owned(),
                    Some(None) => Cell::default().to_string(),
                    Some(Some(cell)) => cell.to_string(),
                };
                let _ = write!(page, " {text} |");
            }
            page.push('\n');
        }
    }
    let _ = write!(page, "\n{WHY}\n\n{}", reasons(table));
    page
}

/// Of each cell that is empty.
fn reasons(table: &Table) -> String {
    let mut lines = String::new();
    for event in events() {
        for ((kernel, backend), seen) in table {
            if !seen.contains_key(&event.name()) {
                let why = event.reason(kernel, backend).unwrap_or("not known");
                let name = shown(&event.name());
                let _ = writeln!(lines, "| {name} | {kernel}, {backend} | {why} |");
            }
        }
    }
    if lines.is_empty() {
        return "Of the machines that were run, none is.\n".to_owned();
    }
    format!("| event | where | why |\n|---|---|---|\n{lines}")
}

/// The table on a page; what is no cell is left out.
pub(super) fn parse(page: &str) -> Table {
    let mut table = Table::new();
    let (mut backend, mut kernels) = (String::new(), Vec::new());
    for line in page.lines() {
        if let Some(name) = line.strip_prefix(BACK_END) {
            backend = name.trim_end_matches('`').to_owned();
            continue;
        }
        if line.starts_with("## ") {
            backend.clear();
        }
        let Some(line) = line.strip_prefix("| ").filter(|_| !backend.is_empty()) else {
            continue;
        };
        let mut cells = line.trim_end_matches(" |").split(" | ").map(str::to_owned);
        let Some(first) = cells.next() else { continue };
        if first == "event" {
            kernels = cells.collect();
            continue;
        }
        for (kernel, text) in kernels.iter().zip(cells) {
            let seen = (text != NOT_RUN).then(|| table.entry(key(kernel, &backend)).or_default());
            if let (Some(seen), Some(cell)) = (seen, Cell::parse(&text))
                && cell.is_seen()
            {
                seen.insert(first.replace('`', ""), cell);
            }
        }
    }
    table
}

fn key(kernel: &str, backend: &str) -> Machine {
    (kernel.to_owned(), backend.to_owned())
}

/// The action as code, and what follows it as words.
fn shown(name: &str) -> String {
    match name.split_once(' ') {
        Some((action, words)) => format!("`{action}` {words}"),
        None => format!("`{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn table() -> Table {
        let lines = [
            "process.exec kernel success",
            "process.exec argument failure",
            "net.send - unknown",
        ];
        Table::from([
            (key("6.12-preempt", "fentry"), read(&lines)),
            (key("5.10", "tracepoint"), read(&lines[..1])),
        ])
    }

    #[test]
    fn a_page_can_be_read_back() {
        assert_eq!(parse(&print(&table())), table());
        assert_eq!(parse("# Something else\n"), Table::new());
    }

    #[test]
    fn a_page_says_what_was_not_run_and_what_was_not_seen() {
        let page = print(&table());
        let line = |event: &str, part: usize| {
            let lines = page.lines().filter(|line| line.starts_with(event));
            lines.clone().nth(part).unwrap().to_owned()
        };
        assert_eq!(
            line("| `process.exec` that failed |", 1),
            "| `process.exec` that failed | not run | not run | not run | argument | not run |"
        );
        assert_eq!(
            line("| `net.send` |", 2),
            "| `net.send` | — | not run | not run | not run | not run |"
        );
        assert!(page.contains("| `net.send` | 5.10, tracepoint | not known |"));
    }
}
