//! Who reached for the recorder and has ended before anybody could look at it: what it was is known
//! from the kernel.

use std::path::Path;

use agtrack_tests::group::Group;
use agtrack_tests::here;
use agtrack_tests::launch::{Ran, Trigger};
use agtrack_tests::place::Place;
use agtrack_tests::records::words;
use agtrack_tests::steps;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::Target;
use crate::host::own_name;
use crate::{Outcome, tests};

tests![
    a_part_of_the_same_service_is_expected,
    of_anybody_else_cgroup_parent_and_arguments_are_told,
    an_agents_process_is_the_agents,
];

/// What is done while the recorder stands still, by processes that are gone when it goes on.
fn behind_its_back<T>(target: &Target, deed: impl FnOnce() -> T) -> T {
    let pid = Pid::from_raw(target.pid() as i32);
    kill(pid, Signal::SIGSTOP).unwrap();
    let until = std::time::Instant::now() + here::patience();
    // The state is the third field (proc_pid_stat(5)).
    let stopped = || {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        tasks.flatten().all(|task| {
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap();
            stat.rsplit(") ").next().unwrap().starts_with('T')
        })
    };
    while !stopped() {
        assert!(std::time::Instant::now() < until, "it does not stop");
        std::thread::yield_now();
    }
    let done = deed();
    kill(pid, Signal::SIGCONT).unwrap();
    done
}

/// A trigger that sends the recorder a signal, and ends.
fn sends(target: &Target, group: Option<&Group>) -> Ran {
    behind_its_back(target, || {
        let steps = steps!["kill", target.pid(), libc::SIGWINCH];
        let mut trigger = Trigger::new(Path::new("/tmp"), &steps);
        if let Some(group) = group {
            group.take(trigger.pid());
        }
        trigger.go();
        trigger.end()
    })
}

fn told(target: &Target, ran: &Ran, by: &str, expected: bool) -> Value {
    let told = target.told_of("tracker.signal", ran.pid);
    assert_eq!(
        (&told["by"], &told["expected"]),
        (&json!(by), &json!(expected)),
        "{told}"
    );
    assert_eq!(told["process"]["ppid"], std::process::id(), "{told}");
    (*told).clone()
}

/// As systemd runs `ExecReload=/bin/kill -HUP $MAINPID`: a child of whoever started the recorder, in
/// the recorder's own cgroup.
fn a_part_of_the_same_service_is_expected() -> Outcome {
    let target = Target::new("-gone-service");
    let ran = sends(&target, None);
    let told = told(&target, &ran, "parent", true);
    assert!(told["process"]["cgroup"].is_string(), "{told}");
    target.stop();
    Ok(())
}

fn of_anybody_else_cgroup_parent_and_arguments_are_told() -> Outcome {
    let target = Target::new("-gone-other");
    // One that was not there when the recorder began.
    let group = Group::new(&own_name("-gone-anybody"));
    let ran = sends(&target, Some(&group));
    let told = told(&target, &ran, "other", false);
    let process = &told["process"];
    assert_eq!(process["cgroup"], group.path.to_str().unwrap(), "{told}");
    let exe = process["exe"].as_str().unwrap();
    assert!(exe.ends_with("agtrack-trigger"), "{told}");
    assert_eq!(
        words(&process["args"])[1..],
        [&b"kill"[..], target.pid().to_string().as_bytes(), b"28"]
    );
    let above = process["ancestry"][0]["uid"].as_str();
    assert_eq!(above, process["parent_uid"].as_str(), "{told}");
    assert!(above.is_some(), "{told}");
    target.stop();
    Ok(())
}

fn an_agents_process_is_the_agents() -> Outcome {
    let target = Target::new("-gone-agent");
    let place = Place::new(&target.group, "agent", target.daemon.follower());
    let ran = sends(&target, Some(&place.group));
    let told = told(&target, &ran, "agent", false);
    assert_eq!(told["agent"]["name"], "agent", "{told}");
    drop(place);
    target.stop();
    Ok(())
}
