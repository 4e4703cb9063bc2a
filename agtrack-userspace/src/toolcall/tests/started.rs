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
