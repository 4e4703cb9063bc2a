//! `file.mkdir`, `file.rmdir`, `file.mknod`, `file.link`, `file.symlink`, `file.truncate`,
//! `file.chmod`, `file.chown`: what changes files without opening them.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use agtrack_tests::place::Place;
use agtrack_tests::records::{Records, bytes, number};
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::host::{place, sees_objects, succeeded};
use crate::open::has_i386;
use crate::{Outcome, tests};

tests![
    directories,
    nodes,
    links,
    symbolic_links,
    lengths,
    a_truncating_open_is_an_open,
    permissions,
    owners,
    refusals_are_recorded,
    what_is_there_already_fails,
    i386_calls_are_seen,
];

/// The record of this action on this file, which must be of a success.
fn done<'a>(records: &'a Records, path: &str) -> &'a Value {
    let record = records
        .0
        .iter()
        .filter(|record| record["object"]["path"] == path);
    let found: Vec<_> = record.collect();
    let [record] = *found else {
        panic!("{path}: {found:?} in {records}")
    };
    succeeded(record);
    assert_eq!(record["completeness"].get("notes"), None, "{record}");
    record
}

/// As [`done`], by a call that was given a descriptor.
fn done_by_descriptor<'a>(records: &'a Records, path: &str) -> &'a Value {
    records.path(path).one();
    let record = records
        .0
        .iter()
        .find(|record| record["object"]["path"] == path);
    let record = record.expect("it is one of them");
    let success = json!({"result": "success", "errno": null});
    assert_eq!(record["outcome"], success, "{record}");
    let source = if sees_objects() { "kernel" } else { "fd" };
    assert_eq!(record["completeness"]["path_source"], source, "{record}");
    record
}

fn directories() -> Outcome {
    let place = place("directories");
    let ran = place.run(&steps! {
        "mkdir", place.file("a"), 0o750, "+",
        "dir", place.file("a"), "+",
        "mkdirat", 9, "b", 0o1777, "+",
        "rmdir", place.file("a/b"), "+",
        "unlinkat", "cwd", "a", libc::AT_REMOVEDIR,
    });
    assert_eq!(ran.result("unlinkat"), 0, "{ran:?}");
    let records = place.records();
    let (made, removed) = (records.action("file.mkdir"), records.action("file.rmdir"));
    assert_eq!(done(&made, &place.file("a"))["object"]["mode"], "750");
    assert_eq!(done(&made, &place.file("a/b"))["object"]["mode"], "1777");
    for path in [place.file("a/b"), place.file("a")] {
        let record = done(&removed, &path);
        assert_eq!(
            record["object"]["inode"].is_u64(),
            sees_objects(),
            "{record}"
        );
    }
    assert_eq!((made.len(), removed.len()), (2, 2));
    records.action("file.unlink").none();
    Ok(())
}

fn nodes() -> Outcome {
    let place = place("nodes");
    let null = libc::makedev(1, 3);
    place.run(&steps! {
        "mknod", place.file("pipe"), libc::S_IFIFO | 0o600, 0, "+",
        "mknodat", "cwd", "null", libc::S_IFCHR | 0o666, null as u32,
    });
    let made = place.records().action("file.mknod");
    let pipe = done(&made, &place.file("pipe"));
    assert_eq!(pipe["object"]["mode"], "10600", "{pipe}");
    assert_eq!(pipe["object"].get("node"), None, "{pipe}");
    let device = done(&made, &place.file("null"));
    assert_eq!(device["object"]["mode"], "20666", "{device}");
    assert_eq!(device["object"]["node"], "1:3", "{device}");
    assert_eq!(made.len(), 2);
    Ok(())
}

fn links() -> Outcome {
    let place = place("links");
    let old = place.make("old");
    let inode = std::fs::metadata(&old).unwrap().ino();
    place.run(&steps! {
        "link", &old, place.file("one"), "+",
        "dir", place.directory(), "+",
        "linkat", 9, "old", "cwd", "two", 0,
    });
    let made = place.records().action("file.link");
    for name in ["one", "two"] {
        let record = done(&made, &place.file(name));
        assert_eq!(record["object"]["target"], old, "{record}");
        if sees_objects() {
            assert_eq!(number(&record["object"]["inode"]), inode, "{record}");
        }
    }
    assert_eq!(made.len(), 2);
    Ok(())
}

/// The text of a link may be any.
fn symbolic_links() -> Outcome {
    let place = place("symlinks");
    place.run(&steps! {
        "symlink", "../no where", place.file("one"), "+",
        "dir", place.directory(), "+",
        "symlinkat", "/etc/shadow", 9, "two",
    });
    let made = place.records().action("file.symlink");
    let target = |name: &str| bytes(&done(&made, &place.file(name))["object"]["target"]);
    assert_eq!(target("one"), b"../no where");
    assert_eq!(target("two"), b"/etc/shadow");
    assert_eq!(made.len(), 2);
    Ok(())
}

fn lengths() -> Outcome {
    let place = place("lengths");
    let (one, two) = (place.make("one"), place.make("two"));
    let large = 5_i64 << 32;
    let ran = place.run(&steps! {
        "truncate", &one, 3, "+",
        "file", &two, "+",
        "ftruncate", 8, large.to_string(),
    });
    assert_eq!(ran.result("ftruncate"), 0, "{ran:?}");
    let cut = place.records().action("file.truncate");
    assert_eq!(done(&cut, &one)["object"]["size"], 3);
    let record = done_by_descriptor(&cut, &two);
    assert_eq!(number(&record["object"]["size"]), large as u64);
    let inode = std::fs::metadata(&two).unwrap().ino();
    assert_eq!(number(&record["object"]["inode"]), inode, "{record}");
    assert_eq!(cut.len(), 2);
    Ok(())
}

fn a_truncating_open_is_an_open() -> Outcome {
    let place = place("truncating");
    let path = place.make("file");
    place.run(&steps!["open", &path, libc::O_WRONLY | libc::O_TRUNC, 0]);
    let records = place.records();
    records.action("file.open").path(&path).one();
    records.action("file.truncate").none();
    Ok(())
}

fn permissions() -> Outcome {
    let place = place("permissions");
    let paths = ["a", "b", "c"].map(|name| place.make(name));
    place.run(&steps! {
        "chmod", &paths[0], 0o4755, "+",
        "fchmodat", "cwd", "b", 0o600, "+",
        "file", &paths[2], "+",
        "fchmod", 8, 0o640,
    });
    let set = place.records().action("file.chmod");
    assert_eq!(done(&set, &paths[0])["object"]["mode"], "4755");
    assert_eq!(done(&set, &paths[1])["object"]["mode"], "600");
    assert_eq!(done_by_descriptor(&set, &paths[2])["object"]["mode"], "640");
    assert_eq!(set.len(), 3);
    Ok(())
}

fn owners() -> Outcome {
    let place = place("owners");
    let paths = ["a", "b", "c"].map(|name| place.make(name));
    let link = place.file("link");
    std::os::unix::fs::symlink("a", &link).unwrap();
    place.run(&steps! {
        "chown", &paths[0], 7, -1, "+",
        "lchown", &link, -1, 8, "+",
        "fchownat", "cwd", "b", 9, 10, 0, "+",
        "file", &paths[2], "+",
        "fchown", 8, 11, 12,
    });
    let set = place.records().action("file.chown");
    let owner =
        |record: &Value| ["owner", "group"].map(|who| record["object"].get(who).map(number));
    assert_eq!(owner(done(&set, &paths[0])), [Some(7), None]);
    assert_eq!(owner(done(&set, &link)), [None, Some(8)]);
    assert_eq!(owner(done(&set, &paths[1])), [Some(9), Some(10)]);
    let record = done_by_descriptor(&set, &paths[2]);
    assert_eq!(owner(record), [Some(11), Some(12)]);
    assert_eq!(set.len(), 4);
    Ok(())
}

/// The outcome of the one record of this action.
fn outcome(place: &Place<'_>, action: &str) -> Value {
    place.records().action(action).one()["outcome"].clone()
}

fn refusals_are_recorded() -> Outcome {
    let place = place("refused");
    let path = place.make("file");
    std::fs::create_dir(place.file("sub")).unwrap();
    std::fs::set_permissions(place.directory(), PermissionsExt::from_mode(0o755)).unwrap();
    place.run(&steps! {
        "setuid", 65534, "+",
        "mkdir", place.file("new"), 0o755, "+",
        "rmdir", place.file("sub"), "+",
        "mknod", place.file("pipe"), libc::S_IFIFO | 0o600, 0, "+",
        "symlink", "x", place.file("link"), "+",
        "truncate", &path, 0, "+",
        "chmod", &path, 0o777, "+",
        "chown", &path, 65534, -1,
    });
    let errno = |errno: &str| json!({"result": "failure", "errno": errno});
    let expect = [
        ("file.mkdir", "EACCES"),
        ("file.rmdir", "EACCES"),
        ("file.mknod", "EACCES"),
        ("file.symlink", "EACCES"),
        ("file.truncate", "EACCES"),
        ("file.chmod", "EPERM"),
        ("file.chown", "EPERM"),
    ];
    for (action, name) in expect {
        assert_eq!(outcome(&place, action), errno(name), "{action}");
    }
    Ok(())
}

/// What asks whether something is there is not recorded; that a directory is not empty is.
fn what_is_there_already_fails() -> Outcome {
    let place = place("there");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "mkdir", &path, 0o755, "+",
        "rmdir", place.file("nothing"), "+",
        "rmdir", place.directory(),
    });
    assert_eq!(ran.result("mkdir") as i32, -libc::EEXIST);
    let records = place.records();
    records.action("file.mkdir").none();
    let removed = records.action("file.rmdir");
    let full = json!({"result": "failure", "errno": "ENOTEMPTY"});
    assert_eq!(removed.one()["outcome"], full, "{removed}");
    Ok(())
}

fn i386_calls_are_seen() -> Outcome {
    has_i386()?;
    let place = place("i386");
    let path = place.make("file");
    let large = 5_i64 << 32;
    place.run(&steps! {
        "mkdir32", place.file("new"), 0o700, "+",
        "symlink32", "text", place.file("link"), "+",
        "chmod32", &path, 0o600, "+",
        "chown32", &path, 7, 8, "+",
        "truncate64", &path, 0, 5,
    });
    let records = place.records();
    let object = |action: &str, path: &str| done(&records.action(action), path)["object"].clone();
    assert_eq!(object("file.mkdir", &place.file("new"))["mode"], "700");
    assert_eq!(
        object("file.symlink", &place.file("link"))["target"],
        "text"
    );
    assert_eq!(object("file.chmod", &path)["mode"], "600");
    assert_eq!(object("file.chown", &path)["owner"], 7);
    assert_eq!(
        number(&object("file.truncate", &path)["size"]),
        large as u64
    );
    Ok(())
}
