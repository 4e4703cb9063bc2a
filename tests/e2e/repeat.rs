//! Opens of the same file again and again: counted, unless each is asked for.

use std::ffi::OsString;
use std::path::Path;

use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use agtrack_tests::launch::Trigger;
use agtrack_tests::records::{Records, number};
use agtrack_tests::steps;
use libc::{O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::host::{balanced, own_name};
use crate::{Outcome, tests};

tests![
    reading_again_is_counted,
    writing_again_is_told,
    each_thread_and_each_name_has_its_own_count,
    a_second_later_it_is_told_again,
    each_is_told_where_that_is_asked_for,
    what_follows_one_that_failed_is_told_whole,
];

/// What a recorder of its own tells of the trigger's steps in an empty directory.
fn recorded(test: &str, reads: &'static str, steps: impl FnOnce(&str) -> Vec<OsString>) -> Records {
    let directory = TempDir::new().unwrap();
    let path = directory.path().canonicalize().unwrap();
    std::fs::write(path.join("file"), b"").unwrap();
    std::fs::hard_link(path.join("file"), path.join("other")).unwrap();
    let steps = steps(path.join("file").to_str().unwrap());
    recorded_in(&path, test, (reads, ""), &steps)
}

/// The same in a directory that is there, with more lines for `[capture]`.
pub(crate) fn recorded_in(
    directory: &Path,
    test: &str,
    (reads, capture): (&'static str, &str),
    steps: &[OsString],
) -> Records {
    let parent = Group::new(&own_name(&format!("-{test}")));
    let mut home = Home::new("repeat", &[&format!("{}/*", parent.path.display())]);
    home.reads = reads;
    home.capture = capture.to_owned();
    home.configure(&[("repeat", &[&format!("{}/*", parent.path.display())])]);
    let daemon = home.start();
    let group = parent.child("agent");
    let mut trigger = Trigger::new(directory, steps);
    group.take(trigger.pid());
    trigger.go();
    trigger.end();
    assert!(daemon.stop(Signal::SIGTERM).success(), "{}", home.said());
    let records = home.records();
    balanced(records.last().unwrap());
    Records(records.into_iter().map(Into::into).collect())
}

/// How many opens of a file the records stand for, one number a record.
pub(crate) fn counts(records: &Records, file: &str) -> Vec<u64> {
    let opens = records.action("file.open").path(file);
    let count = |open: &Value| number(&open["completeness"]["count"]);
    opens.0.iter().map(|open| count(open)).collect()
}

/// Opens that the kernel counted only: as the ends of processes say, and the session's last record.
fn untold(records: &Records) -> u64 {
    let untold = counted(records, "repeated");
    assert_eq!(at_end(records, "repeated"), untold);
    untold
}

/// Opens of a class that were counted, as the session's last record says.
pub(crate) fn at_end(records: &Records, class: &str) -> u64 {
    let mut all = records.0.iter();
    let last = all.find(|record| record["kind"] == "session" && record["change"] == "suspend");
    last.expect("the session is suspended")["counted_opens"][class]
        .as_u64()
        .unwrap_or(0)
}

/// Opens of a class that were counted, as the ends of processes say.
pub(crate) fn counted(records: &Records, class: &str) -> u64 {
    let exits = records.action("process.exit");
    let counted = |exit: &Value| exit["object"]["counted_opens"][class].as_u64().unwrap_or(0);
    exits.0.iter().map(|exit| counted(exit)).sum()
}

/// The same open so many times.
fn open(file: &str, flags: i32, times: usize) -> Vec<OsString> {
    let open = steps!["open", file, flags, 0, "+"];
    let all = std::iter::repeat_n(open, times).flatten();
    let mut steps: Vec<_> = all.collect();
    steps.pop();
    steps
}

fn then(mut steps: Vec<OsString>, more: &[OsString]) -> Vec<OsString> {
    steps.push("+".into());
    steps.extend_from_slice(more);
    steps
}

fn reading_again_is_counted() -> Outcome {
    let mut path = String::new();
    let records = recorded("read-again", "counted", |file| {
        path = file.to_owned();
        open(file, O_RDONLY, 5)
    });
    assert_eq!(counts(&records, &path), [1], "the first is told at once");
    assert_eq!(untold(&records), 4);
    Ok(())
}

fn writing_again_is_told() -> Outcome {
    let mut path = String::new();
    let records = recorded("write-again", "counted", |file| {
        path = file.to_owned();
        let writes = open(file, O_WRONLY, 3);
        then(writes, &open(file, O_RDONLY | O_CREAT, 2))
    });
    assert_eq!(counts(&records, &path), [1; 5]);
    assert_eq!(untold(&records), 0);
    Ok(())
}

fn each_thread_and_each_name_has_its_own_count() -> Outcome {
    let mut paths = Vec::new();
    let records = recorded("own-count", "counted", |file| {
        let other = file.replace("/file", "/other");
        paths = vec![file.to_owned(), other.clone()];
        let both = then(open(file, O_RDONLY, 3), &open(&other, O_RDONLY, 2));
        then(both, &then(steps!["fork"].into(), &open(file, O_RDONLY, 2)))
    });
    assert_eq!(counts(&records, &paths[0]), [1, 1], "one each process");
    assert_eq!(
        counts(&records, &paths[1]),
        [1],
        "another name of the same file"
    );
    assert_eq!(untold(&records), 2 + 1 + 1);
    Ok(())
}

fn a_second_later_it_is_told_again() -> Outcome {
    let mut path = String::new();
    let records = recorded("later", "counted", |file| {
        path = file.to_owned();
        let first = then(open(file, O_RDONLY, 4), &steps!["pause", 1100]);
        then(first, &open(file, O_RDONLY, 3))
    });
    assert_eq!(
        counts(&records, &path),
        [1, 4],
        "itself, and three before it"
    );
    assert_eq!(untold(&records), 2);
    Ok(())
}

fn each_is_told_where_that_is_asked_for() -> Outcome {
    let mut path = String::new();
    let records = recorded("all-told", "all", |file| {
        path = file.to_owned();
        open(file, O_RDONLY, 5)
    });
    assert_eq!(counts(&records, &path), [1; 5]);
    assert_eq!(untold(&records), 0);
    Ok(())
}

/// Without a terminal of its own a process gets no further than the driver: the kernel's file is gone
/// again, and the next one may have its place in memory.
fn what_follows_one_that_failed_is_told_whole() -> Outcome {
    let mut path = String::new();
    let records = recorded("after-failed", "counted", |file| {
        path = file.to_owned();
        let failed = open("/dev/tty", O_RDONLY, 2);
        then(failed, &open(file, O_WRONLY | O_TRUNC, 1))
    });
    let opened = records.action("file.open").path(&path);
    assert_eq!(opened.one()["outcome"]["result"], "success", "{opened}");
    records.action("file.close").path(&path).one();
    Ok(())
}
