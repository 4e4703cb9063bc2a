//! The recorder's files: changed by others, and by itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use agtrack_tests::here;
use agtrack_tests::place::Place;
use agtrack_tests::steps;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Target, anybody};
use crate::host::own_name;
use crate::{Outcome, Unable, tests};

tests![
    writing_to_the_journal,
    truncating_by_an_agent,
    names_in_the_journal,
    a_journal_that_is_moved_away,
    the_configuration,
    the_agents_beside_it,
    own_work_is_no_attempt,
    a_process_has_one_uid_in_all_its_records,
];

/// What fanotify got: whether names are seen, or why not.
fn sees_names(target: &Target) -> Result<(), String> {
    names_are_seen(&target.start())
}

/// The same, of the record with which a recorder began.
pub(crate) fn names_are_seen(start: &Value) -> Result<(), String> {
    let hooks = start["hooks"].as_array().unwrap();
    let missing = hooks
        .iter()
        .find(|hook| hook["program"] == "fanotify" && hook["attached"] == false);
    match missing {
        Some(hook) => Err(hook["reason"].as_str().unwrap().to_owned()),
        None => Ok(()),
    }
}

/// The newest segment.
fn segment(journal: &Path) -> PathBuf {
    let files = std::fs::read_dir(journal).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .max()
        .unwrap()
}

/// Waits for the record of a change of a file. It may have others in it that came with this one, of
/// which the most telling gives it its name.
fn about(target: &Target, path: &str, pid: u32, change: &str) -> Arc<Value> {
    let told = target.told(change, |r| {
        let changes = r["changes"].as_array();
        r["process"]["pid"] == pid
            && r["object"]["path"] == path
            && changes.is_some_and(|changes| changes.contains(&json!(change)))
    });
    assert_eq!(told["expected"], false, "{told}");
    told
}

fn path(target: &Target, name: &str) -> String {
    target
        .home
        .journal()
        .join(name)
        .to_str()
        .unwrap()
        .to_owned()
}

/// Reading is no attempt. What is open for writing and closed may have been written.
fn writing_to_the_journal() -> Outcome {
    let target = Target::new("-tamper-files");
    let segment = segment(&target.home.journal()).to_str().unwrap().to_owned();
    let reader = anybody(&steps!["openat", "cwd", &segment, 0, 0]);
    let writer = anybody(&steps!["openat", "cwd", &segment, libc::O_WRONLY, 0]);
    let change = "close_after_write";
    let told = about(&target, &segment, writer.pid, change);
    assert_eq!(told["action"], "tracker.write", "{told}");
    target.records().kind("tamper").of(reader.pid).none();
    target.stop();
    Ok(())
}

/// It has ended when it is looked at, and is known all the same.
fn truncating_by_an_agent() -> Outcome {
    let target = Target::new("-tamper-truncate");
    if let Err(reason) = sees_names(&target) {
        target.stop();
        return Err(Unable(reason));
    }
    // A file that nobody writes now, so that nothing is lost.
    let lock = path(&target, "lock");
    let length = std::fs::metadata(&lock).unwrap().len() as u32;
    let place = Place::new(&target.group, "agent", target.daemon.follower());
    let mut trigger = place.place_known(&steps!["truncate", &lock, length]);
    trigger.go();
    let agent = trigger.end();
    let told = about(&target, &lock, agent.pid, "write");
    assert_eq!(told["action"], "tracker.write", "{told}");
    assert_eq!(told["by"], "agent", "{told}");
    assert_eq!(told["agent"]["name"], "agent", "{told}");
    drop(place);
    target.stop();
    Ok(())
}

fn names_in_the_journal() -> Outcome {
    let target = Target::new("-tamper-names");
    if let Err(reason) = sees_names(&target) {
        target.stop();
        return Err(Unable(reason));
    }
    let segment = segment(&target.home.journal()).to_str().unwrap().to_owned();
    let (own, other) = (path(&target, "own"), path(&target, "other"));
    let mode = libc::S_IFREG | 0o600;
    let made = steps!["mknod", &own, mode, 0, "+", "chmod", &own, 0o644];
    let moved = steps!["+", "rename", &own, &other, "+", "unlink", &other];
    let gone = steps!["+", "unlink", &segment];
    let ran = anybody(&[&made[..], &moved, &gone].concat());
    let about = |path: &str, change| about(&target, path, ran.pid, change)["action"].clone();
    about(&own, "create");
    about(&own, "attribute");
    about(&own, "moved_from");
    about(&other, "moved_to");
    assert_eq!(about(&other, "delete"), "tracker.unlink");
    assert_eq!(about(&segment, "delete"), "tracker.unlink");
    Ok(())
}

fn a_journal_that_is_moved_away() -> Outcome {
    let target = Target::new("-tamper-away");
    if let Err(reason) = sees_names(&target) {
        target.stop();
        return Err(Unable(reason));
    }
    let journal = target.home.journal();
    let away = journal.with_extension("away");
    let ran = anybody(&steps![
        "rename", &journal, &away, "+", "rename", &away, &journal
    ]);
    let told = target.told_of("tracker.rename", ran.pid);
    assert_eq!(told["object"]["path"], journal.to_str().unwrap(), "{told}");
    assert_eq!(told["changes"], json!(["moved_from"]), "{told}");
    target.stop();
    Ok(())
}

fn the_configuration() -> Outcome {
    let target = Target::new("-tamper-config");
    let config = target.home.config();
    let mut shell = Command::new("sh");
    let script = "echo '# more' >> agtrack.toml; echo other > beside; read line";
    let directory = config.parent().unwrap();
    shell
        .args(["-c", script])
        .current_dir(directory)
        .stdin(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    let told = target.told_of("tracker.write", child.id());
    assert_eq!(told["object"]["path"], config.to_str().unwrap(), "{told}");
    // Whatever it is to the recorder, nobody waits for that.
    assert_eq!(told["expected"], false, "{told}");
    let args = told["process"]["args"].as_array().unwrap();
    assert!(args.contains(&json!(script)), "{told}");
    drop(child.stdin.take());
    child.wait().unwrap();
    let all = target.stop();
    let beside = all.iter().filter(|r| r["kind"] == "tamper");
    assert!(
        beside
            .clone()
            .all(|r| !r["object"].to_string().contains("beside"))
    );
    Ok(())
}

/// Any file there may name agents, also one that is new.
fn the_agents_beside_it() -> Outcome {
    let group = Group::new(&own_name("-tamper-agents"));
    let home = Home::new("agent", &[&format!("{}/*", group.path.display())]);
    let agents = home.config().with_file_name("agents.d");
    std::fs::create_dir(&agents).unwrap();
    let target = Target::of(group, home);
    if let Err(reason) = sees_names(&target) {
        return Err(Unable(reason));
    }
    // What a directory says of itself, the kernel tells the one above in the same words.
    let own = agents.to_str().unwrap();
    let changer = anybody(&steps!["chmod", own, 0o750]);
    about(&target, own, changer.pid, "attribute");
    let file = agents.join("new.toml").to_str().unwrap().to_owned();
    let flags = libc::O_WRONLY | libc::O_CREAT;
    let maker = anybody(&steps!["openat", "cwd", &file, flags, "0600"]);
    about(&target, &file, maker.pid, "create");
    let all = target.stop();
    let above = agents.parent().unwrap().to_str().unwrap();
    let of_above = |r: &&Value| r["kind"] == "tamper" && r["object"]["path"] == above;
    assert_eq!(all.iter().find(of_above), None);
    Ok(())
}

fn own_work_is_no_attempt() -> Outcome {
    let group = Group::new(&own_name("-tamper-own"));
    let home = Home::new("agent", &[&format!("{}/*", group.path.display())]);
    let text = std::fs::read_to_string(home.config()).unwrap();
    let text = text.replace("[journal]\n", "[journal]\nsegment_bytes = 1048576\n");
    std::fs::write(home.config(), text).unwrap();
    let daemon = home.start();
    let place = Place::new(&group, "agent", daemon.follower());
    let directory = place.directory().to_owned();
    place.run(&steps!["burst", &directory, 2500]);
    daemon.signal(Signal::SIGHUP);
    let reloaded = |records: &[Arc<Value>]| {
        let reload = |r: &&Arc<Value>| r["change"] == "reload";
        records.iter().find(reload).map(drop)
    };
    daemon.follower().wait(reloaded).expect("it is read again");
    let mut tail = Command::new(here::agtrack());
    tail.args(["tail", "--journal"]).arg(home.journal());
    assert!(tail.stdout(Stdio::null()).status().unwrap().success());
    // Another recorder is turned away before it touches anything.
    let mut other = Command::new(here::agtrack());
    other
        .args(["run", "--journal"])
        .arg(home.journal())
        .args(["--", "true"]);
    let turned_away = other.output().unwrap();
    let said = String::from_utf8_lossy(&turned_away.stderr);
    assert!(said.contains("is in use by process"), "{said}");
    drop(place);
    assert!(daemon.stop(Signal::SIGTERM).success());
    let segments = std::fs::read_dir(home.journal()).unwrap();
    let segments = segments.filter(|file| {
        file.as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|end| end == "jsonl")
    });
    assert!(segments.count() > 1, "it has begun another segment");
    let told = home.records().into_iter().filter(|r| r["kind"] == "tamper");
    let requests: Vec<_> = told
        .map(|r| (r["expected"] == true, r["object"]["request"].clone()))
        .collect();
    // This process has started it, and it has told it to.
    assert_eq!(
        requests,
        [(true, json!("SIGHUP")), (true, json!("SIGTERM"))]
    );
    Ok(())
}

/// What it did last is counted, and told when it has ended.
fn a_process_has_one_uid_in_all_its_records() -> Outcome {
    let target = Target::new("-tamper-uid");
    let config = target.home.config();
    let mut shell = Command::new("sh");
    let script = "echo '# 1' >> agtrack.toml; read line; echo '# 2' >> agtrack.toml";
    shell
        .args(["-c", script])
        .current_dir(config.parent().unwrap())
        .stdin(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    let pid = child.id();
    let first = target.told_of("tracker.write", pid);
    drop(child.stdin.take());
    child.wait().unwrap();
    let later = target.told("the rest", |record| {
        record["process"]["pid"] == pid && record["seq"].as_u64() > first["seq"].as_u64()
    });
    assert_eq!(later["process"]["uid"], first["process"]["uid"], "{later}");
    assert_eq!(later["process"]["exe"], first["process"]["exe"], "{later}");
    assert!(later["process"]["start"].is_string(), "{later}");
    target.stop();
    Ok(())
}
