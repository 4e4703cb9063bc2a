//! Processes that were there before their tag: recorded from then on, and the time before is a gap.

use std::path::Path;
use std::sync::Arc;

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::launch::Trigger;
use agtrack_tests::place::own;
use agtrack_tests::steps;
use libc::O_RDONLY;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::host::{own_name, place};
use crate::{Outcome, tests};

tests![
    inside_before_the_recorder_starts,
    inside_before_a_reload_names_the_cgroup,
    the_whole_branch_is_made_later,
    one_that_comes_in_and_ends_at_once,
];

/// A trigger with a directory open, which goes on to open a file when told to.
fn waiting(directory: &Path) -> Trigger {
    std::fs::write(directory.join("file"), b"").unwrap();
    let steps = steps! {
        "dir", directory, "+",
        "wait", "+",
        "openat", "cwd", "file", O_RDONLY, "0",
    };
    let mut trigger = Trigger::new(directory, &steps);
    trigger.go();
    trigger.until("dir");
    trigger
}

fn wait(daemon: &Daemon, group: &Group, what: &str, find: impl Fn(&Value) -> bool) -> Arc<Value> {
    let found = daemon.follower().wait(|records| {
        own(records, &group.path)?
            .0
            .iter()
            .find(|record| find(record))
            .cloned()
    });
    found.unwrap_or_else(|| panic!("{what}: {:#?}", daemon.follower().records()))
}

fn is_open(record: &Value, pid: u32) -> bool {
    record["action"] == "file.open" && record["process"]["pid"] == pid
}

/// The gap record of a late tag, and the record of what is done behind it.
fn found_late(daemon: &Daemon, group: &Group, mut trigger: Trigger, directory: &Path) {
    let pid = trigger.pid();
    let gap = wait(daemon, group, "a gap for the late tag", |record| {
        record["kind"] == "gap" && record["reason"] == "late_tag"
    });
    let detail = gap["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("-{pid}-")), "{detail}");
    assert!(
        detail.contains(directory.to_str().unwrap()),
        "what it has open is named: {detail}"
    );
    assert!(gap["from"].as_u64() < gap["until"].as_u64(), "{gap}");
    trigger.go();
    trigger.end();
    let open = wait(daemon, group, "what it does from now on", |record| {
        is_open(record, pid)
    });
    let process = &open["process"];
    assert_eq!(process["cgroup"], group.path.to_str().unwrap());
    assert_eq!(
        process["exe"],
        agtrack_tests::here::trigger().to_str().unwrap()
    );
    assert_eq!(process["ppid"], std::process::id());
    assert_eq!(process["args"][0], process["exe"], "{process}");
}

fn inside_before_the_recorder_starts() -> Outcome {
    let parent = Group::new(&own_name("-early"));
    let group = parent.child("agent");
    let directory = TempDir::new().unwrap();
    let trigger = waiting(directory.path());
    group.take(trigger.pid());
    let home = Home::new("early", &[&format!("{}/*", parent.path.display())]);
    let daemon = home.start();
    found_late(&daemon, &group, trigger, directory.path());
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn inside_before_a_reload_names_the_cgroup() -> Outcome {
    let group = Group::new(&own_name("-reloaded"));
    let directory = TempDir::new().unwrap();
    let trigger = waiting(directory.path());
    group.take(trigger.pid());
    let home = Home::new("other", &["/agtrack-nowhere/*"]);
    let mut daemon = home.start();
    let glob = group.path.to_str().unwrap();
    home.configure(&[("other", &["/agtrack-nowhere/*"]), ("reloaded", &[glob])]);
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    found_late(&daemon, &group, trigger, directory.path());
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn the_whole_branch_is_made_later() -> Outcome {
    let name = own_name("-branch");
    let home = Home::new("branch", &[&format!("/{name}/*/deep")]);
    let daemon = home.start();
    let top = Group::new(&name);
    let middle = top.child("middle");
    let beside = middle.child("shallow");
    let group = middle.child("deep");
    wait(&daemon, &group, "a session for the new cgroup", |record| {
        record["kind"] == "session"
    });
    let directory = TempDir::new().unwrap();
    let (mut inside, mut outside) = (waiting(directory.path()), waiting(directory.path()));
    group.take(inside.pid());
    beside.take(outside.pid());
    outside.go();
    let outside = outside.end();
    inside.go();
    let inside = inside.end();
    wait(&daemon, &group, "what is done in it", |record| {
        is_open(record, inside.pid)
    });
    let strangers = daemon.follower().records();
    let strangers: Vec<_> = strangers
        .iter()
        .filter(|r| r["process"]["pid"] == outside.pid)
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

/// It moves itself and ends with the next call, so that nothing of it is left in /proc: the kernel
/// itself tells who that was.
fn one_that_comes_in_and_ends_at_once() -> Outcome {
    const TIMES: usize = 20;
    let place = place("brief");
    for _ in 0..TIMES {
        let steps = steps!["write", place.group.procs(), "0", "+", "exit", "4"];
        let mut trigger = Trigger::new(place.directory().as_ref(), &steps);
        trigger.go();
        let ran = trigger.end();
        assert_eq!(ran.status.code(), Some(4));
        place.settle(ran.pid);
        let records = place.records();
        let attaches = records.action("cgroup.attach");
        let attach = attaches.keep(|record| record["object"]["target_pid"] == ran.pid);
        let exits = records.action("process.exit").of(ran.pid);
        let process = &exits.one()["process"];
        assert_eq!(exits.one()["object"]["code"], 4, "{exits}");
        assert_eq!(attach.one()["object"]["target_uid"], process["uid"]);
        assert_eq!(
            process["exe"],
            agtrack_tests::here::trigger().to_str().unwrap(),
            "{exits}"
        );
    }
    let records = place.records();
    assert_eq!(records.action("process.exit").len(), TIMES, "{records}");
    let sessions = records.kind("session");
    sessions.one();
    Ok(())
}
