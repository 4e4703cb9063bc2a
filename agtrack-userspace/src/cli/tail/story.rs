//! A record as one line for people: local time, agent, process, what was done to what, and how it
//! ended unless it ended well.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use uuid::Uuid;

use super::{call, object};
use crate::container;
use crate::credential::{self, Credential};
use crate::record::{
    Action, Agent, Body, By, Change, ConfigChange, Gap, Handoff, Heartbeat, Lifecycle, MatchedBy,
    Object, OutcomeResult, Process, Record, SessionChange, Tamper, is_outsiders, printable,
};
use crate::report::gap::{Between, missing};
use crate::report::text::duration;
use crate::terminal::{Palette, counted, cut, styled};

/// Characters of a line that is no record of this version.
const UNKNOWN: usize = 200;
/// Characters of a session's id: its millisecond.
const SHORT: usize = 13;

/// The record, if it is one of this version.
pub(super) fn read(bytes: &[u8]) -> Option<Record> {
    serde_json::from_slice(bytes).ok()
}

/// The line of a record, without a newline and safe for a terminal.
pub(in crate::cli) fn line(record: &Record, palette: Palette) -> String {
    known(record, palette, &TimeZone::system())
}

/// The line of what is none, written by a newer agtrack, perhaps: better raw than not at all.
pub(super) fn unknown(bytes: &[u8]) -> String {
    cut(&printable(&String::from_utf8_lossy(bytes)), UNKNOWN)
}

fn known(record: &Record, palette: Palette, zone: &TimeZone) -> String {
    let time = styled(palette.faint, time(&record.time, zone));
    let agent = record.agent.as_deref().map(agent);
    let told = match &record.body {
        Body::Action(action) => self::action(action, palette),
        Body::Session(change) => {
            let id = record.agent.as_deref().map(|agent| &agent.session);
            styled(palette.strong, session(change, id))
        }
        Body::ToolCall(change) => {
            let id = styled(palette.faint, printable(&change.tool_call.id));
            format!("{} {id}", styled(palette.strong, call::line(change)))
        }
        Body::Handoff(told) => handoff(told, palette),
        Body::Tamper(told) => tamper(told, palette),
        Body::Gap(gap) => styled(palette.warning, self::gap(gap, record, zone)),
        Body::Lifecycle(change) => styled(palette.strong, lifecycle(change, record.boot_time)),
        Body::Heartbeat(beat) => styled(palette.faint, heartbeat(beat)),
    };
    format!("{time} {} {told}", agent.as_deref().unwrap_or("-"))
}

/// Of one that was started in a call also which program it is.
fn agent(agent: &Agent) -> String {
    let name = printable(&agent.name);
    match &agent.program {
        Some(program) => format!("{name}/{}", printable(program)),
        None => name,
    }
}

fn handoff(told: &Handoff, palette: Palette) -> String {
    let what = format!(
        "reached {} at {}, which {}{}",
        printable(&told.channel),
        told.reached.printable(),
        printable(&told.can),
        told.caveat()
    );
    format!(
        "{} {}",
        process(&told.process),
        styled(palette.warning, what)
    )
}

fn time(time: &str, zone: &TimeZone) -> String {
    match time.parse::<Timestamp>() {
        Ok(time) => time
            .to_zoned(zone.clone())
            .strftime("%b %d %H:%M:%S%.3f")
            .to_string(),
        Err(_) => printable(time),
    }
}

fn action(action: &Action, palette: Palette) -> String {
    let mut told = format!(
        "{} {} {}",
        process(&action.process),
        styled(palette.strong, printable(&action.action)),
        object::done(action)
    );
    if let Some(credential) = credential(&action.object) {
        told.push_str(&format!(
            " {}",
            styled(palette.warning, format!("[{}]", credential.what))
        ));
    }
    if action.completeness.count > 1 {
        told.push_str(&format!(" ({} times)", action.completeness.count));
    }
    if action.completeness.truncated {
        told.push_str(" (cut)");
    }
    if is_outsiders(action) {
        told.push_str(" (by somebody else, to the agent's cgroup)");
    }
    let errno = action
        .outcome
        .errno
        .as_deref()
        .map(printable)
        .unwrap_or_default();
    let ended = match action.outcome.result {
        OutcomeResult::Success => return told,
        OutcomeResult::Failure => styled(palette.bad, format!("failed {errno}").trim_end()),
        OutcomeResult::InProgress => styled(palette.faint, "in progress"),
        OutcomeResult::Unknown => styled(palette.warning, "outcome unknown"),
    };
    format!("{told}: {ended}")
}

fn credential(object: &Object) -> Option<&'static Credential> {
    match object {
        Object::Open { path, .. } | Object::File { path, .. } => credential::at(&path.0),
        Object::Rename { from, to, .. } => {
            credential::at(&from.0).or_else(|| credential::at(&to.0))
        }
        Object::Uring(request) => [&request.path, &request.target]
            .into_iter()
            .flatten()
            .find_map(|path| credential::at(&path.0)),
        Object::Exec { .. }
        | Object::Program { .. }
        | Object::Exit { .. }
        | Object::Endpoint { .. }
        | Object::Flow(_)
        | Object::Ids { .. }
        | Object::Socket { .. }
        | Object::Request { .. }
        | Object::Fork { .. }
        | Object::Connect(_)
        | Object::Dns(_)
        | Object::Tls(_)
        | Object::Http(_)
        | Object::Quic(_)
        | Object::Cgroup { .. } => None,
    }
}

fn process(process: &Process) -> String {
    let exe = process
        .exe
        .as_ref()
        .map(|exe| exe.printable())
        .unwrap_or_default();
    let name = exe
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
        .unwrap_or("?");
    format!("{name}[{}]", process.pid)
}

/// As much of a session's id as tells it from others in a list: the milliseconds of its begin.
/// `--session` takes it.
fn short(session: &Uuid) -> String {
    session.to_string().chars().take(SHORT).collect()
}

fn session(change: &SessionChange, id: Option<&Uuid>) -> String {
    use Change::{
        CaptureEnd, CaptureStart, End, Reload, ReloadRefused, Report, Resume, Start, Suspend, Tag,
        Untag,
    };
    let what = match change.change {
        Start => "begins",
        End => "ends",
        Suspend => "goes on without this recorder",
        Resume => "is recorded again",
        Report | Reload | ReloadRefused | CaptureStart | CaptureEnd | Tag | Untag => "goes on",
    };
    let id = id.map(|id| format!("{} ", short(id)));
    let mut told = format!("session {}{what}", id.unwrap_or_default());
    if !change.command.is_empty() {
        told.push_str(&format!(": {}", object::command(&change.command)));
    } else if let Some(cgroup) = &change.cgroup {
        let container = change
            .bound
            .as_ref()
            .and_then(|bound| bound.container.as_ref());
        let container = container.map(|it| format!("container {}, ", container::shown(it)));
        let container = printable(&container.unwrap_or_default());
        told.push_str(&format!(": {container}cgroup {}", cgroup.printable()));
    }
    let bound = change.bound.as_ref();
    if let Some(origin) = bound.and_then(|bound| bound.handoff.as_ref()) {
        let how = match origin.matched_by {
            MatchedBy::Name => "by its name",
            MatchedBy::Time => "by the time",
        };
        let channel = printable(&origin.channel);
        told.push_str(&format!("; asked for through {channel} (inferred {how})"));
    }
    if let Some(call) = &change.tool_call {
        told.push_str(&format!("; in the call {}", object::command(&call.command)));
    }
    let counts = change.totals.actions.iter();
    let counts = counts.map(|(name, count)| format!("{} {count}", printable(name)));
    let counts: Vec<_> = counts.collect();
    if !counts.is_empty() {
        told.push_str(&format!("; {}", counts.join(", ")));
    }
    if !change.still_running.is_empty() {
        told.push_str(&format!("; {} still running", change.still_running.len()));
    }
    if let Some(unseen) = &change.unseen {
        let why = unseen.why.words();
        told.push_str(&format!("; no recorder saw it: {why}"));
    }
    if let Some(why) = change.why {
        told.push_str(&format!("; {}", why.words()));
    }
    told
}

/// What is to be expected reads as what it is; what is not stands out as a whole.
fn tamper(tamper: &Tamper, palette: Palette) -> String {
    let by = match tamper.by {
        By::Agent => " by an agent",
        By::Parent => " by whoever started the recorder",
        By::Init => " by init",
        By::Own => " by agtrack",
        By::Other => " by another process",
    };
    let mut told = format!(
        "{}{} {} {}",
        process(&tamper.process),
        tamper.process.origin(),
        printable(&tamper.action),
        object::words(&tamper.object)
    );
    if !tamper.changes.is_empty() {
        let changes: Vec<_> = tamper.changes.iter().map(|word| printable(word)).collect();
        told.push_str(&format!(" [{}]", changes.join(", ")));
    }
    if tamper.completeness.count > 1 {
        told.push_str(&format!(" ({} times)", tamper.completeness.count));
    }
    if tamper.outcome.result == OutcomeResult::Failure {
        let errno = tamper.outcome.errno.as_deref().unwrap_or_default();
        told.push_str(&format!(": failed {}", printable(errno)));
    }
    match tamper.expected {
        true => styled(palette.strong, format!("agtrack itself{by}: {told}")),
        false => styled(palette.bad, format!("TAMPER{by}: {told}")),
    }
}

/// When, how much of what, whose, why, and what may be missing.
fn gap(gap: &Gap, record: &Record, zone: &TimeZone) -> String {
    let mut told = format!("GAP {}", word(gap.reason));
    if let Some(between) = Between::of(gap, record) {
        told.push_str(&format!(", {}", between.words(zone)));
    }
    if let Some(count) = gap.count {
        told.push_str(&format!(", {count}"));
    }
    if let Some(action) = &gap.action {
        told.push_str(&format!(" of {}", printable(action)));
    }
    if let Some(hook) = &gap.hook {
        told.push_str(&format!(", {}", printable(hook)));
    }
    let whose = match record.agent.as_deref() {
        Some(agent) => format!("session {}", short(&agent.session)),
        None => "any session".to_owned(),
    };
    let (detail, missing) = (printable(&gap.detail), missing(gap.reason));
    format!("{told}, {whose}: {detail}. May be missing: {missing}")
}

/// `at`: when it was told, ns since boot.
fn lifecycle(change: &Lifecycle, at: u64) -> String {
    let what = match change.change {
        Change::Start => "recording begins",
        Change::End => "recording ends",
        Change::Reload => "configuration reloaded",
        Change::ReloadRefused => "configuration refused, the old one stays",
        Change::Report | Change::Suspend | Change::Resume => "recording goes on",
        Change::CaptureStart => "packets are captured",
        Change::CaptureEnd => "packets are captured no more",
        Change::Tag => "tagged by request",
        Change::Untag => "untagged by request",
    };
    let mut told = format!("agtrack {}: {what}", printable(&change.version));
    if change.change == Change::Start {
        let backend = change.backend.as_deref().unwrap_or("unknown");
        let missing = change.hooks.iter().filter(|hook| !hook.attached).count();
        told.push_str(&format!(", back end {}", printable(backend)));
        if missing > 0 {
            told.push_str(&format!(
                ", {missing} of {} hooks missing",
                change.hooks.len()
            ));
        }
    }
    if let Some(kept) = &change.kept {
        // Of a journal that is not there any more nobody knows the last record.
        let away = match kept.since {
            0 => "some time".to_owned(),
            since => duration(at.saturating_sub(since)),
        };
        told.push_str(&format!(
            ", after {away} without a recorder, of which the kernel kept {} events",
            kept.events
        ));
    }
    if let Some(detail) = &change.detail {
        told.push_str(&format!(": {}", printable(detail)));
    }
    if let Some(changed) = &change.changed {
        told.push_str(&format!(": {}", self::changed(changed)));
    }
    told
}

/// What a reload has changed.
fn changed(change: &ConfigChange) -> String {
    let lists = [
        ("agents added", &change.agents_added),
        ("agents removed", &change.agents_removed),
        ("agents changed", &change.agents_changed),
        ("keys changed", &change.keys),
    ];
    let named = lists.into_iter().filter(|(_, names)| !names.is_empty());
    let mut told: Vec<_> = named
        .map(|(what, names)| format!("{what} {}", printable(&names.join(", "))))
        .collect();
    told.extend((change.more > 0).then(|| format!("{} more names", change.more)));
    match told.is_empty() {
        true => "nothing has changed".to_owned(),
        false => told.join("; "),
    }
}

fn heartbeat(beat: &Heartbeat) -> String {
    let sessions = counted(beat.sessions, "session", "sessions");
    let processes = counted(beat.processes, "process", "processes");
    let mut told = format!("alive: {sessions}, {processes}");
    for sink in &beat.sinks {
        let name = printable(&sink.name);
        match &sink.error {
            Some(error) => {
                let error = printable(error);
                told.push_str(&format!("; sink {name} is {} behind: {error}", sink.behind));
            }
            None => told.push_str(&format!("; sink {name} is {} behind", sink.behind)),
        }
    }
    told
}

/// A unit variant as it stands in records.
fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
