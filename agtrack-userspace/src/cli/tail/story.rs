//! A record as one line for people: local time, agent, process, what was done to what, and how it
//! ended unless it ended well.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::object;
use crate::credential::{self, Credential};
use crate::record::{
    Action, Body, By, Change, Gap, Heartbeat, Lifecycle, Object, OutcomeResult, Process, Record,
    SessionChange, Tamper, printable,
};
use crate::terminal::{Palette, cut, styled};

/// Characters of a line that is no record of this version.
const UNKNOWN: usize = 200;

/// The record, if it is one of this version.
pub(super) fn read(bytes: &[u8]) -> Option<Record> {
    serde_json::from_slice(bytes).ok()
}

/// The line of a record, without a newline and safe for a terminal.
pub(super) fn line(record: &Record, palette: Palette) -> String {
    known(record, palette, &TimeZone::system())
}

/// The line of what is none, written by a newer agtrack, perhaps: better raw than not at all.
pub(super) fn unknown(bytes: &[u8]) -> String {
    cut(&printable(&String::from_utf8_lossy(bytes)), UNKNOWN)
}

fn known(record: &Record, palette: Palette, zone: &TimeZone) -> String {
    let time = styled(palette.faint, time(&record.time, zone));
    let agent = record.agent.as_ref().map(|agent| printable(&agent.name));
    let told = match &record.body {
        Body::Action(action) => self::action(action, palette),
        Body::Session(change) => styled(palette.strong, session(change)),
        Body::Tamper(told) => tamper(told, palette),
        Body::Gap(gap) => styled(palette.warning, self::gap(gap)),
        Body::Lifecycle(change) => styled(palette.strong, lifecycle(change)),
        Body::Heartbeat(beat) => styled(palette.faint, heartbeat(beat)),
    };
    format!("{time} {} {told}", agent.as_deref().unwrap_or("-"))
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
        object::words(&action.object)
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

fn session(change: &SessionChange) -> String {
    use Change::{CaptureEnd, CaptureStart, End, Reload, ReloadRefused, Start};
    let what = match change.change {
        Start => "session begins",
        End => "session ends",
        Reload | ReloadRefused | CaptureStart | CaptureEnd => "session goes on",
    };
    let mut told = what.to_owned();
    if !change.command.is_empty() {
        told.push_str(&format!(": {}", object::command(&change.command)));
    } else if let Some(cgroup) = &change.cgroup {
        told.push_str(&format!(": cgroup {}", cgroup.printable()));
    }
    let counts = change.actions.iter();
    let counts = counts.map(|(name, count)| format!("{} {count}", printable(name)));
    let counts: Vec<_> = counts.collect();
    if !counts.is_empty() {
        told.push_str(&format!("; {}", counts.join(", ")));
    }
    if !change.still_running.is_empty() {
        told.push_str(&format!("; {} still running", change.still_running.len()));
    }
    told
}

/// What is to be expected reads as what it is; what is not stands out as a whole.
fn tamper(tamper: &Tamper, palette: Palette) -> String {
    let by = match tamper.by {
        By::Agent => " by an agent",
        By::Parent => " by whoever started the recorder",
        By::Init => " by init",
        By::Other => "",
    };
    let mut told = format!(
        "{} {} {}",
        process(&tamper.process),
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

fn gap(gap: &Gap) -> String {
    let mut told = format!("GAP {}", word(gap.reason));
    if let Some(count) = gap.count {
        told.push_str(&format!(", {count}"));
    }
    if let Some(action) = &gap.action {
        told.push_str(&format!(" of {}", printable(action)));
    }
    if let Some(hook) = &gap.hook {
        told.push_str(&format!(", {}", printable(hook)));
    }
    format!("{told}: {}", printable(&gap.detail))
}

fn lifecycle(change: &Lifecycle) -> String {
    let what = match change.change {
        Change::Start => "recording begins",
        Change::End => "recording ends",
        Change::Reload => "configuration reloaded",
        Change::ReloadRefused => "configuration refused, the old one stays",
        Change::CaptureStart => "packets are captured",
        Change::CaptureEnd => "packets are captured no more",
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
    if let Some(detail) = &change.detail {
        told.push_str(&format!(": {}", printable(detail)));
    }
    told
}

fn heartbeat(beat: &Heartbeat) -> String {
    format!(
        "alive: {} sessions, {} processes",
        beat.sessions, beat.processes
    )
}

/// A unit variant as it stands in records.
fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(agent: Option<&str>, body: Value, expect: &str) {
        let agent = agent.map(|name| {
            json!({ "id": "x", "name": name, "owner": null, "binding": "launcher",
                    "session": "01890000-0000-7000-8000-000000000000" })
        });
        let mut record = json!({
            "v": 1, "seq": 1, "id": "l:1", "time": "2026-11-22T21:03:11.482913004Z",
            "boot_time": 1, "host": { "id": "", "name": "", "boot_id": "" }, "agent": agent,
        });
        for (key, value) in body.as_object().unwrap() {
            record[key] = value.clone();
        }
        let record: Record = serde_json::from_value(record).unwrap();
        assert_eq!(known(&record, Palette::default(), &TimeZone::UTC), expect);
    }

    fn act(outcome: &str, errno: Option<&str>, count: u64) -> Value {
        json!({
            "kind": "action", "tool_call": null, "action": "file.unlink",
            "process": { "uid": "b-7-1", "pid": 7, "exe": "/usr/bin/rm\u{1b}", "args": [],
                         "ancestry": [] },
            "object": { "path": "/tmp/\\xff\u{7}", "inode": null, "device": null },
            "outcome": { "result": outcome, "errno": errno },
            "decision": null, "effect": null, "maps": [],
            "completeness": { "path_source": "kernel", "truncated": false, "count": count },
        })
    }

    #[test]
    fn an_action_is_told_without_control_characters() {
        check(
            Some("code\u{1b}[2J"),
            act("success", None, 1),
            "Nov 22 21:03:11.482 code\\u{1b}[2J rm\\u{1b}[7] file.unlink /tmp/\\xff\\u{7}",
        );
    }

    #[test]
    fn an_outcome_is_told_unless_it_is_success() {
        let told = |rest: &str| {
            format!("Nov 22 21:03:11.482 a rm\\u{{1b}}[7] file.unlink /tmp/\\xff\\u{{7}}{rest}")
        };
        check(
            Some("a"),
            act("failure", Some("EACCES"), 1),
            &told(": failed EACCES"),
        );
        check(
            Some("a"),
            act("unknown", None, 3),
            &told(" (3 times): outcome unknown"),
        );
        check(
            Some("a"),
            act("in_progress", None, 1),
            &told(": in progress"),
        );
    }

    #[test]
    fn a_credential_is_told_as_one() {
        let mut body = act("success", None, 1);
        body["object"]["path"] = "/root/.aws/credentials".into();
        check(
            Some("a"),
            body,
            "Nov 22 21:03:11.482 a rm\\u{1b}[7] file.unlink /root/.aws/credentials [AWS keys]",
        );
    }

    #[test]
    fn attempts_on_the_recorder_stand_out() {
        let mut body = act("success", None, 3);
        body["kind"] = "tamper".into();
        body["action"] = "tracker.unlink".into();
        body["by"] = "other".into();
        body["expected"] = false.into();
        body["changes"] = json!(["delete", "attribute"]);
        check(
            None,
            body.clone(),
            "Nov 22 21:03:11.482 - TAMPER: rm\\u{1b}[7] tracker.unlink /tmp/\\xff\\u{7} \
             [delete, attribute] (3 times)",
        );
        body["by"] = "agent".into();
        body["outcome"] = json!({ "result": "failure", "errno": "EPERM" });
        body["changes"] = json!([]);
        body["completeness"]["count"] = 1.into();
        check(
            Some("a"),
            body.clone(),
            "Nov 22 21:03:11.482 a TAMPER by an agent: rm\\u{1b}[7] tracker.unlink \
             /tmp/\\xff\\u{7}: failed EPERM",
        );
        body["action"] = "tracker.signal".into();
        body["by"] = "init".into();
        body["expected"] = true.into();
        body["outcome"] = json!({ "result": "success", "errno": null });
        body["object"] = json!({ "request": "SIGTERM", "target_pid": 9 });
        check(
            None,
            body,
            "Nov 22 21:03:11.482 - agtrack itself by init: rm\\u{1b}[7] tracker.signal SIGTERM to \
             process 9",
        );
    }

    #[test]
    fn gaps_stand_out() {
        check(
            None,
            json!({ "kind": "gap", "reason": "ring_full", "hook": "open_lsm (lsm file_open)",
                    "action": "file.open", "count": 12, "from": 1, "until": 2,
                    "detail": "no room" }),
            "Nov 22 21:03:11.482 - GAP ring_full, 12 of file.open, open_lsm (lsm file_open): \
             no room",
        );
    }

    #[test]
    fn sessions_and_the_recorder_itself() {
        check(
            Some("a"),
            json!({ "kind": "session", "change": "end", "command": ["make", "all now"],
                    "process": null, "cgroup": null, "actions": { "process.exec": 2 },
                    "still_running": ["b-8-1"] }),
            "Nov 22 21:03:11.482 a session ends: make 'all now'; process.exec 2; 1 still running",
        );
        check(
            None,
            json!({ "kind": "lifecycle", "change": "reload_refused", "version": "0.1.0",
                    "backend": "lsm", "kernel": "6.1", "config_sha256": null,
                    "detail": "line 3\nline 4" }),
            "Nov 22 21:03:11.482 - agtrack 0.1.0: configuration refused, the old one stays: \
             line 3\\u{a}line 4",
        );
        check(
            None,
            json!({ "kind": "heartbeat", "totals": [], "processes": 3, "sessions": 1 }),
            "Nov 22 21:03:11.482 - alive: 1 sessions, 3 processes",
        );
    }

    #[test]
    fn what_is_not_understood_is_shown_all_the_same() {
        let bytes = b"{\"v\":9,\"x\":\"\x1b\xff\"}";
        assert!(read(bytes).is_none());
        assert_eq!(unknown(bytes), "{\"v\":9,\"x\":\"\\u{1b}\u{fffd}\"}");
    }
}
