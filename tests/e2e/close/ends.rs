//! How open files end without a call that closes them, or under another name.

use agtrack_tests::records::Records;
use agtrack_tests::steps;
use libc::{O_CLOEXEC, O_RDWR, O_TMPFILE};
use serde_json::Value;

use super::{ACTION, NEW, check, closes, says, sums};
use crate::host::{place, sees_objects};
use crate::{Outcome, Unable, tests};

tests![
    an_exit_without_a_close_is_one,
    a_kill_is_one_too,
    what_a_child_writes_is_told_of_it,
    a_program_writes_through_what_it_was_given,
    what_an_exec_closes_is_told,
    a_shell_writes_a_file,
    a_file_without_a_name_is_told,
    a_file_that_is_deleted_before_is_told,
];

fn an_exit_without_a_close_is_one() -> Outcome {
    let place = place("exit");
    let (path, high) = (place.file("file"), place.file("high"));
    place.run(&steps! {
        "keep", &path, NEW, 0o644, "+",
        "put-write", 0, 11, "+",
        "keep", &high, NEW, 0o644, "+",
        "onto", 1, 900, "+",
        "drop", 1, "+",
        "put-into", 900, 12, "+",
        "exit", 0,
    });
    let records = place.records();
    for (path, bytes) in [(&path, 11), (&high, 12)] {
        let closes = records.action(ACTION).path(path);
        check(closes.one(), bytes, 1, bytes);
        assert!(says(closes.one(), "last"), "{closes}");
    }
    // It is told of the process before its end.
    let place_of = |action: &str| {
        records
            .0
            .iter()
            .position(|record| record["action"] == action)
    };
    assert!(place_of(ACTION) < place_of("process.exit"), "{records}");
    Ok(())
}

fn a_kill_is_one_too() -> Outcome {
    let place = place("kill");
    let path = place.file("file");
    place.run(&steps! {
        "keep", &path, NEW, 0o644, "+",
        "put-write", 0, 13, "+",
        "signal", libc::SIGKILL,
    });
    check(closes(&place, &path).one(), 13, 1, 13);
    Ok(())
}

fn what_a_child_writes_is_told_of_it() -> Outcome {
    let place = place("child");
    let path = place.file("file");
    let ran = place.run(&steps! {
        "keep", &path, NEW, 0o644, "+",
        "put-write", 0, 100, "+",
        "fork", "+",
        "put-write", 0, 20, "+",
        "exit", 0,
    });
    let closes = closes(&place, &path);
    assert_eq!(sums(&closes), (120, 2), "{closes}");
    let child = ran.pid_of("fork");
    let of_child = closes.of(child);
    assert!(!of_child.is_empty(), "{closes}");
    if !sees_objects() {
        assert_eq!(sums(&of_child), (20, 1), "{closes}");
        assert_eq!(sums(&closes.of(ran.pid)), (100, 1), "{closes}");
        return Ok(());
    }
    // The kernel keeps one account of an open file: the child wrote last.
    assert!(says(of_child.one(), "several"), "{closes}");
    Ok(())
}

fn a_program_writes_through_what_it_was_given() -> Outcome {
    let place = place("given");
    let path = place.file("file");
    let trigger = agtrack_tests::here::trigger();
    let ran = place.run(&steps! {
        "keep", &path, NEW, 0o644, "+",
        "onto", 0, 60, "+",
        "drop", 0, "+",
        "exec", &trigger, "trigger", "put-into", 60, 35,
    });
    let closes = closes(&place, &path);
    let record = closes.one();
    check(record, 35, 1, 35);
    assert_eq!(record["process"]["pid"], ran.pid);
    assert!(says(record, "created") && says(record, "last"), "{record}");
    Ok(())
}

fn what_an_exec_closes_is_told() -> Outcome {
    let place = place("once");
    let (once, later) = (place.file("once"), place.file("later"));
    let trigger = agtrack_tests::here::trigger();
    let ran = place.run(&steps! {
        "keep", &once, NEW | O_CLOEXEC, 0o644, "+",
        "put-write", 0, 21, "+",
        "keep", &later, NEW, 0o644, "+",
        "put-write", 1, 22, "+",
        "drop-later", 1, 1, "+",
        "exec", &trigger, "trigger", "getpid",
    });
    assert!(ran.result("getpid") > 0);
    for (path, bytes) in [(&once, 21), (&later, 22)] {
        let closes = closes(&place, path);
        if path == &later && ran.result("drop-later") < 0 {
            // Since 5.11; the file stays open for the next program.
            assert_eq!(sums(&closes), (bytes, 1));
            continue;
        }
        check(closes.one(), bytes, 1, bytes);
        assert!(says(closes.one(), "last"), "{closes}");
    }
    Ok(())
}

fn a_shell_writes_a_file() -> Outcome {
    let place = place("shell");
    let (echo, both, cat) = (place.file("echo"), place.file("both"), place.file("cat"));
    let source = place.file("source");
    std::fs::write(&source, vec![b'z'; 300_000]).unwrap();
    let script = format!(
        "echo hello > {echo}; {{ echo out; echo err >&2; }} > {both} 2>&1; cat < {source} > {cat}"
    );
    place.run(&steps!["spawn", "/bin/sh", "-c", &script]);
    let records = place.records().action(ACTION);
    check(records.path(&echo).one(), 6, 1, 6);
    assert_eq!(sums(&records.path(&both)).0, 8, "{records}");
    let cats = records.path(&cat);
    assert_eq!(sums(&cats).0, 300_000, "{cats}");
    let created = |records: &Records| records.0.iter().filter(|r| says(r, "created")).count();
    assert_eq!(
        (created(&records.path(&both)), created(&cats)),
        (1, 1),
        "{records}"
    );
    Ok(())
}

fn a_file_without_a_name_is_told() -> Outcome {
    let place = place("tmpfile");
    let flags = O_TMPFILE | O_RDWR;
    let ran = place.run(&steps! {
        "keep", place.directory(), flags, 0o600, "+",
        "put-write", 0, 5, "+",
        "drop", 0,
    });
    if ran.result("keep") as i32 == -libc::EOPNOTSUPP {
        return Err(Unable("the file system has no O_TMPFILE".to_owned()));
    }
    let closes = place.records().action(ACTION);
    let record = closes.one();
    assert_eq!(sums(&closes), (5, 1));
    assert!(says(record, "created"), "{record}");
    assert!(notes(record).contains(&"deleted".into()), "{record}");
    Ok(())
}

fn a_file_that_is_deleted_before_is_told() -> Outcome {
    let place = place("deleted");
    let path = place.file("file");
    place.run(&steps! {
        "keep", &path, NEW, 0o600, "+",
        "put-write", 0, 5, "+",
        "unlink", &path, "+",
        "drop", 0,
    });
    let closes = place.records().action(ACTION);
    let record = closes.one();
    assert_eq!(sums(&closes), (5, 1));
    assert_eq!(record["object"]["size"], 5, "{record}");
    assert_eq!(record["object"]["path"], path, "{record}");
    assert!(notes(record).contains(&"deleted".into()), "{record}");
    assert!(record["object"]["inode"].is_number(), "{record}");
    Ok(())
}

fn notes(record: &Value) -> &Vec<Value> {
    let notes = record["completeness"]["notes"].as_array();
    notes.unwrap_or_else(|| panic!("there are notes: {record}"))
}
