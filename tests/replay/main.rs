//! Recorded input logs give the same records as when they were recorded: `NAME.input` in this
//! directory, through the same rooms, must be `NAME.jsonl`.
//!
//! Needs neither root nor a kernel. `AGTRACK_BLESS=1` writes the golden files anew; new input logs
//! come from `cargo test -p agtrack-tests --test e2e -- --record-fixtures`, as root, and those of
//! back end `lsm` from `cargo xtask vm --kernel 6.12 --backend lsm --record`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use agtrack::input::{Input, InputReader};
use agtrack::pipeline::Pipeline;
use agtrack::record::{Record, Stamper, schema};
use agtrack_common::event::TABLE;
use serde_json::Value;
use uuid::Uuid;

/// What an input log gives, one record a line.
fn replay(log: &[u8]) -> String {
    let mut inputs = InputReader::new(log);
    let Some(Ok(Input::Start(start))) = inputs.next() else {
        panic!("a log begins with the start")
    };
    let mut stamper = Stamper::new(start.host.clone(), Uuid::nil());
    let (mut drafts, mut text, mut seq) = (Vec::new(), String::new(), 0);
    let mut pipeline = Pipeline::new(*start, &mut drafts);
    loop {
        let clock = pipeline.time();
        for draft in drafts.drain(..) {
            seq += 1;
            let line = stamper.line(draft, seq, clock).expect("a record is JSON");
            text.push_str(std::str::from_utf8(line).unwrap());
            text.push('\n');
        }
        match inputs.next() {
            Some(input) => pipeline.accept(input.expect("an input"), &mut drafts),
            None => return text,
        }
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("replay")
}

fn check(name: &str) {
    let path = directory().join(name);
    let log = std::fs::read(path.with_extension("input")).expect("there is an input log");
    let records = replay(&log);
    let golden = path.with_extension("jsonl");
    if std::env::var_os("AGTRACK_BLESS").is_some() {
        std::fs::write(&golden, &records).unwrap();
    }
    let expect = std::fs::read_to_string(&golden).expect("there are golden records");
    for (number, (found, expect)) in records.lines().zip(expect.lines()).enumerate() {
        assert_eq!(found, expect, "record {} of {name}", number + 1);
    }
    assert_eq!(
        records.lines().count(),
        expect.lines().count(),
        "records of {name}"
    );
    well_formed(&records);
    whole(&records);
}

/// Nothing is missing that was recorded: events may have got another shape since, and a golden file
/// that is written anew would not show it.
fn whole(records: &str) {
    for reason in ["undecodable", "unaccounted"] {
        let gap = format!("\"reason\":\"{reason}\"");
        let found = records.lines().find(|line| line.contains(&gap));
        assert_eq!(found, None, "record the fixture anew");
    }
}

/// As the schema has them, and as the types read them back.
fn well_formed(records: &str) {
    let schema = jsonschema::validator_for(&schema()).expect("the schema is a JSON Schema");
    for line in records.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let mistakes: Vec<_> = schema
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(mistakes, Vec::<String>::new(), "{line}");
        let record: Record = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_value(&record).unwrap(), value);
    }
}

macro_rules! fixtures {
    ($($name:ident),+ $(,)?) => {
        $( #[test] fn $name() { check(stringify!($name)); } )+
        const FIXTURES: &[&str] = &[ $( stringify!($name) ),+ ];
    };
}

fixtures![
    fork,
    exec,
    exit,
    open,
    unlink,
    rename,
    change,
    close,
    set_id,
    signal,
    call,
    connect,
    peer,
    excerpt,
    endpoint,
    flow,
    uring,
    cgroup,
    tamper,
    hashes,
    container,
    lsm_files,
    lsm_refused,
    lsm_uring,
    lsm_change,
    lsm_close,
];

/// Actions of a fixture on files of some names: which, how each ended, where its path is from.
fn outcomes(name: &str, files: &[&str]) -> Vec<[String; 3]> {
    let log = std::fs::read(directory().join(name).with_extension("input")).unwrap();
    let records = replay(&log);
    let records = records
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let is_named = |record: &Value| {
        let object = &record["object"];
        let path = object["path"].as_str().or(object["from"].as_str());
        path.and_then(|path| path.rsplit('/').next())
            .is_some_and(|name| files.contains(&name))
    };
    let told = |record: Value| {
        let outcome = &record["outcome"];
        let ending = outcome["errno"].as_str().or(outcome["result"].as_str());
        let source = &record["completeness"]["path_source"];
        [record["action"].as_str(), ending, source.as_str()].map(|word| word.unwrap().to_owned())
    };
    records.filter(is_named).map(told).collect()
}

/// One hook announces the operation before it is made, with the kernel's own path, and another
/// tells what came of it. What is refused before the announcement has the name that was asked for.
#[test]
fn what_was_announced_gets_its_own_result() {
    let check = |name, files: &[&str], expect: &[[&str; 3]]| {
        assert_eq!(outcomes(name, files), expect, "{name}");
    };
    let made = [
        ["file.open", "success", "kernel"],
        ["file.open", "success", "kernel"],
        ["file.close", "success", "kernel"],
        ["file.rename", "success", "kernel"],
        ["file.unlink", "success", "kernel"],
    ];
    check("lsm_files", &["old", "new"], &made);
    let refused = [
        ["file.open", "EACCES", "fd"],
        ["file.open", "EACCES", "fd"],
        ["file.open", "ELOOP", "fd"],
        ["file.rename", "EACCES", "kernel"],
        ["file.unlink", "EACCES", "kernel"],
    ];
    check("lsm_refused", &["secret", "new", "link"], &refused);
    let by_ring = [
        ["file.open", "success", "kernel"],
        ["kernel.io_uring", "success", "fd"],
    ];
    check("lsm_uring", &["file"], &by_ring);
}

#[test]
fn every_event_of_the_table_is_in_a_fixture() {
    let mut actions = BTreeSet::new();
    for name in FIXTURES {
        let log = std::fs::read(directory().join(name).with_extension("input")).unwrap();
        for line in replay(&log).lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            actions.extend(value["action"].as_str().map(str::to_owned));
        }
    }
    for action in TABLE.iter().flat_map(|row| row.kind.actions()) {
        assert!(
            actions.contains(action),
            "{action} is in no fixture: {actions:?}"
        );
    }
}

#[test]
fn a_log_gives_the_same_each_time() {
    let log = std::fs::read(directory().join("open.input")).unwrap();
    assert_eq!(replay(&log), replay(&log));
}

/// A recorder that died leaves half a line; what came before it counts.
#[test]
fn half_a_line_is_named() {
    let log = std::fs::read(directory().join("open.input")).unwrap();
    let cut = &log[..log.len() - 3];
    let last = InputReader::new(cut).last().unwrap();
    let lines = cut.split(|byte| *byte == b'\n').count();
    assert!(
        last.unwrap_err()
            .to_string()
            .contains(&format!("line {lines} "))
    );
}

/// Answers are inputs like all others.
#[test]
fn hashes_are_replayed() {
    let log = std::fs::read(directory().join("hashes.input")).unwrap();
    let records = replay(&log);
    let records = records
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut told: Vec<_> = records
        .filter(|record| record["effect"].is_object())
        .map(|record| (record["action"].clone(), record["effect"]["sha256"].clone()))
        .collect();
    told.dedup();
    let actions: Vec<_> = told
        .iter()
        .map(|(action, _)| action.as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        ["file.close", "file.rename", "file.close", "file.unlink"]
    );
    assert!(told.iter().all(|(_, hash)| hash.is_string()), "{told:?}");
    assert!(told[0].1 == told[1].1 && told[2].1 == told[3].1, "{told:?}");
}

/// What a runtime says of a container too, and whose the container is by that.
#[test]
fn what_runtimes_say_is_replayed() {
    let log = std::fs::read_to_string(directory().join("container.input")).unwrap();
    let told = |log: &str| -> Vec<Value> {
        let records = replay(log.as_bytes());
        let records = records.lines();
        records
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let named = told(&log);
    let named: Vec<_> = named
        .iter()
        .filter(|record| record["process"]["container"]["name"] == "agent-7")
        .collect();
    assert!(!named.is_empty());
    assert!(
        named
            .iter()
            .all(|record| record["agent"]["binding"] == "container")
    );
    // Had nobody answered, all of it would be nobody's.
    let answers = ["container", "session", "nobodys"];
    let answers = answers.map(|kind| format!("{{\"input\":\"{kind}\""));
    let is_answer = |line: &&str| answers.iter().any(|answer| line.starts_with(answer));
    let silent: Vec<_> = log.lines().filter(|line| !is_answer(line)).collect();
    let silent = told(&silent.join("\n"));
    let is = |kind: &str| {
        silent
            .iter()
            .filter(|record| record["kind"] == kind)
            .count()
    };
    assert_eq!((is("action"), is("session"), is("gap")), (0, 0, 2));
}
