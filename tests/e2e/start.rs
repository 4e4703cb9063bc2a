//! A start that fails records nothing, so it says nothing about the recorder before it either.

use std::path::Path;

use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::host::own_name;
use crate::{Outcome, tests};

tests![a_failed_start_is_no_unclean_stop];

/// A start that fails behind the opening of the journal.
fn fail(home: &Home) {
    let mut command = home.command();
    command.args([Path::new("--input-log"), Path::new("/proc/no/such/log")]);
    let status = command.status().unwrap();
    assert!(!status.success());
    let said = home.said();
    assert!(said.contains("/proc/no/such/log"), "{said}");
}

fn a_failed_start_is_no_unclean_stop() -> Outcome {
    let group = Group::new(&own_name("-failed-start"));
    let home = Home::new("start", &[&format!("{}/*", group.path.display())]);
    let unclean = || {
        let records = home.records();
        let told = |record: &&Value| record["reason"] == "unclean_stop";
        records.iter().filter(told).count()
    };
    fail(&home);
    assert!(home.start().stop(Signal::SIGTERM).success());
    assert_eq!(unclean(), 0, "on a fresh journal");
    fail(&home);
    assert!(home.start().stop(Signal::SIGTERM).success());
    assert_eq!(unclean(), 0, "behind a clean stop");
    // An unclean stop is still told by the first recorder that can.
    home.start().stop(Signal::SIGKILL);
    fail(&home);
    assert!(home.start().stop(Signal::SIGTERM).success());
    assert_eq!(unclean(), 1);
    Ok(())
}
