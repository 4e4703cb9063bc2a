//! Without a terminal: exit status, signals, identity, descriptors.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use libtest_mimic::Trial;

use crate::call::{self, Done, Run, kill};

pub(crate) fn tests() -> Vec<Trial> {
    let tests: [(&str, fn()); 7] = [
        ("exits_with_the_status_of_the_command", status),
        ("dies_of_the_signal_that_ended_the_command", signal),
        ("passes_on_signals_sent_to_it", forwards),
        (
            "keeps_ignored_signals_ignored_and_blocked_ones_blocked",
            dispositions,
        ),
        (
            "the_command_is_a_child_with_the_callers_group_and_directory",
            child,
        ),
        ("the_command_inherits_no_descriptor_of_agtrack", descriptors),
        ("output_of_the_command_is_untouched", output),
    ];
    call::trials(&tests)
}

fn status() {
    for code in [0, 1, 42, 255] {
        Run::new().sh(&format!("exit {code}")).exits(code);
    }
}

fn signal() {
    for (name, number) in [
        ("TERM", 15),
        ("KILL", 9),
        ("INT", 2),
        ("PIPE", 13),
        ("SEGV", 11),
    ] {
        let run = Run::new();
        let done = run.sh(&format!("kill -{name} $$"));
        assert_eq!(done.status.signal(), Some(number), "{name}: {}", done.said);
        assert!(run.is_recorded());
    }
}

fn forwards() {
    use rustix::process::Signal;
    for signal in [
        Signal::TERM,
        Signal::HUP,
        Signal::USR1,
        Signal::USR2,
        Signal::INT,
        Signal::QUIT,
    ] {
        let run = Run::new();
        let child = run.going(
            "for s in TERM HUP USR1 USR2 INT QUIT; do trap \"echo got-$s; exit 9\" $s; done;
            touch going; while :; do sleep 0.05; done",
        );
        kill(&child, signal);
        let done = Done::from(child.wait_with_output().unwrap());
        done.exits(9);
        let printed = done.printed();
        assert!(printed.starts_with("got-"), "{signal:?}: {printed}");
    }
}

/// What a command prints that a script executes as it is, and what it prints with agtrack in
/// between.
fn without_and_with(script: &str, look: &[&str]) -> (String, String) {
    let below = |program: &Command| {
        let mut bash = Command::new("bash");
        bash.args(["-c", script, "x"])
            .arg(program.get_program())
            .args(program.get_args());
        Done::from(bash.output().unwrap()).printed()
    };
    let mut direct = Command::new(look[0]);
    direct.args(&look[1..]);
    (below(&direct), below(&Run::new().call(&[], look)))
}

fn dispositions() {
    let look = ["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"];
    let (without, with) = without_and_with("trap '' HUP INT; exec \"$@\"", &look);
    assert_eq!(with, without);
}

fn child() {
    let run = Run::new();
    let script = "cut -d' ' -f1,4,5 /proc/$$/stat; pwd; echo $AGTRACK_TEST";
    let child = run
        .call(&[], &["sh", "-c", script])
        .current_dir(run.directory())
        .env("AGTRACK_TEST", "kept")
        .spawn()
        .unwrap();
    let launcher = child.id();
    let printed = Done::from(child.wait_with_output().unwrap()).printed();
    let mut lines = printed.lines();
    let ids: Vec<i32> = lines
        .next()
        .unwrap()
        .split(' ')
        .map(|word| word.parse().unwrap())
        .collect();
    assert_eq!(ids[1] as u32, launcher, "the parent is the launcher");
    let group = rustix::process::getpgrp().as_raw_nonzero().get();
    assert_eq!(ids[2], group, "the group is the caller's");
    assert_eq!(lines.next(), run.directory().to_str());
    assert_eq!(lines.next(), Some("kept"));
    let tagged = run.tagged();
    assert!(
        tagged.contains(&format!("pid: {},", ids[0])),
        "tagged what became the command: {tagged}"
    );
}

/// It has those that the caller left open, as without agtrack, and no other.
fn descriptors() {
    let look = ["sh", "-c", "ls /proc/$$/fd"];
    let (without, with) = without_and_with("exec 7>/dev/null; exec \"$@\"", &look);
    assert_eq!(with, without);
    assert!(with.contains('7'), "{with}");
}

fn output() {
    let done = Run::new().sh("printf 'out\\000\\377'; printf err >&2");
    assert_eq!(done.stdout, b"out\0\xff");
    done.says("err");
}
