//! Tricks by which a process would be taken for another one, or what it does for something else. What
//! is recorded of each stands in `docs/adversarial.md`.

use std::os::unix::fs::MetadataExt;

use agtrack_tests::group::Group;
use agtrack_tests::launch::Trigger;
use agtrack_tests::records::{Records, bytes, number, words};
use agtrack_tests::{here, launch, steps};
use libc::{O_RDONLY, O_WRONLY};
use serde_json::json;

use crate::host::{follower, own_name, place, sees_objects};
use crate::{Outcome, Unable, tests};

tests![
    comm_and_arguments_overwritten,
    arguments_flipped_during_exec,
    path_swapped_during_open,
    path_swapped_during_unlink,
    child_born_out_of_the_cgroup,
    child_born_into_the_cgroup_of_another_agent,
    child_given_to_the_grandparent,
    child_of_a_vfork,
    child_of_another_thread,
    thread_that_execs_becomes_another_thread_id,
    process_id_used_again_by_nobody,
    process_id_used_again_by_the_agent,
    double_fork_and_new_session,
    namespaces_change_no_path,
];

const OPEN: &str = "file.open";

/// How often a race is tried; a machine without its own processor is slow.
fn rounds(most: u32) -> u32 {
    if here::is_machine() { most / 5 } else { most }
}

/// `prctl(PR_SET_NAME)`, and other words over what `/proc/PID/cmdline` shows, right after the exec.
fn comm_and_arguments_overwritten() -> Outcome {
    let place = place("disguise");
    let path = place.make("file");
    let program = place.file("program");
    launch::copy(program.as_ref());
    let given = steps!["program", "disguised-open", "kworker/0:1", &path];
    let mut all = steps!["exec", &program].to_vec();
    all.extend(given.iter().cloned());
    let mut trigger = place.place(&all);
    // Both programs wait for a byte before they begin.
    trigger.go();
    trigger.go();
    let ran = trigger.end();
    place.settle(ran.pid);
    assert!(ran.result("disguised-open") >= 0, "{ran:?}");
    let records = place.records();
    let opens = records.action(OPEN).path(&path);
    let execs = records.action("process.exec");
    let process = &opens.one()["process"];
    assert_eq!(bytes(&process["exe"]), program.as_bytes());
    let given: Vec<_> = given.iter().map(|word| word.as_encoded_bytes()).collect();
    assert_eq!(words(&process["args"]), given);
    assert_eq!(words(&execs.one()["object"]["args"]), given);
    Ok(())
}

/// Another thread changes an argument while the kernel copies it: what the new program got counts,
/// and that tells by how it ends.
fn arguments_flipped_during_exec() -> Outcome {
    let place = place("flip-args");
    let trigger = here::trigger();
    let mut met = [0; 2];
    for _ in 0..rounds(20) {
        let mut flipping = place.place(&steps!["flip-exec", trigger.as_path(), "x", "exit", "4"]);
        flipping.go();
        flipping.go();
        let ran = flipping.end();
        place.settle(ran.pid);
        let code = ran.status.code().unwrap();
        assert!([4, 5].contains(&code), "{ran:?}");
        met[code as usize - 4] += 1;
        let execs = place.records().action("process.exec").of(ran.pid);
        let args = words(&execs.one()["object"]["args"]);
        let expect = code.to_string();
        assert_eq!(args, [b"x", &b"exit"[..], expect.as_bytes()]);
    }
    println!("note: the arguments were {met:?} of the two");
    Ok(())
}

/// Another thread changes the path while the kernel reads it: what was opened counts.
fn path_swapped_during_open() -> Outcome {
    let times = rounds(2_000);
    let place = place("flip-open");
    let (first, second) = (place.make("file-a"), place.make("file-b"));
    let ran = place.run(&steps!["flip-open", &first, &second, times]);
    let opens = place
        .records()
        .action(OPEN)
        .of(ran.pid)
        .below(place.directory());
    let count = |path: &str| {
        let inode = std::fs::metadata(path).unwrap().ino();
        let found = opens.path(path);
        for record in &found.0 {
            assert_eq!(number(&record["object"]["inode"]), inode, "{record}");
            assert_eq!(record["outcome"]["result"], "success", "{record}");
        }
        let counts = found.0.iter().map(|r| number(&r["completeness"]["count"]));
        counts.sum::<u64>()
    };
    let (one, other) = (count(&first), count(&second));
    assert_eq!(
        (one + other, one),
        (times.into(), ran.result("flip-open") as u64)
    );
    Ok(())
}

/// What was removed is what is told, where the kernel's own object is seen; elsewhere it is the
/// caller's string as it is after the call, and the record says so.
fn path_swapped_during_unlink() -> Outcome {
    let place = place("flip-unlink");
    for round in 0..rounds(20) {
        let names = ["a", "b"].map(|end| place.make(&format!("file-{round}-{end}")));
        let ran = place.run(&steps!["flip-unlink", &names[0], &names[1], 1]);
        assert_eq!(ran.result("flip-unlink"), 1, "{ran:?}");
        let unlinks = place.records().action("file.unlink").of(ran.pid);
        let unlink = unlinks.one();
        let gone: Vec<_> = names.iter().filter(|name| !exists(name)).collect();
        assert_eq!(gone.len(), 1);
        let told = bytes(&unlink["object"]["path"]);
        let source = &unlink["completeness"]["path_source"];
        if sees_objects() {
            assert_eq!(
                (told, source),
                (gone[0].clone().into_bytes(), &json!("kernel"))
            );
        } else {
            assert!(names.iter().any(|name| name.as_bytes() == told), "{unlink}");
            assert_eq!(source, "argument", "{unlink}");
        }
    }
    Ok(())
}

fn exists(path: &str) -> bool {
    std::fs::exists(path).unwrap()
}

/// `CLONE_INTO_CGROUP`: nothing ever moves it there.
fn child_born_out_of_the_cgroup() -> Outcome {
    let place = place("born-out");
    let path = place.make("file");
    let outside = Group::new(&own_name("-born-out"));
    let ran = place.run(&steps! {
        "into-cgroup", &outside.directory, "+",
        "getpid", "+",
        "openat", "cwd", &path, O_RDONLY, "0",
    });
    let child = ran.pid_of("getpid");
    assert_ne!(child, ran.pid);
    let records = place.records();
    let opens = records.action(OPEN).path(&path);
    let process = &opens.one()["process"];
    assert_eq!(process["pid"], child);
    assert_eq!(process["cgroup"], outside.path.to_str().unwrap());
    let forks = records.action("process.fork");
    assert_eq!(forks.one()["object"]["child_uid"], process["uid"]);
    Ok(())
}

/// It stays its parent's agent's, as one that is moved does.
fn child_born_into_the_cgroup_of_another_agent() -> Outcome {
    let (place, other) = (place("born-from"), place("born-into"));
    let path = place.make("file");
    let ran = place.run(&steps! {
        "into-cgroup", &other.group.directory, "+",
        "getpid", "+",
        "openat", "cwd", &path, O_RDONLY, "0",
    });
    let records = place.records();
    let opens = records.action(OPEN).path(&path);
    let open = opens.one();
    assert_eq!(open["process"]["pid"], ran.pid_of("getpid"));
    assert_eq!(
        open["process"]["cgroup"],
        other.group.path.to_str().unwrap()
    );
    let parents = records.of(ran.pid);
    assert_eq!(open["agent"]["session"], parents.0[0]["agent"]["session"]);
    Ok(())
}

/// `CLONE_PARENT`: who makes the child ends at once, and never was its parent.
fn child_given_to_the_grandparent() -> Outcome {
    let place = place("given");
    let path = place.make("file");
    let trigger = here::trigger();
    let ran = place.run(&steps! {
        "fork", "+", "clone-parent", "+",
        "getpid", "+",
        "openat", "cwd", &path, O_RDONLY, "0", "+",
        "spawn", trigger.as_path(), "getpid",
    });
    let child = ran.pid_of("getpid");
    let records = place.records();
    let forks = records.action("process.fork");
    let made = forks.keep(|fork| fork["object"]["child_pid"] == child);
    let opens = records.action(OPEN).path(&path);
    let process = &opens.one()["process"];
    assert_eq!(process["uid"], made.one()["object"]["child_uid"]);
    assert_ne!(made.one()["process"]["pid"], ran.pid, "who made it is told");
    // The first, who made it, it, and the one that it spawned.
    assert_eq!(forks.len(), 3, "{forks}");
    Ok(())
}

fn child_of_a_vfork() -> Outcome {
    let place = place("vfork");
    let trigger = here::trigger();
    let ran = place.run(&steps!["vfork-exec", trigger.as_path(), "x", "exit", "6"]);
    assert_eq!(ran.result("vfork-exec"), 6);
    let records = place.records();
    let forks = records.action("process.fork");
    let fork = forks.one();
    assert_eq!(fork["process"]["pid"], ran.pid);
    let execs = records.action("process.exec");
    let exec = execs.one();
    assert_eq!(exec["process"]["uid"], fork["object"]["child_uid"]);
    assert_eq!(exec["process"]["parent_uid"], fork["process"]["uid"]);
    Ok(())
}

/// The kernel names the thread as the parent, which began later than the process.
fn child_of_another_thread() -> Outcome {
    let place = place("thread-child");
    let trigger = here::trigger();
    let ran = place.run(&steps! {
        "pause", "50", "+", "thread-vfork-exec", trigger.as_path(), "x", "exit", "6",
    });
    assert_eq!(ran.result("thread-vfork-exec"), 6);
    let records = place.records();
    let forks = records.action("process.fork");
    let parent = &forks.one()["process"]["uid"];
    let execs = records.action("process.exec");
    let process = &execs.one()["process"];
    assert_eq!(&process["parent_uid"], parent, "{process}");
    assert_eq!(&process["ancestry"][0]["uid"], parent, "{process}");
    Ok(())
}

/// The thread takes the id of the first one over; its own ends without an exit.
fn thread_that_execs_becomes_another_thread_id() -> Outcome {
    let place = place("thread");
    let path = place.make("file");
    let program = place.file("program");
    launch::copy(program.as_ref());
    let mut trigger = place.place(&steps! {
        "thread-exec", &program, "x", "openat", "cwd", &path, O_RDONLY, "0",
    });
    trigger.go();
    trigger.go();
    let ran = trigger.end();
    place.settle(ran.pid);
    let records = place.records().of(ran.pid);
    let opens = records.action(OPEN).path(&path);
    assert_eq!(bytes(&opens.one()["process"]["exe"]), program.as_bytes());
    let (execs, exits) = (
        records.action("process.exec"),
        records.action("process.exit"),
    );
    let uid = &execs.one()["process"]["uid"];
    assert_eq!(
        (uid, uid),
        (
            &exits.one()["process"]["uid"],
            &opens.one()["process"]["uid"]
        )
    );
    Ok(())
}

/// Runs a trigger whose child has the process id of `ended` and opens a file.
fn again(trigger: Trigger) -> Result<agtrack_tests::launch::Ran, Unable> {
    let mut trigger = trigger;
    trigger.go();
    let ran = trigger.end();
    match ran.steps.iter().find(|(_, step, _)| step == "reuse") {
        Some((.., ret)) if *ret < 0 => Err(Unable(format!(
            "the kernel gives nobody a process id of one's choice: error {}",
            -ret
        ))),
        _ => Ok(ran),
    }
}

fn reusing(pid: u32, path: &str) -> [Vec<std::ffi::OsString>; 1] {
    [steps! {
        "reuse", pid, "+", "getpid", "+", "openat", "cwd", path, O_WRONLY, "0",
    }
    .to_vec()]
}

/// The tag went with the process: the next one of its id is not the agent's.
fn process_id_used_again_by_nobody() -> Outcome {
    let place = place("reused");
    let path = place.make("file");
    let ended = place.run(&steps!["getpid"]);
    let [steps] = reusing(ended.pid, &path);
    let ran = again(Trigger::new(place.directory().as_ref(), &steps))?;
    assert_eq!(ran.pid_of("getpid"), ended.pid);
    assert!(ran.result("openat") >= 0, "{ran:?}");
    // Something of the agent's that comes later has been recorded by then.
    place.run(&steps!["getpid"]);
    let all = Records(follower().records());
    all.action(OPEN).path(&path).none();
    Ok(())
}

/// Both have the same id, and another uid.
fn process_id_used_again_by_the_agent() -> Outcome {
    let place = place("reusing");
    let path = place.make("file");
    let ended = place.run(&steps!["getpid"]);
    let [steps] = reusing(ended.pid, &path);
    let ran = again(place.place(&steps))?;
    place.settle(ran.pid);
    let records = place.records();
    let opens = records.action(OPEN).path(&path);
    let process = &opens.one()["process"];
    assert_eq!(process["pid"], ended.pid);
    let exits = records.action("process.exit").of(ended.pid);
    assert_eq!(exits.len(), 2, "{exits}");
    assert_ne!(exits.0[0]["process"]["uid"], process["uid"]);
    assert_eq!(exits.0[1]["process"]["uid"], process["uid"]);
    assert_eq!(process["ppid"], ran.pid);
    Ok(())
}

fn double_fork_and_new_session() -> Outcome {
    let place = place("daemon");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "double-fork", "+", "setsid", "+", "getpid", "+",
        "openat", "cwd", &path, O_RDONLY, "0",
    });
    let opens = place.records().action(OPEN).path(&path);
    let process = &opens.one()["process"];
    assert_eq!(process["pid"], ran.pid_of("getpid"));
    let ancestors = process["ancestry"].as_array().unwrap();
    let known = |ancestor: &&serde_json::Value| ancestor["uid"].is_string();
    assert!(ancestors.iter().filter(known).count() >= 2, "{process}");
    Ok(())
}

/// In mount, user and pid namespaces of its own, with a file mounted over another one.
fn namespaces_change_no_path() -> Outcome {
    let place = place("apart");
    let hidden = place.make("hidden");
    std::fs::create_dir(place.file("shown")).unwrap();
    let inner = place.make("shown/inner");
    std::fs::create_dir(place.file("mask")).unwrap();
    let flags = libc::CLONE_NEWNS | libc::CLONE_NEWPID;
    let none = (libc::MS_REC | libc::MS_PRIVATE) as u32;
    let ran = place.run(&steps! {
        "fork-apart", flags, "+",
        "mount", "none", "/", "none", none, 0, "+",
        "mount", place.file("shown"), place.file("mask"), "none", libc::MS_BIND as u32, 0, "+",
        "openat", "cwd", place.file("mask/inner"), O_RDONLY, "0", "+",
        "openat", "cwd", &hidden, O_RDONLY, "0",
    });
    let records = place.records();
    let opens = records.action(OPEN).path(&hidden);
    // Process ids are those of the host, whatever the process takes for its own.
    assert_ne!(opens.one()["process"]["pid"], 2, "{opens}");
    let forks = records.action("process.fork");
    let child = &forks.one()["object"]["child_pid"];
    assert_eq!(&opens.one()["process"]["pid"], child, "{ran:?}");
    // The same file by another place: its inode says which it is.
    let masked = records.action(OPEN).path(place.file("mask/inner"));
    let inode = std::fs::metadata(&inner).unwrap().ino();
    assert_eq!(number(&masked.one()["object"]["inode"]), inode);
    Ok(())
}
