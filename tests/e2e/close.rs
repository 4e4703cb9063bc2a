//! `file.close`: what was written through an open file, told when it is closed.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use agtrack_tests::place::Place;
use agtrack_tests::records::{Records, number};
use agtrack_tests::steps;
use libc::{O_APPEND, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};
use serde_json::{Value, json};

use crate::host::{place, sees_objects};
use crate::open::has_i386;
use crate::uring::tells_results;
use crate::{Outcome, Unable, tests};

pub(crate) mod ends;

tests![
    each_call_that_writes_is_counted_exactly,
    several_writes_are_one_record,
    what_an_open_did_is_told_without_a_write,
    what_changes_nothing_is_not_told,
    the_file_is_identified,
    a_copied_descriptor_loses_nothing,
    a_descriptor_made_over_another_closes_it,
    a_range_of_descriptors_is_closed,
    descriptors_are_used_again,
    pipes_and_devices_are_not_files,
    threads_write_through_one_file,
    i386_calls_are_counted,
    io_uring_writes_are_counted,
];

const ACTION: &str = "file.close";
const NEW: i32 = O_WRONLY | O_CREAT | O_TRUNC;

/// The records about a file.
fn closes(place: &Place, path: &str) -> Records {
    place.records().action(ACTION).path(path)
}

/// Bytes and calls that all of them tell.
fn sums(records: &Records) -> (u64, u64) {
    let sum = |name: &str| {
        let counts = records
            .0
            .iter()
            .map(|record| number(&record["object"][name]));
        counts.sum()
    };
    (sum("written"), sum("writes"))
}

fn check(record: &Value, written: u64, writes: u64, size: u64) {
    let object = &record["object"];
    assert_eq!(object["written"], written, "{record}");
    assert_eq!(object["writes"], writes, "{record}");
    assert_eq!(object["size"], size, "{record}");
    assert_eq!(
        record["outcome"],
        json!({"result": "success", "errno": null}),
        "{record}"
    );
    let source = if sees_objects() { "kernel" } else { "fd" };
    assert_eq!(record["completeness"]["path_source"], source, "{record}");
    assert_eq!(record["completeness"]["truncated"], false, "{record}");
}

/// Whether a record says so; what is not there is not so.
fn says(record: &Value, name: &str) -> bool {
    record["object"].get(name) == Some(&Value::Bool(true))
}

fn each_call_that_writes_is_counted_exactly() -> Outcome {
    let place = place("ways");
    let source = place.file("source");
    std::fs::write(&source, vec![b'y'; 5000]).unwrap();
    let ways: [(&str, &str, u64); 8] = [
        ("write", "put-write", 1000),
        ("pwrite64", "put-pwrite", 1003),
        ("writev", "put-writev", 1000),
        ("pwritev", "put-pwritev", 1005),
        ("pwritev2", "put-pwritev2", 1007),
        ("sendfile", "put-sendfile", 1000),
        ("copy_file_range", "put-copy", 1000),
        ("splice", "put-splice", 1000),
    ];
    let mut steps = steps!["keep", &source, O_RDONLY, 0].to_vec();
    for (index, (name, way, _)) in ways.iter().enumerate() {
        let (index, path) = (index + 1, place.file(name));
        steps.extend(steps![
            "+", "keep", &path, NEW, 0o644, "+", *way, index, 1000
        ]);
        if matches!(*name, "sendfile" | "copy_file_range") {
            steps.push("0".into());
        }
        steps.extend(steps!["+", "drop", index]);
    }
    let ran = place.run(&steps);
    for (name, way, size) in ways {
        assert_eq!(ran.result(way), 1000, "{name}: {ran:?}");
        let closes = closes(&place, &place.file(name));
        let record = closes.one();
        check(record, 1000, 1, size);
        assert!(says(record, "created") && says(record, "last"), "{record}");
    }
    closes(&place, &source).none();
    Ok(())
}

fn several_writes_are_one_record() -> Outcome {
    let place = place("several");
    let path = place.make("file");
    place.run(&steps! {
        "keep", &path, O_WRONLY | O_APPEND, 0, "+",
        "put-write", 0, 10, "+",
        "put-writev", 0, 20, "+",
        "put-write", 0, 30, "+",
        "put-write", 0, 0, "+",
        "drop", 0,
    });
    let closes = closes(&place, &path);
    let before = b"content".len() as u64;
    check(closes.one(), 60, 3, before + 60);
    assert!(!says(closes.one(), "created") && !says(closes.one(), "emptied"));
    Ok(())
}

fn what_an_open_did_is_told_without_a_write() -> Outcome {
    let place = place("emptied");
    let (old, new) = (place.make("old"), place.file("new"));
    place.run(&steps! {
        "keep", &old, O_WRONLY | O_TRUNC, 0, "+",
        "drop", 0, "+",
        "keep", &new, O_RDWR | O_CREAT, 0o600, "+",
        "drop", 1,
    });
    let (old, new) = (closes(&place, &old), closes(&place, &new));
    check(old.one(), 0, 0, 0);
    assert!(says(old.one(), "emptied") && !says(old.one(), "created"));
    check(new.one(), 0, 0, 0);
    assert!(says(new.one(), "created") && !says(new.one(), "emptied"));
    Ok(())
}

fn what_changes_nothing_is_not_told() -> Outcome {
    let place = place("nothing");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "keep", &path, O_RDWR, 0, "+",
        "drop", 0, "+",
        "keep", &path, O_RDONLY, 0, "+",
        "put-write", 1, 5, "+",
        "drop", 1, "+",
        "drop", 1,
    });
    assert!(ran.result("keep") >= 0, "{ran:?}");
    assert_eq!(ran.result("put-write") as i32, -libc::EBADF, "{ran:?}");
    place.records().action(ACTION).none();
    Ok(())
}

fn the_file_is_identified() -> Outcome {
    let place = place("identity");
    let path = place.make("file");
    let file = std::fs::metadata(&path).unwrap();
    place.run(&steps! {
        "keep", &path, O_WRONLY, 0, "+", "put-write", 0, 3, "+", "drop", 0,
    });
    let closes = closes(&place, &path);
    let object = &closes.one()["object"];
    assert_eq!(number(&object["inode"]), file.ino());
    let (major, minor) = (
        nix::sys::stat::major(file.dev()),
        nix::sys::stat::minor(file.dev()),
    );
    assert_eq!(object["device"], format!("{major}:{minor}"));
    Ok(())
}

fn a_copied_descriptor_loses_nothing() -> Outcome {
    for how in ["dup", "dup3", "fcntl", "fcntl-once"] {
        let place = place(how);
        let (first, last) = (place.file("first"), place.file("last"));
        place.run(&steps! {
            // The copy goes first, then the one that was opened.
            "keep", &first, NEW, 0o644, "+",
            "twin", 0, how, "+",
            "put-write", 1, 10, "+",
            "drop", 1, "+",
            "put-write", 0, 5, "+",
            "drop", 0, "+",
            // The one that was opened goes first.
            "keep", &last, NEW, 0o644, "+",
            "put-write", 2, 1, "+",
            "twin", 2, how, "+",
            "put-write", 2, 10, "+",
            "drop", 2, "+",
            "put-write", 3, 5, "+",
            "drop", 3,
        });
        let (first, last) = (closes(&place, &first), closes(&place, &last));
        assert_eq!(sums(&first), (15, 2), "{how}: {first}");
        check(last.one(), 16, 3, 16);
        let open: Vec<_> = first.0.iter().map(|close| says(close, "last")).collect();
        let expect: &[bool] = if sees_objects() {
            &[true]
        } else {
            &[false, true]
        };
        assert_eq!(open, expect, "{how}: {first}");
        let created = first
            .0
            .iter()
            .chain(&last.0)
            .filter(|close| says(close, "created"));
        assert_eq!(created.count(), 2, "{how}: {first} {last}");
    }
    Ok(())
}

fn a_descriptor_made_over_another_closes_it() -> Outcome {
    let place = place("over");
    let (one, other) = (place.file("one"), place.file("other"));
    place.run(&steps! {
        "keep", &one, NEW, 0o644, "+",
        "onto", 0, 60, "+",
        "drop", 0, "+",
        "put-into", 60, 7, "+",
        "keep", &other, NEW, 0o644, "+",
        "onto", 1, 60, "+",
        "put-into", 60, 9, "+",
        "onto", 1, 60,
    });
    check(closes(&place, &one).one(), 7, 1, 7);
    assert_eq!(sums(&closes(&place, &other)), (9, 1));
    Ok(())
}

fn a_range_of_descriptors_is_closed() -> Outcome {
    let place = place("range");
    let (a, b, c) = (place.file("a"), place.file("b"), place.file("c"));
    let ran = place.run(&steps! {
        "keep", &a, NEW, 0o644, "+",
        "keep", &b, NEW, 0o644, "+",
        "put-write", 0, 3, "+",
        "put-write", 1, 4, "+",
        "drop-range", 0, 1, "+",
        "keep", &c, NEW, 0o644, "+",
        "put-write", 2, 5, "+",
        "exec", agtrack_tests::here::trigger().as_path(), "trigger", "getpid",
    });
    assert_eq!(ran.result("drop-range"), 0, "{ran:?}");
    for (path, bytes) in [(a, 3), (b, 4), (c, 5)] {
        check(closes(&place, &path).one(), bytes, 1, bytes);
    }
    Ok(())
}

fn descriptors_are_used_again() -> Outcome {
    let place = place("again");
    let mut steps = Vec::new();
    for number in 0..40_u32 {
        let path = place.file(&format!("f{number}"));
        steps.extend(steps! {
            "keep", &path, NEW, 0o644, "+",
            "put-write", number, number + 1, "+",
            "drop", number, "+",
        });
    }
    steps.pop();
    place.run(&steps);
    let records = place.records().action(ACTION);
    for number in 0..40_u64 {
        let closes = records.path(place.file(&format!("f{number}")));
        check(closes.one(), number + 1, 1, number + 1);
    }
    Ok(())
}

fn pipes_and_devices_are_not_files() -> Outcome {
    let place = place("pipes");
    let ran = place.run(&steps! {
        "keep", "/dev/null", O_WRONLY, 0, "+",
        "put-write", 0, 5, "+",
        "put-splice", 0, 5, "+",
        "drop", 0,
    });
    ran.succeeded();
    place.records().action(ACTION).none();
    Ok(())
}

fn threads_write_through_one_file() -> Outcome {
    let place = place("threads");
    let path = place.file("file");
    place.run(&steps! {
        "keep", &path, NEW, 0o600, "+",
        "put-write", 0, 5, "+",
        "in-thread", "+",
        "put-write", 0, 6,
    });
    check(closes(&place, &path).one(), 11, 2, 11);
    Ok(())
}

fn i386_calls_are_counted() -> Outcome {
    has_i386()?;
    let place = place("close-i386");
    let path = place.make("file");
    let ran = place.run(&steps!["write32", &path, O_WRONLY, 7]);
    assert_eq!(ran.result("write32"), 7);
    let closes = closes(&place, &path);
    check(closes.one(), 7, 1, 7);
    Ok(())
}

fn io_uring_writes_are_counted() -> Outcome {
    let place = place("close-uring");
    let path = place.file("file");
    let ran = place.run(&steps! {
        "keep", &path, NEW, 0o644, "+",
        "put-uring", 0, 500, "+",
        "put-write", 0, 20, "+",
        "drop", 0,
    });
    if ran.result("put-uring") < 0 {
        return Err(Unable(format!("no io_uring here: {ran:?}")));
    }
    let closes = closes(&place, &path);
    if !tells_results() {
        check(closes.one(), 20, 1, 500);
        return Err(Unable(
            "5.10 does not say which request it is that has ended".to_owned(),
        ));
    }
    // The request says where to write, and that does not move on.
    check(closes.one(), 520, 2, 500);
    Ok(())
}

/// A file written through two descriptors, mapped, passed on, deleted before its end; one left open.
pub(crate) fn scenario(path: &Path) -> Vec<OsString> {
    let new = O_WRONLY | O_CREAT | libc::O_EXCL;
    let (write, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    steps! {
        "keep", path, O_RDWR | O_TRUNC, 0, "+",
        "put-write", 0, 100, "+",
        "twin", 0, "dup", "+",
        "drop", 0, "+",
        "put-writev", 1, 20, "+",
        "map", 1, 4096, write, shared, "+",
        "pass", 1, "+",
        "drop", 2, "+",
        "drop", 1, "+",
        "keep", "gone", new, 0o600, "+",
        "put-write", 3, 7, "+",
        "unlink", "gone", "+",
        "drop", 3, "+",
        "keep", ".", libc::O_TMPFILE | libc::O_RDWR, 0o600, "+",
        "put-write", 4, 9, "+",
        "name", 4, "named", "link", "+",
        "keep", "left", new, 0o600, "+",
        "put-write", 5, 5, "+",
        "exit", 0,
    }
    .into()
}
