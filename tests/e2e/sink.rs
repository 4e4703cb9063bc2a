//! Sinks of a daemon: whatever is killed meanwhile, each record arrives.

pub(crate) mod dead;
pub(crate) mod elasticsearch;
mod gate;
pub(crate) mod kafka;
pub(crate) mod nats;
pub(crate) mod otlp;
pub(crate) mod receiver;
pub(crate) mod splunk;
pub(crate) mod syslog;
pub(crate) mod trial;
mod web;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::here;
use agtrack_tests::launch::Trigger;
use agtrack_tests::{schema, steps};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::host::own_name;
use crate::{Outcome, tests};
use receiver::Receiver;
use trial::{KILLS, Turn, batches, endure, sent};

tests![
    a_file_has_each_record_though_the_daemon_is_killed,
    a_socket_has_each_record_though_receiver_and_daemon_are_killed,
    a_sink_can_be_tried_and_looked_at,
    a_reload_brings_a_sink_and_takes_one_away,
];

/// One command line has room for so many things to do.
const WORDS: usize = 10_000;

/// A cgroup, and a daemon's home with these sinks.
pub(crate) fn recorder(name: &str, sinks: impl Fn(&Home) -> String) -> (Group, Home) {
    let group = Group::new(&own_name(name));
    let mut home = Home::new("first", &[]);
    home.sinks = sinks(&home);
    configure(&home, &group);
    (group, home)
}

fn configure(home: &Home, group: &Group) {
    home.configure(&[("first", &[&format!("{}/*", group.path.display())])]);
}

/// Has an agent do so many things that are recorded one by one.
pub(crate) fn work(group: &Group, name: &str, times: usize) {
    let own = group.child(name);
    let directory = TempDir::new().unwrap();
    let file = |number| directory.path().join(format!("f{number}"));
    for begin in (0..times).step_by(WORDS) {
        let files: Vec<_> = (begin..times.min(begin + WORDS)).map(file).collect();
        let mut words = Vec::new();
        for file in files {
            std::fs::write(&file, b"").unwrap();
            words.extend(["unlink".into(), file.into_os_string(), "+".into()]);
        }
        words.extend(steps!["exit", "0"]);
        let mut trigger = Trigger::new(directory.path(), &words);
        own.take(trigger.pid());
        trigger.go();
        trigger.end();
    }
}

/// Waits until a sink has all that is in the journal, as long as it comes further.
pub(crate) fn caught_up(home: &Home) -> Value {
    let mut until = Instant::now() + here::patience();
    let mut last = Value::Null;
    loop {
        let listed = list(home);
        if listed != last {
            // Some receivers take a few records a second where the machine is busy.
            until = Instant::now() + here::patience();
            last = listed.clone();
        }
        let sinks = listed["sinks"].as_array().unwrap();
        if sinks.iter().all(|sink| sink["behind"] == 0) {
            return listed;
        }
        assert!(Instant::now() < until, "{listed:#}\n{}", home.said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn list(home: &Home) -> Value {
    let mut command = Command::new(here::agtrack());
    command
        .args(["sink", "list", "--json", "--config"])
        .arg(home.config());
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Lines of JSON, of which each must be whole.
pub(crate) fn ids(text: &str) -> Vec<String> {
    let id = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("torn: {line}"));
        record["id"].as_str().unwrap().to_owned()
    };
    text.lines().map(id).collect()
}

/// Each record of the journal from its beginning on arrived, and nothing else.
pub(crate) fn nothing_is_missing(home: &Home, arrived: &[String]) {
    let journal = home.records();
    let expect: BTreeSet<_> = journal.iter().map(|r| r["id"].as_str().unwrap()).collect();
    let found: BTreeSet<_> = arrived.iter().map(String::as_str).collect();
    let missing: Vec<_> = expect.difference(&found).collect();
    let invented: Vec<_> = found.difference(&expect).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "missing {missing:?}, invented {invented:?}\n{}",
        home.said()
    );
    println!(
        "note: {} records, {} sent again",
        expect.len(),
        arrived.len() - found.len()
    );
}

/// Starts a daemon that nobody follows: a test of many records would be slower than what it tests.
pub(crate) fn begin(home: &Home) -> Daemon {
    let mut daemon = home.spawn(home.command());
    daemon.hears("READY=1");
    daemon
}

/// The number of the last record that is committed.
pub(crate) fn recorded(home: &Home) -> usize {
    let sink = &list(home)["sinks"][0];
    let behind = sink["behind"].as_u64().expect("a number");
    (sink["delivered_seq"].as_u64().unwrap_or(0) + behind) as usize
}

/// Waits until so many records are committed.
pub(crate) fn wait_recorded(home: &Home, records: usize) {
    let until = Instant::now() + here::patience();
    while recorded(home) < records {
        assert!(Instant::now() < until, "{records}: {}", home.said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Kills a daemon once it has so many records: what it read of the kernel and did not commit is lost with
/// it, and no business of sinks.
fn kill_and_start(daemon: Daemon, home: &Home, records: usize) -> Daemon {
    wait_recorded(home, records);
    daemon.stop(Signal::SIGKILL);
    begin(home)
}

fn a_file_has_each_record_though_the_daemon_is_killed() -> Outcome {
    let (group, home) = recorder("-sink-file", |home| {
        let path = home.path("out.jsonl");
        format!("[[sinks]]\nname = \"f\"\ntype = \"file\"\npath = {path:?}\nbatch_ms = 1\n")
    });
    let mut daemon = begin(&home);
    let mut recorded = 0;
    for round in 0..KILLS {
        work(&group, &format!("w{round}"), 40);
        recorded += 30;
        daemon = kill_and_start(daemon, &home, recorded);
    }
    work(&group, "last", 40);
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    let listed = caught_up(&home);
    assert_eq!(listed["sinks"][0]["refused"], 0, "{listed}");
    let text = std::fs::read_to_string(home.path("out.jsonl")).unwrap();
    assert!(text.ends_with('\n'));
    nothing_is_missing(&home, &ids(&text));
    Ok(())
}

fn a_socket_has_each_record_though_receiver_and_daemon_are_killed() -> Outcome {
    let (group, home) = recorder("-sink-unix", |home| {
        let path = home.path("receiver.sock");
        let text = format!(
            "[[sinks]]\nname = \"u\"\ntype = \"unix\"\npath = {path:?}\n\
             resend_ms = 2000\n"
        );
        text + &batches(7)
    });
    let (socket, store) = (home.path("receiver.sock"), home.path("received"));
    let mut receiver = Receiver::start(&socket, &store);
    let daemon = endure(group, &home, |turn| {
        match turn {
            Turn::Kill => receiver.kill(),
            Turn::Start => receiver = Receiver::start(&socket, &store),
        }
        Ok(())
    })?;
    sent(daemon, &home);
    receiver.kill();
    let text = received(&store);
    nothing_is_missing_before_the_last_start(&home, &ids(&text));
    Ok(())
}

/// What whole lines the receivers stored; a killed one may have left a torn one.
fn received(store: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(store).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        all.push_str(&text[..whole]);
    }
    all
}

/// Each record arrived, and nothing else; but of those of the last daemon, which was killed, it may have
/// sent some or none.
fn nothing_is_missing_before_the_last_start(home: &Home, arrived: &[String]) {
    let journal = home.records();
    let last = journal
        .iter()
        .rposition(|r| r["change"] == "start")
        .unwrap();
    let expect: BTreeSet<_> = journal[..=last]
        .iter()
        .map(|r| r["id"].as_str().unwrap())
        .collect();
    let found: BTreeSet<_> = arrived.iter().map(String::as_str).collect();
    let missing: Vec<_> = expect.difference(&found).collect();
    let invented = found.len()
        - journal
            .iter()
            .filter(|r| found.contains(r["id"].as_str().unwrap()))
            .count();
    assert!(
        missing.is_empty() && invented == 0,
        "missing {missing:?}, invented {invented}\n{}",
        home.said()
    );
    println!(
        "note: {} records, {} sent again",
        found.len(),
        arrived.len() - found.len()
    );
}

/// What `agtrack sink test` ends with and says of a sink.
fn tried(home: &Home, name: &str) -> (Option<i32>, String) {
    let mut command = Command::new(here::agtrack());
    command
        .args(["sink", "test", name, "--config"])
        .arg(home.config());
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

fn a_sink_can_be_tried_and_looked_at() -> Outcome {
    let (_group, home) = recorder("-sink-test", |home| {
        let (file, socket) = (home.path("out.jsonl"), home.path("nobody.sock"));
        format!(
            "[[sinks]]\nname = \"f\"\ntype = \"file\"\npath = {file:?}\n\
             [[sinks]]\nname = \"u\"\ntype = \"unix\"\npath = {socket:?}\n"
        )
    });
    let test = |name| tried(&home, name);
    let (code, said) = test("f");
    assert!(code == Some(0) && said.contains("it is on disk"), "{said}");
    let text = std::fs::read_to_string(home.path("out.jsonl")).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&record["test"], &record["kind"]),
        (&true.into(), &"lifecycle".into())
    );
    assert_eq!(schema::mistakes(&record), None);
    let (code, said) = test("u");
    assert!(
        code == Some(1) && said.contains("nobody.sock: No such file"),
        "{said}"
    );
    let (code, said) = test("x");
    assert!(code == Some(1) && said.contains("it has f, u"), "{said}");
    let listed = list(&home);
    assert_eq!(listed["sinks"][0]["delivered_seq"], Value::Null, "{listed}");
    let mut daemon = home.start();
    let until = Instant::now() + here::patience();
    let listed = loop {
        let listed = list(&home);
        if listed["sinks"][0]["behind"] == 0 && listed["sinks"][1]["error"] != Value::Null {
            break listed;
        }
        assert!(Instant::now() < until, "{listed:#}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let reason = listed["sinks"][1]["error"]["reason"].as_str().unwrap();
    assert!(reason.contains("nobody.sock"), "{listed}");
    assert!(
        home.said().contains("sink u: cannot connect to"),
        "{}",
        home.said()
    );
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn a_reload_brings_a_sink_and_takes_one_away() -> Outcome {
    let sink = |home: &Home, name: &str| {
        let path = home.path(name);
        format!("[[sinks]]\nname = \"{name}\"\ntype = \"file\"\npath = {path:?}\nbatch_ms = 1\n")
    };
    let (group, mut home) = recorder("-sink-reload", |home| sink(home, "one"));
    let mut daemon = home.start();
    work(&group, "before", 5);
    caught_up(&home);
    home.sinks = sink(&home, "two");
    configure(&home, &group);
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    work(&group, "after", 5);
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    caught_up(&home);
    let unlinked = |name: &str| {
        let text = std::fs::read_to_string(home.path(name)).unwrap();
        let records = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.filter(|r| r["action"] == "file.unlink").count()
    };
    assert_eq!(
        (unlinked("one"), unlinked("two")),
        (5, 5),
        "{}",
        home.said()
    );
    Ok(())
}
