//! Who is recorded because somebody asked for it.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::here;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{alone, ask, refusal, run_in, told};
use crate::host::own_name;
use crate::{Outcome, tests};

tests![
    a_cgroup_tagged_before_its_first_process_misses_nothing,
    a_process_is_recorded_from_now_on_with_its_descendants,
    a_process_joins_a_session,
    what_the_configuration_binds_is_not_untagged,
    a_unit_and_a_container_are_named,
    who_cannot_be_tagged_is_told_why,
    what_was_tagged_goes_on_over_a_restart,
];

/// A shell with a child, which both end when this is dropped.
pub(super) struct Family(Child);

impl Family {
    pub(super) fn new() -> Family {
        let child = Command::new("/bin/sh")
            .args(["-c", "sleep 600 & exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let family = Family(child);
        let end = std::time::Instant::now() + here::patience();
        while family.children().len() != 1 {
            assert!(std::time::Instant::now() < end, "it has no child");
            std::thread::yield_now();
        }
        family
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    fn children(&self) -> Vec<u32> {
        let pid = self.pid();
        let file = format!("/proc/{pid}/task/{pid}/children");
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.split_whitespace()
            .map(|pid| pid.parse().unwrap())
            .collect()
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        for child in self.children() {
            let child = nix::unistd::Pid::from_raw(child as i32);
            let _ = nix::sys::signal::kill(child, Signal::SIGKILL);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn wait(daemon: &Daemon, what: &str, find: impl Fn(&Value) -> bool) -> Arc<Value> {
    let found = daemon
        .follower()
        .wait(|records| records.iter().find(|record| find(record)).cloned());
    found.unwrap_or_else(|| panic!("{what}: {:#?}", daemon.follower().records()))
}

pub(super) fn is_of(record: &Value, session: &Value) -> bool {
    record["agent"]["session"] == *session
}

fn a_cgroup_tagged_before_its_first_process_misses_nothing() -> Outcome {
    let home = alone();
    let daemon = home.start();
    let group = Group::new(&own_name("-before"));
    let path = group.path.to_str().unwrap();
    let words = [
        "tag",
        "--cgroup",
        path,
        "--agent",
        "spiffe://example.org/job",
        "--name",
        "job",
        "--owner",
        "ci",
        "--label",
        "run=17",
    ];
    let tagged = told(&home, &words);
    assert_eq!(tagged["late"], 0);
    assert_eq!(tagged["configured"], false);
    let session = &tagged["session"];
    // What is answered is on disk.
    let records = home.records();
    assert!(
        records
            .iter()
            .any(|r| r["kind"] == "session" && is_of(r, session)),
        "{records:#?}"
    );
    let pid = run_in(&group);
    let exit = wait(&daemon, "its exit", |record| {
        record["action"] == "process.exit" && record["process"]["pid"] == pid
    });
    assert!(is_of(&exit, session), "{exit}");
    let all = daemon.follower().records();
    let own: Vec<_> = all.iter().filter(|record| is_of(record, session)).collect();
    let exec = own.iter().find(|record| record["action"] == "process.exec");
    let exec = exec.expect("the first exec in it");
    assert_eq!(exec["process"]["pid"], pid);
    assert_eq!(exec["agent"]["id"], "spiffe://example.org/job");
    assert_eq!(exec["agent"]["owner"], "ci");
    assert_eq!(exec["agent"]["labels"], json!({"run": "17"}));
    assert_eq!(exec["agent"]["binding"], "cgroup");
    who_asked(&own, path);
    // It came in as any process does, and nothing of it is late but what the shell did outside.
    let gaps = own.iter().filter(|record| record["reason"] == "late_tag");
    assert_eq!(
        gaps.filter(|gap| gap["detail"].as_str().unwrap().contains("-1-"))
            .count(),
        0
    );
    drop(group);
    wait(&daemon, "the end with the cgroup", |record| {
        record["kind"] == "session" && record["change"] == "end" && is_of(record, session)
    });
    Ok(())
}

/// Who asked for a session, and for what, is told.
fn who_asked(own: &[&Arc<Value>], path: &str) {
    let start = own
        .iter()
        .find(|record| record["kind"] == "session")
        .unwrap();
    assert_eq!(start["bound"]["request"]["uid"], 0, "{start}");
    let program = start["bound"]["request"]["program"].as_str().unwrap();
    assert!(program.ends_with("/agtrack"), "{program}");
    let asked = own
        .iter()
        .find(|record| record["kind"] == "lifecycle")
        .unwrap();
    assert_eq!(asked["change"], "tag");
    let detail = asked["detail"].as_str().unwrap();
    assert!(
        detail.contains(&format!("cgroup {path}, by process ")),
        "{detail}"
    );
}

fn a_process_is_recorded_from_now_on_with_its_descendants() -> Outcome {
    let home = alone();
    let daemon = home.start();
    let family = Family::new();
    let pid = family.pid().to_string();
    let tagged = told(&home, &["tag", "--pid", &pid, "--agent", "tool"]);
    assert_eq!(tagged["late"], 2, "itself and its child");
    let session = &tagged["session"];
    let late = |records: &[Arc<Value>]| {
        let gaps = records
            .iter()
            .filter(|record| record["reason"] == "late_tag" && is_of(record, session));
        (gaps.count() == 2).then_some(())
    };
    daemon.follower().wait(late).expect("a gap for each");
    let listed = ask(&home.socket(), &json!({"request": "sessions"}));
    let entry = &listed["ok"]["sessions"][0];
    assert_eq!(&entry["id"], session);
    assert_eq!(entry["binding"], "launcher");
    assert_eq!(entry["pids"].as_array().unwrap().len(), 2);
    assert_eq!(entry["tool_calls"], 0);
    assert!(
        entry["since"].as_str().unwrap().starts_with("20"),
        "{entry}"
    );
    let agents = told(&home, &["agents", "list"]);
    let tool = agents
        .as_array()
        .unwrap()
        .iter()
        .find(|agent| agent["id"] == "tool");
    assert_eq!(tool.unwrap()["configured"], false);
    assert!(refusal(&home, &["tag", "--pid", &pid, "--agent", "other"]).contains("already"));
    let untagged = told(&home, &["untag", "--pid", &pid]);
    assert_eq!(&untagged["session"], session);
    assert_eq!(untagged["processes"], 2);
    let end = wait(&daemon, "its end", |record| {
        record["kind"] == "session" && record["change"] == "end" && is_of(record, session)
    });
    assert_eq!(end["why"], "untagged_by_request");
    assert_eq!(end["still_running"].as_array().unwrap().len(), 2);
    wait(&daemon, "who asked for the end", |record| {
        record["change"] == "untag" && is_of(record, session)
    });
    let listed = ask(&home.socket(), &json!({"request": "sessions"}));
    assert_eq!(listed["ok"]["sessions"], json!([]));
    Ok(())
}

fn a_process_joins_a_session() -> Outcome {
    let home = alone();
    let _daemon = home.start();
    let [one, two] = [Family::new(), Family::new()];
    let [first, second] = [one.pid().to_string(), two.pid().to_string()];
    let tagged = told(&home, &["tag", "--pid", &first, "--agent", "tool"]);
    let id = tagged["session"].as_str().unwrap();
    let joined = told(&home, &["tag", "--pid", &second, "--session", id]);
    assert_eq!(joined["session"], tagged["session"]);
    let listed = ask(&home.socket(), &json!({"request": "sessions"}));
    let pids = listed["ok"]["sessions"][0]["pids"].as_array().unwrap();
    assert_eq!(pids.len(), 4, "{listed}");
    let said = refusal(&home, &["tag", "--pid", &second, "--session", "ffff"]);
    assert!(
        said.contains("no session ffff runs") || said.contains("already"),
        "{said}"
    );
    Ok(())
}

fn what_the_configuration_binds_is_not_untagged() -> Outcome {
    let name = own_name("-bound");
    let home = Home::new("builder", &[&format!("/{name}")]);
    let daemon = home.start();
    let group = Group::new(&name);
    let path = group.path.to_str().unwrap();
    wait(&daemon, "its session", |record| record["kind"] == "session");
    let said = refusal(&home, &["untag", "--cgroup", path]);
    assert!(said.contains("was not tagged by request"), "{said}");
    assert!(said.contains("the configuration"), "{said}");
    let said = refusal(&home, &["tag", "--cgroup", path, "--agent", "other"]);
    assert!(said.contains("belongs to session"), "{said}");
    let inner = group.child("inner");
    let inside = inner.path.to_str().unwrap();
    let said = refusal(&home, &["tag", "--cgroup", inside, "--agent", "other"]);
    assert!(said.contains("belongs to session"), "{said}");
    let said = refusal(
        &home,
        &[
            "tag", "--cgroup", inside, "--agent", "builder", "--owner", "me",
        ],
    );
    assert!(
        said.contains("session") || said.contains("leave them out"),
        "{said}"
    );
    Ok(())
}

fn a_unit_and_a_container_are_named() -> Outcome {
    let home = alone();
    let _daemon = home.start();
    let unit = Group::new(&format!("{}.service", own_name("-unit")));
    let name = unit.path.file_name().unwrap().to_str().unwrap();
    let short = name.strip_suffix(".service").unwrap();
    let tagged = told(&home, &["tag", "--unit", short, "--agent", "a"]);
    assert_eq!(tagged["cgroup"], unit.path.to_str().unwrap());
    told(&home, &["untag", "--unit", name]);
    let id = format!("{:08x}{}", std::process::id(), "5c".repeat(28));
    let scope = Group::new(&format!("docker-{id}.scope"));
    let prefix = &id[..12];
    let tagged = told(&home, &["tag", "--container", prefix, "--agent", "b"]);
    assert_eq!(tagged["cgroup"], scope.path.to_str().unwrap());
    let listed = ask(&home.socket(), &json!({"request": "sessions"}));
    assert_eq!(
        listed["ok"]["sessions"][0]["binding"], "container",
        "{listed}"
    );
    Ok(())
}

fn who_cannot_be_tagged_is_told_why() -> Outcome {
    let home = alone();
    let daemon = home.start();
    let said = |words: &[&str]| refusal(&home, &[&["tag", "--agent", "a"], words].concat());
    assert!(said(&["--pid", "999999999"]).contains("there is no process"));
    assert!(said(&["--pid", "1"]).contains("everything descends from it"));
    let thread = std::fs::read_to_string("/proc/2/comm").unwrap_or_default();
    if thread == "kthreadd\n" {
        assert!(said(&["--pid", "2"]).contains("a thread of the kernel's"));
    }
    let own = daemon.pid().to_string();
    assert!(said(&["--pid", &own]).contains("the recorder itself"));
    assert!(said(&["--cgroup", "/"]).contains("the topmost cgroup"));
    assert!(said(&["--cgroup", "/agtrack-none/x"]).contains("mkdir"));
    assert!(said(&["--unit", "agtrack-none"]).contains("no unit"));
    assert!(said(&["--container", "abcdef012345"]).contains("no container"));
    let untag = refusal(&home, &["untag", "--pid", "1"]);
    assert!(untag.contains("belongs to no agent"), "{untag}");
    let long = "x".repeat(300);
    let request = json!({"request": "tag", "pid": 1, "agent": long});
    let answer = ask(&home.socket(), &request);
    assert!(answer["error"].as_str().unwrap().contains("1 to 256 bytes"));
    let request = json!({"request": "tag", "pid": 1, "cgroup": "/a", "agent": "a"});
    let answer = ask(&home.socket(), &request);
    assert!(answer["error"].as_str().unwrap().contains("name one"));
    Ok(())
}

fn what_was_tagged_goes_on_over_a_restart() -> Outcome {
    let home = alone();
    let daemon = home.start();
    let group = Group::new(&own_name("-again"));
    let path = group.path.to_str().unwrap();
    let words = ["tag", "--cgroup", path, "--agent", "job", "--label", "a=b"];
    let kept = told(&home, &words)["session"].clone();
    let family = Family::new();
    let pid = family.pid().to_string();
    let process = told(&home, &["tag", "--pid", &pid, "--agent", "tool"])["session"].clone();
    assert!(daemon.stop(Signal::SIGTERM).success());
    let daemon = home.start();
    let resumed = wait(&daemon, "it goes on", |record| {
        record["change"] == "resume" && is_of(record, &kept)
    });
    assert_eq!(resumed["agent"]["labels"], json!({"a": "b"}));
    assert_eq!(resumed["bound"]["request"]["uid"], 0, "{resumed}");
    let resumed = wait(&daemon, "the process does, too", |record| {
        record["change"] == "resume" && is_of(record, &process)
    });
    assert_eq!(resumed["still_running"].as_array().unwrap().len(), 2);
    assert_eq!(resumed["bound"]["request"]["uid"], 0, "{resumed}");
    let listed = ask(&home.socket(), &json!({"request": "sessions"}));
    let sessions = listed["ok"]["sessions"].as_array().unwrap();
    let entry = sessions.iter().find(|entry| entry["id"] == process);
    assert_eq!(entry.unwrap()["pids"].as_array().unwrap().len(), 2);
    let pid = run_in(&group);
    wait(&daemon, "what is done in it", |record| {
        record["action"] == "process.exec" && record["process"]["pid"] == pid
    });
    // Also one that is killed, and a reload, leave it; and it can be untagged then.
    daemon.signal(Signal::SIGHUP);
    wait(&daemon, "the reload", |record| record["change"] == "reload");
    drop(daemon);
    let _daemon = home.start();
    let untagged = told(&home, &["untag", "--cgroup", path]);
    assert_eq!(untagged["session"], kept);
    let pid = family.pid().to_string();
    let untagged = told(&home, &["untag", "--pid", &pid]);
    assert_eq!(untagged["session"], process);
    assert_eq!(untagged["processes"], 2);
    Ok(())
}
