//! Which actions belong to which call.

mod started;

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::record::{
    Binding, CallClass, CallExit, Change, Outcome, OutcomeResult, Text, ToolCallChange,
};

mod nested;
mod restart;
mod takeover;

/// A session told action by action.
#[derive(Default)]
struct Told {
    calls: ToolCalls,
    out: Vec<Draft>,
    time: u64,
    /// It is a container's session.
    contained: bool,
}

fn agent() -> Shared<Agent> {
    Shared::new(Agent {
        id: "a".to_owned(),
        name: "a".to_owned(),
        owner: None,
        version: None,
        labels: Default::default(),
        session: Uuid::nil(),
        parent: None,
        program: None,
        binding: Binding::Cgroup,
    })
}

/// Ancestors are named by their uids, nearest first.
fn action(uid: &str, ancestry: &[&str], name: &str, object: Value) -> Action {
    let ancestry: Vec<_> = ancestry
        .iter()
        .map(|uid| json!({ "uid": uid, "name": "x" }))
        .collect();
    let value = json!({
        "tool_call": null, "action": name, "object": object,
        "process": { "uid": uid, "pid": 1, "args": [], "ancestry": ancestry },
        "outcome": { "result": "success", "errno": null },
        "decision": null, "effect": null, "maps": [],
        "completeness": { "path_source": "kernel", "truncated": false, "count": 1 },
    });
    serde_json::from_value(value).unwrap()
}

impl Told {
    fn push(&mut self, action: Action) -> &mut Self {
        self.time += 1_000_000;
        let mut agent = (*agent()).clone();
        if self.contained {
            agent.binding = Binding::Container;
        }
        let doing = Doing {
            time: self.time,
            agent: Shared::new(agent),
            session: 7,
            action,
        };
        self.calls.push(doing, &mut self.out);
        self
    }

    fn fork(&mut self, uid: &str, child: &str) -> &mut Self {
        let object = json!({ "child_uid": child, "child_pid": 2 });
        self.push(action(uid, &[], "process.fork", object))
    }

    fn exec(&mut self, uid: &str, command: &[&str]) -> &mut Self {
        let object = json!({
            "exe": format!("/usr/bin/{}", command[0]), "inode": 1, "device": "8:1",
            "args": command, "args_bytes": 1, "group": 0, "egroup": 0, "cwd": "/w",
        });
        self.push(action(uid, &[], "process.exec", object))
    }

    fn exit(&mut self, uid: &str, code: u8) -> &mut Self {
        let object = json!({ "code": code, "signal": null, "core": false });
        self.push(action(uid, &[], "process.exit", object))
    }

    fn write(&mut self, uid: &str, path: &str) -> &mut Self {
        let object = json!({ "path": path, "access": "write", "created": true, "open_flags": [],
                             "inode": null, "device": null, "mode": null });
        self.push(action(uid, &[], "file.open", object))
    }

    /// Each record in a word or two: `+` and `-` for calls that begin and end, and actions with the
    /// call they belong to.
    fn story(&self) -> Vec<String> {
        self.out.iter().map(shown).collect()
    }

    fn ends(&self) -> Vec<&ToolCallChange> {
        self.out
            .iter()
            .filter_map(|draft| match &draft.body {
                Body::ToolCall(call) if call.change == Change::End => Some(&**call),
                _ => None,
            })
            .collect()
    }
}

fn shown(draft: &Draft) -> String {
    match &draft.body {
        Body::ToolCall(call) => {
            let words: Vec<_> = call.tool_call.command.iter().map(Text::printable).collect();
            let mark = match call.change {
                Change::Start => "+",
                Change::End => "-",
                _ => "~",
            };
            format!("{mark}{} {}", call.tool_call.id, words.join(" "))
        }
        Body::Action(action) => {
            let name = action.action.split('.').nth(1).unwrap();
            let call = action.tool_call.as_ref().map(|call| call.id.clone());
            format!(
                "{} {name} {}",
                action.process.uid,
                call.as_deref().unwrap_or("-")
            )
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_is_what_a_child_of_the_main_program_starts() {
    let mut told = Told::default();
    told.exec("m", &["agent"])
        .write("m", "/w/direct")
        .fork("m", "c")
        .write("c", "/w/before")
        .exec("c", &["bash", "-c", "git push"])
        .fork("c", "d")
        .exec("d", &["git", "push"])
        .write("d", "/w/inside")
        .exit("d", 0)
        .exit("c", 3)
        .write("m", "/w/after");
    let expect = [
        "m exec -",
        "m open -",
        "m fork -",
        "c open -",
        "+c bash -c git push",
        "c exec c",
        "c fork c",
        "d exec c",
        "d open c",
        "d exit c",
        "c exit c",
        "-c bash -c git push",
        "m open -",
    ];
    assert_eq!(told.story(), expect);
    let end = told.ends()[0];
    assert_eq!(
        end.exit,
        Some(CallExit {
            code: Some(3),
            signal: None
        })
    );
    assert_eq!((end.processes, end.running), (2, 0));
    assert_eq!(end.duration, Some(5_000_000));
    let effects = end.effects.as_ref().unwrap();
    assert_eq!(effects.created.items[0].name, Text::from("/w/inside"));
    assert_eq!(effects.programs.total, 2);
}

#[test]
fn what_outlives_the_first_process_stays_part_of_the_call() {
    let mut told = Told::default();
    told.exec("m", &["agent"]).fork("m", "c").exec("c", &["sh"]);
    told.fork("c", "d").exit("c", 0).write("d", "/w/late");
    assert!(told.ends().is_empty());
    told.exit("d", 0);
    assert_eq!(told.story().last().unwrap(), "-c sh");
    assert_eq!(told.ends()[0].exit.as_ref().unwrap().code, Some(0));
}

#[test]
fn a_well_known_program_takes_over_from_what_started_it() {
    let mut told = Told::default();
    // A shell starts it, and does something else besides.
    told.exec("s", &["bash", "start.sh"])
        .fork("s", "m")
        .exec("m", &["claude", "-p", "x"])
        .fork("s", "e")
        .exec("e", &["date"])
        .fork("m", "w")
        .exec("w", &["claude", "worker"])
        .fork("w", "c")
        .exec("c", &["bash", "-c", "ls"]);
    let calls: Vec<_> = told
        .story()
        .into_iter()
        .filter(|line| line.starts_with('+'))
        .collect();
    assert_eq!(calls, ["+c bash -c ls"]);
}

#[test]
fn what_a_program_starts_for_itself_is_told_as_that() {
    let mut told = Told::default();
    told.exec("m", &["claude"]).fork("m", "h");
    told.exec("h", &["bash", "-c", "-l", "SNAPSHOT_FILE=/x; set"])
        .exit("h", 0);
    told.fork("m", "c")
        .exec("c", &["bash", "-c", "ls"])
        .exit("c", 0);
    let classes: Vec<_> = told.ends().iter().map(|end| end.class).collect();
    assert_eq!(classes, [CallClass::Housekeeping, CallClass::Tool]);
}

#[test]
fn one_whose_fork_was_not_seen_belongs_where_its_parents_do() {
    let mut told = Told::default();
    told.exec("m", &["agent"]).fork("m", "c").exec("c", &["sh"]);
    let object = json!({ "path": "/w/x", "inode": null, "device": null });
    told.push(action("d", &["c", "m"], "file.unlink", object.clone()));
    assert_eq!(told.story().last().unwrap(), "d unlink c");
    told.exit("c", 0);
    assert!(told.ends().is_empty(), "d runs");
    told.calls.gone(7, "d", 99_000_000, &mut told.out);
    assert_eq!(told.ends().len(), 1);
    // A child of the main program whose fork was skipped: it may start a call.
    told.push(action("e", &["m"], "file.unlink", object));
    told.exec("e", &["ls"]);
    assert_eq!(told.story().last().unwrap(), "e exec e");
}

/// As after a restart of the recorder, when nothing is executed that would tell.
#[test]
fn a_main_program_that_ran_already_is_known() {
    let mut told = Told::default();
    let found = |told: &mut Told, uid: &str, exe: &str| {
        let action = action(
            uid,
            &[],
            "file.unlink",
            json!({ "path": "/", "inode": null, "device": null }),
        );
        let mut process = (*action.process).clone();
        process.exe = Some(exe.into());
        told.calls.found(7, &agent(), &process);
    };
    found(&mut told, "s", "/bin/bash");
    found(&mut told, "m", "/usr/bin/claude");
    found(&mut told, "x", "/usr/bin/codex");
    assert_eq!(told.calls.books.processes, 1);
    // The shell that started it acts first.
    told.write("s", "/w/x").fork("s", "d").exec("d", &["date"]);
    told.fork("m", "c").exec("c", &["codex", "exec"]);
    let calls = told.out.iter().filter_map(|draft| match &draft.body {
        Body::ToolCall(call) => Some(&call.tool_call.id),
        _ => None,
    });
    assert_eq!(calls.collect::<Vec<_>>(), ["c"], "and none of the shell");
}

#[test]
fn a_connection_may_end_after_its_process() {
    let mut told = Told::default();
    told.exec("m", &["agent"])
        .fork("m", "c")
        .exec("c", &["curl"])
        .exit("c", 0);
    told.push(flow("c"));
    assert_eq!(told.story().last().unwrap(), "c flow c");
    assert_eq!(told.calls.books.processes, 1, "it is not taken for alive");
}

#[test]
fn a_connection_that_ends_after_its_session_does_not_begin_it_again() {
    let mut told = Told::default();
    told.exec("m", &["agent"]).exit("m", 0);
    assert_eq!(told.calls.end_session(7, (1 << 40, true), &mut told.out), 0);
    told.push(flow("m"));
    assert_eq!(told.story().last().unwrap(), "m flow -");
    assert!(told.calls.sessions.is_empty());
}

/// The end of a connection of a process.
fn flow(uid: &str) -> Action {
    let tcp = json!({ "ip": "10.0.0.1", "port": 80, "proto": "tcp", "domain": null });
    let flow = json!({
        "local": tcp, "peer": tcp, "direction": "outbound", "bytes_out": 5, "bytes_in": 6,
        "packets_out": 1, "packets_in": 1, "retransmits": 0, "began_boot_time": null,
        "ended_boot_time": 1, "duration": null,
    });
    action(uid, &[], "net.flow", flow)
}

#[test]
fn a_session_that_ends_takes_its_calls_along() {
    let mut told = Told::default();
    told.exec("m", &["agent"]);
    for child in ["c", "d"] {
        told.fork("m", child).exec(child, &["sleep"]);
    }
    assert_eq!(told.calls.end_session(7, (1 << 40, true), &mut told.out), 2);
    assert_eq!(
        told.story()[7..],
        ["-c sleep", "-d sleep"].map(str::to_owned)[..]
    );
    assert_eq!(told.ends()[0].running, 1);
    assert_eq!(told.calls.books.processes, 0);
}

#[test]
fn what_runs_for_long_is_told_meanwhile_and_is_a_service_in_the_end() {
    let mut told = Told::default();
    told.exec("m", &["agent"])
        .fork("m", "c")
        .exec("c", &["mcp"]);
    let second = 1_000_000_000;
    let mut classes = Vec::new();
    for at in 0..1400 {
        let from = told.out.len();
        told.calls.tick(at * second, &mut told.out);
        for draft in &told.out[from..] {
            let Body::ToolCall(call) = &draft.body else {
                panic!("{draft:?}")
            };
            assert_eq!((call.change, call.running), (Change::Report, 1));
            classes.push((at, call.class));
        }
    }
    let expect = [
        (61, CallClass::Tool),
        (661, CallClass::Service),
        (1261, CallClass::Service),
    ];
    assert_eq!(classes, expect);
}

#[test]
fn memory_has_bounds() {
    let mut told = Told::default();
    told.exec("m", &["agent"]);
    for number in 0..PROCESSES + 10 {
        let child = format!("c{number}");
        told.push(action(
            &child,
            &["m"],
            "file.open",
            json!({
            "path": "/w", "access": "read", "created": false, "open_flags": [],
            "inode": null, "device": null, "mode": null }),
        ));
        told.out.clear();
    }
    assert_eq!(told.calls.books.processes, PROCESSES);
    for number in 0..300 {
        told.exec(&format!("c{number}"), &["sleep"]);
    }
    told.out.clear();
    told.calls.end_session(7, (1 << 40, true), &mut told.out);
    let ends = told.ends();
    assert_eq!(ends.len(), 300);
    assert_eq!(ends.iter().filter(|end| end.effects.is_some()).count(), 256);
}

#[test]
fn a_failed_exec_begins_nothing() {
    let mut told = Told::default();
    told.exec("m", &["agent"]).fork("m", "c");
    let mut failed = action(
        "c",
        &["m"],
        "process.exec",
        json!({ "exe": "/usr/bin/none" }),
    );
    failed.outcome = Outcome {
        result: OutcomeResult::Failure,
        errno: Some("EACCES".to_owned()),
    };
    told.push(failed);
    assert_eq!(told.story().last().unwrap(), "c exec -");
}
