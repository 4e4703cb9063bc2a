//! `cgroup.create`, `cgroup.attach`, `cgroup.remove`: what becomes of watched cgroups.

use agtrack_tests::group::Group;
use agtrack_tests::steps;

use crate::host::{own_name, place};
use crate::{Outcome, tests};

tests![
    a_process_that_comes_in_is_named,
    an_agent_makes_moves_into_and_removes_one,
    a_process_that_goes_out_is_named,
];

const CREATE: &str = "cgroup.create";
const ATTACH: &str = "cgroup.attach";
const REMOVE: &str = "cgroup.remove";

fn a_process_that_comes_in_is_named() -> Outcome {
    let place = place("attach");
    let ran = place.run(&steps!["getpid"]);
    let records = place.records();
    let attaches = records.action(ATTACH);
    let object = &attaches.one()["object"];
    assert_eq!(object["cgroup"], place.group.path.to_str().unwrap());
    assert_eq!(object["cgroup_id"], place.group.id());
    assert_eq!(object["target_pid"], ran.pid);
    let exits = records.action("process.exit");
    assert_eq!(object["target_uid"], exits.one()["process"]["uid"]);
    // Who moved it: this process, which belongs to no agent but acted on one's cgroup.
    assert_eq!(attaches.one()["process"]["pid"], std::process::id());
    Ok(())
}

fn an_agent_makes_moves_into_and_removes_one() -> Outcome {
    let place = place("nested");
    let directory = place.group.directory.join("inner");
    let path = format!("{}/inner", place.group.path.display());
    let mut trigger = place.place(&steps! {
        "mkdir", &directory, 0o755, "+",
        "wait", "+",
        "write", directory.join("cgroup.procs"), "0", "+",
        "write", place.group.procs(), "0", "+",
        "rmdir", &directory,
    });
    trigger.go();
    let (pid, ret) = trigger.until("mkdir");
    assert_eq!(ret, 0);
    use std::os::unix::fs::MetadataExt;
    let id = std::fs::metadata(&directory).unwrap().ino();
    let ran = trigger.end();
    assert_eq!(ran.result("rmdir"), 0, "{ran:?}");
    place.settle(pid);
    let records = place.records();
    let create = records.action(CREATE).path(&path);
    assert_eq!(create.one()["object"]["cgroup_id"], id);
    assert_eq!(create.one()["process"]["pid"], pid);
    let attach = records.action(ATTACH).path(&path);
    assert_eq!(attach.one()["object"]["target_pid"], pid);
    assert_eq!(attach.one()["object"]["cgroup_id"], id);
    let remove = records.action(REMOVE).path(&path);
    assert_eq!(remove.one()["object"]["cgroup_id"], id);
    assert_eq!(remove.one()["process"]["pid"], pid);
    Ok(())
}

fn a_process_that_goes_out_is_named() -> Outcome {
    let place = place("leave");
    let outside = Group::new(&own_name("-outside"));
    let ran = place.run(&steps!["write", outside.procs(), "0"]);
    let leave = place
        .records()
        .action(ATTACH)
        .path(outside.path.to_str().unwrap());
    assert_eq!(leave.one()["object"]["target_pid"], ran.pid);
    assert_eq!(leave.one()["process"]["pid"], ran.pid);
    Ok(())
}
