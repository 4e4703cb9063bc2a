//! Probes that outlive their recorder: what the kernel recorded while nobody read it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::here;
use agtrack_tests::launch::{Trigger, copy};
use agtrack_tests::records::{Records, number};
use agtrack_tests::steps;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{Worker, changes, removed, sessions, wait};
use crate::host::own_name;
use crate::{Outcome, Test, Unable, tests};

/// What depends on how programs are attached.
pub(crate) const OF_PROBES: &[Test] = &[(
    "nothing_is_missed_over_a_kill_and_the_kill_is_recorded",
    nothing_is_missed_over_a_kill_and_the_kill_is_recorded,
)];

tests![
    nothing_is_missed_over_a_stop,
    each_of_many_files_is_told_once_over_two_restarts,
    a_session_by_program_is_told_to_its_end_though_nobody_read_it,
    what_a_full_ring_had_no_room_for_is_counted,
    what_does_not_fit_is_replaced_and_the_time_between_is_a_gap,
    detach_ends_it,
];

/// A recorder whose probes outlive it, until the test is over.
pub(super) struct Pinning {
    pub(super) parent: Group,
    pub(super) home: Home,
}

impl Pinning {
    pub(super) fn new(name: &str, capture: &str) -> Pinning {
        if !has_bpf_fs() {
            let at = Path::new("/sys/fs/bpf");
            mount(Some("bpf"), at, Some("bpf"), MsFlags::empty(), None::<&str>).unwrap();
        }
        let parent = Group::new(&own_name(name));
        let mut home = Home::new("first", &[]);
        home.pin = true;
        let mut pinning = Pinning { parent, home };
        pinning.configure(capture);
        pinning
    }

    /// Starts the first recorder, where its probes can outlive it.
    pub(super) fn start(&self) -> Result<Daemon, Unable> {
        let daemon = self.home.start();
        match self.home.said().contains("before Linux 5.12") {
            true => Err(Unable("probes end with their recorder here".to_owned())),
            false => Ok(daemon),
        }
    }

    fn configure(&mut self, capture: &str) {
        capture.clone_into(&mut self.home.capture);
        let glob = format!("{}/*", self.parent.path.display());
        self.home.configure(&[("first", &[&glob])]);
    }

    fn detach(&self) -> String {
        let mut command = Command::new(here::agtrack());
        command.args(["detach", "--config"]);
        command.arg(self.home.config());
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8(said).unwrap()
    }
}

impl Drop for Pinning {
    fn drop(&mut self) {
        self.detach();
    }
}

fn has_bpf_fs() -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    mounts.contains(" - bpf ")
}

pub(super) fn gaps(records: &Records, reason: &str) -> Records {
    let gaps = records.kind("gap");
    gaps.keep(|record| record["reason"] == reason)
}

/// A worker that removes a file before the recorder is ended by `signal`, one while there is none, and one
/// when there is one again.
fn over(name: &str, signal: Signal) -> Result<Records, Unable> {
    let pinning = Pinning::new(name, "");
    let home = &pinning.home;
    let daemon = pinning.start()?;
    let group = pinning.parent.child("agent");
    let mut worker = Worker::new(&group);
    wait(&daemon, "what was done before", |r| removed(r, "before"));
    daemon.stop(signal);
    worker.works();
    let daemon = home.start();
    wait(&daemon, "what came meanwhile", |r| removed(r, "meanwhile"));
    worker.works();
    let pid = worker.trigger.pid();
    wait(&daemon, "the end of the worker", |record| {
        record["action"] == "process.exit" && record["process"]["pid"] == pid
    });
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = Records::read(&home.journal());
    let sessions = sessions(&records, &group);
    let id = &sessions[0]["agent"]["session"];
    let expect = ["before", "meanwhile", "after"].map(|name| (name.to_owned(), id.clone()));
    assert_eq!(worker.seen(&records), expect, "one session: {records}");
    for reason in ["not_recording", "late_tag"] {
        assert_eq!(gaps(&records, reason).0.len(), 0, "{reason}: {records}");
    }
    let meanwhile = records.action("file.unlink");
    let meanwhile = meanwhile.keep(|record| removed(record, "meanwhile"));
    let meanwhile = meanwhile.one();
    assert!(meanwhile["process"]["exe"].is_string(), "{meanwhile}");
    let kept = starts(&records)[1]["kept"].clone();
    assert!(number(&kept["events"]) >= 1, "{kept}");
    assert!(
        number(&kept["since"]) < number(&meanwhile["boot_time"]),
        "{kept}"
    );
    Ok(records)
}

fn starts(records: &Records) -> Vec<Arc<Value>> {
    let lifecycle = records.kind("lifecycle");
    lifecycle.keep(|record| record["change"] == "start").0
}

fn nothing_is_missed_over_a_stop() -> Outcome {
    let records = over("-pinned-stopped", Signal::SIGTERM)?;
    assert_eq!(gaps(&records, "unclean_stop").0.len(), 0, "{records}");
    let sessions = records.kind("session").0;
    let expect = ["start", "suspend", "resume", "suspend"];
    assert_eq!(changes(&sessions), expect, "{records}");
    let last = sessions.last().unwrap();
    assert_eq!(last["actions"]["file.unlink"], 3, "{last}");
    Ok(())
}

fn nothing_is_missed_over_a_kill_and_the_kill_is_recorded() -> Outcome {
    let records = over("-pinned-slain", Signal::SIGKILL)?;
    let gap = gaps(&records, "unclean_stop");
    let gap = gap.one();
    assert!(number(&gap["from"]) <= number(&gap["until"]), "{gap}");
    assert!(
        number(&gap["until"]) < number(&gap["boot_time"]),
        "before the start: {gap}"
    );
    let detail = gap["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("the kernel went on recording"), "{detail}");
    let killed = records.kind("tamper");
    let killed = killed.keep(|record| record["object"]["request"] == "SIGKILL");
    let killed = killed.one();
    // Who that one was is not known any more, nor who had started it.
    assert_eq!(killed["by"], "other", "{killed}");
    assert_eq!(killed["expected"], false, "{killed}");
    assert_eq!(killed["object"]["target_pid"], Value::Null, "{killed}");
    Ok(())
}

fn a_session_by_program_is_told_to_its_end_though_nobody_read_it() -> Outcome {
    let directory = TempDir::new().unwrap();
    let path = directory.path().canonicalize().unwrap();
    for name in ["before", "meanwhile"] {
        std::fs::write(path.join(name), b"").unwrap();
    }
    let program = copy(&path.join("worker"));
    let mut pinning = Pinning::new("-pinned-program", "");
    pinning.home.sinks = format!("[[agents]]\nid = \"worker\"\nexecutables = [{program:?}]\n");
    pinning.configure("");
    let daemon = pinning.home.start();
    let steps = steps![
        "unlink",
        "before",
        "+",
        "wait",
        "+",
        "unlink",
        "meanwhile",
        "+",
        "exit",
        "0"
    ];
    let mut trigger = Trigger::of(&program, &path, &steps);
    trigger.go();
    trigger.until("unlink");
    wait(&daemon, "what was done before", |r| removed(r, "before"));
    assert!(daemon.stop(Signal::SIGTERM).success());
    trigger.go();
    trigger.until("unlink");
    trigger.end();
    let daemon = pinning.home.start();
    let end = wait(&daemon, "the end of the session", |record| {
        record["kind"] == "session" && record["change"] == "end"
    });
    assert_eq!(end["unseen"], Value::Null, "{end}");
    assert_eq!(end["actions"]["file.unlink"], 2, "{end}");
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = Records::read(&pinning.home.journal());
    let of_session = records.kind("session").0;
    assert_eq!(changes(&of_session), ["start", "suspend", "resume", "end"]);
    let resumed = &of_session[2];
    assert!(
        number(&end["boot_time"]) < number(&resumed["boot_time"]),
        "as it was then"
    );
    Ok(())
}

/// A shell in the group that works until there is a file `stop`; its step gets a number, `$i`.
fn shell(group: &Group, directory: &Path, step: &str) -> Child {
    let script = format!(
        "echo $$ > {}/cgroup.procs; i=0; while [ ! -e stop ]; do {step}; i=$((i+1)); done; echo $i > count",
        group.directory.display()
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(directory);
    command.stdin(Stdio::null()).spawn().unwrap()
}

/// How often each numbered file was created.
fn created(records: &Records, directory: &Path) -> BTreeMap<u64, u64> {
    let opened = records.action("file.open");
    let mut created = BTreeMap::new();
    for record in opened.below(directory.to_str().unwrap()).0 {
        let path = record["object"]["path"].as_str().unwrap();
        let number = path.rsplit_once("out-").map(|(_, number)| number.parse());
        if let Some(Ok(number)) = number {
            *created.entry(number).or_default() += 1;
        }
    }
    created
}

fn each_of_many_files_is_told_once_over_two_restarts() -> Outcome {
    let pinning = Pinning::new("-pinned-many", "");
    let mut daemon = pinning.home.start();
    let group = pinning.parent.child("agent");
    let directory = TempDir::new().unwrap();
    let path = directory.path().canonicalize().unwrap();
    let mut shell = shell(&group, &path, ": > out-$i; sleep 0.01");
    for _ in 0..2 {
        let before = newest(&path);
        until(|| newest(&path) > before + 5);
        assert!(daemon.stop(Signal::SIGTERM).success());
        let before = newest(&path);
        until(|| newest(&path) > before + 5);
        daemon = pinning.home.start();
    }
    std::fs::write(path.join("stop"), b"").unwrap();
    assert!(shell.wait().unwrap().success());
    let pid = shell.id();
    wait(&daemon, "the end of the shell", |record| {
        record["action"] == "process.exit" && record["process"]["pid"] == pid
    });
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = Records::read(&pinning.home.journal());
    let count = std::fs::read_to_string(path.join("count")).unwrap();
    let count: u64 = count.trim().parse().unwrap();
    let expect: BTreeMap<u64, u64> = (0..count).map(|number| (number, 1)).collect();
    assert_eq!(created(&records, &path), expect);
    let slept = records.action("process.exec");
    let slept = slept.keep(|record| record["process"]["args"][0] == "sleep");
    assert_eq!(slept.0.len() as u64, count, "each program once");
    let ends = records.kind("lifecycle");
    for end in ends.keep(|record| record["change"] == "end").0 {
        for hook in end["totals"].as_array().unwrap() {
            let [seen, told] = ["seen", "submitted"].map(|name| number(&hook[name]));
            let left = ["filtered", "coalesced", "lost"].map(|name| number(&hook[name]));
            assert_eq!(seen, told + left.iter().sum::<u64>(), "{hook}");
            assert_eq!(number(&hook["lost"]), 0, "{hook}");
        }
    }
    Ok(())
}

/// The number of the last file.
fn newest(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap().flatten();
    let numbers = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_prefix("out-")?.parse().ok()
    });
    numbers.max().unwrap_or(0)
}

fn until(done: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !done() {
        assert!(begun.elapsed() < here::patience(), "it does not come");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

fn what_a_full_ring_had_no_room_for_is_counted() -> Outcome {
    const FILES: u64 = 3000;
    let pinning = Pinning::new("-pinned-full", "bulk_ring_bytes = 65536\n");
    let daemon = pinning.home.start();
    let group = pinning.parent.child("agent");
    let directory = TempDir::new().unwrap();
    let path = directory.path().canonicalize().unwrap();
    let step = format!(
        "if [ -e go ] && [ $i -ge 1 ]; then : > out-$i; [ $i -lt {FILES} ] || touch done stop; else i=0; sleep 0.1; fi"
    );
    let mut shell = shell(&group, &path, &step);
    wait(&daemon, "the shell's first sleep", |record| {
        record["action"] == "process.exit" && record["agent"].is_object()
    });
    assert!(daemon.stop(Signal::SIGTERM).success());
    std::fs::write(path.join("go"), b"").unwrap();
    until(|| path.join("count").exists());
    assert!(shell.wait().unwrap().success());
    let daemon = pinning.home.start();
    let pid = shell.id();
    wait(&daemon, "the end of the shell", |record| {
        record["action"] == "process.exit" && record["process"]["pid"] == pid
    });
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = Records::read(&pinning.home.journal());
    let told = created(&records, &path);
    assert!(told.values().all(|times| *times == 1), "{told:?}");
    let told = told.len() as u64;
    assert!(told < FILES, "the ring was never full: {told}");
    let lost = records.kind("gap");
    let lost = lost.keep(|gap| gap["action"] == "file.open" && gap["count"].is_u64());
    let lost: u64 = lost.0.iter().map(|gap| number(&gap["count"])).sum();
    // `stop`, `done`, `count` and what `touch` opens come behind, when the ring is full.
    let rest = (told + lost).checked_sub(FILES);
    assert!(
        rest.is_some_and(|rest| rest < 64),
        "{told} told, {lost} lost"
    );
    Ok(())
}

/// Whether the time without a recorder is a gap of the worker's session.
fn has_gap(records: &Records) -> bool {
    !gaps(records, "not_recording").0.is_empty()
}

/// A worker before, between and after two recorders; `change` happens between.
fn replaced(name: &str, change: impl FnOnce(&mut Pinning)) -> Records {
    let mut pinning = Pinning::new(name, "");
    let daemon = pinning.home.start();
    let group = pinning.parent.child("agent");
    let mut worker = Worker::new(&group);
    wait(&daemon, "what was done before", |r| removed(r, "before"));
    assert!(daemon.stop(Signal::SIGTERM).success());
    change(&mut pinning);
    worker.works();
    let daemon: Daemon = pinning.home.start();
    worker.works();
    wait(&daemon, "what was done after", |r| removed(r, "after"));
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = Records::read(&pinning.home.journal());
    let seen: Vec<_> = worker.seen(&records);
    let names: Vec<_> = seen.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["before", "after"], "{records}");
    assert_eq!(starts(&records)[1]["kept"], Value::Null, "{records}");
    records
}

fn what_does_not_fit_is_replaced_and_the_time_between_is_a_gap() -> Outcome {
    let records = replaced("-pinned-other", |pinning| {
        pinning.configure("bulk_ring_bytes = 1048576\n");
    });
    assert!(has_gap(&records), "{records}");
    Ok(())
}

fn detach_ends_it() -> Outcome {
    let records = replaced("-pinned-detached", |pinning| {
        let said = pinning.detach();
        assert!(said.starts_with("removed /"), "{said}");
        let said = pinning.detach();
        assert!(said.starts_with("nothing is pinned"), "{said}");
    });
    assert!(has_gap(&records), "{records}");
    let pinning = Pinning::new("-pinned-running", "");
    let daemon = pinning.home.start();
    let said = pinning.detach();
    assert!(said.contains("a daemon records to"), "{said}");
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}
