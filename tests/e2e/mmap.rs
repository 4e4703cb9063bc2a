//! `file.mmap`: a file is mapped so that writes to memory are, or may become, writes to the file.

use agtrack_tests::steps;
use libc::{MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, MAP_SHARED_VALIDATE, PROT_READ, PROT_WRITE};
use serde_json::{Value, json};

use crate::host::{place, sees_objects};
use crate::{Outcome, tests};

tests![
    shared_mappings_of_writable_files_are_told,
    what_cannot_change_a_file_is_not_told,
    a_refused_one_is_told,
];

const ACTION: &str = "file.mmap";

fn check(record: &Value, size: u64, protection: &[&str]) {
    let object = &record["object"];
    assert_eq!(object["size"], size, "{record}");
    assert_eq!(object["protection"], json!(protection), "{record}");
    let source = if sees_objects() { "kernel" } else { "fd" };
    assert_eq!(record["completeness"]["path_source"], source, "{record}");
}

fn shared_mappings_of_writable_files_are_told() -> Outcome {
    let place = place("mmap");
    let (a, b, c) = (place.make("a"), place.make("b"), place.make("c"));
    let both = PROT_READ | PROT_WRITE;
    let ran = place.run(&steps! {
        "keep", &a, libc::O_RDWR, 0, "+",
        "map", 0, 4096, both, MAP_SHARED, "+",
        "keep", &b, libc::O_RDWR, 0, "+",
        "map", 1, 100, PROT_READ, MAP_SHARED, "+",
        "keep", &c, libc::O_RDWR, 0, "+",
        "map", 2, 8192, PROT_WRITE, MAP_SHARED_VALIDATE,
    });
    assert!(ran.steps.iter().all(|(.., ret)| *ret >= 0), "{ran:?}");
    let maps = place.records().action(ACTION);
    check(maps.path(&a).one(), 4096, &["READ", "WRITE"]);
    // It can be made writable afterwards, by `mprotect`.
    check(maps.path(&b).one(), 100, &["READ"]);
    check(maps.path(&c).one(), 8192, &["WRITE"]);
    for record in &maps.0 {
        assert_eq!(record["outcome"]["result"], "success", "{record}");
    }
    assert_eq!(maps.len(), 3, "{maps}");
    Ok(())
}

fn what_cannot_change_a_file_is_not_told() -> Outcome {
    let place = place("mmap-not");
    let path = place.make("file");
    let both = PROT_READ | PROT_WRITE;
    let ran = place.run(&steps! {
        "keep", &path, libc::O_RDWR, 0, "+",
        "map", 0, 4096, both, MAP_PRIVATE, "+",
        "map", 0, 4096, both, MAP_SHARED | MAP_ANONYMOUS, "+",
        "keep", &path, libc::O_RDONLY, 0, "+",
        "map", 1, 4096, PROT_READ, MAP_SHARED, "+",
        "keep", "/dev/zero", libc::O_RDWR, 0, "+",
        "map", 2, 4096, both, MAP_SHARED,
    });
    ran.succeeded();
    place.records().action(ACTION).none();
    Ok(())
}

fn a_refused_one_is_told() -> Outcome {
    let place = place("mmap-refused");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "keep", &path, libc::O_RDONLY, 0, "+",
        "map", 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
    });
    assert_eq!(ran.result("map") as i32, -libc::EACCES);
    let maps = place.records().action(ACTION).path(&path);
    let outcome = json!({"result": "failure", "errno": "EACCES"});
    assert_eq!(maps.one()["outcome"], outcome, "{maps}");
    Ok(())
}
