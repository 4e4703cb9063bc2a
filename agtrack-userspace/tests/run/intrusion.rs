//! A command that talks to the recorder itself. As root here, to whom every door is open: what is
//! tested is that the recorder believes nothing that would end the recording.

use libtest_mimic::Trial;
use rustix::process::Signal;

use crate::call::{self, Done, Run, eventually};

pub(crate) fn tests() -> Vec<Trial> {
    let tests: [(&str, fn()); 4] = [
        ("a_forged_end_does_not_end_the_recording", finish),
        ("a_forged_abandon_does_not_remove_the_journal", abandon),
        (
            "a_message_out_of_turn_is_told_and_recording_goes_on",
            out_of_turn,
        ),
        ("a_recorder_that_ends_first_is_told", ends_first),
    ];
    call::trials(&tests)
}

/// Writes a line into each pipe that the launcher has for writing; fails if there is none. That of
/// the gate may be there for a moment, and has no reader.
const FORGE: &str = r#"forge() {
    trap '' PIPE
    local sent=1
    for fd in /proc/$PPID/fd/*; do
        number=${fd##*/}
        [[ $number -gt 2 && $(readlink $fd) == pipe:* ]] || continue
        grep -q '^flags:.*1$' /proc/$PPID/fdinfo/$number || continue
        echo "$1" > $fd && sent=0
    done
    return $sent
}
"#;

/// What came of a command that said this in the launcher's name, and then went on for a while: its
/// exit status is 3 if the recorder was there to the end.
fn forged(line: &str) -> (Run, Done) {
    let run = Run::new();
    let journal = run.path("j");
    let (journal, pause) = (journal.display(), "sleep 0.7");
    let script = format!(
        "{FORGE} forge '{line}' || exit 8; {pause}; [ -e {journal}/stopped ] && exit 9;
        [ -e {journal}/tagged ] || exit 10; exit 3"
    );
    let done = run.command(&["bash", "-c", &script]);
    done.exits(3);
    assert!(run.is_recorded(), "{}", done.said);
    (run, done)
}

fn finish() {
    let (_run, done) = forged(r#"{"finish":{"all":false}}"#);
    done.says("recorded process.exec 1").is_silent_of("STOPPED");
}

fn abandon() {
    let (_run, done) = forged(r#""abandon""#);
    done.says("recorded process.exec 1").is_silent_of("STOPPED");
}

fn out_of_turn() {
    for line in [
        r#"{"launch":{"pid":1,"command":[]}}"#,
        r#"{"begin":{"agent":"x","journal":null,"backend":"auto","all":false}}"#,
        "nonsense",
    ] {
        let (_run, done) = forged(line);
        done.says("recorded process.exec 1")
            .says("recording goes on until the command has ended")
            .is_silent_of("STOPPED");
    }
}

/// Whoever ended it: the summary does not look as if everything was recorded.
fn ends_first() {
    let run = Run::new();
    let child = run.going("touch going; until [ -e end ]; do sleep 0.05; done; exit 3");
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let children = std::fs::read_to_string(children).unwrap();
    let is_recorder = |pid: &&str| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        words.split(|byte| *byte == 0).nth(1) == Some(b"recorder")
    };
    let recorder = children.split_whitespace().find(is_recorder).unwrap();
    let recorder = rustix::process::Pid::from_raw(recorder.parse().unwrap()).unwrap();
    rustix::process::kill_process(recorder, Signal::TERM).unwrap();
    eventually("the recorder has ended", || run.is_recorded());
    // Until the launcher has heard of it, too.
    eventually("the recorder is gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{recorder}/stat"));
        stat.is_ok_and(|stat| stat.contains(") Z")) || !alive(recorder)
    });
    std::fs::write(run.path("end"), "").unwrap();
    let done = Done::from(child.wait_with_output().unwrap());
    done.exits(3)
        .says("RECORDING HAS STOPPED: the recorder ended before the command")
        .says("recorded process.exec 1")
        .says("THIS IS NOT ALL");
}

fn alive(pid: rustix::process::Pid) -> bool {
    rustix::process::test_kill_process(pid).is_ok()
}
