//! Which cgroups are an agent's, and until when: tags given on suspicion go away again, and those
//! of an agent stay with it.

use std::path::Path;

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::launch::Trigger;
use agtrack_tests::place::own;
use agtrack_tests::records::Records;
use agtrack_tests::steps;
use libc::O_RDONLY;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::host::{own_name, total};
use crate::{Outcome, tests};

tests![
    who_is_beside_an_agent_is_not_recorded,
    a_root_whose_children_match_too_is_recorded_from_its_first_moment,
    leaving_a_cgroup_that_is_removed_is_no_way_out,
    whom_no_rule_wants_any_more_is_not_recorded,
    a_session_of_a_cgroup_that_was_there_for_a_moment_ends,
    a_full_map_is_a_gap,
];

/// Waits on command, then opens a file, as often as there are files.
fn opener(files: &[&Path]) -> Trigger {
    let mut steps = Vec::new();
    for (index, file) in files.iter().enumerate() {
        if index > 0 {
            steps.push("+".into());
        }
        steps.extend(steps!["wait", "+", "openat", "cwd", *file, O_RDONLY, "0"]);
    }
    let mut trigger = Trigger::new(Path::new("/"), &steps);
    trigger.go();
    trigger
}

fn file(directory: &TempDir, name: &str) -> std::path::PathBuf {
    let path = directory.path().canonicalize().unwrap().join(name);
    std::fs::write(&path, b"").unwrap();
    path
}

/// Waits for a record of the session of a cgroup.
fn wait(daemon: &Daemon, group: &Path, what: &str, find: impl Fn(&Value) -> bool) {
    let found = daemon.follower().wait(|records| {
        let own = own(records, group)?;
        own.0.iter().any(|record| find(record)).then_some(())
    });
    assert!(found.is_some(), "{what}: {}", all(daemon));
}

fn all(daemon: &Daemon) -> Records {
    Records(daemon.follower().records().to_vec())
}

fn is_open(record: &Value, pid: u32, path: &Path) -> bool {
    record["action"] == "file.open"
        && record["process"]["pid"] == pid
        && record["object"]["path"] == path.to_str().unwrap()
}

fn is_end(record: &Value) -> bool {
    record["kind"] == "session" && record["change"] == "end"
}

fn who_is_beside_an_agent_is_not_recorded() -> Outcome {
    const MANY: usize = 300;
    let parent = Group::new(&own_name("-beside"));
    let home = Home::new("beside", &[&format!("{}/agent", parent.path.display())]);
    let daemon = home.start();
    let directory = TempDir::new().unwrap();
    let seen = file(&directory, "seen");
    let steps = steps!["wait", "+", "burst", directory.path(), MANY];
    let mut stranger = Trigger::new(Path::new("/"), &steps);
    stranger.go();
    let (mut first, mut second) = (opener(&[&seen]), opener(&[&seen]));
    let service = parent.child("service");
    service.take(first.pid());
    service.take(stranger.pid());
    let inner = service.child("inner");
    inner.take(second.pid());
    // What they were taken for a moment does not follow them.
    let agent = parent.child("agent");
    for trigger in [&mut first, &mut second] {
        agent.take(trigger.pid());
        // Until it is taken over it is nobody's: what it did in that moment is only counted.
        let pid = trigger.pid();
        wait(&daemon, &agent.path, "it is taken over", |record| {
            let detail = record["detail"].as_str().unwrap_or_default();
            record["object"]["target_pid"] == pid && record["action"] == "cgroup.attach"
                || record["reason"] == "late_tag" && detail.contains(&format!("-{pid}-"))
        });
        trigger.go();
    }
    for trigger in [first, second] {
        let pid = trigger.end().pid;
        wait(&daemon, &agent.path, "what the agent does", |record| {
            is_open(record, pid, &seen)
        });
    }
    stranger.go();
    let stranger = stranger.end();
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = Records::read(&home.journal());
    records.of(stranger.pid).none();
    let sessions = records.kind("session");
    assert_eq!(sessions.len(), 2, "one begins and ends: {sessions}");
    let dismissed = total(records.0.last().unwrap(), "file.open", "dismissed");
    assert!(dismissed < MANY as u64, "it is followed on: {dismissed}");
    Ok(())
}

fn a_root_whose_children_match_too_is_recorded_from_its_first_moment() -> Outcome {
    let parent = Group::new(&own_name("-both"));
    let globs = ["code", "code/*"].map(|name| parent.path.join(name));
    let globs = globs.each_ref().map(|glob| glob.to_str().unwrap());
    let home = Home::new("both", &globs);
    let mut daemon = home.start();
    let directory = TempDir::new().unwrap();
    let seen = file(&directory, "seen");
    let code = parent.child("code");
    let job = code.child("job");
    let check = |daemon: &Daemon, group: &Group| {
        let mut trigger = opener(&[&seen]);
        group.take(trigger.pid());
        trigger.go();
        let pid = trigger.end().pid;
        wait(daemon, &code.path, "what is done in it", |record| {
            is_open(record, pid, &seen)
        });
    };
    check(&daemon, &code);
    check(&daemon, &job);
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    check(&daemon, &code);
    check(&daemon, &job);
    let records = all(&daemon);
    let gaps = records.keep(|record| record["reason"] == "late_tag");
    gaps.none();
    records.keep(|record| record["kind"] == "session").one();
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn leaving_a_cgroup_that_is_removed_is_no_way_out() -> Outcome {
    let parent = Group::new(&own_name("-left"));
    let outside = Group::new(&own_name("-left-outside"));
    let home = Home::new("left", &[&format!("{}/*", parent.path.display())]);
    let daemon = home.start();
    let directory = TempDir::new().unwrap();
    let seen = file(&directory, "seen");
    let agent = parent.child("agent");
    let mut trigger = opener(&[&seen]);
    agent.take(trigger.pid());
    outside.take(trigger.pid());
    let path = agent.path.clone();
    drop(agent);
    wait(&daemon, &path, "that the cgroup is gone", |record| {
        record["action"] == "cgroup.remove"
    });
    trigger.go();
    let pid = trigger.end().pid;
    wait(&daemon, &path, "what is done outside", |record| {
        is_open(record, pid, &seen)
    });
    wait(&daemon, &path, "the end, with the last process", is_end);
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn whom_no_rule_wants_any_more_is_not_recorded() -> Outcome {
    let parent = Group::new(&own_name("-unwanted"));
    let glob = format!("{}/*", parent.path.display());
    let home = Home::new("unwanted", &[&glob]);
    let mut daemon = home.start();
    let directory = TempDir::new().unwrap();
    let files = ["first", "second", "third"].map(|name| file(&directory, name));
    let [first, second, third] = files.each_ref().map(|path| path.as_path());
    let agent = parent.child("agent");
    let inner = agent.child("inner");
    let mut trigger = opener(&[first, second, third]);
    let pid = trigger.pid();
    inner.take(pid);
    trigger.go();
    wait(&daemon, &agent.path, "what is done at first", |record| {
        is_open(record, pid, first)
    });
    // Another rule stays, so the probes do too.
    home.configure(&[("other", &["/agtrack-nowhere/*"])]);
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    wait(&daemon, &agent.path, "the end of the session", |record| {
        let running = record["still_running"].as_array();
        is_end(record) && running.is_some_and(|running| running.len() == 1)
    });
    trigger.until("openat");
    trigger.go();
    trigger.until("openat");
    home.configure(&[("unwanted", &[&glob])]);
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    trigger.go();
    trigger.end();
    wait(&daemon, &agent.path, "what is done since", |record| {
        is_open(record, pid, third)
    });
    let opens = all(&daemon).of(pid).action("file.open");
    opens.path(second.to_str().unwrap()).none();
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn a_session_of_a_cgroup_that_was_there_for_a_moment_ends() -> Outcome {
    const TIMES: usize = 30;
    let parent = Group::new(&own_name("-moment"));
    let home = Home::new("moment", &[&format!("{}/*/agent", parent.path.display())]);
    let daemon = home.start();
    let user = parent.child("user");
    for _ in 0..TIMES {
        drop(user.child("agent"));
    }
    // One more that stays: what was told before it has been seen when this one is.
    let user = parent.child("other");
    let last = user.child("agent");
    let begun = daemon.follower().wait(|records| {
        let sessions = Records(records.to_vec()).kind("session");
        let ended = sessions.keep(is_end).len();
        let stays = own(records, &last.path).is_some();
        (stays && ended + 1 == sessions.len() - ended).then_some(())
    });
    assert!(begun.is_some(), "all but the last ended: {}", all(&daemon));
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

/// Whoever can fill the map must not be able to end the record.
fn a_full_map_is_a_gap() -> Outcome {
    const ROOM: usize = 8 * 1024;
    let parent = Group::new(&own_name("-full"));
    let globs = ["agent", "*/later"].map(|name| parent.path.join(name));
    let globs = globs.each_ref().map(|glob| glob.to_str().unwrap());
    let home = Home::new("full", &globs);
    let daemon = home.start();
    let directory = TempDir::new().unwrap();
    let seen = file(&directory, "seen");
    let agent = parent.child("agent");
    let inner: Vec<_> = (0..ROOM)
        .map(|number| agent.child(&number.to_string()))
        .collect();
    let middle = parent.child("middle");
    let _later = middle.child("later");
    let gap = daemon.follower().wait(|records| {
        let told = |record: &&std::sync::Arc<Value>| {
            let detail = record["detail"].as_str().unwrap_or_default();
            record["reason"] == "map_full" && detail.contains("should have been tagged")
        };
        records.iter().find(told).cloned()
    });
    let gap = gap.unwrap_or_else(|| panic!("{}", home.said()));
    assert_eq!(gap["count"], 1, "{gap}");
    let mut trigger = opener(&[&seen]);
    agent.take(trigger.pid());
    trigger.go();
    let pid = trigger.end().pid;
    wait(&daemon, &agent.path, "what is done in it", |record| {
        is_open(record, pid, &seen)
    });
    drop(inner);
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}
