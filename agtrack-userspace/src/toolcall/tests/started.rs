//! What stands between a main program and what it has done: starters, helpers, wrappers.

use super::*;

#[test]
fn a_program_that_starts_itself_again_to_start_a_command_begins_a_call() {
    let mut told = Told::default();
    told.exec("a", &["codex", "exec"]).fork("a", "b");
    told.exec(
        "b",
        &["codex", "--codex-run-as-process-setup", "/w", "bash"],
    );
    told.exec("b", &["bash", "-c", "__CODEX_SNAPSHOT_OVERRIDE_SET_0=x"]);
    told.exec("b", &["bash", "-c", "make"]).exec("b", &["make"]);
    told.exit("b", 2);
    assert_eq!(
        told.story(),
        [
            "a exec -",
            "a fork -",
            "b exec -",
            "b exec -",
            "+b bash -c make",
            "b exec b",
            "b exec b",
            "b exit b",
            "-b bash -c make",
        ]
    );
    assert_eq!(told.ends()[0].exit.as_ref().unwrap().code, Some(2));
}

fn named(programs: &[&str]) -> Told {
    let mut told = Told::default();
    let programs: Vec<_> = programs.iter().map(|name| (*name).to_owned()).collect();
    told.calls.begin_session(7, &agent(), &programs);
    told
}

/// One that nobody knows, behind a wrapper that passes for the main program until it appears.
#[test]
fn a_main_program_is_known_where_the_configuration_names_it() {
    let mut told = named(&["acme-*"]);
    told.exec("a", &["start.sh"]).fork("a", "m");
    told.exec("m", &["acme-agent", "run"]).fork("m", "b");
    told.exec("b", &["bash", "-c", "make"]).exit("b", 0);
    let without = {
        let mut told = Told::default();
        told.exec("a", &["start.sh"]).fork("a", "m");
        told.exec("m", &["acme-agent", "run"]).fork("m", "b");
        told.exec("b", &["bash", "-c", "make"]).exit("b", 0);
        told.story()
    };
    assert!(
        without.contains(&"+m acme-agent run".to_owned()),
        "{without:?}"
    );
    // What passed for the main program has started it as a call, as any that it starts.
    let story = told.story();
    assert!(story.contains(&"+b bash -c make".to_owned()), "{story:?}");
    assert!(story.contains(&"-b bash -c make".to_owned()), "{story:?}");
    assert!(
        !story.contains(&"+m acme-agent run".to_owned()),
        "{story:?}"
    );
}

#[test]
fn what_only_starts_a_named_main_program_begins_no_call() {
    let mut told = named(&["acme-*"]);
    told.exec("a", &["start.sh"]).fork("a", "t");
    told.exec("t", &["timeout", "60", "acme-agent"])
        .fork("t", "m");
    told.exec("m", &["acme-agent"]).fork("m", "b");
    told.exec("b", &["ls"]).exit("b", 0);
    let begun = told
        .story()
        .into_iter()
        .filter(|word| word.starts_with('+'));
    assert_eq!(begun.collect::<Vec<_>>(), ["+b ls"]);
}

/// Another one of the catalogue is an agent that it has started, whichever appears first.
#[test]
fn where_main_programs_are_named_no_other_is_one() {
    let mut told = named(&["claude"]);
    told.exec("a", &["start.sh"]).fork("a", "x");
    told.exec("x", &["codex", "exec"]).exit("x", 0);
    told.fork("a", "m").exec("m", &["claude"]).fork("m", "b");
    told.exec("b", &["ls"]).exit("b", 0);
    let (sessions, rest): (Vec<_>, Vec<_>) = told
        .out
        .iter()
        .partition(|draft| matches!(draft.body, Body::Session(_)));
    let programs = sessions
        .iter()
        .map(|draft| draft.agent.clone().unwrap().program.clone());
    assert_eq!(
        programs.collect::<Vec<_>>(),
        [Some("codex".to_owned()), Some("codex".to_owned())]
    );
    let begun = rest
        .into_iter()
        .map(shown)
        .filter(|word| word.starts_with('+'));
    assert_eq!(begun.collect::<Vec<_>>(), ["+x codex exec", "+b ls"]);
}

#[test]
fn a_command_in_a_sandbox_of_the_program_is_told_as_what_was_meant() {
    let mut told = Told::default();
    told.exec("a", &["codex"]).fork("a", "b");
    told.exec("b", &["codex", "--codex-run-as-process-setup"]);
    told.fork("b", "t")
        .exec("t", &["bwrap", "--dev", "/dev", "--", "/usr/bin/true"]);
    told.exit("t", 0).fork("b", "c");
    told.exec(
        "c",
        &["bwrap", "--argv0", "codex-linux-sandbox", "--", "/x/codex"],
    );
    told.fork("c", "d")
        .exec("d", &["codex", "--apply-seccomp-then-exec"]);
    told.fork("d", "e")
        .exec("e", &["bash", "-c", "__CODEX_SNAPSHOT_X=y"]);
    told.exec("e", &["bash", "-c", "make"]).exit("e", 2);
    let ends: Vec<_> = told
        .ends()
        .iter()
        .map(|end| (end.class, end.exit.clone().unwrap().code))
        .collect();
    assert_eq!(
        ends,
        [
            (CallClass::Housekeeping, Some(0)),
            (CallClass::Tool, Some(2))
        ]
    );
    assert_eq!(
        told.ends()[1].tool_call.command.last(),
        Some(&Text::from("make"))
    );
}

#[test]
fn what_only_starts_the_main_program_begins_no_call() {
    let mut told = Told::default();
    told.exec("a", &["sh", "x.sh"]).fork("a", "b");
    told.exec("b", &["timeout", "60", "claude"]).fork("b", "c");
    told.exec("c", &["claude"]).fork("c", "d");
    told.exec("d", &["ls"]).exit("d", 0);
    // From now on it is known, and what starts another one of it is a command like others.
    told.fork("c", "e").exec("e", &["timeout", "60", "claude"]);
    let begun: Vec<_> = told
        .story()
        .into_iter()
        .filter(|line| line.starts_with('+'))
        .collect();
    assert_eq!(begun, ["+d ls", "+e timeout 60 claude"]);
}

#[test]
fn who_makes_the_cgroup_is_none_of_the_session() {
    let mut told = Told::default();
    let object = json!({ "cgroup": "/x", "cgroup_id": 1, "target_pid": null, "target_uid": null });
    told.push(action("outside", &[], "cgroup.create", object));
    let object = json!({
        "exe": "/usr/bin/sh", "inode": 1, "device": "8:1", "args": ["sh", "x.sh"],
        "args_bytes": 1, "group": 0, "egroup": 0, "cwd": "/w",
    });
    told.push(action("a", &["outside"], "process.exec", object));
    told.fork("a", "b").exec("b", &["ls"]);
    assert_eq!(
        told.story(),
        [
            "outside create -",
            "a exec -",
            "a fork -",
            "+b ls",
            "b exec b"
        ]
    );
}

#[test]
fn what_a_helper_of_the_main_program_does_is_no_call() {
    let mut told = Told::default();
    told.exec("a", &["codex"]).fork("a", "b");
    told.exec("b", &["codex", "--codex-run-as-apply-patch"]);
    told.write("b", "/w/x").fork("b", "c");
    told.exec("c", &["ls"]).exit("c", 0).exit("b", 0);
    assert_eq!(
        told.story(),
        [
            "a exec -", "a fork -", "b exec -", "b open -", "b fork -", "+c ls", "c exec c",
            "c exit c", "-c ls", "b exit -",
        ]
    );
}

/// Of runc, stage by stage: only the last of its processes executes what was meant to run.
#[test]
fn what_makes_a_container_is_not_its_main_program() {
    let mut told = Told {
        contained: true,
        ..Told::default()
    };
    let object =
        json!({ "cgroup": "/docker/x", "cgroup_id": 1, "target_pid": 1, "target_uid": "a" });
    told.push(action("outside", &[], "cgroup.attach", object));
    told.exec("a", &["runc", "init"]).fork("a", "b");
    told.fork("b", "c").exit("a", 0).exit("b", 0);
    told.exec("c", &["agent.sh"]).fork("c", "d");
    told.exec("d", &["ls"]).exit("d", 0);
    let begun: Vec<_> = told
        .story()
        .into_iter()
        .filter(|line| line.starts_with(['+', '-']))
        .collect();
    assert_eq!(begun, ["+d ls", "-d ls"]);
}

#[test]
fn what_a_container_runs_when_it_is_found_is_not_its_first_program() {
    let mut told = Told {
        contained: true,
        ..Told::default()
    };
    let process = action(
        "a",
        &[],
        "process.fork",
        json!({ "child_uid": "b", "child_pid": 2 }),
    );
    told.calls.found(7, &agent(), &process.process);
    told.fork("a", "b").exec("b", &["ls"]);
    assert_eq!(told.story(), ["a fork -", "+b ls", "b exec b"]);
}
