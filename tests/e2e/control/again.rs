//! What is made of requests elsewhere: the same records from an input log, and commands that a launcher
//! hands over.

use std::process::Command;

use agtrack_tests::follow;
use agtrack_tests::group::Group;
use agtrack_tests::here;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::tagged::{Family, is_of};
use super::{alone, run_in, told};
use crate::host::own_name;
use crate::{Outcome, tests};

tests![
    the_input_log_gives_the_same_records,
    a_launched_command_is_handed_to_the_daemon,
];

fn the_input_log_gives_the_same_records() -> Outcome {
    let home = alone();
    let log = home.path("input.log");
    let daemon = home.start_with(&["--input-log".as_ref(), &log]);
    let group = Group::new(&own_name("-log"));
    let path = group.path.to_str().unwrap();
    told(&home, &["tag", "--cgroup", path, "--agent", "job"]);
    run_in(&group);
    let family = Family::new();
    let pid = family.pid().to_string();
    told(&home, &["tag", "--pid", &pid, "--agent", "tool"]);
    told(&home, &["untag", "--cgroup", path]);
    assert!(daemon.stop(Signal::SIGTERM).success());
    let output = Command::new(here::agtrack())
        .arg("replay")
        .arg(&log)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let strip = |mut record: Value| {
        record["id"] = Value::Null;
        record
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let again: Vec<Value> = lines.map(strip).collect();
    let first: Vec<Value> = home.records().into_iter().map(strip).collect();
    assert_eq!(first.len(), again.len());
    assert_eq!(first, again);
    let asked = first.iter().filter(|record| record["change"] == "tag");
    assert_eq!(asked.count(), 2);
    Ok(())
}

fn a_launched_command_is_handed_to_the_daemon() -> Outcome {
    let home = alone();
    let daemon = home.start();
    let run = |words: &[&str], line: &str| {
        let mut command = Command::new(here::agtrack());
        command.arg("run").arg("--socket").arg(home.socket());
        command.args(words).args(["--", "/bin/sh", "-c", line]);
        command.output().unwrap()
    };
    let output = run(&["--agent", "job"], "/bin/true; exit 7");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(
        said.contains("recorded by the running daemon as session"),
        "{said}"
    );
    // At once: whoever asks for its report next finds all of it.
    let all = follow::all(&home.journal());
    let is_end = |record: &&Value| record["kind"] == "session" && record["change"] == "end";
    let end = all.iter().find(is_end).expect("the end is on disk");
    let session = &end["agent"]["session"];
    assert!(said.contains(session.as_str().unwrap()), "{said}");
    assert_eq!(end["agent"]["id"], "job");
    assert_eq!(end["agent"]["binding"], "launcher");
    let all = daemon.follower().records();
    let own: Vec<_> = all.iter().filter(|record| is_of(record, session)).collect();
    let execs = own
        .iter()
        .filter(|record| record["action"] == "process.exec");
    assert_eq!(execs.count(), 2, "the shell and what it starts");
    assert!(
        own.iter().all(|record| record["reason"] != "late_tag"),
        "nothing is missed"
    );
    let start = own
        .iter()
        .find(|record| record["kind"] == "session")
        .unwrap();
    assert_eq!(start["command"][0], "/bin/sh", "{start}");
    let mut relative = Command::new(here::agtrack());
    let socket = home.socket();
    relative.current_dir(socket.parent().unwrap());
    relative
        .args(["run", "--socket"])
        .arg(socket.file_name().unwrap());
    let output = relative.args(["--", "/bin/true"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("recorded by the running daemon"), "{said}");
    assert!(daemon.stop(Signal::SIGTERM).success());
    // A daemon that is asked for by name and is not there is not replaced in silence.
    let output = run(&["-q"], "echo ran");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{said}"
    );
    assert!(said.contains("which is not run"), "{said}");
    Ok(())
}
