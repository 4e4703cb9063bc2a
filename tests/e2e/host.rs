//! The recorder that the tests share, and what must hold when it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::follow::Follower;
use agtrack_tests::group::Group;
use agtrack_tests::place::Place;
use agtrack_tests::records::number;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

struct Host {
    home: Home,
    group: Mutex<Option<Group>>,
    daemon: Mutex<Option<Daemon>>,
    follower: Follower,
    backend: String,
}

static HOST: OnceLock<Host> = OnceLock::new();

/// Names of cgroups are used once.
static NUMBER: AtomicU32 = AtomicU32::new(0);

fn host() -> &'static Host {
    HOST.get_or_init(|| {
        let name = own_name("");
        let group = Group::new(&name);
        let home = Home::new("e2e", &[&format!("/{name}/*")]);
        let daemon = home.start();
        let follower = Follower::new(&home.journal());
        let start = follower.wait(|records| {
            records
                .iter()
                .find(|r| r["kind"] == "lifecycle" && r["change"] == "start")
                .cloned()
        });
        let start = start.expect("the recorder says that it started");
        let backend = start["backend"]
            .as_str()
            .expect("the back end has a name")
            .to_owned();
        println!("note: back end {backend}, kernel {}", start["kernel"]);
        let (group, daemon) = (Mutex::new(Some(group)), Mutex::new(Some(daemon)));
        Host {
            home,
            group,
            daemon,
            follower,
            backend,
        }
    })
}

/// A name for a cgroup of this run.
pub(crate) fn own_name(suffix: &str) -> String {
    format!("agtrack-e2e-{}{suffix}", std::process::id())
}

/// A place for a test, watched by the shared recorder.
pub(crate) fn place(name: &str) -> Place<'static> {
    let host = host();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let group = host.group.lock().unwrap_or_else(PoisonError::into_inner);
    let parent = group.as_ref().expect("the tests are not over");
    Place::new(parent, &format!("{name}-{number}"), &host.follower)
}

/// The back end for file events that is in use.
pub(crate) fn backend() -> &'static str {
    &host().backend
}

/// Whether paths are read from the kernel's objects before the operation, and not after it.
pub(crate) fn sees_objects() -> bool {
    backend() != "tracepoint"
}

/// Checks the record of an operation on a name that succeeded.
pub(crate) fn succeeded(record: &Value) {
    let success = json!({"result": "success", "errno": null});
    assert_eq!(record["outcome"], success, "{record}");
    let source = if sees_objects() { "kernel" } else { "argument" };
    assert_eq!(record["completeness"]["path_source"], source, "{record}");
}

/// Whether any hook of this action is attached on this kernel, as the start record has it.
pub(crate) fn has_hook(action: &str) -> bool {
    let start = |records: &[Arc<Value>]| {
        let is_start = |record: &&Arc<Value>| record["kind"] == "lifecycle";
        records.iter().find(is_start).cloned()
    };
    let start = follower().wait(start).expect("a start record");
    let hooks = start["hooks"].as_array().expect("a list of hooks");
    hooks
        .iter()
        .any(|hook| hook["action"] == action && hook["attached"] == true)
}

/// All that the shared recorder has written so far.
pub(crate) fn follower() -> &'static Follower {
    &host().follower
}

/// Whether any test used the shared recorder.
pub(crate) fn is_used() -> bool {
    HOST.get().is_some()
}

/// Ends the shared recorder: cleanly, with every record well-formed and every run accounted for.
pub(crate) fn end() {
    let host = host();
    drop(
        host.group
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(),
    );
    let daemon = host
        .daemon
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let status = daemon.expect("it ends once").stop(Signal::SIGTERM);
    assert!(status.success(), "{status}: {}", host.home.said());
    assert_eq!(host.follower.mistakes(), Vec::<String>::new());
    let records = host.home.records();
    println!(
        "note: {} records, every one as the schema has it",
        records.len()
    );
    balanced(records.last().expect("there are records"));
}

/// Checks the totals in the record of a recorder's end: every run of a hook is accounted for, and
/// all that was handed over arrived.
pub(crate) fn balanced(last: &Value) {
    assert_eq!(
        (&last["kind"], &last["change"]),
        (&"lifecycle".into(), &"end".into()),
        "{last}"
    );
    let totals = last["totals"].as_array().expect("there are totals");
    assert!(!totals.is_empty(), "{last}");
    for hook in totals {
        let count = |name: &str| number(&hook[name]);
        let sum = count("submitted") + count("filtered") + count("coalesced") + count("lost");
        assert_eq!(count("seen"), sum, "{hook}");
        assert_eq!(count("arrived"), count("submitted"), "{hook}");
    }
}

/// The sum of a counter over the hooks of an action, in the record of a recorder's end.
pub(crate) fn total(last: &Value, action: &str, counter: &str) -> u64 {
    let hooks = last["totals"].as_array().expect("there are totals");
    hooks
        .iter()
        .filter(|hook| hook["action"] == action)
        .map(|hook| number(&hook[counter]))
        .sum()
}

/// Where the shared recorder can be asked.
pub(crate) fn socket() -> std::path::PathBuf {
    host().home.socket()
}

/// The journal of the shared recorder.
pub(crate) fn journal() -> std::path::PathBuf {
    host().home.journal()
}
