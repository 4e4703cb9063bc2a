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

tests![
    every_missing_open_is_accounted_for,
    the_flood_of_one_agent_displaces_nothing_of_another,
];

/// Reasons of gaps that say how many events are missing.
const LOST: &[&str] = &[
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
fn seen(last: &Value, program: &str) -> Option<u64> {
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
    let steps = steps!["fork", "+", "storm", 4 * processors, millis, file];
    let mut trigger = Trigger::new("/".as_ref(), &steps);
    group.take(trigger.pid());
    trigger.go();
    let ran = trigger.end();
    u64::try_from(ran.result("storm")).expect("some opens succeed")
}

/// How often the quiet agent creates, changes, renames and removes a file.
const ROUNDS: usize = 500;

fn the_flood_of_one_agent_displaces_nothing_of_another() -> Outcome {
    let parent = Group::new(&own_name("-flood"));
    let (loud, quiet) = (parent.child("loud"), parent.child("quiet"));
    let globs = [&loud, &quiet].map(|group| group.path.display().to_string());
    let mut home = Home::new("loud", &[&globs[0]]);
    // A quarter of what it is by itself, so that it is crowded soon.
    home.capture = "bulk_ring_bytes = 8388608\n".to_owned();
    home.configure(&[("loud", &[&globs[0]]), ("quiet", &[&globs[1]])]);
    let daemon = home.start();
    let directory = TempDir::new().unwrap();
    let path = directory.path().canonicalize().unwrap();
    std::fs::write(path.join("file"), b"").unwrap();
    let opened = flood(&loud, &quiet, &path);
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    let mut notes = Vec::new();
    follow::each(&home.journal(), |record| {
        if record["kind"] != "action" {
            notes.push(record);
        }
    });
    let last = notes.last().unwrap();
    balanced(last);
    let skipped = if seen(last, "open_lsm").is_some() {
        0
    } else {
        gaps(&notes, &["skipped"])
    };
    let (lost, refused) = (gaps(&notes, LOST), gaps(&notes, &["session_budget"]));
    let recorded = told(&notes, "loud", "file.open");
    println!(
        "note: flood: {opened} opens, {recorded} recorded, {lost} lost, {refused} of them over budget"
    );
    assert!(
        recorded + lost + skipped >= opened,
        "{recorded} of {opened}"
    );
    let of_quiet = |note: &&Value| note["kind"] == "gap" && note["agent"]["name"] == "quiet";
    let gaps_of_quiet: Vec<_> = notes.iter().filter(of_quiet).collect();
    assert!(gaps_of_quiet.is_empty(), "{gaps_of_quiet:?}");
    let actions = ["file.open", "file.chmod", "file.rename", "file.unlink"];
    let done = actions.map(|action| told(&notes, "quiet", action));
    let missing = 4 * ROUNDS as u64 - done.iter().sum::<u64>();
    assert!(missing <= skipped, "{done:?}, at most {skipped} skipped");
    Ok(())
}

/// How many actions of this name the end of the agent's session counts.
fn told(notes: &[Value], agent: &str, action: &str) -> u64 {
    let is_end = |note: &&Value| note["kind"] == "session" && note["change"] == "end";
    let mut ends = notes.iter().filter(is_end);
    let end = ends.find(|end| end["agent"]["name"] == agent);
    let end = end.unwrap_or_else(|| panic!("the session of {agent} has an end"));
    end["actions"][action].as_u64().unwrap_or(0)
}

/// As many opens as the machine can do by the one, and the steady work of the other meanwhile; how
/// many opens succeeded.
fn flood(loud: &Group, quiet: &Group, path: &Path) -> u64 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let usual = if here::is_machine() { 1500 } else { 700 };
    let millis: usize =
        std::env::var("AGTRACK_FLOOD_MILLIS").map_or(usual, |millis| millis.parse().unwrap());
    let pause = millis / ROUNDS / 3;
    let own = path.join("quiet");
    std::fs::create_dir(&own).unwrap();
    let storm = steps![
        "fork",
        "+",
        "storm",
        4 * processors,
        millis,
        path.join("file")
    ];
    let mut storm = Trigger::new("/".as_ref(), &storm);
    let mut work = Trigger::new("/".as_ref(), &steps!["rounds", ROUNDS, pause, own]);
    loud.take(storm.pid());
    quiet.take(work.pid());
    storm.go();
    storm.until("fork");
    work.go();
    let done = work.end().result("rounds");
    assert_eq!(done, 4 * ROUNDS as i64, "all calls succeed");
    u64::try_from(storm.end().result("storm")).expect("some opens succeed")
}
