//! Without a terminal: exit status, signals, identity, descriptors.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use libtest_mimic::Trial;

use crate::call::{self, agtrack, kill, printed, running, said, sh};

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
        let (output, _temp) = sh(&format!("exit {code}"));
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
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
        let (output, temp) = sh(&format!("kill -{name} $$"));
        assert_eq!(
            output.status.signal(),
            Some(number),
            "{name}: {}",
            said(&output)
        );
        assert!(temp.path().join("j/stopped").exists());
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
        let temp = tempfile::tempdir().unwrap();
        let script =
            "for s in TERM HUP USR1 USR2 INT QUIT; do trap \"echo got-$s; exit 9\" $s; done;
            touch going; while :; do sleep 0.05; done";
        let child = running(script, temp.path());
        kill(child.id(), signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(9),
            "{signal:?} {}",
            said(&output)
        );
        assert!(printed(&output).starts_with("got-"), "{}", printed(&output));
    }
}

/// What the command sees must be what it would see without agtrack in between.
fn dispositions() {
    let script = "trap '' HUP INT; exec \"$@\"";
    let look = ["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"];
    let direct = Command::new("bash")
        .args(["-c", script, "x"])
        .args(look)
        .output()
        .unwrap();
    let temp = tempfile::tempdir().unwrap();
    let run = agtrack(&temp.path().join("j"), &[], &look);
    let below = Command::new("bash")
        .args(["-c", script, "x"])
        .arg(run.get_program())
        .args(run.get_args())
        .output()
        .unwrap();
    assert_eq!(printed(&below), printed(&direct));
}

fn child() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().canonicalize().unwrap();
    let mut run = agtrack(
        &dir.join("j"),
        &[],
        &[
            "sh",
            "-c",
            "cut -d' ' -f1,4,5 /proc/$$/stat; pwd; echo $AGTRACK_TEST",
        ],
    );
    let child = run
        .current_dir(&dir)
        .env("AGTRACK_TEST", "kept")
        .spawn()
        .unwrap();
    let launcher = child.id();
    let output = child.wait_with_output().unwrap();
    let printed = printed(&output);
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
    assert_eq!(lines.next(), dir.to_str());
    assert_eq!(lines.next(), Some("kept"));
    let tagged = std::fs::read_to_string(dir.join("j/tagged")).unwrap();
    assert!(
        tagged.contains(&format!("pid: {},", ids[0])),
        "tagged what became the command: {tagged}"
    );
}

/// It has those that the caller left open, as without agtrack, and no other.
fn descriptors() {
    let script = "exec 7>/dev/null; exec \"$@\"";
    let look = ["sh", "-c", "ls /proc/$$/fd"];
    let direct = Command::new("sh")
        .args(["-c", script, "x"])
        .args(look)
        .output()
        .unwrap();
    let temp = tempfile::tempdir().unwrap();
    let run = agtrack(&temp.path().join("j"), &[], &look);
    let below = Command::new("sh")
        .args(["-c", script, "x"])
        .arg(run.get_program())
        .args(run.get_args())
        .output()
        .unwrap();
    assert_eq!(printed(&below), printed(&direct));
    assert!(printed(&below).contains('7'), "{}", printed(&below));
}

fn output() {
    let (output, _temp) = sh("printf 'out\\000\\377'; printf err >&2");
    assert_eq!(output.stdout, b"out\0\xff");
    assert!(said(&output).contains("err"));
}
