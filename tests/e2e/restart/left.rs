//! Agents of which nothing is left when a daemon reads what the kernel recorded of them meanwhile.

use std::sync::Arc;

use agtrack_tests::group::Group;
use agtrack_tests::records::Records;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::pinned::{Pinning, gaps};
use super::{Worker, changes, removed, wait};
use crate::{Outcome, Unable, tests};

tests![
    what_was_done_in_a_cgroup_that_is_gone_is_told,
    what_was_done_for_an_agent_that_is_configured_no_more_is_told,
    what_was_done_in_a_cgroup_that_came_and_went_is_told,
];

/// A worker of whose second removal nobody reads before `change`, and the records of its session.
fn left(name: &str, change: impl FnOnce(&mut Pinning, Group, Worker)) -> Result<Records, Unable> {
    let mut pinning = Pinning::new(name, "");
    let daemon = pinning.start()?;
    let group = pinning.parent.child("agent");
    let path = group.path.to_str().unwrap().to_owned();
    let mut worker = Worker::new(&group);
    wait(&daemon, "what was done before", |r| removed(r, "before"));
    daemon.stop(Signal::SIGKILL);
    worker.works();
    change(&mut pinning, group, worker);
    let daemon = pinning.home.start();
    wait(&daemon, "the end of the session", |record| {
        record["change"] == "end" && record["cgroup"] == path
    });
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = Records::read(&pinning.home.journal());
    let own = records.kind("session");
    let own = own.keep(|record| record["cgroup"] == path);
    let id = &own.0[0]["agent"]["session"];
    let own = records.keep(|record| &record["agent"]["session"] == id);
    let told = own.action("file.unlink");
    told.keep(|record| removed(record, "meanwhile")).one();
    assert_eq!(changes(&own.kind("session").0), ["start", "resume", "end"]);
    assert!(own.kind("session").0[2]["unseen"].is_null(), "{own}");
    assert_eq!(gaps(&records, "not_recording").0.len(), 0, "{records}");
    Ok(own)
}

fn what_was_done_in_a_cgroup_that_is_gone_is_told() -> Outcome {
    let records = left("-pinned-gone", |_, group, mut worker| {
        worker.works();
        worker.trigger.end();
        drop(group);
    })?;
    let after = records.action("file.unlink");
    after.keep(|record| removed(record, "after")).one();
    assert_eq!(records.action("process.exit").0.len(), 1, "{records}");
    Ok(())
}

fn what_was_done_for_an_agent_that_is_configured_no_more_is_told() -> Outcome {
    let mut kept = None;
    let records = left("-pinned-dismissed", |pinning, group, worker| {
        pinning.home.configure(&[("other", &["/nothing/of/it"])]);
        kept = Some((group, worker));
    })?;
    let end = records.kind("session").0.pop().unwrap();
    assert_eq!(end["why"], "not_configured", "{end}");
    Ok(())
}

/// The kernel tags what is made in a place where agents are made, whoever is there to read it.
fn what_was_done_in_a_cgroup_that_came_and_went_is_told() -> Outcome {
    let pinning = Pinning::new("-pinned-passing", "");
    let daemon = pinning.start()?;
    daemon.stop(Signal::SIGTERM);
    let group = pinning.parent.child("agent");
    let path = group.path.to_str().unwrap().to_owned();
    let mut worker = Worker::new(&group);
    worker.works();
    worker.works();
    worker.trigger.end();
    drop(group);
    let daemon = pinning.home.start();
    wait(&daemon, "the end of the session", |record| {
        record["change"] == "end" && record["cgroup"] == path
    });
    assert!(daemon.stop(Signal::SIGTERM).success());
    let records = Records::read(&pinning.home.journal());
    assert_eq!(worker_saw(&records), ["before", "meanwhile", "after"]);
    Ok(())
}

/// The removals of a worker, in their order.
fn worker_saw(records: &Records) -> Vec<&'static str> {
    let names = ["before", "meanwhile", "after"];
    let each = records.action("file.unlink").0;
    let name = |record: &Arc<Value>| names.into_iter().find(|name| removed(record, name));
    each.iter().filter_map(name).collect()
}
