//! `tracker.*`: whoever reaches for the recorder itself is told of, an agent or not.

pub(crate) mod files;
pub(crate) mod gone;

use std::path::Path;
use std::sync::Arc;

use agtrack_tests::coverage;
use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::launch::{Ran, Trigger};
use agtrack_tests::place::Place;
use agtrack_tests::records::Records;
use agtrack_tests::steps;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::host::{balanced, own_name};
use crate::{Outcome, Test, Unable, tests};

tests![
    signals_by_anybody,
    tracing_by_anybody,
    refused_tracing,
    reaching_for_its_memory,
    moving_it_to_another_cgroup,
];

/// What is the same with each back end.
pub(crate) const OF_RECORDER: &[Test] = &[
    ("moving_it_to_an_agent", moving_it_to_an_agent),
    ("without_a_rule", without_a_rule),
    ("a_flood_is_counted", a_flood_is_counted),
];

/// `PTRACE_SEIZE` (include/uapi/linux/ptrace.h): does not stop what it traces.
const SEIZE: u32 = 0x4206;

/// A recorder of its own: what is done to it is nothing to the others.
struct Target {
    group: Group,
    home: Home,
    daemon: Daemon,
}

impl Target {
    fn new(name: &str) -> Target {
        let group = Group::new(&own_name(name));
        let home = Home::new("agent", &[&format!("{}/*", group.path.display())]);
        Target::of(group, home)
    }

    fn without_rules(name: &str) -> Target {
        let home = Home::new("agent", &[]);
        home.configure(&[]);
        Target::of(Group::new(&own_name(name)), home)
    }

    fn of(group: Group, home: Home) -> Target {
        let daemon = home.start();
        let target = Target {
            group,
            home,
            daemon,
        };
        target.start();
        target
    }

    fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    fn records(&self) -> Records {
        Records(self.daemon.follower().records())
    }

    /// Waits for a record of kind `tamper` that `find` accepts.
    fn told(&self, what: &str, find: impl Fn(&Value) -> bool) -> Arc<Value> {
        let found = self.daemon.follower().wait(|records| {
            let told = |r: &&Arc<Value>| r["kind"] == "tamper" && find(r);
            records.iter().find(told).cloned()
        });
        let found = found.unwrap_or_else(|| {
            let told = self.records().kind("tamper");
            panic!("{what} was not told of: {told}")
        });
        coverage::note(&found);
        found
    }

    /// The record of this action by this process.
    fn told_of(&self, action: &str, pid: u32) -> Arc<Value> {
        self.told(action, |r| {
            r["action"] == action && r["process"]["pid"] == pid
        })
    }

    /// The recorder is whole and says that it was stopped by who started it.
    fn stop(self) -> Vec<Value> {
        assert!(self.daemon.stop(Signal::SIGTERM).success());
        let records = self.home.records();
        balanced(records.last().unwrap());
        records
    }

    /// The record of its start.
    fn start(&self) -> Arc<Value> {
        let start = self
            .daemon
            .follower()
            .wait(|records| records.first().cloned());
        start.expect("the recorder says that it started")
    }

    fn backend(&self) -> String {
        self.start()["backend"].as_str().unwrap().to_owned()
    }
}

/// Runs a trigger that is nobody's. What shares parent and cgroup with a recorder may be a part of
/// the same service, so it gets another cgroup.
fn anybody(steps: &[std::ffi::OsString]) -> Ran {
    let group = Group::new(&own_name(&format!(
        "-anybody-{:?}",
        std::thread::current().id()
    )));
    let mut trigger = Trigger::new(Path::new("/tmp"), steps);
    group.take(trigger.pid());
    trigger.go();
    trigger.end()
}

fn success() -> Value {
    json!({"result": "success", "errno": null})
}

fn by_trigger(record: &Value, by: &str) {
    assert_eq!(record["by"], by, "{record}");
    assert_eq!(record["expected"], false, "{record}");
    let exe = record["process"]["exe"].as_str().unwrap();
    assert!(exe.ends_with("agtrack-trigger"), "{record}");
    assert_eq!(record["process"]["euser"], 0, "{record}");
    assert_eq!(record["agent"].is_null(), by != "agent", "{record}");
}

fn signals_by_anybody() -> Outcome {
    let target = Target::new("-tamper-signal");
    let pid = target.pid();
    // It takes no notice of these, and 0 sends none.
    let ran = anybody(&steps!["kill", pid, 0, "+", "kill", pid, libc::SIGWINCH]);
    let told = target.told_of("tracker.signal", ran.pid);
    by_trigger(&told, "other");
    assert_eq!(told["object"]["request"], "SIGWINCH", "{told}");
    assert_eq!(told["object"]["target_pid"], pid, "{told}");
    assert_eq!(told["outcome"], success(), "{told}");
    assert_eq!(told["completeness"]["count"], 1, "{told}");
    let place = Place::new(&target.group, "agent", target.daemon.follower());
    let ran = place.run(&steps!["kill", pid, libc::SIGCONT]);
    let told = target.told_of("tracker.signal", ran.pid);
    by_trigger(&told, "agent");
    assert_eq!(told["agent"]["name"], "agent", "{told}");
    let both = place.records().keep(|r| r["process"]["pid"] == ran.pid);
    both.action("process.signal").one();
    assert_eq!(both.kind("tamper").len(), 1, "{both}");
    drop(place);
    // This process has started it.
    let records = target.stop();
    let last = |r: &&Value| r["kind"] == "tamper" && r["object"]["request"] == "SIGTERM";
    let stop = records.iter().find(last).expect("its own end is told, too");
    assert_eq!(
        (&stop["by"], &stop["expected"]),
        (&json!("parent"), &json!(true))
    );
    Ok(())
}

fn tracing_by_anybody() -> Outcome {
    let target = Target::new("-tamper-trace");
    let pid = target.pid();
    let object = match target.backend().as_str() {
        "tracepoint" => ("SEIZE", success()),
        _ => ("ACCESS", json!({"result": "unknown", "errno": null})),
    };
    let check = |told: &Value, by: &str| {
        by_trigger(told, by);
        assert_eq!(told["object"]["target_pid"], pid, "{told}");
        assert_eq!(
            (
                told["object"]["request"].as_str().unwrap(),
                &told["outcome"]
            ),
            (object.0, &object.1)
        );
    };
    let ran = anybody(&steps!["ptrace", SEIZE, pid, 0, 0]);
    assert_eq!(ran.result("ptrace"), 0);
    check(&target.told_of("tracker.ptrace", ran.pid), "other");
    // Another of its threads.
    let thread = threads(pid)
        .into_iter()
        .find(|thread| *thread != pid)
        .unwrap();
    let ran = anybody(&steps!["ptrace", SEIZE, thread, 0, 0]);
    assert_eq!(ran.result("ptrace"), 0);
    check(&target.told_of("tracker.ptrace", ran.pid), "other");
    let place = Place::new(&target.group, "agent", target.daemon.follower());
    let ran = place.run(&steps!["ptrace", SEIZE, pid, 0, 0]);
    check(&target.told_of("tracker.ptrace", ran.pid), "agent");
    drop(place);
    // Who traces somebody else, or only looks, does nothing to it.
    let own = std::process::id();
    let ran = anybody(&steps![
        "ptrace",
        SEIZE,
        own,
        0,
        0,
        "+",
        "openat",
        "cwd",
        format!("/proc/{pid}/maps"),
        0,
        0
    ]);
    assert_eq!(ran.result("ptrace"), 0);
    let records = target.stop();
    let told = records
        .iter()
        .filter(|r| r["action"] == "tracker.ptrace" && r["kind"] == "tamper");
    assert_eq!(told.count(), 3);
    Ok(())
}

fn threads(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let number = |task: std::io::Result<std::fs::DirEntry>| task.unwrap().file_name().into_string();
    tasks
        .map(|task| number(task).unwrap().parse().unwrap())
        .collect()
}

fn refused_tracing() -> Outcome {
    let target = Target::new("-tamper-refused");
    if target.backend() != "tracepoint" {
        target.stop();
        return Err(Unable(
            "the kernel asks nobody once user ids have said no".to_owned(),
        ));
    }
    let ran = anybody(&steps![
        "setuid",
        65534,
        "+",
        "ptrace",
        SEIZE,
        target.pid(),
        0,
        0
    ]);
    assert_eq!(ran.result("ptrace") as i32, -libc::EPERM);
    let told = target.told_of("tracker.ptrace", ran.pid);
    assert_eq!(
        told["outcome"],
        json!({"result": "failure", "errno": "EPERM"})
    );
    assert_eq!(told["process"]["euser"], 65534, "{told}");
    target.stop();
    Ok(())
}

fn reaching_for_its_memory() -> Outcome {
    let target = Target::new("-tamper-memory");
    let pid = target.pid();
    let ran = match target.backend().as_str() {
        "tracepoint" => anybody(&steps!["process_vm_writev", pid, 0, 0, 0, 0]),
        _ => anybody(&steps!["openat", "cwd", format!("/proc/{pid}/mem"), 0, 0]),
    };
    by_trigger(&target.told_of("tracker.ptrace", ran.pid), "other");
    target.stop();
    Ok(())
}

fn moving_it_to_another_cgroup() -> Outcome {
    let target = Target::new("-tamper-move");
    let elsewhere = Group::new(&own_name("-tamper-elsewhere"));
    let ran = anybody(&steps!["write", elsewhere.procs(), target.pid()]);
    let told = target.told_of("tracker.cgroup", ran.pid);
    by_trigger(&told, "other");
    assert_eq!(told["object"]["target_pid"], target.pid(), "{told}");
    let path = elsewhere.path.to_str().unwrap();
    assert_eq!(told["object"]["cgroup"], path, "{told}");
    target.stop();
    Ok(())
}

/// It must not begin to record itself.
fn moving_it_to_an_agent() -> Outcome {
    let target = Target::new("-tamper-into");
    let pid = target.pid();
    let place = Place::new(&target.group, "agent", target.daemon.follower());
    let ran = anybody(&steps!["write", place.group.procs(), pid]);
    target.told_of("tracker.cgroup", ran.pid);
    // What an agent's process does there is recorded all the same.
    place.run(&steps!["exit", "0"]);
    // What is in a test's cgroup ends with it.
    let elsewhere = Group::new(&own_name("-tamper-out"));
    elsewhere.take(pid);
    drop(place);
    let records = target.stop();
    let own = |r: &&Value| {
        r["process"]["pid"] == pid || (r["kind"] == "action" && r["object"]["target_pid"] == pid)
    };
    assert_eq!(records.iter().find(own), None);
    drop(elsewhere);
    Ok(())
}

/// The probes that agents need are not attached then, and these are.
fn without_a_rule() -> Outcome {
    let target = Target::without_rules("-tamper-alone");
    let ran = anybody(&steps!["kill", target.pid(), libc::SIGWINCH]);
    by_trigger(&target.told_of("tracker.signal", ran.pid), "other");
    target.stop();
    Ok(())
}

fn a_flood_is_counted() -> Outcome {
    let target = Target::new("-tamper-flood");
    let pid = target.pid();
    let kill = steps!["kill", pid, libc::SIGWINCH, "+"].to_vec();
    let mut flood: Vec<_> = std::iter::repeat_n(kill, 500).flatten().collect();
    flood.extend(steps!["pause", 1500, "+", "kill", pid, libc::SIGWINCH]);
    let ran = anybody(&flood);
    let count = |records: &[Arc<Value>]| -> (usize, u64) {
        let told = Records(records.to_vec()).kind("tamper").of(ran.pid);
        let sum = told
            .0
            .iter()
            .map(|r| r["completeness"]["count"].as_u64().unwrap());
        (told.len(), sum.sum())
    };
    let whole = target
        .daemon
        .follower()
        .wait(|records| (count(records).1 == 501).then_some(()));
    let (told, sum) = count(&target.records().0);
    assert!(whole.is_some(), "{told} records tell of {sum}");
    assert!(told < 300, "{told} records");
    target.stop();
    Ok(())
}
