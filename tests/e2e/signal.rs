//! `process.signal`: a process sent a signal to another one.

use std::process::{Child, Command, Stdio};

use agtrack_tests::steps;
use serde_json::json;

use crate::host::place;
use crate::open::has_i386;
use crate::{Outcome, tests};

tests![
    every_way_to_send_one,
    one_to_itself_is_not_recorded,
    what_the_kernel_sends_is_not_recorded,
    one_that_is_not_allowed_was_not_sent,
    i386_calls_are_seen,
];

const ACTION: &str = "process.signal";

/// A process outside, which waits; ended when it is dropped.
struct Other(Child);

impl Other {
    fn new() -> Other {
        let mut cat = Command::new("cat");
        let child = cat.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Other(child.expect("cat can be run"))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn every_way_to_send_one() -> Outcome {
    let place = place("signals");
    let other = Other::new();
    let pid = other.pid();
    place.run(&steps! {
        "kill", pid, libc::SIGCONT, "+",
        "tgkill", pid, pid, libc::SIGURG, "+",
        "kill", pid, libc::SIGKILL,
    });
    let sent = place.records().action(ACTION);
    let requests: Vec<_> = sent
        .0
        .iter()
        .map(|record| &record["object"]["request"])
        .collect();
    assert_eq!(requests, ["SIGCONT", "SIGURG", "SIGKILL"], "{sent}");
    for record in &sent.0 {
        assert_eq!(record["object"]["target_pid"], pid, "{record}");
        let uid = record["object"]["target_uid"].as_str().unwrap();
        assert!(uid.contains(&format!("-{pid}-")), "{record}");
        let success = json!({"result": "success", "errno": null});
        assert_eq!(record["outcome"], success, "{record}");
    }
    Ok(())
}

fn one_to_itself_is_not_recorded() -> Outcome {
    let place = place("itself");
    place.run(&steps!["signal", libc::SIGTERM]);
    place.records().action(ACTION).none();
    Ok(())
}

/// `SIGCHLD` to the parent, when a child ends.
fn what_the_kernel_sends_is_not_recorded() -> Outcome {
    let place = place("chld");
    place.run(&steps!["fork"]);
    place.records().action(ACTION).none();
    Ok(())
}

fn one_that_is_not_allowed_was_not_sent() -> Outcome {
    let place = place("refused");
    let other = Other::new();
    let ran = place.run(&steps! {
        "setuid", 65534, "+",
        "kill", other.pid(), libc::SIGKILL,
    });
    assert_eq!(ran.result("kill") as i32, -libc::EPERM);
    place.records().action(ACTION).none();
    Ok(())
}

fn i386_calls_are_seen() -> Outcome {
    has_i386()?;
    let place = place("i386");
    let other = Other::new();
    place.run(&steps!["kill32", other.pid(), libc::SIGHUP]);
    let sent = place.records().action(ACTION);
    assert_eq!(sent.one()["object"]["request"], "SIGHUP");
    Ok(())
}
