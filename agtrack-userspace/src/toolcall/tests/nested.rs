//! Agents that are started in the calls of another.

use super::*;
use crate::record::SessionChange;

/// Who is meant by a session: `.` for the one around all, the program and the first digits of the
/// parent for the others.
fn whose(draft: &Draft) -> String {
    let agent = draft.agent.as_ref().unwrap();
    agent.program.clone().unwrap_or_else(|| ".".to_owned())
}

/// As [`Told::story`], with who it is told of, and `(` and `)` for sessions.
fn story(told: &Told) -> Vec<String> {
    let line = |draft: &Draft| {
        let what = match &draft.body {
            Body::Session(change) if change.change == Change::Start => {
                format!("( {}", change.tool_call.as_ref().unwrap().id)
            }
            Body::Session(_) => ")".to_owned(),
            _ => shown(draft),
        };
        format!("{}: {what}", whose(draft))
    };
    told.out.iter().map(line).collect()
}

fn sessions(told: &Told, change: Change) -> Vec<(&Agent, &SessionChange)> {
    let found = told.out.iter().filter_map(|draft| match &draft.body {
        Body::Session(session) if session.change == change => {
            Some((&**draft.agent.as_ref().unwrap(), &**session))
        }
        _ => None,
    });
    found.collect()
}

/// claude has bash start codex, which has git do something and writes a file itself.
fn claude_has_codex_work() -> Told {
    let mut told = Told::default();
    told.exec("m", &["claude"])
        .fork("m", "b")
        .exec("b", &["bash", "-c", "codex exec x; date"])
        .fork("b", "x")
        .exec("x", &["codex", "exec", "x"])
        .write("x", "/w/direct")
        .fork("x", "g")
        .exec("g", &["git", "push"])
        .write("g", "/w/pushed")
        .exit("g", 0)
        .exit("x", 0)
        .fork("b", "d")
        .exec("d", &["date"])
        .exit("d", 0)
        .exit("b", 0);
    told
}

#[test]
fn an_agent_in_a_call_is_a_session_with_calls_of_its_own() {
    let told = claude_has_codex_work();
    let expect = [
        ".: m exec -",
        ".: m fork -",
        ".: +b bash -c codex exec x; date",
        ".: b exec b",
        ".: b fork b",
        "codex: ( b",
        "codex: x exec -",
        "codex: x open -",
        "codex: x fork -",
        "codex: +g git push",
        "codex: g exec g",
        "codex: g open g",
        "codex: g exit g",
        "codex: -g git push",
        "codex: x exit -",
        "codex: )",
        ".: b fork b",
        ".: d exec b",
        ".: d exit b",
        ".: b exit b",
        ".: -b bash -c codex exec x; date",
    ];
    assert_eq!(story(&told), expect);
}

#[test]
fn its_session_has_a_parent_and_totals_and_the_call_around_says_it() {
    let told = claude_has_codex_work();
    let [(begun, start)] = sessions(&told, Change::Start)[..] else {
        panic!()
    };
    assert_eq!(begun.parent, Some(Uuid::nil()));
    assert_eq!((&*begun.id, &*begun.name), ("a", "a"));
    assert_eq!(start.command[0], Text::from("codex"));
    assert_eq!(start.process.as_ref().unwrap().uid, "x");
    let [(ended, end)] = sessions(&told, Change::End)[..] else {
        panic!()
    };
    assert_eq!(begun, ended);
    assert_eq!(end.totals.tool_calls, 1);
    let actions: Vec<_> = end
        .totals
        .actions
        .iter()
        .map(|(name, n)| (&**name, *n))
        .collect();
    let expect = [
        ("file.open", 2),
        ("process.exec", 2),
        ("process.exit", 2),
        ("process.fork", 1),
    ];
    assert_eq!(actions, expect);
    assert!(end.still_running.is_empty());
    let around = told
        .ends()
        .into_iter()
        .find(|call| call.tool_call.id == "b");
    let around = around.unwrap();
    assert_eq!(around.child_sessions, [begun.session]);
    // What came of the call came of it by whomever.
    assert_eq!(around.effects.as_ref().unwrap().created.total, 2);
    assert_eq!(around.processes, 4);
    assert_eq!(told.calls.books.processes, 1, "claude itself");
    assert_eq!(told.calls.books.agents, 0);
}

#[test]
fn the_same_log_gives_the_same_ids_and_another_process_another() {
    let ids = |told: &Told| -> Vec<Uuid> {
        let sessions = sessions(told, Change::Start);
        sessions.iter().map(|(agent, _)| agent.session).collect()
    };
    let mut told = claude_has_codex_work();
    assert_eq!(ids(&told), ids(&claude_has_codex_work()));
    told.fork("m", "c")
        .exec("c", &["sh"])
        .fork("c", "y")
        .exec("y", &["codex"]);
    let ids = ids(&told);
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0].get_version_num(), 7);
}

#[test]
fn a_program_below_itself_without_a_call_is_the_same_agent() {
    let mut told = Told::default();
    told.exec("m", &["codex"])
        .fork("m", "n")
        .exec("n", &["codex", "native"])
        .fork("n", "c")
        .exec("c", &["bash", "-c", "ls"]);
    assert!(
        sessions(&told, Change::Start).is_empty(),
        "{:?}",
        story(&told)
    );
    // Inside a call it is another one, be it the same program, and its wrapper is not one more.
    told.fork("c", "x")
        .exec("x", &["codex", "exec"])
        .exec("x", &["codex", "exec"])
        .fork("x", "y")
        .exec("y", &["codex", "native"]);
    assert_eq!(
        sessions(&told, Change::Start).len(),
        1,
        "{:?}",
        story(&told)
    );
}

#[test]
fn a_call_that_is_another_agent_is_both() {
    let mut told = Told::default();
    told.exec("m", &["claude"])
        .fork("m", "x")
        .exec("x", &["codex", "mcp"]);
    told.write("x", "/w/x").exit("x", 0);
    let expect = [
        ".: m exec -",
        ".: m fork -",
        ".: +x codex mcp",
        "codex: ( x",
        "codex: x exec -",
        "codex: x open -",
        "codex: x exit -",
        "codex: )",
        ".: -x codex mcp",
    ];
    assert_eq!(story(&told), expect);
}

#[test]
fn agents_nest_as_deep_as_they_like() {
    let mut told = Told::default();
    told.exec("m", &["claude"])
        .fork("m", "b")
        .exec("b", &["bash"]);
    told.fork("b", "x").exec("x", &["codex"]);
    told.fork("x", "c").exec("c", &["sh"]);
    told.fork("c", "g")
        .exec("g", &["gemini"])
        .write("g", "/w/g");
    assert_eq!(story(&told).last().unwrap(), "gemini: g open -");
    let sessions = sessions(&told, Change::Start);
    assert_eq!(sessions[1].0.parent, Some(sessions[0].0.session));
    assert_eq!(sessions[1].1.tool_call.as_ref().unwrap().id, "c");
    told.exit("g", 0).exit("c", 0).exit("x", 0).exit("b", 0);
    let ends: Vec<_> = story(&told);
    let ends: Vec<_> = ends
        .iter()
        .filter(|line| line.contains([')', '-']) && !line.ends_with(" -"))
        .collect();
    let expect = ["gemini: )", "codex: -c sh", "codex: )", ".: -b bash"];
    assert_eq!(ends, expect);
    // What gemini wrote came of both calls, and is in gemini's totals only.
    for call in told.ends() {
        assert_eq!(call.effects.as_ref().unwrap().created.total, 1, "{call:?}");
    }
    let opened = |at: usize| {
        let (_, end) = self::sessions(&told, Change::End)[at];
        end.totals.actions.get("file.open").copied()
    };
    assert_eq!((opened(0), opened(1)), (Some(1), None));
}

#[test]
fn an_end_that_no_event_tells_ends_it_too() {
    let mut told = Told::default();
    told.exec("m", &["claude"])
        .fork("m", "b")
        .exec("b", &["bash"]);
    told.fork("b", "x").exec("x", &["codex"]).fork("x", "y");
    told.calls.gone(7, "x", 90_000_000, &mut told.out);
    assert!(sessions(&told, Change::End).is_empty(), "y runs");
    told.calls.gone(7, "y", 91_000_000, &mut told.out);
    assert_eq!(sessions(&told, Change::End).len(), 1);
    assert!(told.ends().is_empty(), "bash runs");
}

#[test]
fn with_the_session_around_it_ends_and_says_what_runs() {
    let mut told = Told::default();
    told.exec("m", &["claude"])
        .fork("m", "b")
        .exec("b", &["bash"]);
    told.fork("b", "x")
        .exec("x", &["codex"])
        .fork("x", "c")
        .exec("c", &["sleep"]);
    assert_eq!(told.calls.end_session(7, (1 << 40, true), &mut told.out), 1);
    let ends: Vec<_> = story(&told).into_iter().rev().take(3).collect();
    assert_eq!(ends, [".: -b bash", "codex: )", "codex: -c sleep"]);
    assert_eq!(sessions(&told, Change::End)[0].1.still_running, ["c", "x"]);
    assert_eq!(
        (told.calls.books.processes, told.calls.books.agents),
        (0, 0)
    );
}

#[test]
fn a_connection_of_its_may_end_after_it() {
    let mut told = claude_has_codex_work();
    let tcp = json!({ "ip": "10.0.0.1", "port": 80, "proto": "tcp", "domain": null });
    let flow = json!({
        "local": tcp, "peer": tcp, "direction": "outbound", "bytes_out": 5, "bytes_in": 6,
        "packets_out": 1, "packets_in": 1, "retransmits": 0, "began_boot_time": null,
        "ended_boot_time": 1, "duration": null,
    });
    told.push(action("x", &[], "net.flow", flow));
    assert_eq!(story(&told).last().unwrap(), "codex: x flow -");
}

#[test]
fn there_is_an_end_to_how_many_are_kept() {
    let mut told = Told::default();
    told.exec("m", &["claude"])
        .fork("m", "b")
        .exec("b", &["bash"]);
    for number in 0..300 {
        let child = format!("x{number}");
        told.fork("b", &child).exec(&child, &["codex"]);
    }
    assert_eq!(sessions(&told, Change::Start).len(), 256);
    assert_eq!(
        story(&told).last().unwrap(),
        ".: x299 exec b",
        "part of the call"
    );
    told.exit("x0", 0).fork("b", "y").exec("y", &["codex"]);
    assert_eq!(
        story(&told).last().unwrap(),
        "codex: y exec -",
        "there is room again"
    );
}

#[test]
fn opens_that_are_only_counted_are_those_of_the_agent_in_the_call() {
    let mut told = Told::default();
    told.exec("m", &["claude"])
        .fork("m", "b")
        .exec("b", &["bash"]);
    told.fork("b", "x").exec("x", &["codex"]);
    assert!(!told.calls.count_opens(7, "b", ("locale", 1)));
    assert!(told.calls.count_opens(7, "x", ("locale", 2)));
    told.exit("x", 0);
    let end = sessions(&told, Change::End)[0].1;
    assert_eq!(end.totals.counted_opens["locale"], 2);
}
