//! A command that turns against its own recording, and a user who would have root work for them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use agtrack_tests::here;
use agtrack_tests::records::Records;
use agtrack_tests::user::User;
use tempfile::TempDir;

use crate::host::balanced;
use crate::leftover::Before;
use crate::{Outcome, Unable, tests};

tests![
    the_launcher_is_closed_to_its_command,
    what_the_command_tells_the_recorder_ends_nothing,
    root_makes_no_journal_where_the_user_could_not,
    who_kills_the_recorder_at_once_has_been_told_of,
];

/// `agtrack run` of a script.
fn run(command: &mut Command, journal: Option<&Path>, script: &str) -> Output {
    command.args(["run", "--backend", &here::backend()]);
    if let Some(journal) = journal {
        command.arg("--journal").arg(journal);
    }
    command.args(["--", "sh", "-c", script]);
    command.stdin(Stdio::null()).output().unwrap()
}

/// It has the same user as the command, who could open its pipe to the recorder otherwise.
fn the_launcher_is_closed_to_its_command() -> Outcome {
    let _before = Before::new();
    let done = User::live(true, |user| {
        let script = "ls /proc/$$/fd >&2 || exit 8; ls /proc/$PPID/fd >&2 && exit 9
            (: < /proc/$PPID/environ) && exit 10; exit 3";
        let output = run(&mut user.command(&user.agtrack), None, script);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
    });
    done.ok_or_else(|| Unable("sudo is not installed here".to_owned()))
}

/// As root, to whom the launcher is open nevertheless.
fn what_the_command_tells_the_recorder_ends_nothing() -> Outcome {
    for line in [
        r#"{"finish":{"all":false}}"#,
        r#""abandon""#,
        r#"{"launch":{"pid":1,"command":[]}}"#,
    ] {
        let _before = Before::new();
        let directory = TempDir::new().unwrap();
        let (journal, after) = (directory.path().join("j"), directory.path().join("after"));
        // Each pipe that the launcher has for writing; that of the gate may be there for a moment.
        let script = format!(
            "trap '' PIPE; sent=8; for fd in /proc/$PPID/fd/*; do
                number=${{fd##*/}}
                [ $number -gt 2 ] || continue
                case $(readlink $fd) in pipe:*) ;; *) continue ;; esac
                grep -q '^flags:.*1$' /proc/$PPID/fdinfo/$number || continue
                echo '{line}' > $fd && sent=3
            done; sleep 0.7; echo > {}; exit $sent",
            after.display()
        );
        let output = run(&mut Command::new(here::agtrack()), Some(&journal), &script);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("STOPPED"), "{said}");
        let records = Records::read(&journal);
        let opens = records.action("file.open").path(after.to_str().unwrap());
        assert_eq!(opens.len(), 1, "what it did afterwards: {records}");
        balanced(records.0.last().unwrap());
    }
    Ok(())
}

/// In a directory whose name is no text, too.
fn who_kills_the_recorder_at_once_has_been_told_of() -> Outcome {
    use std::os::unix::ffi::OsStrExt;
    let before = Before::new();
    let directory = TempDir::new().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"j\xff\n");
    let journal = directory.path().join(name);
    let script = "for child in $(cat /proc/$PPID/task/$PPID/children); do
            [ $child = $$ ] || kill -9 $child
        done; exit 3";
    let output = run(&mut Command::new(here::agtrack()), Some(&journal), script);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("STOPPED"), "{said}");
    let records = Records::read(&journal);
    let session = records.keep(|record| record["kind"] == "session");
    let command = session.one()["command"].to_string();
    assert!(command.contains("kill -9"), "{command}");
    // The next one clears up: its cgroup, and what it says of the journal.
    let output = run(&mut Command::new(here::agtrack()), Some(&journal), "exit 4");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let gaps = Records::read(&journal).keep(|record| record["reason"] == "unclean_stop");
    assert_eq!(gaps.len(), 1);
    assert!(before.left().is_empty(), "{:?}", before.left());
    Ok(())
}

fn root_makes_no_journal_where_the_user_could_not() -> Outcome {
    let _before = Before::new();
    let done = User::live(true, |user| {
        let roots = user.state();
        for name in ["new", "old"] {
            let journal = roots.join(name);
            if name == "old" {
                std::fs::create_dir(&journal).unwrap();
            }
            for program in [Path::new("sudo"), &user.agtrack] {
                let mut command = user.command(program);
                if program == Path::new("sudo") {
                    command.arg(&user.agtrack);
                }
                let output = run(&mut command, Some(&journal), "exit 3");
                assert_eq!(output.status.code(), Some(1), "{output:?}");
                let said = String::from_utf8_lossy(&output.stderr);
                let why = match name {
                    "new" => "may not create the journal directory",
                    _ => "is root's and was not made for a journal of user",
                };
                assert!(said.contains(why), "{said}");
            }
        }
        assert!(!roots.join("new").exists());
        let old = std::fs::read_dir(roots.join("old")).unwrap().count();
        assert_eq!(old, 0, "nothing was put in");
    });
    done.ok_or_else(|| Unable("sudo is not installed here".to_owned()))
}
