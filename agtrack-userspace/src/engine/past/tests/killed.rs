//! What the journal of a recorder that was killed tells of processes and tool calls.

use serde_json::{Value, json};

use super::*;
use crate::record::{Process, ToolCallChange};

fn action(name: &str, uid: &str, call: Option<&str>, object: Value) -> Draft {
    let call = call.map(|id| json!({ "id": id, "command": ["make"] }));
    let action = json!({
        "tool_call": call, "action": name, "object": object,
        "process": { "uid": uid, "pid": 1, "args": [], "ancestry": [] },
        "outcome": { "result": "success", "errno": null },
        "decision": null, "effect": null, "maps": [],
        "completeness": { "path_source": null, "truncated": false, "count": 1 },
    });
    let body = Body::Action(Box::new(serde_json::from_value(action).unwrap()));
    let agent = Some(Shared::new(agent(7)));
    Draft {
        time: 0,
        agent,
        body,
    }
}

fn fork(uid: &str, child: &str, call: Option<&str>) -> Draft {
    let object = json!({ "child_uid": child, "child_pid": 2 });
    action("process.fork", uid, call, object)
}

fn exit(uid: &str, call: Option<&str>) -> Draft {
    let object = json!({ "code": 0, "signal": null, "core": false });
    action("process.exit", uid, call, object)
}

fn call(change: Change, id: &str, running: &[&str]) -> Draft {
    let process = Process {
        uid: id.to_owned(),
        ..Process::default()
    };
    let told = json!({
        "change": change, "tool_call": { "id": id, "command": ["make"] }, "class": "tool",
        "process": process, "exit": null, "processes": 2, "running": 1, "effects": null,
        "still_running": running,
    });
    let told: ToolCallChange = serde_json::from_value(told).unwrap();
    Draft {
        time: 0,
        agent: Some(Shared::new(agent(7))),
        body: Body::ToolCall(Box::new(told)),
    }
}

fn pids(processes: &[ProcessKey]) -> Vec<u32> {
    processes.iter().map(|key| key.pid).collect()
}

/// Its first process has ended; the main program's child and a call with a child of its own run on.
fn story() -> Vec<Draft> {
    let make = Some("one-11-2");
    vec![
        session(7, Change::Start),
        fork("one-10-1", "one-11-2", None),
        call(Change::Start, "one-11-2", &[]),
        action(
            "process.exec",
            "one-11-2",
            make,
            json!({ "exe": "/bin/make" }),
        ),
        fork("one-11-2", "one-12-3", make),
        fork("one-11-2", "one-13-4", make),
        exit("one-13-4", make),
        fork("one-10-1", "one-14-5", None),
        call(Change::Start, "one-14-5", &[]),
        exit("one-14-5", Some("one-14-5")),
        call(Change::End, "one-14-5", &[]),
        fork("one-10-1", "one-15-6", None),
        exit("one-10-1", None),
    ]
}

fn left(past: Past) -> Left {
    let mut sessions = past.sessions.into_values();
    sessions.next().expect("one without an end")
}

#[test]
fn processes_and_calls_that_have_not_ended_are_known() {
    for segment_bytes in [1 << 20, 1] {
        let mut written = Written::new();
        written.segment_bytes = segment_bytes;
        written.write(story());
        let left = left(written.read(SEARCHED));
        let known = pids(&left.processes);
        // Over several segments an end may come before what it ends is read: who looks at /proc finds that.
        for pid in [11, 12, 15] {
            assert!(known.contains(&pid), "{known:?}");
        }
        let [call] = &left.calls[..] else {
            panic!("{:?}", left.calls)
        };
        assert_eq!((call.tool_call.id.as_str(), call.began), ("one-11-2", 30));
        assert!(pids(&call.running).starts_with(&[11, 12]), "{call:?}");
        if segment_bytes > 1 {
            assert_eq!(known, [11, 12, 15]);
        }
    }
}

/// A recorder that stops in order, or goes on with what another left, names all that runs.
#[test]
fn what_was_named_as_running_is_all_there_is() {
    let mut written = Written::new();
    let mut drafts = story();
    drafts.push(call(Change::Suspend, "one-11-2", &["one-12-3"]));
    let mut suspended = session(7, Change::Suspend);
    if let Body::Session(change) = &mut suspended.body {
        change.still_running = vec!["one-12-3".to_owned(), "one-15-6".to_owned()];
    }
    drafts.push(suspended);
    written.write(drafts);
    let left = left(written.read(SEARCHED));
    assert_eq!(pids(&left.processes), [12, 15]);
    assert_eq!(pids(&left.calls[0].running), [12]);
}

#[test]
fn of_one_that_has_ended_nothing_is_kept() {
    let mut written = Written::new();
    let mut drafts = story();
    drafts.push(session(7, Change::End));
    written.write(drafts);
    assert!(written.open().is_empty());
}
