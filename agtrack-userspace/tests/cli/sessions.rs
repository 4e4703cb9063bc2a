//! `agtrack sessions` on journals made by hand.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use agtrack::journal::{Journal, Options};
use serde_json::{Value, json};

use super::call::{agtrack, say};
use super::made::{MINUTE, Made, SESSIONS, process};

fn change(change: &str, more: &Value) -> Value {
    let mut body = json!({ "kind": "session", "change": change, "command": ["make", "all now"],
                           "process": null, "cgroup": "/a" });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn call(change: &str) -> Value {
    json!({ "kind": "tool_call", "change": change, "class": "tool",
            "tool_call": { "id": "b-7-1", "command": ["x"] }, "process": process(),
            "processes": 1, "running": 0, "effects": null })
}

fn gap(reason: &str, from: u64, until: u64) -> Value {
    json!({ "kind": "gap", "reason": reason, "hook": null, "action": null, "count": 3,
            "from": from * MINUTE, "until": until * MINUTE, "detail": "it was so" })
}

fn recorder_begins() -> Value {
    json!({ "kind": "lifecycle", "change": "start", "version": "0.1.0", "backend": null,
            "kernel": null, "config_sha256": null, "detail": null })
}

fn open(path: &str) -> Value {
    json!({ "path": path, "access": "read", "created": false, "open_flags": [],
            "inode": null, "device": null, "mode": null })
}

/// One session that is over, from minute 1 to 5, and another one that goes on from minute 4.
fn two() -> Made {
    let mut made = Made::new(64 << 20);
    made.put(None, 0, &recorder_begins());
    made.put(Some(0), 1, &change("start", &json!({})));
    for _ in 0..2 {
        made.put(Some(0), 2, &call("start"));
        made.put(Some(0), 2, &call("end"));
    }
    // The same credential twice is one thing to look at, an unknown file is none.
    for path in [
        "/root/.aws/credentials",
        "/root/.aws/credentials",
        "/work/a",
    ] {
        made.act(0, 2, "file.open", &open(path));
    }
    made.put(Some(0), 3, &gap("late_tag", 0, 1));
    made.put(Some(1), 4, &change("start", &json!({ "command": [] })));
    made.unlink(1, 4, "/work/b");
    // Of the time of both; the second is of before both, the third an upper bound.
    made.put(None, 4, &gap("ring_full", 4, 4));
    made.put(None, 4, &gap("ring_full", 0, 0));
    made.put(None, 4, &gap("skipped", 4, 4));
    let totals = json!({ "actions": { "file.open": 3 }, "tool_calls": 2 });
    made.put(Some(0), 5, &change("end", &totals));
    made.sync();
    made
}

fn rows(made: &Made, args: &[&str]) -> Vec<Value> {
    let said = made.call("sessions", &[&["--json"], args].concat());
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let rows = said.out.lines().map(serde_json::from_str);
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn each_session_has_a_row_that_says_how_much_there_is_of_it() {
    let made = two();
    let said = made.call::<&str>("sessions", &[]);
    let expect = "\
SESSION             AGENT   BEGAN                ENDED                BY        CALLS  ACTIONS  FINDINGS  GAPS  WHAT
01a20a26-3de0-73cf  agent0  2026-11-22 09:01:00  2026-11-22 09:05:00  launcher      2        3         1     2  make 'all now'
02a20a26-3de0-73cf  agent1  2026-11-22 09:04:00  running              launcher      0        1         0     1  /a
";
    assert_eq!((said.out.as_str(), said.err.as_str()), (expect, ""));
    let rows = rows(&made, &[]);
    assert_eq!(rows[0]["session"], SESSIONS[0]);
    assert_eq!(rows[0]["state"], "ended");
    assert_eq!(rows[1]["ended"], Value::Null);
    assert_eq!(rows[1]["last"], "2026-11-22T09:04:00.000000000Z");
}

#[test]
fn a_session_whose_end_nobody_recorded_is_not_said_to_run() {
    let states = |made: &Made| -> Vec<String> {
        let rows = rows(made, &[]);
        let state = |row: &Value| row["state"].as_str().unwrap().to_owned();
        rows.iter().map(state).collect()
    };
    let mut made = two();
    made.put(Some(1), 6, &change("suspend", &json!({ "command": [] })));
    made.sync();
    assert_eq!(states(&made), ["ended", "suspended"], "nobody records it");
    made.put(None, 7, &recorder_begins());
    made.put(Some(1), 7, &change("resume", &json!({ "command": [] })));
    made.sync();
    assert_eq!(
        states(&made),
        ["ended", "running"],
        "the next recorder does"
    );
    // A recorder was killed, and the next one has not found the session again.
    made.put(None, 8, &gap("unclean_stop", 8, 8));
    made.put(None, 8, &recorder_begins());
    made.sync();
    assert_eq!(states(&made), ["ended", "not_told"]);
    let of_second = rows(&made, &["--agent", "agent1"]);
    assert_eq!(of_second[0]["gaps"], 2, "the end of the recorder is one");
    let mut made = two();
    // Dropped, not closed: as if it was killed.
    made.journal = None;
    assert_eq!(states(&made), ["ended", "not_told"]);
    let said = made.call::<&str>("sessions", &[]);
    assert!(said.out.contains("  not told  "), "{}", said.out);
}

#[test]
fn an_end_that_was_found_out_afterwards_is_not_told() {
    let mut made = two();
    let unseen = json!({ "unseen": { "why": "reboot", "totals_known": false,
                         "last_recorded": "2026-11-22T09:04:00Z", "boot_id": "b" } });
    made.put(Some(1), 50, &change("end", &unseen));
    made.sync();
    let row = &rows(&made, &["--agent", "agent1"])[0];
    assert_eq!(
        (&row["state"], &row["ended"]),
        (&json!("not_told"), &Value::Null)
    );
    assert_eq!(row["last"], "2026-11-22T09:04:00.000000000Z");
}

#[test]
fn sessions_are_chosen_by_agent_and_by_what_was_recorded_last() {
    let mut made = two();
    made.unlink(1, 20, "/work/c");
    made.sync();
    let numbers = |args: &[&str]| -> Vec<(String, u64)> {
        let row = |row: &Value| {
            let name = row["agent"].as_str().unwrap().to_owned();
            (name, row["actions"].as_u64().unwrap())
        };
        rows(&made, args).iter().map(row).collect()
    };
    assert_eq!(numbers(&["--agent", "*0"]), [("agent0".to_owned(), 3)]);
    // What it did before that counts as well.
    assert_eq!(
        numbers(&["--since", "2026-11-22T09:10:00Z"]),
        [("agent1".to_owned(), 2)]
    );
    let said = made.call("sessions", &["--agent", "agnet"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""));
    assert!(
        said.err
            .contains("no agent is called agnet; there is agent"),
        "{}",
        said.err
    );
}

#[test]
fn a_session_whose_begin_is_no_longer_kept_began_when_its_id_says() {
    let mut made = Made::new(64 << 20);
    made.unlink(0, 9, "/work/a");
    made.sync();
    let row = &rows(&made, &[])[0];
    assert_eq!(row["began"], "2026-11-23T20:43:28.096Z");
}

#[test]
fn lines_of_sessions_name_them() {
    let made = two();
    let said = made.say(&["--kind", "session"]);
    let expect = "Nov 22 09:01:00.000 agent0 session 01a20a26-3de0 begins: make 'all now'\n";
    assert!(said.out.starts_with(expect), "{}", said.out);
}

#[test]
fn lines_of_gaps_say_when_whose_and_what_may_be_missing() {
    let made = two();
    let said = made.say(&["--kind", "gap"]);
    let mut lines = said.out.lines();
    assert_eq!(
        lines.next().unwrap(),
        "Nov 22 09:03:00.000 agent0 GAP late_tag, Nov 22 09:00:00.000 to 09:01:00.000 \
         (1 min 00 s), 3, session 01a20a26-3de0: it was so. May be missing: what the process did before"
    );
    assert_eq!(
        lines.next().unwrap(),
        "Nov 22 09:04:00.000 - GAP ring_full, at Nov 22 09:04:00.000, 3, any session: it was so. \
         May be missing: so many actions"
    );
}

/// The records of every fixture of the replay tests.
fn fixtures() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/replay");
    let files = std::fs::read_dir(dir).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files
        .filter(|file| file.extension() == Some(OsStr::new("jsonl")))
        .collect()
}

#[test]
fn the_numbers_are_those_of_a_report_in_every_recording() {
    let mut compared = 0;
    for fixture in fixtures() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(&dir.path().join("j"), Options::default()).unwrap();
        for line in std::fs::read_to_string(&fixture).unwrap().lines() {
            journal.append(line.as_bytes()).unwrap();
        }
        journal.close().unwrap();
        let call = |args: &[&str]| {
            let said = say(agtrack(args)
                .arg("--json")
                .arg("--journal")
                .arg(dir.path().join("j")));
            assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{fixture:?}");
            said.out
        };
        for row in call(&["sessions"]).lines() {
            let row: Value = serde_json::from_str(row).unwrap();
            let id = row["session"].as_str().unwrap();
            let report: Value = serde_json::from_str(&call(&["report", "--session", id])).unwrap();
            let total = |list: &Value| {
                list["items"].as_array().unwrap().len() as u64 + list["more"].as_u64().unwrap()
            };
            let gaps = report["completeness"]["gaps"]["items"].as_array().unwrap();
            let gaps = gaps.iter().filter(|gap| gap["reason"] != "skipped").count();
            let name = (fixture.file_name().unwrap(), id);
            assert_eq!(row["findings"], total(&report["findings"]), "{name:?}");
            assert_eq!(row["gaps"], gaps, "{name:?}");
            compared += 1;
        }
    }
    assert!(compared >= 20, "{compared}");
}

#[test]
fn what_a_report_tells_as_one_deed_is_counted_as_one() {
    let mut made = Made::new(64 << 20);
    made.unlink(0, 0, "/work/a");
    let write = |name: &str| {
        json!({
            "kind": "tamper", "action": "tracker.write", "by": "other", "expected": false,
            "process": process(),
            "object": { "path": format!("/etc/agtrack/{name}"), "inode": null, "device": null },
            "outcome": { "result": "success", "errno": null },
            "completeness": { "path_source": "kernel", "truncated": false, "count": 1 },
        })
    };
    for (minute, name) in [
        (1, ".agtrack.swp"),
        (1, "agtrack.toml"),
        (2, "agtrack.toml"),
    ] {
        made.put(None, minute, &write(name));
    }
    made.put(Some(0), 3, &write("agtrack.toml"));
    made.unlink(0, 4, "/work/b");
    made.sync();
    let row: Value = serde_json::from_str(&made.call("sessions", &["--json"]).out).unwrap();
    let report: Value = serde_json::from_str(&made.call("report", &["--json"]).out).unwrap();
    assert_eq!(report["findings"]["items"].as_array().unwrap().len(), 3);
    assert_eq!(row["findings"], 3);
}
