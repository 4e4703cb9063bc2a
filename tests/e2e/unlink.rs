//! `file.unlink`: a name of a file was removed.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use agtrack_tests::records::number;
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::host::{place, sees_objects, succeeded};
use crate::open::has_i386;
use crate::{Outcome, tests};

tests![
    every_variant_names_the_file,
    one_of_two_names_is_the_one_named,
    refusals_are_recorded,
    nothing_there_is_not_recorded,
    directories_are_no_files,
    i386_calls_are_seen,
];

const ACTION: &str = "file.unlink";

fn done(record: &Value) {
    succeeded(record);
    assert_eq!(record["completeness"].get("notes"), None, "{record}");
}

fn every_variant_names_the_file() -> Outcome {
    let place = place("unlink");
    std::fs::create_dir(place.file("sub")).unwrap();
    let names = ["a", "b", "sub/c", "sub/d"];
    let paths = names.map(|name| place.make(name));
    let inodes = paths
        .each_ref()
        .map(|path| std::fs::metadata(path).unwrap().ino());
    place.run(&steps! {
        "unlink", &paths[0], "+",
        "unlinkat", "cwd", "b", "0", "+",
        "dir", place.file("sub"), "+",
        "unlinkat", "9", "c", "0", "+",
        "chdir", "sub", "+",
        "unlink", "./d",
    });
    let unlinks = place.records().action(ACTION);
    for (path, inode) in paths.iter().zip(inodes) {
        let found = unlinks.path(path);
        let record = found.one();
        done(record);
        // Only the kernel's object has an inode; a name that is gone has none.
        if sees_objects() {
            assert_eq!(number(&record["object"]["inode"]), inode, "{record}");
        } else {
            assert_eq!(record["object"]["inode"], Value::Null, "{record}");
        }
    }
    assert_eq!(unlinks.len(), 4, "{unlinks}");
    Ok(())
}

fn one_of_two_names_is_the_one_named() -> Outcome {
    let place = place("hardlink");
    let first = place.make("first");
    let second = place.file("second");
    std::fs::hard_link(&first, &second).unwrap();
    place.run(&steps!["unlink", &second]);
    let unlinks = place.records().action(ACTION);
    assert_eq!(unlinks.one()["object"]["path"], second);
    Ok(())
}

fn refusals_are_recorded() -> Outcome {
    let place = place("refused");
    let path = place.make("file");
    std::fs::set_permissions(place.directory(), PermissionsExt::from_mode(0o755)).unwrap();
    let ran = place.run(&steps! {
        "unlink", place.directory(), "+",
        "setuid", "65534", "+",
        "unlinkat", "cwd", &path, "0",
    });
    assert_eq!(ran.result("unlink") as i32, -libc::EISDIR);
    assert_eq!(ran.result("unlinkat") as i32, -libc::EACCES);
    let unlinks = place.records().action(ACTION);
    for (path, errno) in [(place.directory(), "EISDIR"), (&*path, "EACCES")] {
        let found = unlinks.path(path);
        assert_eq!(
            found.one()["outcome"],
            json!({"result": "failure", "errno": errno})
        );
    }
    assert_eq!(unlinks.len(), 2, "{unlinks}");
    Ok(())
}

fn nothing_there_is_not_recorded() -> Outcome {
    let place = place("nothing");
    let ran = place.run(&steps!["unlink", place.file("nothing")]);
    assert_eq!(ran.result("unlink") as i32, -libc::ENOENT);
    place.records().action(ACTION).none();
    Ok(())
}

fn directories_are_no_files() -> Outcome {
    let place = place("rmdir");
    std::fs::create_dir(place.file("a")).unwrap();
    std::fs::create_dir(place.file("b")).unwrap();
    let flag = libc::AT_REMOVEDIR;
    let ran = place.run(&steps! {
        "rmdir", place.file("a"), "+",
        "unlinkat", "cwd", place.file("b"), flag,
    });
    assert_eq!((ran.result("rmdir"), ran.result("unlinkat")), (0, 0));
    place.records().action(ACTION).none();
    Ok(())
}

fn i386_calls_are_seen() -> Outcome {
    has_i386()?;
    let place = place("i386");
    let path = place.make("file");
    let ran = place.run(&steps!["unlink32", &path]);
    assert_eq!(ran.result("unlink32"), 0);
    let unlinks = place.records().action(ACTION);
    assert_eq!(unlinks.one()["object"]["path"], path);
    done(unlinks.one());
    Ok(())
}
