//! A report as a few lines for a terminal.
//!
//! Comes in: a report. Goes out: lines that are safe on a terminal, with what `agtrack run` says at
//! its end in the middle.

use std::path::Path;
use std::time::Duration;

use anstyle::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::completeness::{Completeness, GapTold};
use super::model::{Call, Ended, FileDone, Report, Step, Weight};
use super::touch::Touch;
use crate::container;
use crate::engine::Summary;
use crate::record::{CallClass, printable};
use crate::run::summary::{Look, lost, quoted, recorded};
use crate::terminal::command;

/// Calls that are shown one by one.
const CALLS: usize = 20;
/// Files, or sockets, of a line.
const SHOWN: usize = 6;
/// Characters of a command.
const COMMAND: usize = 100;

/// The lines for standard output. `journal` is where the report was read from.
#[must_use]
pub fn lines(report: &Report, journal: &Path) -> Vec<String> {
    laid_out(&Look::of_stdout(), report, journal, &TimeZone::system())
}

pub(super) fn laid_out(
    look: &Look,
    report: &Report,
    journal: &Path,
    zone: &TimeZone,
) -> Vec<String> {
    let session = &report.session;
    let strong = look.palette.strong;
    let name = printable(&session.agent.name);
    let mut lines = vec![format!(
        "{strong}{name}{strong:#}, session {}, by {}, on {}",
        session.agent.session,
        binding(report),
        printable(&session.host.name)
    )];
    if !session.command.is_empty() {
        let command = command(&session.command, COMMAND);
        lines.push(format!("  command        {command}"));
    }
    if let Some(container) = &session.container {
        let shown = printable(&container::shown(container));
        lines.push(format!("  container      {shown}"));
    }
    if let Some(cgroup) = &session.cgroup {
        lines.push(format!("  cgroup         {}", cgroup.printable()));
    }
    lines.push(format!("  when           {}", when(report, zone)));
    lines.extend(calls(look, report, zone));
    let summary = summary(report);
    lines.extend(recorded(look, "  recorded       ", &summary));
    lines.extend(otherwise(look, report));
    lines.extend(listens(look, report));
    let whole = report.completeness.is_whole();
    lines.push(lost(look, &summary, whole));
    lines.extend(missing(look, &report.completeness, zone));
    if session.still_running > 0 {
        let count = session.still_running;
        lines.push(format!(
            "  still running  {count} when it was recorded no more: what they did since is not recorded"
        ));
    }
    lines.push(format!(
        "  as a page      {} report --journal {} --session {} --html report.html",
        look.command,
        quoted(journal),
        session.agent.session
    ));
    lines
}

pub(super) fn binding(report: &Report) -> &'static str {
    match report.session.agent.binding {
        crate::record::Binding::Launcher => "launcher",
        crate::record::Binding::Cgroup => "cgroup",
        crate::record::Binding::Container => "container",
        crate::record::Binding::Executable => "program",
        crate::record::Binding::User => "user",
        crate::record::Binding::Inferred => "handoff (inferred)",
    }
}

/// The numbers that `agtrack run` has.
fn summary(report: &Report) -> Summary {
    // An administrator's edit of the configuration stands on the page, and is nothing to shout of.
    let tampered = |finding: &&super::Finding| finding.is_tamper() && finding.weight == Weight::Bad;
    Summary {
        actions: report.actions.clone(),
        effects: report.effects.clone(),
        lost: report.completeness.lost,
        skipped: report.completeness.skipped,
        tampered: report.findings.items.iter().filter(tampered).count() as u64,
        agents: Vec::new(),
        agents_total: 0,
        results: Vec::new(),
        results_total: 0,
    }
}

fn when(report: &Report, zone: &TimeZone) -> String {
    let session = &report.session;
    let begin = time(&session.begin, zone, "%Y-%m-%d %H:%M:%S %Z");
    let took = duration(session.duration);
    match session.ended {
        Ended::Yes => match session.why {
            Some(why) => format!("{begin}, {took}; {}", why.words()),
            None => format!("{begin}, {took}"),
        },
        Ended::No => format!("{begin}, {took} so far: its end is not on record yet"),
        Ended::BrokenOff => format!("{begin}, {took}, then recording broke off"),
    }
}

fn calls(look: &Look, report: &Report, zone: &TimeZone) -> Vec<String> {
    let steps = &report.timeline;
    let calls: Vec<_> = steps.items.iter().filter_map(call).collect();
    let mut words = vec![calls.len().to_string()];
    let count = |is: &dyn Fn(&&&Call) -> bool| calls.iter().filter(is).count();
    for (count, what) in [
        (count(&|call| call.failed_at_work()), "failed"),
        (count(&|call| !call.ended), "not ended"),
        (
            count(&|call| call.class == CallClass::Housekeeping),
            "housekeeping",
        ),
        (count(&|call| call.class == CallClass::Service), "services"),
    ] {
        if count > 0 {
            words.push(format!("{count} {what}"));
        }
    }
    let mut lines = look.line(Style::new(), "tool calls", &words);
    lines.extend(
        telling(&calls)
            .into_iter()
            .map(|call| one(look, call, zone)),
    );
    let more = calls.len().saturating_sub(CALLS) as u64 + steps.more;
    if more > 0 {
        lines.push(format!("    and {more} more"));
    }
    lines
}

/// Those that are shown, in their order: what failed is not to be hidden behind what did not.
fn telling<'a>(calls: &[&'a Call]) -> Vec<&'a Call> {
    let (failed, others): (Vec<&Call>, Vec<&Call>) =
        calls.iter().partition(|call| call.failed_at_work());
    let mut shown: Vec<_> = failed.into_iter().chain(others).take(CALLS).collect();
    shown.sort_by_key(|call| call.number);
    shown
}

/// What was done to files that stayed and has no line of its own: a mode is no content.
fn otherwise(look: &Look, report: &Report) -> Vec<String> {
    let is_directory = |file: &FileDone| file.what.contains(&Touch::DirectoryRemoved);
    let stayed = |file: &&FileDone| (!file.gone || is_directory(file)) && !file.of_tool;
    let word = |file: &FileDone| {
        let done = file.what.iter().filter(|touch| touch.is_beside_content());
        let done: Vec<_> = done.map(Touch::to_string).collect();
        let path = look.path(&file.path.0);
        (!done.is_empty()).then(|| format!("{path} ({})", done.join(", ")))
    };
    let files = report.files.items.iter().filter(stayed);
    let words: Vec<_> = files.filter_map(word).collect();
    look.first(Style::new(), "also changed", (words, SHOWN), 0)
}

/// Where it waited for others to connect.
fn listens(look: &Look, report: &Report) -> Vec<String> {
    let waits = report.hosts.items.iter().filter(|host| host.listens);
    let words: Vec<_> = waits.map(|host| host.address.printable()).collect();
    look.first(Style::new(), "listens on", (words, SHOWN), 0)
}

fn call(step: &Step) -> Option<&Call> {
    match step {
        Step::Call(call) => Some(call),
        Step::Direct(_) => None,
    }
}

fn one(look: &Look, call: &Call, zone: &TimeZone) -> String {
    let (bad, faint) = (look.palette.bad, look.palette.faint);
    let ended = ended(call);
    let ended = match call.has_failed() {
        true => format!("{bad}{ended:<8}{bad:#}"),
        false => format!("{faint}{ended:<8}{faint:#}"),
    };
    let took = call.duration.map_or("-".to_owned(), duration);
    // What is before the command takes so many columns.
    let room = look.width.saturating_sub(34).max(20);
    format!(
        "    {} {took:>8}  {ended}  {}",
        time(&call.time, zone, "%H:%M:%S"),
        command(&call.command, room.min(COMMAND))
    )
}

/// How a call ended, in a word or two; printable.
pub(super) fn ended(call: &Call) -> String {
    match &call.exit {
        Some(exit) => match (exit.code, &exit.signal) {
            (Some(0), _) => "ok".to_owned(),
            (Some(code), _) => format!("exit {code}"),
            (None, Some(signal)) => printable(signal),
            (None, None) => String::new(),
        },
        None if call.ended => "unknown".to_owned(),
        None => "running".to_owned(),
    }
}

fn missing(look: &Look, told: &Completeness, zone: &TimeZone) -> Vec<String> {
    let bad = look.palette.bad;
    let numbers = match &told.numbers.broken {
        None => format!(
            "records {} to {} are there, numbered without a gap",
            told.numbers.first, told.numbers.last
        ),
        Some(broken) => format!("{bad}{}{bad:#}", printable(broken)),
    };
    let mut words = vec![numbers];
    let backend = told.backend.as_deref().map_or("unknown".into(), printable);
    words.push(format!("back end {backend}"));
    if !told.hooks_missing.is_empty() {
        let count = told.hooks_missing.len();
        words.push(format!("{count} of {} hooks missing", told.hooks));
    }
    let mut lines = look.line(Style::new(), "journal", &words);
    if !told.is_whole() {
        let when = told.doubtful();
        let when = when.map(|between| format!("{}: ", between.words(zone)));
        let reasons = told.reasons().join("; ");
        lines.push(format!(
            "  {bad}not whole{bad:#}      {}something that it did may not be recorded: {}",
            when.unwrap_or_default(),
            printable(&reasons)
        ));
    }
    let restarts = told.restarts.items.iter().take(5);
    lines.extend(restarts.map(|restart| {
        let when = time(&restart.time, zone, "%H:%M:%S");
        format!("  restarted      {when}: {}", restart.words())
    }));
    let gaps = told.gaps.items.iter().take(5).map(|told| {
        let warning = look.palette.warning;
        format!("  {warning}gap{warning:#}            {}", gap(told, zone))
    });
    lines.extend(gaps);
    let more = told.gaps.total().saturating_sub(5);
    if more > 0 {
        lines.push(format!("    and {more} more gaps"));
    }
    if told.unreadable > 0 {
        let count = told.unreadable;
        lines.push(format!(
            "  {bad}unreadable{bad:#}     lines: {count}, damaged or of a newer agtrack"
        ));
    }
    lines
}

/// A gap: when, whose, what, and what may be missing; printable.
pub(super) fn gap(told: &GapTold, zone: &TimeZone) -> String {
    let when = told.between.map(|between| between.words(zone));
    let whose = match told.own {
        true => "this session",
        false => "any session",
    };
    format!(
        "{}, {whose}: {}. May be missing: {}",
        when.unwrap_or_else(|| printable(&told.time)),
        printable(&told.detail),
        told.missing
    )
}

/// A time of the records in a zone; printable also where it is none.
pub(crate) fn time(text: &str, zone: &TimeZone, format: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(time) => time.to_zoned(zone.clone()).strftime(format).to_string(),
        Err(_) => printable(text),
    }
}

/// Nanoseconds for people.
pub(crate) fn duration(nanoseconds: u64) -> String {
    let duration = Duration::from_nanos(nanoseconds);
    let seconds = duration.as_secs();
    match seconds {
        0 if nanoseconds < 1_000_000 => format!("{} µs", duration.as_micros()),
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}
