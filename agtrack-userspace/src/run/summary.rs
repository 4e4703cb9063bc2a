//! What the launcher tells at the end, on stderr.
//!
//! Comes in: numbers and names from the recorder. Goes out: lines that are safe on a terminal.
//! Never: reads the journal, or claims more than the recorder counted.

mod look;

use std::path::Path;

use super::plain;
use crate::engine::{Item, Listed, Running, Summary};
use look::{Look, quoted};

/// Names of a kind, at most.
const SHOWN: usize = 6;
/// Programs, at most; their names are short.
const PROGRAMS: usize = 12;
/// Processes, at most.
const PROCESSES: usize = 20;

/// The lines of the summary, for standard error.
pub(super) fn lines(journal: &Path, running: &[Running], summary: &Summary) -> Vec<String> {
    laid_out(&Look::of_stderr(), journal, running, summary)
}

fn laid_out(look: &Look, journal: &Path, running: &[Running], summary: &Summary) -> Vec<String> {
    let palette = look.palette;
    let plain_style = anstyle::Style::new();
    let mut lines = vec![format!("agtrack: recorded {}", actions(summary))];
    let mut tell = |style, title, list: &Listed, most, word: &dyn Fn(&Item) -> String| {
        if list.total > 0 || list.beyond > 0 {
            lines.extend(look.line(style, title, &words(list, most, word)));
        }
    };
    let path = |item: &Item| file(look, item);
    tell(
        plain_style,
        "programs",
        &summary.programs,
        PROGRAMS,
        &|item| times(look.path(&item.name.0), item.count),
    );
    tell(
        palette.warning,
        "credentials",
        &summary.credentials,
        SHOWN,
        &|item| {
            let mut told = item.ways.clone();
            told.insert(0, item.what.clone());
            by(look.path(&item.name.0), &told, item)
        },
    );
    tell(plain_style, "files created", &summary.created, SHOWN, &path);
    tell(plain_style, "files written", &summary.written, SHOWN, &path);
    tell(plain_style, "files deleted", &summary.deleted, SHOWN, &path);
    tell(plain_style, "files renamed", &summary.renamed, SHOWN, &path);
    tell(plain_style, "connects", &summary.peers, SHOWN, &|item| {
        let ways: Vec<_> = match &item.ways[..] {
            [way] if way == "connected" => Vec::new(),
            ways => ways.to_vec(),
        };
        by(look.path(&item.name.0), &ways, item)
    });
    tell(
        palette.warning,
        "refused",
        &summary.refused,
        SHOWN,
        &|item| {
            let name = &item.name.0;
            let blank = name.iter().position(|byte| *byte == b' ');
            let (action, target) = name.split_at(blank.map_or(0, |blank| blank + 1));
            let target = format!("{}{}", plain(action), look.path(target));
            by(target, &item.ways, item)
        },
    );
    tell(palette.warning, "killed", &summary.killed, SHOWN, &|item| {
        let ways = item.ways.join(", ");
        times(
            format!("{} by {}", look.path(&item.name.0), plain(ways.as_bytes())),
            item.count,
        )
    });
    lines.extend(rest(look, summary));
    lines.push(lost(look, summary));
    if !running.is_empty() {
        lines.push(format!(
            "  still running  {}, no longer recorded:",
            running.len()
        ));
        lines.extend(list(running));
    }
    let journal = quoted(journal);
    lines.push(format!("  journal        {journal}"));
    lines.push(format!(
        "  read it with   {} tail --journal {journal}",
        look.command
    ));
    lines
}

/// One line for each process that runs.
pub(super) fn list(running: &[Running]) -> Vec<String> {
    let mut lines: Vec<_> = running
        .iter()
        .take(PROCESSES)
        .map(|process| format!("    {:>7} {}", process.pid, plain(&process.exe)))
        .collect();
    if running.len() > lines.len() {
        lines.push(format!("    and {} more", running.len() - lines.len()));
    }
    lines
}

fn actions(summary: &Summary) -> String {
    let mut counts: Vec<_> = summary
        .actions
        .iter()
        .filter(|(_, count)| **count > 0)
        .collect();
    if counts.is_empty() {
        return "nothing".into();
    }
    counts.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let words: Vec<_> = counts
        .iter()
        .map(|(name, count)| format!("{} {count}", plain(name.as_bytes())))
        .collect();
    words.join(", ")
}

/// The first of a list, and how many more there are.
fn words(list: &Listed, most: usize, word: &dyn Fn(&Item) -> String) -> Vec<String> {
    let shown = &list.items[..list.items.len().min(most)];
    let mut words: Vec<_> = shown.iter().map(word).collect();
    // A folder stands for the files in it, any other name for itself.
    let told: u64 = shown.iter().map(files).sum();
    match (list.total.saturating_sub(told), list.beyond) {
        (0, 0) => {}
        (more, 0) => words.push(format!("and {more} more")),
        (more, beyond) => words.push(format!(
            "and {more} more, and {beyond} times one that was not told from the others"
        )),
    }
    words
}

/// How many of a list's total an item stands for.
fn files(item: &Item) -> u64 {
    match item.name.0.ends_with(b"/") {
        true => item.count,
        false => 1,
    }
}

/// A file, its new name, or a folder with the number of files.
fn file(look: &Look, item: &Item) -> String {
    let name = look.path(&item.name.0);
    match &item.to {
        Some(to) => format!("{name} -> {}", look.path(&to.0)),
        None if !item.name.0.ends_with(b"/") => name,
        None if item.count == 1 => format!("{name} (1 file)"),
        None => format!("{name} ({} files)", item.count),
    }
}

fn times(name: String, count: u64) -> String {
    match count {
        0 | 1 => name,
        count => format!("{name} {count}"),
    }
}

/// With how and by whom in brackets.
fn by(name: String, how: &[String], item: &Item) -> String {
    let mut told: Vec<_> = how.iter().map(|way| plain(way.as_bytes())).collect();
    if !item.by.0.is_empty() {
        told.push(format!("by {}", plain(&item.by.0)));
    }
    if item.count > 1 {
        told.push(format!("{} times", item.count));
    }
    match told.is_empty() {
        true => name,
        false => format!("{name} ({})", told.join(", ")),
    }
}

/// What is of little interest, but has its place in the sum.
fn rest(look: &Look, summary: &Summary) -> Vec<String> {
    let mut words = Vec::new();
    if summary.temporary > 0 {
        words.push(format!("{} files came and went", summary.temporary));
    }
    let failures: u64 = summary.failures.values().sum();
    if failures > 0 {
        let each: Vec<_> = summary
            .failures
            .iter()
            .take(SHOWN)
            .map(|(errno, count)| format!("{} {count}", plain(errno.as_bytes())))
            .collect();
        words.push(format!("{failures} other failures ({})", each.join(", ")));
    }
    match words.is_empty() {
        true => Vec::new(),
        false => look.line(look.palette.faint, "besides", &words),
    }
}

fn lost(look: &Look, summary: &Summary) -> String {
    let skipped = match summary.skipped {
        0 => String::new(),
        count => format!("; the kernel skipped up to {count} hook runs on this host"),
    };
    let bad = look.palette.bad;
    match summary.lost {
        0 => format!("  lost           nothing{skipped}"),
        count => {
            format!("  {bad}LOST{bad:#}           {count} events (see the gap records){skipped}")
        }
    }
}

#[cfg(test)]
#[path = "summary/tests.rs"]
mod tests;
