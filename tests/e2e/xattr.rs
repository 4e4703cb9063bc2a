//! `file.setxattr`, `file.removexattr`: extended attributes of files.

use agtrack_tests::place::Place;
use agtrack_tests::records::bytes;
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::host::place;
use crate::{Outcome, tests};

tests![
    set_and_removed_by_name,
    set_and_removed_by_descriptor,
    a_link_itself,
    a_refused_one_is_recorded,
];

/// One that root may set on every file system that has any.
const NAME: &str = "trusted.agtrack";

/// The one record of this action, which must be about this file.
fn one(place: &Place<'_>, action: &str, path: &str, source: &str) -> Value {
    let found = place.records().action(action);
    let record = found.one().clone();
    assert_eq!(
        bytes(&record["object"]["path"]),
        path.as_bytes(),
        "{record}"
    );
    assert_eq!(record["object"]["attribute"], NAME, "{record}");
    assert_eq!(record["completeness"]["path_source"], source, "{record}");
    record
}

fn succeeded(record: &Value) {
    let success = json!({"result": "success", "errno": null});
    assert_eq!(record["outcome"], success, "{record}");
}

fn set_and_removed_by_name() -> Outcome {
    let place = place("name");
    let path = place.make("file");
    place.run(&steps! {
        "setxattr", "./file", NAME, "value", 5, 0, "+",
        "removexattr", &path, NAME,
    });
    succeeded(&one(&place, "file.setxattr", &path, "argument"));
    succeeded(&one(&place, "file.removexattr", &path, "argument"));
    Ok(())
}

fn set_and_removed_by_descriptor() -> Outcome {
    let place = place("fd");
    let path = place.make("file");
    place.run(&steps! {
        "file", &path, "+",
        "fsetxattr", 8, NAME, "value", 5, 0, "+",
        "fremovexattr", 8, NAME,
    });
    for action in ["file.setxattr", "file.removexattr"] {
        let record = one(&place, action, &path, "fd");
        succeeded(&record);
        assert!(record["object"]["inode"].is_u64(), "{record}");
    }
    Ok(())
}

fn a_link_itself() -> Outcome {
    let place = place("link");
    place.make("file");
    std::os::unix::fs::symlink("file", place.file("link")).unwrap();
    place.run(&steps! {
        "lsetxattr", "link", NAME, "value", 5, 0, "+",
        "lremovexattr", "link", NAME,
    });
    succeeded(&one(
        &place,
        "file.setxattr",
        &place.file("link"),
        "argument",
    ));
    succeeded(&one(
        &place,
        "file.removexattr",
        &place.file("link"),
        "argument",
    ));
    Ok(())
}

fn a_refused_one_is_recorded() -> Outcome {
    let place = place("refused");
    let path = place.make("file");
    place.run(&steps! {
        "setuid", 1000, "+",
        "setxattr", &path, NAME, "value", 5, 0,
    });
    let record = one(&place, "file.setxattr", &path, "argument");
    let refused = json!({"result": "failure", "errno": "EPERM"});
    assert_eq!(record["outcome"], refused);
    Ok(())
}
