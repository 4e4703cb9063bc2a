//! What agents write, remove, rename and execute is told with its hash, or with why there is none.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::launch::{self, Ran, Trigger};
use agtrack_tests::place::Place;
use agtrack_tests::records::Records;
use agtrack_tests::steps;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::host::{balanced, own_name, place};
use crate::{Outcome, tests};

tests![
    what_was_written_has_the_hash_of_its_content,
    what_is_written_again_has_the_hash_before,
    what_is_removed_carries_its_last_hash,
    what_is_renamed_carries_its_last_hash,
    a_file_that_is_renamed_over_another_at_once_is_hashed,
    programs_and_scripts_are_hashed,
    a_program_without_a_name_is_hashed_while_it_runs,
    nothing_is_known_of_what_nobody_wrote,
    what_is_no_data_is_not_read,
];

/// Of the recorder: with one back end.
pub(crate) const OF_RECORDER: &[crate::Test] = &[
    (
        "a_burst_of_files_is_recorded_whole",
        a_burst_of_files_is_recorded_whole,
    ),
    (
        "nothing_is_hashed_where_that_is_not_wanted",
        nothing_is_hashed_where_that_is_not_wanted,
    ),
    ("what_is_too_large_says_so", what_is_too_large_says_so),
    (
        "what_became_of_a_file_before_it_was_hashed_is_told",
        what_became_of_a_file_before_it_was_hashed_is_told,
    ),
];

/// Files of a burst.
const BURST: usize = 1000;
/// How often the time of a burst is taken.
const ROUNDS: usize = 5;

fn sha256(content: impl AsRef<[u8]>) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A shell in the place, to its end.
fn shell(place: &Place, script: &str) -> Ran {
    let ran = place.run(&steps!["exec", "/bin/sh", "sh", "-c", script]);
    assert!(ran.status.success(), "{script}: {ran:?}");
    ran
}

/// What came of the only action of this name on a file.
fn effect(place: &Place, action: &str, path: &str) -> Value {
    place.records().action(action).path(path).one()["effect"].clone()
}

fn what_was_written_has_the_hash_of_its_content() -> Outcome {
    let place = place("written");
    shell(&place, "printf content >file; : >empty");
    let told = effect(&place, "file.close", &place.file("file"));
    assert_eq!(told, json!({"size": 7, "sha256": sha256("content")}));
    let told = effect(&place, "file.close", &place.file("empty"));
    assert_eq!(told, json!({"size": 0, "sha256": sha256("")}));
    Ok(())
}

fn what_is_written_again_has_the_hash_before() -> Outcome {
    let place = place("again");
    shell(&place, "printf one >file");
    shell(&place, "printf three >>file");
    let closes = place.records().action("file.close");
    let closes = closes.path(place.file("file"));
    assert_eq!(closes.len(), 2, "{closes}");
    let (one, three) = (sha256("one"), sha256("onethree"));
    let told = [0, 1].map(|index| closes.0[index]["effect"].clone());
    let again = json!({"size": 8, "sha256": three, "previous_sha256": one});
    assert_eq!(told, [json!({"size": 3, "sha256": one}), again]);
    Ok(())
}

/// `as_of` is a time between that of two records.
fn within(effect: &Value, place: &Place, path: &str) {
    let as_of = effect["as_of"].as_str().expect("a time");
    let closed = place.records().action("file.close").path(path);
    let closed = closed.0[0]["time"].as_str().expect("a time").to_owned();
    assert!(*as_of >= *closed, "{effect}: it was closed at {closed}");
}

fn what_is_removed_carries_its_last_hash() -> Outcome {
    let place = place("removed");
    let path = place.file("file");
    shell(&place, "printf content >file");
    place.run(&steps!["unlink", &path]);
    let told = effect(&place, "file.unlink", &path);
    within(&told, &place, &path);
    assert_eq!(told["sha256"], sha256("content"), "{told}");
    assert_eq!(told["size"], 7, "{told}");
    Ok(())
}

fn what_is_renamed_carries_its_last_hash() -> Outcome {
    let place = place("renamed");
    let (old, new) = (place.file("old"), place.file("new"));
    shell(&place, "printf content >old; printf other >new");
    place.run(&steps!["rename", &old, &new]);
    place.run(&steps!["unlink", &new]);
    let told = effect(&place, "file.rename", &old);
    within(&told, &place, &old);
    assert_eq!(told["sha256"], sha256("content"), "{told}");
    assert_eq!(told["previous_sha256"], sha256("other"), "{told}");
    let told = effect(&place, "file.unlink", &new);
    assert_eq!(told["sha256"], sha256("content"), "{told}");
    Ok(())
}

/// As editors do it.
fn a_file_that_is_renamed_over_another_at_once_is_hashed() -> Outcome {
    let place = place("over");
    let (file, beside) = (place.file("file"), place.file("file.tmp"));
    shell(&place, "printf old >file");
    place.run(&steps! {
        "keep", &beside, libc::O_WRONLY | libc::O_CREAT, 0o644, "+",
        "put-write", 0, 10, "+", "drop", 0, "+", "rename", &beside, &file,
    });
    let content = sha256(std::fs::read(&file).unwrap());
    let told = effect(&place, "file.close", &beside);
    assert_eq!(told, json!({"size": 10, "sha256": content}));
    let told = effect(&place, "file.rename", &beside);
    assert_eq!(told["sha256"], content, "{told}");
    assert_eq!(told["previous_sha256"], sha256("old"), "{told}");
    Ok(())
}

/// The exec of the program with these arguments; the trigger's own is not told.
fn exec(place: &Place, exe: &str) -> Value {
    let execs = place.records().action("process.exec").path(exe);
    execs.one()["object"].clone()
}

fn programs_and_scripts_are_hashed() -> Outcome {
    let place = place("programs");
    let (program, script) = (place.file("program"), place.file("script"));
    launch::copy(program.as_ref());
    std::fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    std::fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    for _ in 0..2 {
        place.run(&steps!["exec", &program, "program", "exit", "0"]);
    }
    let expect = sha256(std::fs::read(&program).unwrap());
    let execs = place.records().action("process.exec").path(&program);
    assert_eq!(execs.len(), 2, "{execs}");
    for exec in &execs.0 {
        assert_eq!(exec["object"]["sha256"], *expect, "{exec}");
        assert_eq!(exec["object"].get("script_sha256"), None, "{exec}");
        assert_eq!(exec["effect"], Value::Null, "{exec}");
    }
    place.run(&steps!["exec", &script, "script"]);
    let execs = place.records().action("process.exec");
    let execs = execs.keep(|record| record["object"]["script"] == *script);
    let object = &execs.one()["object"];
    let expect = sha256(std::fs::read("/bin/sh").unwrap());
    assert_eq!(object["sha256"], *expect, "{object}");
    let expect = sha256(std::fs::read(&script).unwrap());
    assert_eq!(object["script_sha256"], *expect, "{object}");
    assert_eq!(object.get("script_changed_since"), None, "{object}");
    Ok(())
}

fn a_program_without_a_name_is_hashed_while_it_runs() -> Outcome {
    let place = place("nameless");
    let program = place.file("program");
    launch::copy(program.as_ref());
    let expect = sha256(std::fs::read(&program).unwrap());
    let steps = steps!["exec", &program, "program", "exit", "0"];
    let mut trigger = place.place(&steps);
    trigger.go();
    trigger.until("ready");
    std::fs::remove_file(&program).unwrap();
    let pid = trigger.pid();
    // It still runs when its exec is told.
    place.wait("the exec", |record| record["action"] == "process.exec");
    trigger.go();
    drop(trigger.end());
    place.settle(pid);
    assert_eq!(exec(&place, &program)["sha256"], *expect);
    Ok(())
}

fn nothing_is_known_of_what_nobody_wrote() -> Outcome {
    let place = place("unknown");
    let (one, two) = (place.make("one"), place.make("two"));
    let new = place.file("new");
    place.run(&steps!["unlink", &one, "+", "rename", &two, &new]);
    assert_eq!(effect(&place, "file.unlink", &one), Value::Null);
    assert_eq!(effect(&place, "file.rename", &two), Value::Null);
    Ok(())
}

/// What the kernel makes up when it is read.
fn what_is_no_data_is_not_read() -> Outcome {
    let place = place("pseudo");
    shell(&place, "printf name >/proc/self/comm");
    let closes = place.records().action("file.close");
    let closes = closes.keep(|record| {
        let path = record["object"]["path"].as_str().unwrap_or_default();
        path.starts_with("/proc/")
    });
    // The shell is gone by then, and its directory in /proc with it.
    for close in &closes.0 {
        assert_eq!(close["effect"].get("sha256"), None, "{close}");
        let reasons = [json!("not_regular"), json!("gone")];
        assert!(reasons.contains(&close["effect"]["unhashed"]), "{close}");
    }
    assert!(!closes.is_empty(), "{}", place.records());
    Ok(())
}

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
    assert_eq!(counts.values().sum::<usize>(), ROUNDS * BURST, "{counts:?}");
    for (number, close) in hashed.action("file.close").0.iter().enumerate() {
        let name = (number % BURST).to_string();
        let path = close["object"]["path"].as_str().expect("a path");
        assert_eq!(path.rsplit('/').next(), Some(&*name), "in order");
        if let Some(hash) = close["effect"]["sha256"].as_str() {
            assert_eq!(hash, sha256(&name), "{close}");
        }
    }
    assert_eq!(bare.action("file.close").len(), ROUNDS * BURST);
    let [with, without] = fastest;
    println!(
        "note: {ROUNDS} bursts of {BURST} files: {counts:?}; the fastest took {with:?}, without \
         hashing {without:?}: {:.2} times",
        with.as_secs_f64() / without.as_secs_f64()
    );
    Ok(())
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
    let last = json!({"size": 3, "sha256": two, "previous_sha256": two});
    assert_eq!(same, [first, last]);
    let gone = json!({"size": 1, "unhashed": "gone"});
    assert_eq!(effects("gone"), [gone]);
    Ok(())
}
