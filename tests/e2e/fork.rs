//! `process.fork`: a process was created; threads are not processes.

use agtrack_tests::steps;
use serde_json::json;

use crate::{Outcome, host::place, tests};

tests![
    a_child_is_named,
    a_spawned_child_is_named,
    namespaces_of_its_own_are_named,
    one_that_waited_for_a_child_is_named,
    threads_are_not_processes
];

fn a_child_is_named() -> Outcome {
    let place = place("fork");
    let mut trigger = place.place_known(&steps!["fork", "+", "getpid", "+", "exit", "7"]);
    trigger.go();
    let ran = trigger.end();
    place.settle(ran.pid);
    let child = ran.pid_of("getpid");
    let records = place.records();
    let forks = records.action("process.fork");
    let fork = forks.one();
    assert_eq!(fork["process"]["pid"], ran.pid);
    assert_eq!(fork["object"]["child_pid"], child);
    let exits = records.action("process.exit").of(child);
    let exit = exits.one();
    assert_eq!(fork["object"]["child_uid"], exit["process"]["uid"]);
    assert_eq!(exit["process"]["ppid"], ran.pid);
    assert_eq!(exit["process"]["parent_uid"], fork["process"]["uid"]);
    assert_eq!(
        exit["process"]["ancestry"][0]["uid"],
        fork["process"]["uid"]
    );
    assert_eq!(exit["process"]["ancestry"][0]["name"], "agtrack-trigger");
    Ok(())
}

/// As most programs start others: the child borrows its parent's memory until it execs.
fn a_spawned_child_is_named() -> Outcome {
    let place = place("spawn");
    let trigger = agtrack_tests::here::trigger();
    let ran = place.run(&steps!["spawn", &trigger, "getpid", "+", "getpid"]);
    let records = place.records();
    let forks = records.action("process.fork");
    let fork = forks.one();
    assert_eq!(fork["process"]["pid"], ran.pid);
    let execs = records.action("process.exec");
    assert_eq!(execs.one()["process"]["uid"], fork["object"]["child_uid"]);
    Ok(())
}

fn namespaces_of_its_own_are_named() -> Outcome {
    let place = place("apart");
    let flags = libc::CLONE_NEWUTS | libc::CLONE_NEWNS | libc::CLONE_NEWUSER;
    for (flags, names) in [
        (flags, json!(["mnt", "uts", "user"])),
        (libc::CLONE_NEWPID, json!(["pid"])),
        (
            libc::CLONE_NEWNET | libc::CLONE_NEWIPC,
            json!(["ipc", "net"]),
        ),
    ] {
        let ran = place.run(&steps!["fork-apart", flags, "+", "getpid"]);
        let forks = place.records().action("process.fork").of(ran.pid);
        assert_eq!(forks.one()["object"]["namespaces"], names);
    }
    Ok(())
}

/// Who leaves the pid namespace stays in it, and the next child does not.
fn one_that_waited_for_a_child_is_named() -> Outcome {
    let place = place("waited");
    let ran = place.run(&steps![
        "unshare",
        libc::CLONE_NEWPID,
        "+",
        "fork",
        "+",
        "getpid"
    ]);
    let forks = place.records().action("process.fork").of(ran.pid);
    assert_eq!(forks.one()["object"]["namespaces"], json!(["pid"]));
    Ok(())
}

fn threads_are_not_processes() -> Outcome {
    let place = place("threads");
    let ran = place.run(&steps!["threads", "4"]);
    assert_eq!(ran.result("threads"), 4);
    place.records().action("process.fork").none();
    place.records().action("process.exit").of(ran.pid).one();
    Ok(())
}
