//! A sink whose receiver does not come back.

use std::time::{Duration, Instant};

use agtrack_tests::daemon::Home;
use agtrack_tests::here;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::trial::anonymous;
use super::{list, recorder, work};
use crate::{Outcome, tests};

tests![a_dead_sink_costs_no_memory];

/// What the agent does, a part at a time.
const PARTS: usize = 10;
const RECORDS: usize = 5000;
/// So much more memory may be in use in the end, bytes: threads and allocators have their pools.
const SPARE: u64 = 16 << 20;

fn a_dead_sink_costs_no_memory() -> Outcome {
    let (group, home) = recorder("-sink-dead", |home| {
        let path = home.path("nobody.sock");
        format!("[[sinks]]\nname = \"dead\"\ntype = \"unix\"\npath = {path:?}\n")
    });
    // Ten times as many as other sinks have to send.
    let part = here::soak().map_or(RECORDS, |records| records * 10) / PARTS;
    // Not followed: the test would need the memory that the daemon does not.
    let mut daemon = home.spawn(home.command());
    daemon.hears("READY=1");
    let mut memory = Vec::new();
    for number in 1..=PARTS {
        work(&group, &format!("w{number}"), part);
        wait_behind(&home, number * part);
        memory.push(anonymous(&daemon));
    }
    let (behind, listed) = behind(&home);
    assert_ne!(listed["sinks"][0]["error"], Value::Null, "{listed}");
    let shown: Vec<_> = memory
        .iter()
        .map(|bytes| format!("{:.1}", *bytes as f64 / 1048576.0))
        .collect();
    println!(
        "note: {behind} records behind, RssAnon on the way there, MiB: {}",
        shown.join(" ")
    );
    assert!(memory[PARTS - 1] < memory[0] + SPARE, "{memory:?}");
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    Ok(())
}

/// How far the sink is behind, in records, and all that is said of it.
fn behind(home: &Home) -> (usize, Value) {
    let listed = list(home);
    let behind = listed["sinks"][0]["behind"].as_u64();
    (behind.expect("a number") as usize, listed)
}

fn wait_behind(home: &Home, records: usize) {
    let until = Instant::now() + here::patience();
    loop {
        let (behind, listed) = behind(home);
        if behind >= records {
            return;
        }
        assert!(
            Instant::now() < until,
            "{records}: {listed}\n{}",
            home.said()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}
