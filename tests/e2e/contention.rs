//! More producers than processors: whatever is missing, a record says how much and why.

use std::path::Path;

use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use agtrack_tests::launch::Trigger;
use agtrack_tests::records::number;
use agtrack_tests::{follow, here, steps};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::host::{balanced, own_name};
use crate::stop::gaps;
use crate::{Outcome, tests};

tests![every_missing_open_is_accounted_for];

/// Reasons of gaps that say how many events are missing.
pub(crate) const LOST: &[&str] = &[
    "ring_full",
    "map_full",
    "session_budget",
    "oversized",
    "journal_full",
];

/// What a storm came to.
struct Storm {
    opened: u64,
    recorded: u64,
    lifecycle: u64,
    notes: Vec<Value>,
}

fn every_missing_open_is_accounted_for() -> Outcome {
    let storm = storm();
    let last = storm.notes.last().unwrap();
    balanced(last);
    let lost = gaps(&storm.notes, LOST);
    let skipped = gaps(&storm.notes, &["skipped"]);
    let missing = storm.opened.saturating_sub(storm.recorded);
    println!(
        "note: contention: {} opens, {} recorded, {lost} lost, at most {skipped} skipped",
        storm.opened, storm.recorded
    );
    assert!(storm.recorded <= storm.opened, "nothing is invented");
    let program = seen(last, "open_lsm")
        .or(seen(last, "open_fentry"))
        .or(seen(last, "sys_exit"));
    let program = program.unwrap_or_else(|| panic!("the hook counted: {last}"));
    if seen(last, "open_lsm").is_some() {
        assert!(
            program >= storm.opened,
            "LSM programs are never skipped: {program}"
        );
        assert!(missing <= lost, "{missing} are missing, {lost} were lost");
    } else {
        assert!(
            missing <= lost + skipped,
            "{missing} are missing, {lost} lost, {skipped} skipped"
        );
    }
    // One fork, two ends: the storm does not displace them.
    assert_eq!(storm.lifecycle, 3, "{:?}", storm.notes);
    Ok(())
}

/// Runs of the program for opens that concerned it, if it is in use.
pub(crate) fn seen(last: &Value, program: &str) -> Option<u64> {
    let hooks = last["totals"].as_array().unwrap();
    let wanted = |hook: &&Value| {
        hook["action"] == "file.open" && hook["hook"].as_str().unwrap().starts_with(program)
    };
    hooks.iter().find(wanted).map(|hook| number(&hook["seen"]))
}

fn storm() -> Storm {
    let parent = Group::new(&own_name("-storm"));
    let home = Home::new("storm", &[&format!("{}/*", parent.path.display())]);
    let daemon = home.start();
    let group = parent.child("agent");
    let directory = TempDir::new().unwrap();
    let file = directory.path().canonicalize().unwrap().join("file");
    std::fs::write(&file, b"").unwrap();
    let opened = producers(&group, &file);
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    let path = file.to_str().unwrap();
    let (mut recorded, mut lifecycle, mut notes) = (0, 0, Vec::new());
    follow::each(&home.journal(), |record| {
        // A gap names the action it concerns, too.
        if record["kind"] != "action" {
            notes.push(record);
            return;
        }
        match record["action"].as_str() {
            Some("file.open") if record["object"]["path"] == path => {
                recorded += number(&record["completeness"]["count"]);
            }
            Some("process.fork" | "process.exit") => lifecycle += 1,
            _ => {}
        }
    });
    Storm {
        opened,
        recorded,
        lifecycle,
        notes,
    }
}

/// Four threads a processor, in a child; how many opens succeeded.
fn producers(group: &Group, file: &Path) -> u64 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let millis = if here::is_machine() { 1000 } else { 500 };
    let steps = steps!["fork", "+", "storm", 4 * processors, millis, 0, file];
    let mut trigger = Trigger::new("/".as_ref(), &steps);
    group.take(trigger.pid());
    trigger.go();
    let ran = trigger.end();
    u64::try_from(ran.result("storm")).expect("some opens succeed")
}
