//! Tags follow the work: whatever a process does to get away, its doings stay the agent's.

use agtrack_tests::group::Group;
use agtrack_tests::launch::Trigger;
use agtrack_tests::records::number;
use agtrack_tests::{here, steps};
use libc::O_RDONLY;

use crate::host::{follower, own_name, place};
use crate::{Outcome, tests};

tests![
    a_daemon_without_parents_stays_the_agents,
    moving_out_of_the_cgroup_changes_nothing,
    a_nested_cgroup_made_later_belongs_to_it,
    being_born_into_the_cgroup_is_enough,
    ending_the_first_thread_hides_nothing,
    another_root_hides_nothing,
    what_is_outside_is_nobodys,
];

const OPEN: &str = "file.open";

fn a_daemon_without_parents_stays_the_agents() -> Outcome {
    let place = place("daemon");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "double-fork", "+",
        "getpid", "+",
        "openat", "cwd", &path, O_RDONLY, "0",
    });
    let grandchild = ran.pid_of("getpid");
    let records = place.records();
    let opens = records.action(OPEN).path(&path);
    let process = &opens.one()["process"];
    assert_eq!(number(&process["pid"]), u64::from(grandchild));
    let forks = records.action("process.fork");
    assert_eq!(forks.len(), 2, "{forks}");
    // Its parents ended before it opened the file, and are still named.
    let ancestry: Vec<_> = process["ancestry"].as_array().unwrap().iter().collect();
    assert_eq!(ancestry[0]["uid"], forks.0[1]["process"]["uid"]);
    assert_eq!(ancestry[1]["uid"], forks.0[0]["process"]["uid"]);
    Ok(())
}

fn moving_out_of_the_cgroup_changes_nothing() -> Outcome {
    let place = place("mover");
    let (first, second) = (place.make("first"), place.make("second"));
    let outside = Group::new(&own_name("-refuge"));
    place.run(&steps! {
        "write", outside.procs(), "0", "+",
        "openat", "cwd", &first, O_RDONLY, "0", "+",
        "fork", "+",
        "openat", "cwd", &second, O_RDONLY, "0",
    });
    let opens = place.records().action(OPEN);
    for path in [&first, &second] {
        let found = opens.path(path);
        let cgroup = outside.path.to_str().unwrap();
        assert_eq!(found.one()["process"]["cgroup"], cgroup, "{found}");
    }
    Ok(())
}

fn a_nested_cgroup_made_later_belongs_to_it() -> Outcome {
    let place = place("outer");
    let path = place.make("file");
    let middle = place.group.child("a");
    let inner = middle.child("b");
    let mut trigger = Trigger::new(
        place.directory().as_ref(),
        &steps!["openat", "cwd", &path, O_RDONLY, "0"],
    );
    inner.take(trigger.pid());
    trigger.go();
    let ran = trigger.end();
    place.settle(ran.pid);
    let opens = place.records().action(OPEN).path(&path);
    assert_eq!(
        opens.one()["process"]["cgroup"],
        inner.path.to_str().unwrap()
    );
    Ok(())
}

fn being_born_into_the_cgroup_is_enough() -> Outcome {
    let place = place("born");
    let path = place.make("file");
    let mut trigger = Trigger::new(
        place.directory().as_ref(),
        &steps! {
            "into-cgroup", &place.group.directory, "+",
            "getpid", "+",
            "openat", "cwd", &path, O_RDONLY, "0",
        },
    );
    trigger.go();
    let ran = trigger.end();
    let child = ran.pid_of("getpid");
    assert_ne!(child, ran.pid);
    place.wait("the end of what was born into the cgroup", |record| {
        record["action"] == "process.exit" && record["process"]["pid"] == child
    });
    let opens = place.records().action(OPEN).path(&path);
    let actor = &opens.one()["process"];
    assert_eq!(actor["pid"], child);
    assert!(actor["exe"].is_string(), "what it runs is known: {actor}");
    assert_eq!(actor["cgroup"], place.group.path.to_str().unwrap());
    place.records().of(ran.pid).action(OPEN).none();
    Ok(())
}

/// The kernel shows a process as a zombie once its first thread has ended, whatever the others do.
fn ending_the_first_thread_hides_nothing() -> Outcome {
    let place = place("headless");
    let path = place.make("file");
    // Longer than a recorder waits between looks at which processes are still there.
    let pause = if here::is_machine() { 10_000 } else { 3_000 };
    let ran = place.run(&steps! {
        "in-thread", "+",
        "pause", pause, "+",
        "openat", "cwd", &path, O_RDONLY, "0",
    });
    assert_eq!(ran.pid_of("openat"), ran.pid);
    place.records().action(OPEN).path(&path).one();
    Ok(())
}

fn another_root_hides_nothing() -> Outcome {
    let place = place("chroot");
    std::fs::create_dir(place.file("jail")).unwrap();
    let path = place.make("jail/file");
    place.run(&steps! {
        "chroot", place.file("jail"), "+",
        "chdir", "/", "+",
        "openat", "cwd", "/file", O_RDONLY, "0",
    });
    let opens = place.records().action(OPEN).below(place.directory());
    assert_eq!(opens.one()["object"]["path"], path);
    Ok(())
}

fn what_is_outside_is_nobodys() -> Outcome {
    let place = place("outside");
    let path = place.make("file");
    let steps = steps!["openat", "cwd", &path, O_RDONLY, "0"];
    let mut outsider = Trigger::new(place.directory().as_ref(), &steps);
    outsider.go();
    let outsider = outsider.end();
    let insider = place.run(&steps);
    let all = agtrack_tests::records::Records(follower().records());
    let opens = all.action(OPEN).path(&path);
    assert_eq!(opens.one()["process"]["pid"], insider.pid);
    assert_eq!(all.of(outsider.pid).len(), 0, "{}", all.of(outsider.pid));
    Ok(())
}
