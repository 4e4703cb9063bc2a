//! Signals at a bad time: while the kernel verifies a program, which it gives up where the thread
//! that loads it has a signal waiting.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use agtrack_tests::daemon::Home;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::{Outcome, tests};

tests![signals_while_it_starts_cost_no_program];

/// How often it is tried.
const ROUNDS: u32 = 3;

/// Between one signal and the next: many of them fall into the time that one program takes.
const PAUSE: Duration = Duration::from_micros(100);

/// SIGHUP again and again, until this is dropped.
struct Shower {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Shower {
    /// Begins as soon as the signal does not end the process.
    fn on(pid: u32) -> Shower {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) && !outlives_hangup(pid) {
                std::thread::sleep(PAUSE);
            }
            let pid = Pid::from_raw(pid as i32);
            while !seen.load(Ordering::Relaxed) && kill(pid, Signal::SIGHUP).is_ok() {
                std::thread::sleep(PAUSE);
            }
        });
        Shower {
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for Shower {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whether a process ignores SIGHUP or takes it.
fn outlives_hangup(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let masks = status.lines().filter_map(|line| {
        let mask = line
            .strip_prefix("SigIgn:")
            .or_else(|| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    // SIGHUP is the first signal.
    masks.fold(0, |all, mask| all | mask) & 1 == 1
}

/// Starts the daemon so that SIGHUP does not end it before it can take it.
fn command(home: &Home) -> Command {
    let daemon = home.command();
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]);
    shell.arg(daemon.get_program()).args(daemon.get_args());
    home.quiet(&mut shell);
    shell
}

/// What a daemon says that it got of the kernel: back end, and each hook with its program.
fn inventory(shower: fn(u32) -> Option<Shower>) -> Value {
    let home = Home::new("shower", &["/agtrack-nowhere/*"]);
    let mut daemon = home.spawn(command(&home));
    let shower = shower(daemon.pid());
    daemon.ready();
    drop(shower);
    let start = daemon.follower().wait(|records| {
        let start = |r: &&Arc<Value>| r["kind"] == "lifecycle" && r["change"] == "start";
        records.iter().find(start).cloned()
    });
    let start = start.expect("the start is recorded");
    let status = daemon.stop(Signal::SIGTERM);
    assert!(status.success(), "{status}: {}", home.said());
    // What fanotify watches is another directory each time.
    let hooks = start["hooks"].as_array().expect("a list of hooks").iter();
    let programs: Vec<_> = hooks.filter(|hook| hook["program"] != "fanotify").collect();
    serde_json::json!({
        "backend": start["backend"],
        "passed_over": start["passed_over"],
        "hooks": programs,
    })
}

fn signals_while_it_starts_cost_no_program() -> Outcome {
    let undisturbed = inventory(|_| None);
    assert!(!undisturbed["hooks"].as_array().unwrap().is_empty());
    for round in 0..ROUNDS {
        let disturbed = inventory(|pid| Some(Shower::on(pid)));
        assert_eq!(disturbed, undisturbed, "round {round}");
    }
    Ok(())
}
