//! `file.mount`, `file.umount`, `process.chroot`, `process.pivot_root`: what names lead to.
//!
//! Each in a mount namespace of its own, whose mounts nobody else sees.

use agtrack_tests::place::Place;
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::host::{place, sees_objects};
use crate::{Outcome, Unable, tests};

tests![
    a_file_system_comes_and_goes,
    a_directory_gets_a_second_place,
    the_new_calls_are_seen,
    another_root,
    names_below_another_root,
    the_namespace_gets_another_root,
    refusals,
];

const NEWNS: i32 = libc::CLONE_NEWNS;
const PRIVATE: u32 = (libc::MS_REC | libc::MS_PRIVATE) as u32;

fn object(place: &Place<'_>, action: &str, path: &str) -> Value {
    let records = place.records().action(action);
    let records = records.path(path);
    let record = records.one();
    let success = json!({"result": "success", "errno": null});
    assert_eq!(record["outcome"], success, "{record}");
    record["object"].clone()
}

fn directories(place: &Place<'_>, names: &[&str]) {
    for name in names {
        std::fs::create_dir(place.file(name)).unwrap();
    }
}

fn a_file_system_comes_and_goes() -> Outcome {
    let place = place("mount");
    directories(&place, &["at"]);
    let at = place.file("at");
    let ran = place.run(&steps! {
        "unshare", NEWNS, "+",
        "mount", "none", "/", "none", PRIVATE, 0, "+",
        "mount", "memory", &at, "tmpfs", (libc::MS_NOSUID | libc::MS_NOEXEC) as u32, 0, "+",
        "umount", &at, libc::MNT_DETACH,
    });
    assert_eq!(ran.result("umount"), 0, "{ran:?}");
    let made = object(&place, "file.mount", &at);
    assert_eq!(made["source"], "memory", "{made}");
    assert_eq!(made["file_system"], "tmpfs", "{made}");
    assert_eq!(made["mount_flags"], json!(["NOSUID", "NOEXEC"]), "{made}");
    let private = object(&place, "file.mount", "/");
    assert_eq!(
        private["mount_flags"],
        json!(["REC", "PRIVATE"]),
        "{private}"
    );
    let gone = object(&place, "file.umount", &at);
    assert_eq!(gone["mount_flags"], json!(["DETACH"]), "{gone}");
    Ok(())
}

fn a_directory_gets_a_second_place() -> Outcome {
    let place = place("bind");
    directories(&place, &["from", "to"]);
    let (from, to) = (place.file("from"), place.file("to"));
    place.run(&steps! {
        "unshare", NEWNS, "+",
        "mount", "none", "/", "none", PRIVATE, 0, "+",
        "mount", &from, &to, "", libc::MS_BIND as u32, 0,
    });
    let made = object(&place, "file.mount", &to);
    assert_eq!(made["source"], from, "{made}");
    assert_eq!(made.get("file_system"), None, "{made}");
    assert_eq!(made["mount_flags"], json!(["BIND"]), "{made}");
    Ok(())
}

/// `fsopen`, `open_tree` and `fsmount` make mounts that nobody sees; `move_mount` puts them up.
fn the_new_calls_are_seen() -> Outcome {
    const EMPTY_PATH: u32 = 4;
    let place = place("move");
    directories(&place, &["from", "to"]);
    let (from, to) = (place.file("from"), place.file("to"));
    let ran = place.run(&steps! {
        "unshare", NEWNS, "+",
        "mount", "none", "/", "none", PRIVATE, 0, "+",
        "tree", &from, "+",
        "move_mount", "7", "", "cwd", &to, EMPTY_PATH,
    });
    assert_eq!(ran.result("move_mount"), 0, "{ran:?}");
    object(&place, "file.mount", &to);
    Ok(())
}

fn another_root() -> Outcome {
    let place = place("chroot");
    directories(&place, &["jail"]);
    place.run(&steps!["chroot", "jail"]);
    let record = place.records().action("process.chroot").one().clone();
    assert_eq!(record["object"]["path"], place.file("jail"), "{record}");
    assert_eq!(record["outcome"]["result"], "success", "{record}");
    assert_eq!(record["completeness"]["path_source"], "kernel", "{record}");
    Ok(())
}

/// A name that begins with `/` begins there.
fn names_below_another_root() -> Outcome {
    let place = place("below");
    directories(&place, &["jail", "jail/sub"]);
    place.run(&steps! {
        "chroot", "jail", "+",
        "chdir", "/sub", "+",
        "mkdir", "/one", 0o755, "+",
        "mkdir", "two", 0o755,
    });
    for path in ["jail/one", "jail/sub/two"] {
        object(&place, "file.mkdir", &place.file(path));
    }
    Ok(())
}

fn the_namespace_gets_another_root() -> Outcome {
    let place = place("pivot");
    directories(&place, &["new"]);
    let new = place.file("new");
    let ran = place.run(&steps! {
        "unshare", NEWNS, "+",
        "mount", "none", "/", "none", PRIVATE, 0, "+",
        "mount", "memory", &new, "tmpfs", 0, 0, "+",
        "mkdir", place.file("new/old"), 0o755, "+",
        "pivot_root", &new, place.file("new/old"),
    });
    if ran.result("pivot_root") as i32 == -libc::EINVAL {
        return Err(Unable(
            "the root of this machine cannot be moved".to_owned(),
        ));
    }
    let record = place.records().action("process.pivot_root").one().clone();
    assert_eq!(record["outcome"]["result"], "success", "{record}");
    if sees_objects() {
        assert_eq!(record["object"]["path"], new, "{record}");
        assert_eq!(
            record["object"]["source"],
            place.file("new/old"),
            "{record}"
        );
    }
    Ok(())
}

fn refusals() -> Outcome {
    let place = place("refused");
    directories(&place, &["at"]);
    let at = place.file("at");
    let ran = place.run(&steps! {
        "setuid", 65534, "+",
        "mount", "memory", &at, "tmpfs", 0, 0, "+",
        "umount", "/", libc::MNT_DETACH,
    });
    assert_eq!(ran.result("mount") as i32, -libc::EPERM, "{ran:?}");
    let refused = json!({"result": "failure", "errno": "EPERM"});
    let mounts = place.records().action("file.mount");
    assert_eq!(mounts.one()["outcome"], refused);
    if !sees_objects() {
        // The kernel refuses before it asks whether this mount may be taken away.
        let umounts = place.records().action("file.umount");
        assert_eq!(umounts.one()["outcome"], refused);
    }
    Ok(())
}
