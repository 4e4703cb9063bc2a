//! The end of a recorder, wanted or not: nothing is lost that is not accounted for.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

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
use crate::tamper::files::names_are_seen;
use crate::{Outcome, tests};

tests![
    sigterm_behind_a_burst_loses_nothing,
    what_is_left_out_is_counted,
    a_killed_recorder_leaves_a_whole_journal_and_a_gap,
    a_journal_that_is_removed_is_said_and_begun_anew,
    where_a_part_of_the_journal_is_removed_the_rest_is_set_aside,
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

fn a_journal_that_is_removed_is_said_and_begun_anew() -> Outcome {
    let (group, home, mut daemon) = recorder("-removed");
    let directory = TempDir::new().unwrap();
    run(
        &group.child("before"),
        directory.path(),
        &steps!["exit", "0"],
    );
    let mut rm = Command::new("rm")
        .arg("-rf")
        .arg(home.journal())
        .spawn()
        .unwrap();
    assert!(rm.wait().unwrap().success());
    // It is ready once more, in the same process.
    daemon.ready();
    let pid = run(
        &group.child("after"),
        directory.path(),
        &steps!["exit", "0"],
    );
    let exit = daemon.follower().wait(|records| {
        let exit = |r: &Value| r["action"] == "process.exit" && r["process"]["pid"] == pid;
        records.iter().any(|record| exit(record)).then_some(())
    });
    assert!(exit.is_some(), "it records again: {}", home.said());
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    let said = home.said();
    assert_eq!(said.matches("THE JOURNAL IS GONE").count(), 1, "{said}");
    let records = home.records();
    assert_eq!(records[0]["seq"], 1, "another journal");
    assert_eq!(records[0]["reason"], "journal_removed", "{}", records[0]);
    let start = records.iter().find(|record| record["change"] == "start");
    assert_eq!(start.unwrap()["kind"], "lifecycle", "by {pid}");
    let detail = records[0]["detail"].as_str().unwrap();
    let by = format!(" [{}]", rm.id());
    let is_told = detail.contains(&by) && said.contains(&by);
    let is_seen = names_are_seen(start.unwrap()).is_ok();
    assert_eq!(is_told, is_seen, "{detail}\n{said}");
    let session = |record: &&Value| record["kind"] == "session";
    assert!(
        records.iter().any(|record| session(&record)),
        "it records again"
    );
    Ok(())
}

fn where_a_part_of_the_journal_is_removed_the_rest_is_set_aside() -> Outcome {
    let (group, home, mut daemon) = recorder("-part-removed");
    let directory = TempDir::new().unwrap();
    let work = |name: &str| run(&group.child(name), directory.path(), &steps!["exit", "0"]);
    let pid = work("before");
    let exits = |daemon: &Daemon, pid: u32| {
        let exit = |r: &Value| r["action"] == "process.exit" && r["process"]["pid"] == pid;
        let found = |records: &[std::sync::Arc<Value>]| {
            records.iter().any(|record| exit(record)).then_some(())
        };
        daemon.follower().wait(found).is_some()
    };
    assert!(exits(&daemon, pid), "it is on disk: {}", home.said());
    let segments = std::fs::read_dir(home.journal()).unwrap().flatten();
    let segments = segments.map(|entry| entry.path());
    for segment in segments.filter(|path| path.extension().is_some_and(|end| end == "jsonl")) {
        std::fs::remove_file(segment).unwrap();
    }
    // It is ready once more, in the same process.
    daemon.ready();
    let pid = work("after");
    assert!(exits(&daemon, pid), "it records again: {}", home.said());
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    assert_eq!(home.records()[0]["reason"], "journal_removed");
    let above = std::fs::read_dir(home.path("")).unwrap().flatten();
    let mut names = above.map(|entry| entry.file_name().into_string().unwrap());
    assert!(
        names.any(|name| name.starts_with("journal.cut-")),
        "{}",
        home.said()
    );
    Ok(())
}
