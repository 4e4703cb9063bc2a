//! Files and buffers that are registered with a ring.

use agtrack_tests::steps;
use serde_json::Value;

use super::{ACTION, ended, has_ring, kernel, request};
use crate::host::{place, sees_objects};
use crate::{Outcome, Unable, tests};

tests![
    a_registered_file,
    an_open_into_a_place_of_the_table,
    a_registered_buffer,
];

/// The file at a place of the table is told with its path.
fn found(record: &Value, place: i64, path: &str) {
    assert_eq!(record["object"]["path"], path, "{record}");
    assert_eq!(record["object"]["registered"], true, "{record}");
    let source = &record["completeness"]["path_source"];
    if kernel() < (5, 11) {
        // It has looked up the file when it tells of the request, and keeps no number.
        assert_eq!(source, "kernel", "{record}");
    } else {
        assert_eq!(source, "fd", "{record}");
        assert_eq!(record["object"]["descriptor"], place, "{record}");
    }
}

fn a_registered_file() -> Outcome {
    let place = place("uring-registered");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-table-fallocate", &path,
    });
    has_ring(&ran)?;
    assert_eq!(ran.result("uring-table-fallocate"), 0);
    let record = request(&place, "fallocate");
    found(&record, 1, &path);
    ended(&record, 0);
    Ok(())
}

fn an_open_into_a_place_of_the_table() -> Outcome {
    let place = place("uring-slot");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-table-open", &path,
    });
    has_ring(&ran)?;
    assert!(ran.result("uring-table-open") >= 0);
    let open = request(&place, "openat");
    assert_eq!(open["object"]["path"], path, "{open}");
    if ran.result("in-slot") == -i64::from(libc::EBADF) {
        let reason = "this kernel opens no file into a table";
        return Err(Unable(reason.to_owned()));
    }
    assert_eq!(ran.result("in-slot"), 0);
    assert_eq!(open["object"]["registered"], true, "{open}");
    assert_eq!(open["object"]["descriptor"], 2, "{open}");
    ended(&open, 0);
    found(&request(&place, "fallocate"), 2, &path);
    let opens = place.records().action("file.open").path(&path);
    assert_eq!(opens.len(), usize::from(sees_objects()), "{opens}");
    Ok(())
}

/// What is written says nothing of itself, as with other writes; how the file was opened does.
fn a_registered_buffer() -> Outcome {
    let place = place("uring-buffer");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-table-write", &path,
    });
    has_ring(&ran)?;
    assert_eq!(ran.result("uring-table-write"), 7);
    place.records().action(ACTION).none();
    let opens = place.records().action("file.open").path(&path);
    assert_eq!(opens.one()["object"]["access"], "read_write", "{opens}");
    Ok(())
}
