//! What goes wrong, what is left running, and what must not be left behind.

use libtest_mimic::Trial;

use crate::call::{self, Done, Run, cgroups_work, eventually, is_gone, kill};

pub(crate) fn tests() -> Vec<Trial> {
    let tests: [(&str, fn()); 9] = [
        ("a_command_that_is_missing_leaves_nothing_behind", missing),
        (
            "a_command_that_cannot_be_executed_leaves_nothing_behind",
            not_executable,
        ),
        (
            "a_recorder_that_cannot_start_keeps_the_command_from_running",
            refused,
        ),
        ("a_recorder_that_crashes_at_start_is_told", crash),
        (
            "a_recorder_that_dies_is_told_and_the_command_goes_on",
            dies_later,
        ),
        (
            "an_engine_that_gives_up_is_told_and_the_command_goes_on",
            gives_up,
        ),
        (
            "a_launcher_that_is_killed_leaves_a_finished_journal_and_no_cgroup",
            killed,
        ),
        ("descendants_are_waited_for_or_named", descendants),
        ("quiet_is_quiet", quiet),
    ];
    call::trials(&tests)
}

fn missing() {
    let run = Run::new();
    run.command(&["no-such-command\u{1b}[31m"])
        .exits(127)
        .says("no-such-command\\u{1b}[31m: command not found");
    run.command(&["/no/such/command"]).exits(127);
    run.command(&["/etc/passwd"]).exits(126);
    run.command(&["/etc"]).exits(126);
    run.left_nothing();
}

fn not_executable() {
    use std::os::unix::fs::PermissionsExt;
    let bin = tempfile::tempdir().unwrap();
    let script = bin.path().join("not-to-be-executed");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let run = Run::new();
    run.command(&[script.to_str().unwrap()])
        .exits(126)
        .says("interpreter was not found");
    run.left_nothing();
}

/// A recorder that never comes to record: the command does not run.
fn without_recorder(journal: &'static str) -> (Run, Done) {
    let run = Run::journal(journal);
    let ran = run.path("ran");
    let done = run.command(&["touch", ran.to_str().unwrap()]);
    done.exits(1);
    assert!(!ran.exists(), "the command ran unrecorded");
    (run, done)
}

fn refused() {
    let (run, done) = without_recorder("refused");
    assert_eq!(
        done.said,
        "agtrack: the kernel refuses\\u{1b}[31m everything\n"
    );
    run.left_nothing();
}

fn crash() {
    let (_run, done) = without_recorder("crash");
    done.says("ended before it was ready");
}

/// A recorder that stops to record: the command goes on, and that is told.
fn recorder_stops(journal: &'static str, seconds: u32) -> (Run, Done) {
    let run = Run::journal(journal);
    let done = run.sh(&format!("sleep {seconds}; exit 3"));
    done.exits(3).says("RECORDING HAS STOPPED");
    (run, done)
}

fn dies_later() {
    let (run, done) = recorder_stops("dies-later", 1);
    done.says("goes on unrecorded");
    // A recorder that crashes cannot clean up; the test does.
    if let Some(cgroup) = run.cgroup() {
        let _ = std::fs::remove_dir(cgroup);
    }
}

fn gives_up() {
    let (_run, done) = recorder_stops("gives-up", 2);
    done.says("the disk is on fire");
}

fn killed() {
    let run = Run::new();
    let mut child = run.going("touch going; until [ -e end ]; do sleep 0.05; done");
    kill(&child, rustix::process::Signal::KILL);
    child.wait().unwrap();
    assert!(!run.is_recorded(), "recording goes on with the command");
    std::fs::write(run.path("end"), "").unwrap();
    eventually("the recorder finishes", || run.is_recorded());
    if let Some(cgroup) = run.cgroup() {
        eventually("the cgroup is gone", || is_gone(&cgroup));
    }
}

fn descendants() {
    if !cgroups_work() {
        eprintln!("not run: the fake engine needs a writable cgroup2 to know descendants");
        return;
    }
    let run = Run::new();
    let script = "sleep 1.5 >/dev/null 2>&1 & exit 2";
    run.sh(script)
        .exits(2)
        .says("still running  1, no longer recorded:")
        .says("sleep");
    run.command_with(&["--until", "all"], &["sh", "-c", script])
        .exits(2)
        .says("waiting for 1 more")
        .is_silent_of("still running");
    assert!(is_gone(&run.cgroup().unwrap()));
}

fn quiet() {
    let done = Run::new().command_with(&["--quiet"], &["true"]);
    assert_eq!(done.exits(0).said, "");
}
