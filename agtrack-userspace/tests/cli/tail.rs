//! `agtrack tail` on journals made by hand.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use agtrack::journal::{Journal, Options};
use rustix::process::{Pid, Signal, kill_process};

use super::call::{agtrack, say};

fn record(journal: &mut Journal, detail: &str) -> String {
    let seq = journal.next_seq();
    let record = serde_json::json!({
        "v": 1, "seq": seq, "id": format!("l:{seq}"), "time": "2026-11-22T21:03:11.482913004Z",
        "boot_time": 1, "host": { "id": "h", "name": "h", "boot_id": "b" }, "agent": null,
        "kind": "gap", "reason": "ring_full", "hook": null, "action": null, "count": seq,
        "from": 1, "until": 2, "detail": detail,
    });
    let line = record.to_string();
    journal.append(line.as_bytes()).unwrap();
    line
}

fn journal(dir: &Path, records: usize) -> (Journal, Vec<String>) {
    let (mut journal, _) = Journal::open(dir, Options::default()).unwrap();
    let lines = (0..records)
        .map(|_| record(&mut journal, "esc \u{1b}[2J"))
        .collect();
    journal.sync().unwrap();
    (journal, lines)
}

fn tail(dir: &Path, args: &[&str]) -> Vec<String> {
    let said = say(agtrack(&["tail", "--journal"]).arg(dir).args(args));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    said.out.lines().map(str::to_owned).collect()
}

#[test]
fn the_newest_records_are_shown_also_while_they_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, lines) = journal(&dir.path().join("j"), 25);
    let dir = dir.path().join("j");
    assert_eq!(tail(&dir, &["--json"]), lines[15..]);
    assert_eq!(tail(&dir, &["--json", "-n", "3"]), lines[22..]);
    assert_eq!(tail(&dir, &["--json", "-n", "all"]), lines);
    assert_eq!(tail(&dir, &["--json", "-n", "0"]), [""; 0]);
    assert_eq!(tail(&dir, &["--json", "-n", "99"]), lines);
    journal.close().unwrap();
    assert_eq!(tail(&dir, &["--json", "-n", "2"]), lines[23..]);
}

#[test]
fn what_a_killed_writer_left_is_among_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let (writer, mut lines) = journal(&path, 5);
    drop(writer);
    // Whole, and behind what was committed.
    let line = lines[4]
        .replace("\"seq\":5", "\"seq\":6")
        .replace("l:5", "l:6");
    let segment = path.join(format!("{:020}.jsonl", 1));
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes.extend_from_slice(line.as_bytes());
    bytes.push(b'\n');
    std::fs::write(&segment, bytes).unwrap();
    lines.push(line);
    assert_eq!(tail(&path, &["--json", "-n", "2"]), lines[4..]);
}

#[test]
fn people_get_a_line_without_control_characters() {
    let dir = tempfile::tempdir().unwrap();
    let (_journal, _) = journal(&dir.path().join("j"), 1);
    let lines = tail(&dir.path().join("j"), &[]);
    assert_eq!(
        lines,
        [
            "Nov 22 21:03:11.482 - GAP ring_full, at Nov 22 21:03:11.482, 1, any session: esc \\u{1b}[2J. \
             May be missing: so many actions"
        ]
    );
}

/// An open for reading, or a program's start.
fn action(journal: &mut Journal, action: &str, path: &str) {
    let seq = journal.next_seq();
    let object = match action {
        "file.open" => serde_json::json!({
            "path": path, "access": "read", "created": false, "open_flags": [],
            "inode": null, "device": null, "mode": null,
        }),
        _ => serde_json::json!({
            "exe": path, "inode": 1, "device": "8:1", "args": [path], "args_bytes": 1,
            "group": 0, "egroup": 0, "cwd": "/",
        }),
    };
    let record = serde_json::json!({
        "v": 1, "seq": seq, "id": format!("l:{seq}"), "time": "2026-11-22T21:03:11.482913004Z",
        "boot_time": 1, "host": { "id": "h", "name": "h", "boot_id": "b" }, "agent": null,
        "kind": "action", "tool_call": null, "action": action, "object": object,
        "process": { "uid": "b-7-1", "pid": 7, "exe": "/usr/bin/x", "args": [], "ancestry": [] },
        "outcome": { "result": "success", "errno": null },
        "decision": null, "effect": null, "maps": [],
        "completeness": { "path_source": "kernel", "truncated": false, "count": 1 },
    });
    journal.append(record.to_string().as_bytes()).unwrap();
}

#[test]
fn everyday_records_are_counted_for_people_and_never_for_programs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let (mut journal, _) = Journal::open(&path, Options::default()).unwrap();
    for program in ["/usr/bin/a", "/usr/bin/b", "/usr/bin/c"] {
        action(&mut journal, "process.exec", program);
        for library in 0..40 {
            let library = format!("/usr/lib/lib{library}.so");
            action(&mut journal, "file.open", &library);
        }
    }
    action(&mut journal, "file.open", "/root/.ssh/id_rsa");
    journal.close().unwrap();
    let line = |rest: &str| format!("Nov 22 21:03:11.482 - x[7] {rest}");
    let all = [
        line("process.exec /usr/bin/a"),
        line("process.exec /usr/bin/b"),
        line("process.exec /usr/bin/c"),
        line("file.open /root/.ssh/id_rsa (read) [SSH key]"),
        "… 120 reads of system files (--all shows them)".to_owned(),
    ];
    assert_eq!(tail(&path, &["-n", "all"]), all);
    // There are not more, so these are all.
    assert_eq!(tail(&path, &["-n", "9"]), all);
    let mut newest = all[2..].to_vec();
    newest[2] = "… 40 reads of system files (--all shows them)".to_owned();
    assert_eq!(tail(&path, &["-n", "2"]), newest);
    assert_eq!(tail(&path, &["-n", "1"]), all[3..4]);
    assert_eq!(tail(&path, &["-n", "0"]), [""; 0]);
    assert_eq!(tail(&path, &["-n", "all", "--all"]).len(), 124);
    assert_eq!(tail(&path, &["-n", "50", "--all"]).len(), 50);
    assert_eq!(tail(&path, &["-n", "50", "--json"]).len(), 50);
}

#[test]
fn records_are_encoded_as_events_and_what_cannot_be_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("j");
    let (mut journal, _) = journal(&path, 2);
    let args = ["--encoding", "ocsf", "-n", "all"];
    let events = tail(&path, &args);
    let event: serde_json::Value = serde_json::from_str(&events[1]).unwrap();
    assert_eq!(event["class_uid"], 6002);
    assert_eq!(event["metadata"]["uid"], "l:2");
    assert_eq!(event["status_code"], "ring_full");
    journal
        .append(br#"{"v":2,"seq":3,"kind":"of a newer agtrack"}"#)
        .unwrap();
    journal.sync().unwrap();
    let said = say(agtrack(&["tail", "--journal"]).arg(&path).args(args));
    assert_eq!(said.code, Some(0));
    assert_eq!(said.out.lines().count(), 2);
    assert!(said.err.contains("newer agtrack"), "{}", said.err);
}

#[test]
fn records_are_followed_until_ctrl_c() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, lines) = journal(&dir.path().join("j"), 2);
    let mut child = agtrack(&["tail", "-f", "--json", "--journal"])
        .arg(dir.path().join("j"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || out.next().unwrap().unwrap();
    assert_eq!([next(), next()], lines[..]);
    for _ in 0..2 {
        let line = record(&mut journal, "later");
        journal.sync().unwrap();
        assert_eq!(next(), line);
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert!(out.next().is_none());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn following_ends_when_nobody_reads() {
    let dir = tempfile::tempdir().unwrap();
    let (_journal, _) = journal(&dir.path().join("j"), 1);
    let mut child = agtrack(&["tail", "-f", "--journal"])
        .arg(dir.path().join("j"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn without_a_journal_it_is_said_where_one_was_looked_for() {
    let said = say(&mut agtrack(&["tail", "--journal", "/nonexistent"]));
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(
        said.err
            .starts_with("agtrack: /nonexistent holds no journal:"),
        "{}",
        said.err
    );
}
