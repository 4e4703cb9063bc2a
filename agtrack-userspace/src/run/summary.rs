//! What the launcher tells at the end, on stderr.
//!
//! Comes in: numbers and names from the recorder. Goes out: lines that are safe on a terminal.
//! Never: reads the journal, or claims more than the recorder counted.

mod look;

use std::path::Path;

use anstyle::Style;

use super::plain;
use super::protocol::{Done, Packets, Still};
use crate::deed::{BEGUN, CONNECTED};
use crate::engine::{Asked, Started, Summary};
use crate::record::{Item, Listed};
pub(crate) use look::{Look, quoted};

/// Names of a kind, at most.
const SHOWN: usize = 6;
/// Programs, at most; their names are short.
const PROGRAMS: usize = 12;

/// The lines of the summary, for standard error.
pub(super) fn lines(journal: &Path, done: &Done) -> Vec<String> {
    laid_out(&Look::of_stderr(), journal, done)
}

fn laid_out(look: &Look, journal: &Path, done: &Done) -> Vec<String> {
    let (still, summary) = (&done.still, &done.summary);
    let mut lines = recorded(look, "agtrack: recorded ", summary);
    lines.push(lost(look, summary, true));
    if still.total > 0 {
        let count = still.total;
        lines.push(format!("  still running  {count}, no longer recorded:"));
        lines.extend(list(still));
    }
    lines.extend(done.packets.as_ref().map(|file| packets(journal, file)));
    let (journal, command) = (quoted(journal), &look.command);
    lines.push(format!("  journal        {journal}"));
    lines.push(format!(
        "  read it with   {command} tail --journal {journal}"
    ));
    lines.push(format!(
        "  report         {command} report --journal {journal} --html report.html"
    ));
    lines
}

/// What was done; `begin` stands before the actions.
pub(crate) fn recorded(look: &Look, begin: &str, summary: &Summary) -> Vec<String> {
    let mut lines = look.flow(begin.to_owned(), begin.len(), &actions(summary));
    lines.extend(agents(look, summary));
    lines.extend(results(look, summary));
    lines.extend(programs(look, summary));
    lines.extend(files(look, summary));
    lines.extend(peers(look, summary));
    lines.extend(rest(look, summary));
    lines.extend(tampered(look, summary));
    lines
}

fn packets(journal: &Path, file: &Packets) -> String {
    let done = &file.done;
    let place = quoted(&journal.join(&file.name));
    let lost = match done.lost {
        0 => String::new(),
        lost => format!(", {lost} lost"),
    };
    let error = done.error.as_ref().map(|error| plain(error.as_bytes()));
    let error = error.map(|error| format!(", not whole: {error}"));
    format!(
        "  packets        {} in {place}{lost}{}",
        done.packets,
        error.unwrap_or_default()
    )
}

/// A title and the first of a list; nothing where the list is empty.
fn told(
    look: &Look,
    (style, title): (Style, &str),
    (list, most): (&Listed, usize),
    word: &dyn Fn(&Item) -> String,
) -> Vec<String> {
    match list.total > 0 || list.beyond > 0 {
        true => look.line(style, title, &words(list, most, word)),
        false => Vec::new(),
    }
}

/// Agents that were started in calls, each with what is its own part of the rest.
fn agents(look: &Look, summary: &Summary) -> Vec<String> {
    let word = |agent: &Started| {
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        let (actions, calls) = (agent.actions, agent.tool_calls);
        format!(
            "{} ({actions} action{}, {calls} tool call{})",
            plain(agent.program.as_bytes()),
            plural(actions),
            plural(calls)
        )
    };
    let words: Vec<_> = summary.agents.iter().map(word).collect();
    let beyond = summary.agents_total.saturating_sub(words.len() as u64);
    look.first(Style::new(), "agents", (words, SHOWN), beyond)
}

/// What others did at its request, in cgroups of their own.
fn results(look: &Look, summary: &Summary) -> Vec<String> {
    let word = |asked: &Asked| {
        let channel = plain(asked.channel.as_bytes());
        format!("{} (by {channel})", look.path(&asked.cgroup.0))
    };
    let words: Vec<_> = summary.results.iter().map(word).collect();
    let beyond = summary.results_total.saturating_sub(words.len() as u64);
    look.first(Style::new(), "handed off", (words, SHOWN), beyond)
}

fn programs(look: &Look, summary: &Summary) -> Vec<String> {
    let programs = told(
        look,
        (Style::new(), "programs"),
        (&summary.effects.programs, PROGRAMS),
        &|item| times(look.path(&item.name.0), item.count),
    );
    let credentials = told(
        look,
        (look.palette.warning, "credentials"),
        (&summary.effects.credentials, SHOWN),
        &|item| {
            let how = [vec![item.what.clone()], contact(&item.ways)].concat();
            by(look.path(&item.name.0), &how, item)
        },
    );
    [programs, credentials].concat()
}

fn files(look: &Look, summary: &Summary) -> Vec<String> {
    [
        ("files created", &summary.effects.created),
        ("files written", &summary.effects.written),
        ("files deleted", &summary.effects.deleted),
        ("files renamed", &summary.effects.renamed),
    ]
    .into_iter()
    .flat_map(|(title, list)| {
        told(look, (Style::new(), title), (list, SHOWN), &|item| {
            file(look, item)
        })
    })
    .collect()
}

fn peers(look: &Look, summary: &Summary) -> Vec<String> {
    let warning = look.palette.warning;
    let peers = told(
        look,
        (Style::new(), "connects"),
        (&summary.effects.peers, SHOWN),
        &|item| {
            let ways = contact(&item.ways);
            let ways = match &ways[..] {
                [way] if way == CONNECTED => &[],
                ways => ways,
            };
            by(look.path(&item.name.0), ways, item)
        },
    );
    let refused = told(
        look,
        (warning, "refused"),
        (&summary.effects.refused, SHOWN),
        &|item| {
            let name = &item.name.0;
            let blank = name.iter().position(|byte| *byte == b' ');
            let (action, target) = name.split_at(blank.map_or(0, |blank| blank + 1));
            let target = format!("{}{}", plain(action), look.path(target));
            by(target, &item.ways, item)
        },
    );
    let killed = told(
        look,
        (warning, "killed"),
        (&summary.effects.killed, SHOWN),
        &|item| {
            let ways = plain(item.ways.join(", ").as_bytes());
            let name = look.path(&item.name.0);
            times(format!("{name} by {ways}"), item.count)
        },
    );
    [peers, refused, killed].concat()
}

/// One line for each process that runs.
pub(super) fn list(still: &Still) -> Vec<String> {
    let mut lines: Vec<_> = still
        .first
        .iter()
        .map(|process| format!("    {:>7} {}", process.pid, plain(&process.exe)))
        .collect();
    let more = still.total.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("    and {more} more"));
    }
    lines
}

fn actions(summary: &Summary) -> Vec<String> {
    let mut counts: Vec<_> = summary
        .actions
        .iter()
        .filter(|(_, count)| **count > 0)
        .collect();
    if counts.is_empty() {
        return vec!["nothing".into()];
    }
    counts.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    counts
        .iter()
        .map(|(name, count)| format!("{} {count}", plain(name.as_bytes())))
        .collect()
}

/// The first of a list, and how many more there are.
fn words(list: &Listed, most: usize, word: &dyn Fn(&Item) -> String) -> Vec<String> {
    let shown = &list.items[..list.items.len().min(most)];
    let mut words: Vec<_> = shown.iter().map(word).collect();
    // A folder stands for the files in it, any other name for itself.
    let told: u64 = shown.iter().map(stands_for).sum();
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
fn stands_for(item: &Item) -> u64 {
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

/// What was done to something or what came of it, in words.
///
/// Said here once, for the summary of a run, lines of tool calls and reports. A connect that does not
/// wait is no contact as long as no connection is seen: nobody records that it was refused.
pub(crate) fn contact(ways: &[String]) -> Vec<String> {
    let reached = [CONNECTED, "TLS", "HTTP", "QUIC"];
    let is_reached = ways.iter().any(|way| reached.contains(&way.as_str()));
    let words = ways.iter().filter_map(|way| match way.as_str() {
        BEGUN if is_reached => None,
        BEGUN => Some(NO_CONNECTION.to_owned()),
        way => Some(way.to_owned()),
    });
    words.collect()
}

/// Of connects of which nothing came as far as that was seen.
pub(crate) const NO_CONNECTION: &str = "asked for, no connection seen";

/// Of files that were created and are gone again.
pub(crate) fn came_and_went(count: u64) -> String {
    match count {
        1 => "1 file came and went".to_owned(),
        count => format!("{count} files came and went"),
    }
}

/// What is of little interest, but has its place in the sum.
fn rest(look: &Look, summary: &Summary) -> Vec<String> {
    let mut words = Vec::new();
    if summary.effects.temporary > 0 {
        words.push(came_and_went(summary.effects.temporary));
    }
    let failures: u64 = summary.effects.failures.values().sum();
    if failures > 0 {
        let each: Vec<_> = summary
            .effects
            .failures
            .iter()
            .take(SHOWN)
            .map(|(errno, count)| format!("{} {count}", plain(errno.as_bytes())))
            .collect();
        let plural = if failures == 1 { "" } else { "s" };
        words.push(format!(
            "{failures} other failure{plural} ({})",
            each.join(", ")
        ));
    }
    match words.is_empty() {
        true => Vec::new(),
        false => look.line(look.palette.faint, "besides", &words),
    }
}

fn tampered(look: &Look, summary: &Summary) -> Option<String> {
    let bad = look.palette.bad;
    let plural = if summary.tampered == 1 { "" } else { "s" };
    (summary.tampered > 0).then(|| {
        let count = summary.tampered;
        format!(
            "  {bad}TAMPER{bad:#}         {count} attempt{plural} on the recorder itself; `agtrack query --kind tamper` says by whom"
        )
    })
}

/// What is known to be missing; `whole`: nothing is but what was counted.
pub(crate) fn lost(look: &Look, summary: &Summary, whole: bool) -> String {
    let skipped = match summary.skipped {
        0 => String::new(),
        count => format!("; the kernel skipped up to {count} hook runs on this host"),
    };
    let bad = look.palette.bad;
    match summary.lost {
        0 if whole => format!("  lost           nothing{skipped}"),
        0 => format!("  lost           no event that was counted{skipped}"),
        count => {
            format!("  {bad}LOST{bad:#}           {count} events (see the gap records){skipped}")
        }
    }
}

#[cfg(test)]
#[path = "summary/tests.rs"]
mod tests;
