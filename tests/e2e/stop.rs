//! The end of a recorder, wanted or not: nothing is lost that is not accounted for.

use std::collections::BTreeSet;
use std::path::Path;

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::launch::Trigger;
use agtrack_tests::place::Place;
use agtrack_tests::records::bytes;
use agtrack_tests::steps;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::host::{balanced, own_name, total};
use crate::{Outcome, tests};

tests![
    sigterm_behind_a_burst_loses_nothing,
    what_is_left_out_is_counted,
    a_killed_recorder_leaves_a_whole_journal_and_a_gap,
];

fn recorder(name: &str) -> (Group, Home, Daemon) {
    let group = Group::new(&own_name(name));
    let home = Home::new("stop", &[&format!("{}/*", group.path.display())]);
    let daemon = home.start();
    (group, home, daemon)
}

fn run(group: &Group, directory: &Path, steps: &[std::ffi::OsString]) -> u32 {
    let mut trigger = Trigger::new(directory, steps);
    group.take(trigger.pid());
    trigger.go();
    let ran = trigger.end();
    assert!(ran.status.success(), "{ran:?}");
    ran.pid
}

/// Paths of the files that were created.
fn created(records: &[Value]) -> BTreeSet<Vec<u8>> {
    let of = |r: &&Value| r["action"] == "file.open" && r["object"]["created"] == true;
    records
        .iter()
        .filter(of)
        .map(|record| bytes(&record["object"]["path"]))
        .collect()
}

/// Sum of the counts of gap records with one of these reasons.
pub(crate) fn gaps(records: &[Value], reasons: &[&str]) -> u64 {
    let wanted = |r: &&Value| reasons.iter().any(|reason| r["reason"] == *reason);
    records
        .iter()
        .filter(wanted)
        .filter_map(|record| record["count"].as_u64())
        .sum()
}

fn sigterm_behind_a_burst_loses_nothing() -> Outcome {
    const FILES: usize = 2000;
    let (parent, home, daemon) = recorder("-burst");
    let group = parent.child("agent");
    let directory = TempDir::new().unwrap();
    let path = directory.path().canonicalize().unwrap();
    run(&group, &path, &steps!["burst", &path, FILES]);
    let status = daemon.stop(Signal::SIGTERM);
    assert!(status.success(), "{status}: {}", home.said());
    let records = home.records();
    let last = records.last().unwrap();
    balanced(last);
    let created = created(&records);
    let missing: Vec<_> = (0..FILES)
        .filter(|number| !created.contains(format!("{}/{number}", path.display()).as_bytes()))
        .collect();
    let excused = gaps(&records, &["ring_full", "skipped"]);
    assert!(
        missing.len() as u64 <= excused,
        "{missing:?} are missing, {excused} are accounted for"
    );
    assert!(created.len() <= FILES, "nothing is invented");
    Ok(())
}

fn what_is_left_out_is_counted() -> Outcome {
    const PROBES: usize = 100;
    let (parent, home, daemon) = recorder("-filtered");
    let group = parent.child("agent");
    let directory = TempDir::new().unwrap();
    run(
        &group,
        directory.path(),
        &steps!["burst", "/nonexistent", PROBES],
    );
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = home.records();
    let last = records.last().unwrap();
    balanced(last);
    let filtered = total(last, "file.open", "filtered");
    let skipped = gaps(&records, &["skipped"]);
    assert!(
        filtered + skipped >= PROBES as u64,
        "{filtered} of {PROBES} are counted: {last}"
    );
    assert_eq!(created(&records), BTreeSet::new());
    Ok(())
}

fn a_killed_recorder_leaves_a_whole_journal_and_a_gap() -> Outcome {
    let (parent, home, daemon) = recorder("-killed");
    let seen = {
        let place = Place::new(&parent, "first", daemon.follower());
        place.run(&steps!["exit", "3"]);
        place.records()
    };
    let group = parent.child("living");
    let directory = TempDir::new().unwrap();
    let mut living = Trigger::new(directory.path(), &steps!["getpid", "+", "wait"]);
    group.take(living.pid());
    living.go();
    living.until("getpid");
    daemon.stop(Signal::SIGKILL);
    let daemon = home.start();
    let gap = daemon.follower().wait(|records| {
        records
            .iter()
            .find(|r| r["kind"] == "gap" && r["reason"] == "unclean_stop")
            .cloned()
    });
    let gap = gap.expect("the time without a recorder is a gap");
    for record in &seen.0 {
        assert!(
            record["seq"].as_u64() < gap["seq"].as_u64(),
            "the gap comes behind: {gap}"
        );
    }
    // What lived on is recorded again.
    living.go();
    let living = living.end();
    let ended = daemon.follower().wait(|records| {
        let own = |r: &&std::sync::Arc<Value>| {
            r["action"] == "process.exit" && r["process"]["pid"] == living.pid
        };
        records.iter().find(own).cloned()
    });
    assert!(ended.is_some(), "the end of what lived on is recorded");
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = home.records();
    for record in &seen.0 {
        assert!(
            records.contains(record),
            "what was committed is kept: {record}"
        );
    }
    balanced(records.last().unwrap());
    Ok(())
}
