//! `file.rename`: a file got another name.

use std::os::unix::fs::MetadataExt;

use agtrack_tests::records::{Records, number};
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::host::{place, sees_objects, succeeded};
use crate::open::has_i386;
use crate::{Outcome, tests};

tests![
    every_variant_names_both,
    what_was_replaced_is_named_too,
    two_files_change_places,
    refusals_are_recorded,
    nothing_there_is_not_recorded,
    i386_calls_are_seen,
];

const ACTION: &str = "file.rename";
const NOREPLACE: u32 = libc::RENAME_NOREPLACE;
const EXCHANGE: u32 = libc::RENAME_EXCHANGE;

/// The record with these names, which must be of a success.
fn done<'a>(renames: &'a Records, from: &str, to: &str) -> &'a Value {
    let found = renames
        .0
        .iter()
        .filter(|r| r["object"]["from"] == from && r["object"]["to"] == to);
    let found: Vec<_> = found.collect();
    let [record] = *found else {
        panic!("{from} to {to}: {found:?} in {renames}")
    };
    succeeded(record);
    record
}

fn every_variant_names_both() -> Outcome {
    let place = place("rename");
    std::fs::create_dir(place.file("sub")).unwrap();
    let inode = |name| std::fs::metadata(place.make(name)).unwrap().ino();
    let inodes = ["a", "b", "c", "d"].map(inode);
    place.run(&steps! {
        "rename", place.file("a"), "a2", "+",
        "dir", place.file("sub"), "+",
        "renameat", "cwd", "b", "9", "b2", "+",
        "renameat2", "cwd", "c", "9", "c2", "0", "+",
        "renameat2", "cwd", "d", "cwd", "d2", NOREPLACE,
    });
    let renames = place.records().action(ACTION);
    let pairs = [("a", "a2"), ("b", "sub/b2"), ("c", "sub/c2"), ("d", "d2")];
    for ((from, to), inode) in pairs.iter().zip(inodes) {
        let record = done(&renames, &place.file(from), &place.file(to));
        if sees_objects() {
            assert_eq!(number(&record["object"]["inode"]), inode, "{record}");
        } else {
            assert_eq!(record["object"]["inode"], Value::Null, "{record}");
            let flags = if *from == "d" {
                json!(["NOREPLACE"])
            } else {
                json!([])
            };
            assert_eq!(record["object"]["rename_flags"], flags, "{record}");
        }
    }
    assert_eq!(renames.len(), 4, "{renames}");
    Ok(())
}

fn what_was_replaced_is_named_too() -> Outcome {
    let place = place("replace");
    let (from, to) = (place.make("from"), place.make("to"));
    place.run(&steps!["rename", &from, &to]);
    let renames = place.records().action(ACTION);
    done(&renames, &from, &to);
    assert_eq!(renames.len(), 1, "{renames}");
    Ok(())
}

fn two_files_change_places() -> Outcome {
    let place = place("exchange");
    let (from, to) = (place.make("from"), place.make("to"));
    let ran = place.run(&steps!["renameat2", "cwd", &from, "cwd", &to, EXCHANGE]);
    assert_eq!(ran.result("renameat2"), 0);
    let renames = place.records().action(ACTION);
    let record = done(&renames, &from, &to);
    assert_eq!(
        record["object"]["rename_flags"],
        json!(["EXCHANGE"]),
        "{record}"
    );
    assert_eq!(renames.len(), 1, "{renames}");
    Ok(())
}

fn refusals_are_recorded() -> Outcome {
    let place = place("refused");
    let (from, to) = (place.make("from"), place.make("to"));
    let ran = place.run(&steps! {
        "renameat2", "cwd", &from, "cwd", &to, NOREPLACE, "+",
        "setuid", "65534", "+",
        "rename", &from, "elsewhere",
    });
    assert_eq!(ran.result("renameat2") as i32, -libc::EEXIST);
    assert_eq!(ran.result("rename") as i32, -libc::EACCES);
    let renames = place.records().action(ACTION);
    for (to, errno) in [(to, "EEXIST"), (place.file("elsewhere"), "EACCES")] {
        let found = renames.path(&to);
        let record = found.one();
        assert_eq!(
            record["outcome"],
            json!({"result": "failure", "errno": errno}),
            "{record}"
        );
        assert_eq!(record["object"]["from"], from, "{record}");
    }
    assert_eq!(renames.len(), 2, "{renames}");
    Ok(())
}

fn nothing_there_is_not_recorded() -> Outcome {
    let place = place("nothing");
    let ran = place.run(&steps!["rename", "nothing", "something"]);
    assert_eq!(ran.result("rename") as i32, -libc::ENOENT);
    place.records().action(ACTION).none();
    Ok(())
}

fn i386_calls_are_seen() -> Outcome {
    has_i386()?;
    let place = place("i386");
    let (from, to) = (place.make("from"), place.file("to"));
    let ran = place.run(&steps!["rename32", &from, &to]);
    assert_eq!(ran.result("rename32"), 0);
    done(&place.records().action(ACTION), &from, &to);
    Ok(())
}
