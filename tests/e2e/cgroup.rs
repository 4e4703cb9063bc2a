//! `cgroup.create`, `cgroup.attach`, `cgroup.remove`: what becomes of watched cgroups.

use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::host::{own_name, place};
use crate::{Outcome, tests};

tests![
    a_process_that_comes_in_is_named,
    an_agent_makes_moves_into_and_removes_one,
    a_process_that_goes_out_is_named,
    a_container_is_known_by_its_cgroup,
    what_the_administrator_does_is_not_the_agents,
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

fn a_container_is_known_by_its_cgroup() -> Outcome {
    let place = place("container");
    let id = "4f1c2f0a9be6f2c0d94b1f5d8c1a7e3360b7ad52ce14f9e8b6a5d4c3b2a19080";
    let scope = place.group.child(&format!("docker-{id}.scope"));
    let inner = scope.child("init.scope");
    let files = ["before", "scope", "child", "inner", "after"].map(|name| place.make(name));
    let [before, within, child, deeper, after] = &files;
    place.run(&steps! {
        "openat", "cwd", before, libc::O_RDONLY, "0", "+",
        "write", scope.procs(), "0", "+",
        "openat", "cwd", within, libc::O_RDONLY, "0", "+",
        "write", inner.procs(), "0", "+",
        "openat", "cwd", deeper, libc::O_RDONLY, "0", "+",
        "write", place.group.procs(), "0", "+",
        "openat", "cwd", after, libc::O_RDONLY, "0", "+",
        "write", inner.procs(), "0", "+",
        "fork", "+",
        "openat", "cwd", child, libc::O_RDONLY, "0",
    });
    let container = json!({"runtime": "docker", "id": id});
    let opens = place.records().action("file.open");
    for (path, expected) in [
        (before, &Value::Null),
        (within, &container),
        (deeper, &container),
        (after, &Value::Null),
        (child, &container),
    ] {
        let open = opens.path(path);
        assert_eq!(&open.one()["process"]["container"], expected, "{open}");
    }
    Ok(())
}

fn what_the_administrator_does_is_not_the_agents() -> Outcome {
    let parent = Group::new(&own_name("-admin"));
    let home = Home::new("admin", &[&format!("{}/*", parent.path.display())]);
    let daemon = home.start();
    let group = parent.child("agent");
    let made = daemon.follower().wait(|records| {
        let made = |r: &&std::sync::Arc<Value>| r["action"] == CREATE;
        records.iter().find(made).cloned()
    });
    let made = made.expect("it is recorded by whom the cgroup was made");
    assert_eq!(made["process"]["pid"], std::process::id());
    assert_eq!(made["completeness"]["notes"], json!(["outsider"]), "{made}");
    assert!(daemon.stop(nix::sys::signal::Signal::SIGTERM).success());
    drop(group);
    let records = home.records();
    let suspended = records.iter().find(|r| r["change"] == "suspend").unwrap();
    assert_eq!(
        suspended["actions"],
        Value::Null,
        "none of its own: {suspended}"
    );
    Ok(())
}
