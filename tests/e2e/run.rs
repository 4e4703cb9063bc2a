//! `agtrack run`, alone on a machine without a daemon. As root here; `sudo` has the ordinary user's
//! way.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use agtrack_tests::here;
use agtrack_tests::records::{Records, bytes, words};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::host::balanced;
use crate::leftover::Before;
use crate::{Outcome, tests};

tests![
    the_exit_code_is_the_commands,
    the_signal_is_the_commands,
    the_first_record_of_the_session_is_the_command,
    the_summary_says_where_the_journal_is,
    descendants_are_waited_for_if_asked,
    a_command_that_is_not_there,
    a_command_that_the_kernel_does_not_execute,
    what_a_killed_recorder_left_is_removed_by_the_next,
];

fn run(journal: &Path, options: &[&str], command: &[&str]) -> Output {
    let before = Before::new();
    let output = call(journal, options, command).output().unwrap();
    let left = before.left();
    assert!(
        left.is_empty(),
        "no cgroup is left behind: {left:?}: {output:?}"
    );
    output
}

fn call(journal: &Path, options: &[&str], command: &[&str]) -> Command {
    let backend = here::backend();
    let mut run = Command::new(here::agtrack());
    run.args(["run", "--backend", &backend, "--agent", "runner"]);
    run.arg("--journal").arg(journal);
    run.args(options).arg("--").args(command);
    run.stdin(Stdio::null());
    run
}

fn journal() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let journal = directory.path().join("journal");
    (directory, journal)
}

fn trigger() -> String {
    here::trigger().to_str().unwrap().to_owned()
}

fn the_exit_code_is_the_commands() -> Outcome {
    for code in [0, 7, 255] {
        let (_directory, journal) = journal();
        let output = run(&journal, &[], &[&trigger(), "exit", &code.to_string()]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
    Ok(())
}

fn the_signal_is_the_commands() -> Outcome {
    let (_directory, journal) = journal();
    let output = run(&journal, &[], &[&trigger(), "signal", "15"]);
    assert_eq!(output.status.signal(), Some(15), "{output:?}");
    let exits = Records::read(&journal).action("process.exit");
    assert_eq!(exits.one()["object"]["signal"], "SIGTERM");
    Ok(())
}

fn the_first_record_of_the_session_is_the_command() -> Outcome {
    let (_directory, journal) = journal();
    let output = run(&journal, &[], &[&trigger(), "fork", "+", "exit", "0"]);
    assert!(output.status.success(), "{output:?}");
    let records = Records::read(&journal);
    let sessions = records.kind("session");
    let start = &sessions.0[0];
    assert_eq!(
        (&start["change"], &start["agent"]["name"]),
        (&"start".into(), &"runner".into())
    );
    assert_eq!(start["agent"]["binding"], "launcher");
    let expect = [
        trigger().into_bytes(),
        b"fork".into(),
        b"+".into(),
        b"exit".into(),
        b"0".into(),
    ];
    assert_eq!(words(&start["command"]), expect);
    let actions = records.kind("action").keep(|r| {
        // Being placed in a cgroup comes before the command, and is not its doing.
        r["action"] != "cgroup.create" && r["action"] != "cgroup.attach"
    });
    let first = &actions.0[0];
    assert_eq!(first["action"], "process.exec", "{actions}");
    assert_eq!(bytes(&first["object"]["exe"]), trigger().as_bytes());
    assert_eq!(words(&first["object"]["args"]), expect);
    assert_eq!(first["agent"]["session"], start["agent"]["session"]);
    assert_eq!(records.action("process.fork").len(), 1);
    assert_eq!(records.action("process.exit").len(), 2);
    let end = sessions.keep(|record| record["change"] == "end");
    assert_eq!(end.one()["actions"]["process.exit"], 2);
    balanced(records.0.last().unwrap());
    Ok(())
}

fn the_summary_says_where_the_journal_is() -> Outcome {
    let (_directory, journal) = journal();
    let output = run(&journal, &[], &[&trigger(), "getpid"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(journal.to_str().unwrap()), "{said}");
    let pid = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        pid.lines().count(),
        2,
        "standard output is the command's: {pid}"
    );
    let quiet = run(
        &journal.with_extension("quiet"),
        &["--quiet"],
        &[&trigger(), "getpid"],
    );
    assert_eq!(String::from_utf8_lossy(&quiet.stderr), "");
    Ok(())
}

fn descendants_are_waited_for_if_asked() -> Outcome {
    let (_directory, journal) = journal();
    // The grandchild ends 100 ms after the command did.
    let output = run(
        &journal,
        &["--until", "all"],
        &[
            &trigger(),
            "double-fork",
            "+",
            "pause",
            "100",
            "+",
            "exit",
            "5",
        ],
    );
    assert!(output.status.success(), "{output:?}");
    let exits = Records::read(&journal).action("process.exit");
    assert_eq!(exits.len(), 3, "{exits}");
    assert_eq!(exits.0[2]["object"]["code"], 5, "{exits}");
    Ok(())
}

fn a_command_that_is_not_there() -> Outcome {
    let (_directory, journal) = journal();
    let output = run(&journal, &[], &["/nonexistent/command"]);
    assert_eq!(output.status.code(), Some(127), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("/nonexistent/command"), "{said}");
    assert!(!journal.exists(), "nothing was there to record: {said}");
    Ok(())
}

/// Found, tagged, and then refused by the kernel: what was made for it is taken back.
fn a_command_that_the_kernel_does_not_execute() -> Outcome {
    let (directory, journal) = journal();
    let script = directory.path().join("script");
    std::fs::write(&script, "#!/nonexistent/interpreter\n").unwrap();
    std::fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let output = run(&journal, &[], &[script.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(126), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("recording to"),
        "it came to be tagged: {said}"
    );
    assert!(said.contains("its interpreter was not found"), "{said}");
    assert!(!journal.exists(), "nothing ran: {said}");
    Ok(())
}

/// The recorder of a launcher: the child that is not the command.
fn recorder_of(launcher: u32) -> u32 {
    let children = format!("/proc/{launcher}/task/{launcher}/children");
    let children = std::fs::read_to_string(children).unwrap();
    let is_recorder = |pid: &u32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).nth(1) == Some(b"recorder")
    };
    let mut pids = children.split_whitespace().map(|pid| pid.parse().unwrap());
    pids.find(is_recorder).expect("there is a recorder")
}

fn what_a_killed_recorder_left_is_removed_by_the_next() -> Outcome {
    let (_directory, journal) = journal();
    let before = Before::new();
    let mut call = call(&journal, &[], &[&trigger(), "wait", "+", "exit", "6"]);
    call.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut launcher = call.stderr(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    let mut printed = BufReader::new(launcher.stdout.take().unwrap());
    printed.read_line(&mut ready).unwrap();
    assert!(ready.contains(" ready "), "the command runs: {ready}");
    kill(
        Pid::from_raw(recorder_of(launcher.id()) as i32),
        Signal::SIGKILL,
    )
    .unwrap();
    // One byte begins the steps, the next ends the first of them.
    launcher.stdin.take().unwrap().write_all(b"gg").unwrap();
    let output = launcher.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6), "the command is left alone");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("RECORDING HAS STOPPED"), "{said}");
    let left = before.left();
    assert_eq!(left.len(), 1, "nobody was there to remove it: {left:?}");
    let again = journal.with_extension("again");
    let status = self::call(&again, &["--quiet"], &[&trigger(), "exit", "0"])
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    assert_eq!(before.left(), BTreeSet::new());
    Ok(())
}
