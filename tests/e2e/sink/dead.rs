//! A sink whose receiver does not come back.

use agtrack_tests::here;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::trial::anonymous;
use super::{begin, list, recorder, wait_recorded, work};
use crate::{Outcome, tests};

tests![a_dead_sink_costs_no_memory];

/// What the agent does, a part at a time.
const PARTS: usize = 10;
const RECORDS: usize = 5000;
/// So much more memory may be in use in the end, bytes: threads and allocators have their pools.
const SPARE: u64 = 32 << 20;

fn a_dead_sink_costs_no_memory() -> Outcome {
    let (group, home) = recorder("-sink-dead", |home| {
        let path = home.path("nobody.sock");
        format!("[[sinks]]\nname = \"dead\"\ntype = \"unix\"\npath = {path:?}\n")
    });
    // Ten times as many as other sinks have to send.
    let part = here::soak().map_or(RECORDS, |records| records * 10) / PARTS;
    let daemon = begin(&home);
    let mut memory = Vec::new();
    for number in 1..=PARTS {
        work(&group, &format!("w{number}"), part);
        wait_recorded(&home, number * part);
        memory.push(anonymous(&daemon));
    }
    let listed = list(&home);
    let behind = &listed["sinks"][0]["behind"];
    assert!(behind.as_u64() >= Some((PARTS * part) as u64), "{listed}");
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
