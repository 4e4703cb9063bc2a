//! A recorder that stops and one that starts: the sessions between.

pub(crate) mod left;
pub(crate) mod pinned;
pub(crate) mod pins;

use std::sync::Arc;

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::launch::{Trigger, copy, script};
use agtrack_tests::records::{Records, number};
use agtrack_tests::steps;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::host::own_name;
use crate::{Outcome, tests};

tests![
    a_session_goes_on_over_a_stop_with_its_totals,
    a_session_goes_on_over_a_kill_and_says_what_is_not_known,
    a_session_whose_cgroup_is_gone_meanwhile_has_an_end,
    a_session_that_nobody_is_configured_for_any_more_has_an_end,
    a_session_says_what_bound_it,
    the_main_program_is_known_again_and_agents_in_its_calls_have_an_end,
    a_tool_call_goes_on_over_a_stop_and_a_kill,
];

fn recorder(name: &str) -> (Group, Home, Daemon) {
    let group = Group::new(&own_name(name));
    let home = Home::new("first", &[&format!("{}/*", group.path.display())]);
    let daemon = home.start();
    (group, home, daemon)
}

/// The records of sessions of this cgroup.
fn sessions(records: &Records, group: &Group) -> Vec<Arc<Value>> {
    let path = group.path.to_str().unwrap();
    records
        .kind("session")
        .keep(|record| record["cgroup"] == path)
        .0
}

fn changes(sessions: &[Arc<Value>]) -> Vec<&str> {
    let change = |record: &Arc<Value>| record["change"].as_str().unwrap().to_owned();
    sessions
        .iter()
        .map(|record| match &*change(record) {
            "start" => "start",
            "suspend" => "suspend",
            "resume" => "resume",
            "end" => "end",
            _ => "another",
        })
        .collect()
}

/// What works in a cgroup all the time: it removes a file before the recorder stops, one meanwhile
/// and one afterwards.
struct Worker {
    trigger: Trigger,
    directory: TempDir,
}

impl Worker {
    fn new(group: &Group) -> Worker {
        let directory = TempDir::new().unwrap();
        for name in ["before", "meanwhile", "after"] {
            std::fs::write(directory.path().join(name), b"").unwrap();
        }
        let steps = steps![
            "unlink",
            "before",
            "+",
            "wait",
            "+",
            "unlink",
            "meanwhile",
            "+",
            "wait",
            "+",
            "unlink",
            "after",
            "+",
            "exit",
            "0"
        ];
        let trigger = Trigger::new(directory.path(), &steps);
        group.take(trigger.pid());
        let mut worker = Worker { trigger, directory };
        worker.works();
        worker
    }

    /// Removes the next file.
    fn works(&mut self) {
        self.trigger.go();
        assert_eq!(self.trigger.until("unlink").1, 0);
    }

    /// Which of its files the records say were removed, in which sessions.
    fn seen(&self, records: &Records) -> Vec<(String, Value)> {
        let directory = self.directory.path().canonicalize().unwrap();
        let removed = records.action("file.unlink");
        let below = removed.below(directory.to_str().unwrap());
        let each = below.0.iter().map(|record| {
            let path = record["object"]["path"].as_str().unwrap();
            let name = path.rsplit('/').next().unwrap().to_owned();
            (name, record["agent"]["session"].clone())
        });
        each.collect()
    }
}

/// Waits for a record in the journal.
fn wait(daemon: &Daemon, what: &str, find: impl Fn(&Value) -> bool) -> Arc<Value> {
    let found = daemon
        .follower()
        .wait(|records| records.iter().find(|record| find(record)).cloned());
    found.unwrap_or_else(|| panic!("{what}: {:#?}", daemon.follower().records()))
}

fn removed(record: &Value, name: &str) -> bool {
    let path = record["object"]["path"].as_str().unwrap_or_default();
    record["action"] == "file.unlink" && path.ends_with(&format!("/{name}"))
}

/// A worker that works before, between and after two recorders, the first ended by `signal`. Gives
/// all records and those of its session.
fn over(name: &str, signal: Signal) -> (Records, Vec<Arc<Value>>, String) {
    let (parent, home, daemon) = recorder(name);
    let group = parent.child("agent");
    let mut worker = Worker::new(&group);
    wait(&daemon, "what was done before", |r| removed(r, "before"));
    daemon.stop(signal);
    worker.works();
    let daemon = home.start();
    worker.works();
    let pid = worker.trigger.pid();
    wait(&daemon, "the end of the worker", |record| {
        record["action"] == "process.exit" && record["process"]["pid"] == pid
    });
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = Records::read(&home.journal());
    let sessions = sessions(&records, &group);
    let id = &sessions[0]["agent"]["session"];
    let expect = ["before", "after"].map(|name| (name.to_owned(), id.clone()));
    assert_eq!(worker.seen(&records), expect, "one session: {records}");
    for session in &sessions {
        assert_eq!(&session["agent"]["session"], id, "{session}");
    }
    (records, sessions, home.said())
}

/// The gap for the time without a recorder.
fn gap(records: &Records, session: &Value) -> Value {
    let gaps = records.kind("gap");
    let gaps = gaps.keep(|record| record["reason"] == "not_recording");
    let gap = gaps.one();
    assert_eq!(gap["agent"], session["agent"]);
    gap.clone()
}

fn a_session_goes_on_over_a_stop_with_its_totals() -> Outcome {
    let (records, sessions, _) = over("-stopped", Signal::SIGTERM);
    let expect = ["start", "suspend", "resume", "suspend"];
    assert_eq!(changes(&sessions), expect, "{records}");
    let unlinked = sessions
        .iter()
        .map(|session| session["actions"]["file.unlink"].as_u64());
    let unlinked: Vec<_> = unlinked.collect();
    assert_eq!(unlinked, [None, Some(1), Some(1), Some(2)], "{records}");
    assert_eq!(sessions[1]["still_running"].as_array().unwrap().len(), 1);
    let lifecycle = records.kind("lifecycle");
    let starts = lifecycle.keep(|record| record["change"] == "start");
    let open: Vec<_> = starts.0.iter().map(|start| &start["left_open"]).collect();
    assert_eq!(open, [0, 1], "{starts}");
    let gap = gap(&records, &sessions[2]);
    let ends = lifecycle.keep(|record| record["change"] == "end");
    assert_eq!(gap["from"], ends.0[0]["boot_time"], "from the last record");
    assert_eq!(gap["until"], sessions[2]["boot_time"]);
    let late = records.kind("gap").keep(|r| r["reason"] == "late_tag");
    assert_eq!(late.one()["agent"], sessions[2]["agent"], "{late}");
    Ok(())
}

fn a_session_goes_on_over_a_kill_and_says_what_is_not_known() -> Outcome {
    let (records, sessions, said) = over("-slain", Signal::SIGKILL);
    assert_eq!(
        changes(&sessions),
        ["start", "resume", "suspend"],
        "{records}"
    );
    let gap = gap(&records, &sessions[1]);
    assert!(number(&gap["from"]) < number(&gap["until"]), "{gap}");
    for session in &sessions[1..] {
        assert_eq!(session["totals_since"], gap["from"], "{session}");
    }
    assert!(said.contains("did not end in order"), "{said}");
    let id = sessions[0]["agent"]["session"].as_str().unwrap();
    let again = format!("recording again 1 session of before: {id}");
    assert!(said.contains(&again), "{said}");
    assert_eq!(sessions[2]["actions"]["file.unlink"], 1, "{}", sessions[2]);
    Ok(())
}

/// The end of a session that did not go on. `change` happens while no recorder runs.
fn unseen(
    name: &str,
    signal: Signal,
    change: impl FnOnce(&Home, &Group, Group) -> Option<Group>,
) -> Value {
    let (parent, home, daemon) = recorder(name);
    let group = parent.child("agent");
    let path = group.path.to_str().unwrap().to_owned();
    let worker = Worker::new(&group);
    wait(&daemon, "what was done", |record| removed(record, "before"));
    daemon.stop(signal);
    let group = change(&home, &parent, group);
    let daemon = home.start();
    let end = wait(&daemon, "the end of the session", |record| {
        record["change"] == "end" && record["cgroup"] == path
    });
    drop((group, worker));
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = Records::read(&home.journal());
    let own = records.keep(|record| record["agent"]["session"] == end["agent"]["session"]);
    let own = own.kind("session").0;
    assert_eq!(changes(&own).first(), Some(&"start"), "{records}");
    assert_eq!(own.last().unwrap()["seq"], end["seq"], "one end: {records}");
    let seq = number(&end["seq"]);
    let before = records
        .0
        .iter()
        .take_while(|record| number(&record["seq"]) < seq);
    let stopped = before
        .filter(|r| r["change"] == "start" && r["kind"] == "lifecycle")
        .last();
    assert_eq!(stopped.unwrap()["left_open"], 1, "{records}");
    (*end).clone()
}

fn a_session_whose_cgroup_is_gone_meanwhile_has_an_end() -> Outcome {
    let end = unseen("-gone", Signal::SIGTERM, |_, _, group| {
        drop(group);
        None
    });
    assert_eq!(end["unseen"]["why"], "cgroup_gone", "{end}");
    assert_eq!(end["unseen"]["totals_known"], true, "{end}");
    assert_eq!(end["actions"]["file.unlink"], 1, "{end}");
    // A cgroup of the same name is another one.
    let end = unseen("-anew", Signal::SIGKILL, |_, parent, group| {
        drop(group);
        Some(parent.child("agent"))
    });
    assert_eq!(end["unseen"]["why"], "cgroup_gone", "{end}");
    assert_eq!(end["unseen"]["totals_known"], false, "{end}");
    Ok(())
}

fn a_session_that_nobody_is_configured_for_any_more_has_an_end() -> Outcome {
    let end = unseen("-other", Signal::SIGTERM, |home, parent, group| {
        home.configure(&[("second", &[&format!("{}/*", parent.path.display())])]);
        Some(group)
    });
    assert_eq!(end["agent"]["id"], "first", "{end}");
    assert_eq!(end["unseen"]["why"], "not_configured", "{end}");
    Ok(())
}

fn a_session_says_what_bound_it() -> Outcome {
    let (parent, _home, daemon) = recorder("-bound");
    let group = parent.child("agent");
    let start = wait(&daemon, "the session's start", |record| {
        record["kind"] == "session" && record["change"] == "start"
    });
    assert_eq!(start["bound"]["cgroup_id"], group.id(), "{start}");
    assert_eq!(start["bound"]["parent"], Value::Null, "{start}");
    Ok(())
}

fn the_main_program_is_known_again_and_agents_in_its_calls_have_an_end() -> Outcome {
    let (parent, home, daemon) = recorder("-main");
    let group = parent.child("agent");
    let directory = TempDir::new().unwrap();
    let path = directory.path().canonicalize().unwrap();
    let codex = path.join("codex");
    script(&codex, "while ! test -e go; do sleep 0.05; done");
    let steps = steps![
        "getpid", "+", "wait", "+", "fork", "+", "exec", &codex, "codex"
    ];
    let claude = copy(&path.join("claude"));
    let mut trigger = Trigger::of(&claude, &path, &steps);
    group.take(trigger.pid());
    trigger.go();
    trigger.until("getpid");
    wait(&daemon, "the session", |record| record["kind"] == "session");
    assert!(daemon.stop(Signal::SIGTERM).success());
    let daemon = home.start();
    trigger.go();
    // Were claude not known, the first program of the catalogue would pass for the main one.
    let start = wait(&daemon, "the session in the session", |record| {
        record["change"] == "start" && record["agent"]["program"] == "codex"
    });
    daemon.stop(Signal::SIGKILL);
    let daemon = home.start();
    let end = wait(&daemon, "its end", |record| {
        let is_end = record["kind"] == "session" && record["change"] == "end";
        is_end && record["agent"] == start["agent"]
    });
    assert_eq!(end["unseen"]["why"], "recorder_gone", "{end}");
    std::fs::write(path.join("go"), b"").unwrap();
    trigger.end();
    assert!(daemon.stop(Signal::SIGTERM).success());
    let sessions = sessions(&Records::read(&home.journal()), &group);
    let expect = ["start", "suspend", "resume", "resume", "suspend"];
    assert_eq!(changes(&sessions), expect);
    assert_eq!(start["agent"]["parent"], sessions[0]["agent"]["session"]);
    Ok(())
}

/// A change of a call behind a record.
fn call<'v>(id: &'v Value, change: &'v str, after: u64) -> impl Fn(&Value) -> bool + 'v {
    move |record| {
        record["kind"] == "tool_call"
            && record["change"] == change
            && record["tool_call"]["id"] == *id
            && number(&record["seq"]) > after
    }
}

/// That it is recorded no further is not its end.
fn a_tool_call_goes_on_over_a_stop_and_a_kill() -> Outcome {
    let (parent, home, daemon) = recorder("-call");
    let group = parent.child("agent");
    let directory = TempDir::new().unwrap();
    let path = directory.path().canonicalize().unwrap();
    let make = path.join("make");
    script(&make, "while ! test -e go; do sleep 0.05; done; exit 3");
    let steps = steps!["fork", "+", "exec", &make, "make"];
    let claude = copy(&path.join("claude"));
    let mut trigger = Trigger::of(&claude, &path, &steps);
    group.take(trigger.pid());
    trigger.go();
    let start = wait(&daemon, "the call", |record| {
        record["kind"] == "tool_call" && record["change"] == "start"
    });
    let id = start["tool_call"]["id"].clone();
    assert!(daemon.stop(Signal::SIGTERM).success());
    let daemon = home.start();
    let first = wait(&daemon, "it goes on", call(&id, "resume", 0));
    assert!(daemon.stop(Signal::SIGKILL).code().is_none());
    let daemon = home.start();
    let second = wait(
        &daemon,
        "it goes on again",
        call(&id, "resume", number(&first["seq"])),
    );
    // What it does then is the call's.
    let after = number(&second["seq"]);
    wait(&daemon, "what it does then", |record| {
        record["action"] == "process.exec"
            && number(&record["seq"]) > after
            && record["tool_call"]["id"] == id
    });
    std::fs::write(path.join("go"), b"").unwrap();
    let end = wait(&daemon, "its end", call(&id, "end", 0));
    trigger.end();
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = Records::read(&home.journal());
    let calls = records.kind("tool_call");
    let calls = calls.keep(|record| record["tool_call"]["id"] == id);
    assert_eq!(
        changes(&calls.0),
        ["start", "suspend", "resume", "resume", "end"],
        "{calls}"
    );
    assert_eq!(end["exit"]["code"], 3, "{end}");
    assert_eq!(end["unseen"], Value::Null, "{end}");
    for resumed in [&first, &second] {
        let running = resumed["still_running"].as_array().unwrap();
        assert!(running.contains(&id), "{resumed}");
    }
    assert!(
        number(&end["duration"]) > number(&second["duration"]),
        "{end}"
    );
    Ok(())
}
