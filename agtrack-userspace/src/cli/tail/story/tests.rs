//! Records as lines.

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
        "Nov 22 21:03:11.482 - TAMPER by another process: rm\\u{1b}[7] tracker.unlink /tmp/\\xff\\u{7} \
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
        "Nov 22 21:03:11.482 - GAP ring_full, at Nov 22 21:03:11.482, 12 of file.open, open_lsm (lsm \
         file_open), any session: no room. May be missing: so many actions",
    );
}

#[test]
fn sessions_and_the_recorder_itself() {
    check(
        Some("a"),
        json!({ "kind": "session", "change": "end", "command": ["make", "all now"],
                "process": null, "cgroup": null, "actions": { "process.exec": 2 },
                "still_running": ["b-8-1"] }),
        "Nov 22 21:03:11.482 a session 01890000-0000 ends: make 'all now'; process.exec 2; 1 still running",
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
        json!({ "kind": "lifecycle", "change": "start", "version": "0.1.0",
                "backend": "lsm", "kernel": "6.1", "config_sha256": null, "detail": null,
                "boot_time": 3_500_000_000u64,
                "kept": { "since": 500_000_000, "events": 7 } }),
        "Nov 22 21:03:11.482 - agtrack 0.1.0: recording begins, back end lsm, after 3.0 s without a \
         recorder, of which the kernel kept 7 events",
    );
    check(
        None,
        json!({ "kind": "heartbeat", "totals": [], "processes": 3, "sessions": 1 }),
        "Nov 22 21:03:11.482 - alive: 1 session, 3 processes",
    );
}

#[test]
fn what_is_not_understood_is_shown_all_the_same() {
    let bytes = b"{\"v\":9,\"x\":\"\x1b\xff\"}";
    assert!(read(bytes).is_none());
    assert_eq!(unknown(bytes), "{\"v\":9,\"x\":\"\\u{1b}\u{fffd}\"}");
}

#[test]
fn an_agent_in_a_call_is_told_as_that() {
    let session = |change: &str, rest: Value| {
        let mut body = json!({
            "kind": "session", "change": change, "command": ["codex", "exec"], "process": null,
            "cgroup": null,
            "agent": { "id": "x", "name": "a", "owner": null, "binding": "launcher",
                       "session": "01890000-0000-7000-8000-000000000001",
                       "parent": "01890000-0000-7000-8000-000000000000", "program": "codex\u{7}" },
        });
        for (key, value) in rest.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    check(
        None,
        session(
            "start",
            json!({ "tool_call": { "id": "b-7-1", "command": ["bash", "-c", "codex exec"] } }),
        ),
        "Nov 22 21:03:11.482 a/codex\\u{7} session 01890000-0000 begins: codex exec; in the call \
         bash -c 'codex exec'",
    );
    check(
        None,
        session("end", json!({ "actions": { "file.open": 2 } })),
        "Nov 22 21:03:11.482 a/codex\\u{7} session 01890000-0000 ends: codex exec; file.open 2",
    );
}

#[test]
fn a_session_over_a_restart_is_told_as_that() {
    let session = |change: &str, unseen: Value| {
        json!({ "kind": "session", "change": change, "command": [], "process": null,
                "cgroup": "/a", "unseen": unseen })
    };
    let told = |change: &str, unseen: Value, rest: &str| {
        let expect = format!("Nov 22 21:03:11.482 a {rest}");
        check(Some("a"), session(change, unseen), &expect);
    };
    told(
        "suspend",
        Value::Null,
        "session 01890000-0000 goes on without this recorder: cgroup /a",
    );
    told(
        "resume",
        Value::Null,
        "session 01890000-0000 is recorded again: cgroup /a",
    );
    let of_container = json!({ "kind": "session", "change": "start", "command": [], "process": null,
        "cgroup": "/a", "bound": { "cgroup_id": 7, "user": null, "parent": null, "container": {
            "runtime": "docker", "id": "0", "name": "b\u{1b}ox", "image": "debian:13" } } });
    let expect = "Nov 22 21:03:11.482 a session 01890000-0000 begins: container b\\u{1b}ox (docker), image debian:13, \
                  cgroup /a";
    check(Some("a"), of_container, expect);
    told(
        "end",
        json!({ "why": "cgroup_gone", "totals_known": false, "last_recorded": "", "boot_id": "" }),
        "session 01890000-0000 ends: cgroup /a; no recorder saw it: its cgroup is gone",
    );
}
