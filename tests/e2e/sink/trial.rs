//! What each sink goes through: while an agent works, its receiver (or the way to it) and the daemon are
//! killed in turn. A soak records more, cuts the network too, and says what a sink costs.

use std::process::Command;
use std::time::Instant;

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::here;
use nix::sys::signal::Signal;
use procfs::process::Process;
use serde_json::Value;

use super::{begin, caught_up, kill_and_start, list, work};
use crate::{Outcome, Unable};

/// How often each is killed.
pub(super) const KILLS: usize = 5;
/// How often the network is cut, where it is the tests' own.
const CUTS: usize = 2;
/// What the agent does at least, in all.
const RECORDS: usize = 2000;

/// What becomes of a receiver, or of the way to it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Turn {
    Kill,
    Start,
}

/// Batches so small that kills meet many of them; in a soak, which also says how fast a sink is, as large
/// as they are.
pub(super) fn batches(records: usize) -> String {
    match here::soak() {
        None => format!("batch_ms = 1\nbatch_records = {records}\n"),
        Some(_) => String::new(),
    }
}

/// Records that must arrive: a daemon that is killed loses what it had not committed.
pub(super) fn least() -> usize {
    here::soak().unwrap_or(RECORDS) * 9 / 10
}

/// Goes through it all, until no agent runs any more and nothing is left to be sent.
pub(super) fn endure(
    group: Group,
    home: &Home,
    mut receiver: impl FnMut(Turn) -> Outcome,
) -> Result<Daemon, Unable> {
    let records = here::soak().unwrap_or(RECORDS) / KILLS;
    let mut daemon = begin(home);
    for round in 0..KILLS {
        work(&group, &format!("a{round}"), records / 2);
        receiver(Turn::Kill)?;
        work(&group, &format!("b{round}"), records / 2);
        receiver(Turn::Start)?;
        if here::soak().is_some() && round < CUTS {
            network("down");
            work(&group, &format!("c{round}"), records / 10);
            network("up");
        }
        daemon = kill_and_start(daemon, home, (round + 1) * records * 9 / 10);
    }
    if here::soak().is_some() {
        caught_up(home);
        receiver(Turn::Kill)?;
        work(&group, "measured", records * 2);
        assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
        receiver(Turn::Start)?;
        daemon = begin(home);
        measure(&daemon, home);
    }
    drop(group);
    caught_up(home);
    Ok(daemon)
}

/// Ends a daemon whose receivers say what they took; they have everything then.
pub(super) fn delivered(daemon: Daemon, home: &Home) {
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    nothing_refused(&caught_up(home));
}

/// Ends a daemon whose receivers say nothing. What it sent last becomes sure with the next one, which
/// is killed.
pub(super) fn sent(daemon: Daemon, home: &Home) {
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    let daemon = begin(home);
    nothing_refused(&caught_up(home));
    daemon.stop(Signal::SIGKILL);
}

fn nothing_refused(listed: &Value) {
    for sink in sinks(listed) {
        assert_eq!(sink["refused"], 0, "{listed}");
    }
}

/// Cuts the network, or mends it.
pub(crate) fn network(state: &str) {
    let mut command = Command::new("ip");
    let status = command.args(["link", "set", "lo", state]).status();
    assert!(status.is_ok_and(|status| status.success()), "ip runs");
}

/// Says how fast the sinks of a daemon that has just begun catch up, and at what cost.
fn measure(daemon: &Daemon, home: &Home) {
    let process = Process::new(daemon.pid() as i32).expect("the daemon runs");
    let used = || {
        let stat = process.stat().expect("the daemon runs");
        (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64
    };
    let behind = || {
        let listed = list(home);
        let each = sinks(&listed).iter().map(|sink| sink["behind"].as_u64());
        each.map(|behind| behind.expect("a number")).sum::<u64>()
    };
    let (begin, before) = (Instant::now(), used());
    let all = behind();
    caught_up(home);
    let (took, used) = (begin.elapsed().as_secs_f64(), used() - before);
    let memory = anonymous(daemon) >> 20;
    let mut kinds = home
        .sinks
        .lines()
        .filter(|line| line.starts_with("type = "));
    println!(
        "note: {}: {all} records in {took:.1} s, {:.0}/s; {:.0} ms of processor for 10,000; RssAnon {memory} MiB",
        kinds.next().unwrap_or_default(),
        all as f64 / took,
        used * 1e7 / all as f64,
    );
}

/// Memory of a daemon that is nobody else's, bytes.
pub(super) fn anonymous(daemon: &Daemon) -> u64 {
    let process = Process::new(daemon.pid() as i32).expect("the daemon runs");
    let status = process.status().expect("the daemon runs");
    status.rssanon.expect("the kernel says it") << 10
}

fn sinks(listed: &Value) -> &Vec<Value> {
    listed["sinks"].as_array().expect("a list")
}
