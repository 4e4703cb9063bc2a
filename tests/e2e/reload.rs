//! Configuration: read again on SIGHUP, refused as a whole, and one recorder per journal.

use agtrack_tests::daemon::{Daemon, Home};
use agtrack_tests::group::Group;
use agtrack_tests::here;
use agtrack_tests::place::Place;
use agtrack_tests::steps;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::host::{own_name, sees_objects};
use crate::{Outcome, Unable, tests};

tests![
    a_bad_file_changes_nothing,
    a_good_file_is_in_force,
    two_recorders_want_one_journal,
    probes_stand_there_only_for_somebody,
    what_it_changed_and_ended_is_told,
];

fn recorder(name: &str) -> (Group, Home) {
    let group = Group::new(&own_name(name));
    let home = Home::new("first", &[&format!("{}/*", group.path.display())]);
    (group, home)
}

/// The recorder still does its work.
fn works(daemon: &Daemon, parent: &Group, name: &str) {
    let place = Place::new(parent, name, daemon.follower());
    place.run(&steps!["exit", "0"]);
}

fn a_bad_file_changes_nothing() -> Outcome {
    let (group, home) = recorder("-bad");
    let daemon = home.start();
    works(&daemon, &group, "before");
    std::fs::write(home.config(), "[journal]\ndri = \"/nowhere\"\n").unwrap();
    daemon.signal(Signal::SIGHUP);
    let refused = daemon.follower().wait(|records| {
        let refused = |r: &&std::sync::Arc<serde_json::Value>| r["change"] == "reload_refused";
        records.iter().find(refused).cloned()
    });
    let refused = refused.unwrap_or_else(|| panic!("it is recorded: {}", home.said()));
    assert!(
        refused["detail"].as_str().unwrap().contains("dri"),
        "{refused}"
    );
    assert!(
        home.said().contains("dri"),
        "it is reported: {}",
        home.said()
    );
    works(&daemon, &group, "after");
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn a_good_file_is_in_force() -> Outcome {
    let (group, home) = recorder("-good");
    let mut daemon = home.start();
    let second = Group::new(&own_name("-second"));
    let globs = [group.path.join("*"), second.path.join("*")];
    let globs = globs.each_ref().map(|path| path.to_str().unwrap());
    home.configure(&[("first", &globs[..1]), ("second", &globs[1..])]);
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    let records = daemon.follower().wait(|records| {
        records
            .iter()
            .any(|r| r["change"] == "reload")
            .then(|| records.to_vec())
    });
    let records = records.expect("the reload is recorded");
    let hash =
        |change| records.iter().find(|r| r["change"] == change).unwrap()["config_sha256"].clone();
    assert_ne!(hash("start"), hash("reload"));
    works(&daemon, &group, "one");
    works(&daemon, &second, "two");
    let agents = daemon.follower().records();
    assert!(
        agents.iter().any(|r| r["agent"]["name"] == "second"),
        "the new agent is known"
    );
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn two_recorders_want_one_journal() -> Outcome {
    let (group, home) = recorder("-two");
    let daemon = home.start();
    let output = home
        .command()
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(home.journal().to_str().unwrap()), "{said}");
    assert!(
        said.contains(&daemon.pid().to_string()),
        "it says who holds it: {said}"
    );
    works(&daemon, &group, "still");
    assert!(daemon.stop(Signal::SIGTERM).success());
    home.records();
    Ok(())
}

/// Descriptors of BPF objects that a process has: maps, programs, and what keeps programs attached,
/// which kernels call by different names.
fn objects(daemon: &Daemon) -> usize {
    let files = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap();
    files
        .filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
        .filter(|target| target.to_string_lossy().contains("bpf"))
        .count()
}

fn probes_stand_there_only_for_somebody() -> Outcome {
    if sees_objects() && here::is_kernel_before(5, 13) {
        let reason = "before 5.13 a trampoline that was detached cannot be attached again";
        return Err(Unable(reason.to_owned()));
    }
    let (group, home) = recorder("-idle");
    home.configure(&[]);
    let mut daemon = home.start();
    let idle = objects(&daemon);
    home.configure(&[("first", &[&format!("{}/*", group.path.display())])]);
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    assert!(objects(&daemon) > idle, "attached for somebody");
    works(&daemon, &group, "watched");
    home.configure(&[]);
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    let until = std::time::Instant::now() + here::patience();
    while objects(&daemon) != idle {
        assert!(std::time::Instant::now() < until, "detached again");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(daemon.stop(Signal::SIGTERM).success());
    Ok(())
}

fn what_it_changed_and_ended_is_told() -> Outcome {
    let (group, home) = recorder("-told");
    let mut daemon = home.start();
    let agent = group.child("agent");
    let begun = daemon.follower().wait(|records| {
        let begun = |r: &&std::sync::Arc<serde_json::Value>| r["kind"] == "session";
        records.iter().find(begun).cloned()
    });
    let begun = begun.expect("the session begins");
    home.configure(&[("second", &["/nowhere"]), ("third", &["/there"])]);
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    home.configure(&[("second", &["/elsewhere"]), ("third", &["/there"])]);
    daemon.signal(Signal::SIGHUP);
    daemon.hears("READY=1");
    drop(agent);
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = home.records();
    let changed: Vec<_> = records
        .iter()
        .filter(|record| record["change"] == "reload")
        .map(|record| &record["changed"])
        .collect();
    let expect = [
        json!({ "agents_added": ["second", "third"], "agents_removed": ["first"], "more": 0 }),
        json!({ "agents_changed": ["second"], "keys": ["agents.second.cgroups"], "more": 0 }),
    ];
    assert_eq!(changed, expect.iter().collect::<Vec<_>>());
    let own = |record: &&serde_json::Value| record["agent"]["session"] == begun["agent"]["session"];
    let end = records.iter().rfind(own).unwrap();
    assert_eq!(
        (&end["change"], &end["why"]),
        (&json!("end"), &json!("reload"))
    );
    Ok(())
}
