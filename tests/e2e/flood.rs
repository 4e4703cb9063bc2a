//! One agent floods its ring while another works: nothing of the other is displaced.
//!
//! The recorder is stopped meanwhile, so that the ring fills on every machine alike. With
//! `AGTRACK_FLOOD_MILLIS` it is not: the flood lasts so long, on all processors, the other agent does
//! 2000 actions spread over it, and rings are as large as they are by themselves.

use std::path::Path;

use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use agtrack_tests::launch::Trigger;
use agtrack_tests::{follow, steps};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::contention::{LOST, seen};
use crate::host::{balanced, own_name};
use crate::stop::gaps;
use crate::{Outcome, tests};

tests![the_flood_of_one_agent_displaces_nothing_of_another];

/// How the two go about it.
struct Plan {
    /// Configuration.
    capture: &'static str,
    /// How long the flood lasts, ms.
    millis: usize,
    /// How many opens it has at least, however long they take.
    least: usize,
    /// How often the quiet agent creates, changes, renames and removes a file.
    rounds: usize,
    /// Whether the recorder is stopped meanwhile, and the quiet agent begins behind the flood.
    stopped: bool,
}

impl Plan {
    fn chosen() -> Plan {
        match std::env::var("AGTRACK_FLOOD_MILLIS") {
            Ok(millis) => Plan {
                capture: "",
                millis: millis.parse().expect("a number of milliseconds"),
                rounds: 500,
                least: 0,
                stopped: false,
            },
            Err(_) => Plan {
                capture: "bulk_ring_bytes = 2097152\n",
                millis: 1000,
                // Each takes a hundred bytes of the ring, or more.
                least: 2_097_152 / 100,
                rounds: 125,
                stopped: true,
            },
        }
    }
}

fn the_flood_of_one_agent_displaces_nothing_of_another() -> Outcome {
    let plan = Plan::chosen();
    let (opened, notes) = flood(&plan);
    let last = notes.last().unwrap();
    balanced(last);
    let skipped = if seen(last, "open_lsm").is_some() {
        0
    } else {
        gaps(&notes, &["skipped"])
    };
    let (lost, refused) = (gaps(&notes, LOST), gaps(&notes, &["session_budget"]));
    let recorded = told(&notes, "loud", "file.open");
    let actions = ["file.open", "file.chmod", "file.rename", "file.unlink"];
    let done = actions.map(|action| told(&notes, "quiet", action));
    println!(
        "note: flood: {opened} opens, {recorded} recorded, {lost} lost, {refused} of them over \
         budget; beside it {done:?}"
    );
    assert!(
        recorded + lost + skipped >= opened,
        "{recorded} of {opened}"
    );
    if plan.stopped {
        assert!(refused > 0, "the ring was crowded");
    }
    let of_quiet = |note: &&Value| note["kind"] == "gap" && note["agent"]["name"] == "quiet";
    let gaps_of_quiet: Vec<_> = notes.iter().filter(of_quiet).collect();
    assert!(gaps_of_quiet.is_empty(), "{gaps_of_quiet:?}");
    let missing = 4 * plan.rounds as u64 - done.iter().sum::<u64>();
    assert!(missing <= skipped, "{done:?}, at most {skipped} skipped");
    Ok(())
}

/// How many opens of the flood succeeded, and all records that are not actions.
fn flood(plan: &Plan) -> (u64, Vec<Value>) {
    let parent = Group::new(&own_name("-flood"));
    let (loud, quiet) = (parent.child("loud"), parent.child("quiet"));
    let globs = [&loud, &quiet].map(|group| group.path.display().to_string());
    let mut home = Home::new("loud", &[&globs[0]]);
    home.capture = plan.capture.to_owned();
    home.configure(&[("loud", &[&globs[0]]), ("quiet", &[&globs[1]])]);
    // Not followed: millions of records are too many to keep.
    let mut daemon = home.spawn(home.command());
    daemon.hears("READY=1");
    let directory = TempDir::new().unwrap();
    let path = directory.path().canonicalize().unwrap();
    let (mut storm, mut work) = (storm(plan, &path), work(plan, &path));
    loud.take(storm.pid());
    quiet.take(work.pid());
    if plan.stopped {
        daemon.signal(Signal::SIGSTOP);
    }
    storm.go();
    let stormed = |storm: &mut Trigger| storm.until("storm").1;
    let early = plan.stopped.then(|| stormed(&mut storm));
    work.go();
    let done = work.end().result("rounds");
    assert_eq!(done, 4 * plan.rounds as i64, "all calls succeed");
    let opened = early.unwrap_or_else(|| stormed(&mut storm));
    storm.end();
    if plan.stopped {
        daemon.signal(Signal::SIGCONT);
    }
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    let mut notes = Vec::new();
    follow::each(&home.journal(), |record| {
        if record["kind"] != "action" {
            notes.push(record);
        }
    });
    (u64::try_from(opened).expect("some opens succeed"), notes)
}

/// As many opens as the machine can do: four threads a processor.
fn storm(plan: &Plan, path: &Path) -> Trigger {
    let threads = 4 * std::thread::available_parallelism().map_or(1, usize::from);
    let file = path.join("file");
    std::fs::write(&file, b"").unwrap();
    let steps = steps![
        "storm",
        threads,
        plan.millis,
        plan.least.div_ceil(threads),
        file
    ];
    Trigger::new("/".as_ref(), &steps)
}

/// Steady work, over half of the flood where it goes on meanwhile.
fn work(plan: &Plan, path: &Path) -> Trigger {
    let own = path.join("quiet");
    std::fs::create_dir(&own).unwrap();
    let pause = if plan.stopped {
        0
    } else {
        plan.millis / plan.rounds / 2
    };
    Trigger::new("/".as_ref(), &steps!["rounds", plan.rounds, pause, own])
}

/// How many actions of this name the agent's session had when it was suspended.
fn told(notes: &[Value], agent: &str, action: &str) -> u64 {
    let is_last = |note: &&Value| note["kind"] == "session" && note["change"] == "suspend";
    let mut lasts = notes.iter().filter(is_last);
    let last = lasts.find(|last| last["agent"]["name"] == agent);
    let last = last.unwrap_or_else(|| panic!("the session of {agent} is suspended"));
    last["actions"][action].as_u64().unwrap_or(0)
}
