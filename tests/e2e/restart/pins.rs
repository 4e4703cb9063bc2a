//! What a recorder leaves to the next one, and who touches it.

use std::path::PathBuf;
use std::process::Command;

use agtrack_tests::here;
use agtrack_tests::launch::Trigger;
use agtrack_tests::records::Records;
use agtrack_tests::steps;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::pinned::Pinning;
use super::wait;
use crate::{Outcome, Unable, tests};

tests![
    what_was_written_meanwhile_has_its_hash,
    what_a_recorder_needs_that_runs_is_not_detached,
    who_removes_it_is_recorded,
];

const NEW: i32 = libc::O_WRONLY | libc::O_CREAT;

/// Longer than a record waits for its hash: the time of then is not the time of now.
fn what_was_written_meanwhile_has_its_hash() -> Outcome {
    let pinning = Pinning::new("-pinned-hashes", "");
    let daemon = pinning.start()?;
    let group = pinning.parent.child("agent");
    let directory = TempDir::new().unwrap();
    let steps = steps! {
        "wait", "+",
        "keep", "one", NEW, 0o600, "+", "put-write", 0, 5, "+", "drop", 0, "+", "pause", 700, "+",
        "keep", "two", NEW, 0o600, "+", "put-write", 1, 6, "+", "drop", 1, "+", "pause", 700, "+",
        "keep", "three", NEW, 0o600, "+", "put-write", 2, 7, "+", "drop", 2, "+", "exit", 0,
    };
    let mut trigger = Trigger::new(directory.path(), &steps);
    group.take(trigger.pid());
    trigger.go();
    daemon.stop(Signal::SIGTERM);
    trigger.go();
    let pid = trigger.end().pid;
    let daemon = pinning.home.start();
    wait(&daemon, "the end of the worker", |record| {
        record["action"] == "process.exit" && record["process"]["pid"] == pid
    });
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = Records::read(&pinning.home.journal());
    let closes = records.action("file.close");
    assert_eq!(closes.0.len(), 3, "{records}");
    for close in &closes.0 {
        assert!(close["effect"]["sha256"].is_string(), "{close}");
    }
    Ok(())
}

/// Where the probes of a running recorder are pinned, as its first record has it.
fn pins(daemon: &agtrack_tests::daemon::Daemon) -> (PathBuf, Value) {
    let start = wait(daemon, "the start", |record| record["kind"] == "lifecycle");
    let hooks = start["hooks"].as_array().unwrap();
    let is_it = |hook: &&Value| hook["target"].as_str().unwrap().contains("/agtrack/");
    let hook = hooks.iter().rev().find(is_it);
    let hook = hook.unwrap_or_else(|| panic!("the pins are watched: {start}"));
    (hook["target"].as_str().unwrap().into(), hook.clone())
}

fn what_a_recorder_needs_that_runs_is_not_detached() -> Outcome {
    let pinning = Pinning::new("-pinned-held", "");
    let daemon = pinning.start()?;
    let (place, _) = pins(&daemon);
    let output = Command::new(here::agtrack())
        .args(["detach", "--all"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("a daemon that runs has its probes"), "{said}");
    assert!(place.is_dir());
    assert!(daemon.stop(Signal::SIGTERM).success());
    assert!(pinning.home.said().contains("goes on recording"));
    Ok(())
}

fn who_removes_it_is_recorded() -> Outcome {
    let pinning = Pinning::new("-pinned-removed", "");
    let daemon = pinning.start()?;
    let (place, hook) = pins(&daemon);
    if hook["attached"] == false {
        return Err(Unable(hook["reason"].to_string()));
    }
    let mut remover = Command::new("rm").arg("-r").arg(&place).spawn().unwrap();
    let pid = remover.id();
    assert!(remover.wait().unwrap().success());
    wait(&daemon, "who removed them", |record| {
        record["kind"] == "tamper"
            && record["action"] == "tracker.unlink"
            && record["process"]["pid"] == pid
    });
    assert!(daemon.stop(Signal::SIGTERM).success());
    let said = pinning.home.said();
    assert!(!said.contains("goes on recording"), "{said}");
    Ok(())
}
