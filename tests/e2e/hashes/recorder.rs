//! How the recorder comes to its hashes: in a burst, too late, not at all.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::launch::Trigger;
use agtrack_tests::records::Records;
use agtrack_tests::steps;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::sha256;
use crate::host::{balanced, own_name};
use crate::stop::gaps;
use crate::{Outcome, tests};

tests![
    a_burst_of_files_is_recorded_whole,
    nothing_is_hashed_where_that_is_not_wanted,
    what_is_too_large_says_so,
    what_became_of_a_file_before_it_was_hashed_is_told,
];

/// Files of a burst.
const BURST: usize = 1000;
/// How often the time of a burst is taken.
const ROUNDS: usize = 3;

/// A recorder of its own, and an agent.
struct Own {
    home: Home,
    daemon: Daemon,
    group: Group,
    /// What is made is kept until it has been looked at.
    directories: Vec<TempDir>,
    _parent: Group,
}

impl Own {
    fn new(test: &str, capture: &str) -> Own {
        let parent = Group::new(&own_name(test));
        let group = parent.child("agent");
        let glob = group.path.display().to_string();
        let mut home = Home::new(test, &[&glob]);
        home.capture = capture.to_owned();
        home.configure(&[("agent", &[&glob])]);
        Own {
            daemon: home.start(),
            home,
            group,
            directories: Vec::new(),
            _parent: parent,
        }
    }

    /// The agent runs a shell in a new directory: how long it took, as it has it.
    fn shell(&mut self, script: &str) -> Duration {
        let directory = TempDir::new().unwrap();
        let steps = steps!["exec", "/bin/sh", "sh", "-c", script];
        let mut trigger = Trigger::new(directory.path(), &steps);
        self.directories.push(directory);
        self.group.take(trigger.pid());
        let begun = Instant::now();
        trigger.go();
        let ran = trigger.end();
        assert!(ran.status.success(), "{ran:?}");
        begun.elapsed()
    }

    /// All records, in the end.
    fn end(self) -> Records {
        let status = self.daemon.stop(Signal::SIGTERM);
        assert!(status.success(), "{}", self.home.said());
        let records = Records::read(&self.home.journal());
        balanced(records.0.last().expect("there are records"));
        records
    }
}

/// How many closes had a hash, and how many had none and why.
fn counts(records: &Records) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in &records.action("file.close").0 {
        let effect = &record["effect"];
        let reason = effect["unhashed"].as_str();
        assert_ne!(effect["sha256"].is_string(), reason.is_some(), "{record}");
        *counts
            .entry(reason.unwrap_or("hashed").to_owned())
            .or_default() += 1;
    }
    counts
}

fn burst() -> String {
    format!("i=0; while [ $i -lt {BURST} ]; do printf $i >$i; i=$((i+1)); done")
}

/// Every close is recorded, in order, with a hash or with why there is none; who writes does not
/// wait for it.
fn a_burst_of_files_is_recorded_whole() -> Outcome {
    let mut own = [
        Own::new("-burst", ""),
        Own::new("-bare", "hash_max_bytes = 0\n"),
    ];
    let mut fastest = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        for (own, fastest) in own.iter_mut().zip(&mut fastest) {
            *fastest = own.shell(&burst()).min(*fastest);
        }
    }
    let [hashed, bare] = own.map(Own::end);
    let counts = counts(&hashed);
    whole(&hashed);
    whole(&bare);
    for close in &hashed.action("file.close").0 {
        if let Some(hash) = close["effect"]["sha256"].as_str() {
            assert_eq!(hash, sha256(number(close).to_string()), "{close}");
        }
    }
    let [with, without] = fastest;
    println!(
        "note: {ROUNDS} bursts of {BURST} files: {counts:?}; the fastest took {with:?}, without \
         hashing {without:?}: {:.2} times",
        with.as_secs_f64() / without.as_secs_f64()
    );
    Ok(())
}

/// What a file of a burst is called.
fn number(close: &Value) -> usize {
    let path = close["object"]["path"].as_str().expect("a path");
    let name = path.rsplit('/').next().expect("a name");
    name.parse().expect("a number")
}

/// Every close of every round is there, in order, but for as many as the kernel may have skipped.
fn whole(records: &Records) {
    let closes = records.action("file.close");
    let notes: Vec<_> = records.0.iter().map(|record| (**record).clone()).collect();
    let skipped = usize::try_from(gaps(&notes, &["skipped"])).expect("a number");
    let missing = ROUNDS * BURST - closes.len();
    assert!(
        missing <= skipped,
        "{missing} are missing, {skipped} skipped"
    );
    let numbers: Vec<_> = closes.0.iter().map(|close| number(close)).collect();
    let begun_anew = numbers.windows(2).filter(|pair| pair[1] <= pair[0]).count();
    assert_eq!(begun_anew, ROUNDS - 1, "in order");
}

fn nothing_is_hashed_where_that_is_not_wanted() -> Outcome {
    let mut own = Own::new("-unhashed", "hash_max_bytes = 0\n");
    own.shell("printf a >a; rm a");
    let actions = own.end();
    let close = actions.action("file.close");
    assert_eq!(close.one()["effect"], Value::Null);
    assert_eq!(actions.action("file.unlink").one()["effect"], Value::Null);
    let execs = actions.action("process.exec");
    for exec in &execs.0 {
        assert_eq!(exec["object"].get("sha256"), None, "{exec}");
        assert_eq!(exec["object"].get("unhashed"), None, "{exec}");
    }
    assert!(!execs.is_empty());
    Ok(())
}

fn what_is_too_large_says_so() -> Outcome {
    let mut own = Own::new("-large", "hash_max_bytes = 8\n");
    own.shell("printf 12345678 >just; printf 123456789 >over");
    let told = own.end();
    let closes = told.action("file.close");
    let effects = closes.0.iter().map(|close| close["effect"].clone());
    let effects: Vec<_> = effects.collect();
    let just = json!({"size": 8, "sha256": sha256("12345678")});
    let over = json!({"size": 9, "unhashed": "too_large"});
    assert_eq!(effects, [just, over]);
    let execs = told.action("process.exec");
    for exec in &execs.0 {
        assert_eq!(exec["object"]["unhashed"], "too_large", "{exec}");
    }
    assert!(!execs.is_empty());
    Ok(())
}

/// The recorder comes to hash when another file has the name, and maybe the number too, or the same
/// file other content.
fn what_became_of_a_file_before_it_was_hashed_is_told() -> Outcome {
    let mut own = Own::new("-replaced", "");
    own.daemon.signal(Signal::SIGSTOP);
    // Longer than the kernel's time of a change stands still.
    own.shell(
        "printf mine >file; printf one >same; printf x >gone; sleep 0.1; \
         rm file gone; printf theirs >file; printf two >same",
    );
    own.daemon.signal(Signal::SIGCONT);
    let records = own.end();
    let effects = |name: &str| {
        let is_named = |record: &Value| {
            let path = record["object"]["path"].as_str().unwrap_or_default();
            path.rsplit('/').next() == Some(name)
        };
        let closes = records.action("file.close").keep(is_named);
        let effects = closes.0.iter().map(|close| close["effect"].clone());
        effects.collect::<Vec<_>>()
    };
    let [first, last] = &effects("file")[..] else {
        panic!("{records}")
    };
    let is_gone = *first == json!({"size": 4, "unhashed": "gone"});
    // A file system that does not say when a file was made may have used its number again.
    assert!(is_gone || first["changed_since"] == true, "{first}");
    assert_eq!(*last, json!({"size": 6, "sha256": sha256("theirs")}));
    let two = sha256("two");
    let same = effects("same");
    let first = json!({"size": 3, "sha256": two, "changed_since": true});
    // What was there before nobody has read.
    let last = json!({"size": 3, "sha256": two});
    assert_eq!(same, [first, last]);
    let gone = json!({"size": 1, "unhashed": "gone"});
    assert_eq!(effects("gone"), [gone]);
    Ok(())
}
