//! What agents write, remove, rename and execute is told with its hash, or with why there is none.

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use agtrack_tests::launch::{self, Ran};
use agtrack_tests::place::Place;
use agtrack_tests::steps;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::host::place;
use crate::{Outcome, Unable, tests};

pub(crate) mod recorder;

tests![
    what_was_written_has_the_hash_of_its_content,
    what_is_written_again_has_the_hash_before,
    what_is_removed_carries_its_last_hash,
    what_is_renamed_carries_its_last_hash,
    a_file_that_is_renamed_over_another_at_once_is_hashed,
    a_file_that_is_linked_at_once_is_hashed,
    a_file_that_gets_its_name_before_it_is_closed_is_hashed,
    a_file_in_another_mount_namespace_is_found,
    a_file_on_several_file_systems_is_found,
    programs_and_scripts_are_hashed,
    a_program_without_a_name_is_hashed_while_it_runs,
    nothing_is_known_of_what_nobody_wrote,
    what_is_no_data_is_not_read,
];

const NEW: i32 = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC;
const PRIVATE: u32 = (libc::MS_REC | libc::MS_PRIVATE) as u32;
/// What the trigger writes.
const BYTE: u8 = b'x';

pub(crate) fn sha256(content: impl AsRef<[u8]>) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A shell in the place, to its end.
fn shell(place: &Place, script: &str) -> Ran {
    let ran = place.run(&steps!["exec", "/bin/sh", "sh", "-c", script]);
    assert!(ran.status.success(), "{script}: {ran:?}");
    ran
}

/// What came of the only action of this name on a file.
fn effect(place: &Place, action: &str, path: &str) -> Value {
    place.records().action(action).path(path).one()["effect"].clone()
}

/// For the fixture: a file is written, renamed, written again and removed, a program executed.
pub(crate) fn scenario(directory: &Path) -> Vec<OsString> {
    let (old, new) = (directory.join("old"), directory.join("new"));
    steps! {
        "keep", &old, NEW, 0o644, "+", "put-write", 0, 10, "+", "drop", 0, "+", "pause", 50, "+",
        "rename", &old, &new, "+",
        "keep", &new, NEW, 0o644, "+", "put-write", 1, 20, "+", "drop", 1, "+", "pause", 50, "+",
        "unlink", &new, "+", "exec", "/bin/sh", "sh", "-c", ":",
    }
    .into()
}

fn what_was_written_has_the_hash_of_its_content() -> Outcome {
    let place = place("written");
    shell(&place, "printf content >file; : >empty");
    let told = effect(&place, "file.close", &place.file("file"));
    assert_eq!(told, json!({"size": 7, "sha256": sha256("content")}));
    let told = effect(&place, "file.close", &place.file("empty"));
    assert_eq!(told, json!({"size": 0, "sha256": sha256("")}));
    Ok(())
}

fn what_is_written_again_has_the_hash_before() -> Outcome {
    let place = place("again");
    shell(&place, "printf one >file");
    shell(&place, "printf three >>file");
    let closes = place.records().action("file.close");
    let closes = closes.path(place.file("file"));
    assert_eq!(closes.len(), 2, "{closes}");
    let (one, three) = (sha256("one"), sha256("onethree"));
    let told = [0, 1].map(|index| closes.0[index]["effect"].clone());
    let again = json!({"size": 8, "sha256": three, "previous_sha256": one});
    assert_eq!(told, [json!({"size": 3, "sha256": one}), again]);
    Ok(())
}

/// `as_of` is a time between that of two records.
fn within(effect: &Value, place: &Place, path: &str) {
    let as_of = effect["as_of"].as_str().expect("a time");
    let closed = place.records().action("file.close").path(path);
    let closed = closed.0[0]["time"].as_str().expect("a time").to_owned();
    assert!(*as_of >= *closed, "{effect}: it was closed at {closed}");
}

fn what_is_removed_carries_its_last_hash() -> Outcome {
    let place = place("removed");
    let path = place.file("file");
    shell(&place, "printf content >file");
    place.run(&steps!["unlink", &path]);
    let told = effect(&place, "file.unlink", &path);
    within(&told, &place, &path);
    assert_eq!(told["sha256"], sha256("content"), "{told}");
    assert_eq!(told["size"], 7, "{told}");
    Ok(())
}

fn what_is_renamed_carries_its_last_hash() -> Outcome {
    let place = place("renamed");
    let (old, new) = (place.file("old"), place.file("new"));
    shell(&place, "printf content >old; printf other >new");
    place.run(&steps!["rename", &old, &new]);
    place.run(&steps!["unlink", &new]);
    let told = effect(&place, "file.rename", &old);
    within(&told, &place, &old);
    assert_eq!(told["sha256"], sha256("content"), "{told}");
    assert_eq!(told["previous_sha256"], sha256("other"), "{told}");
    let told = effect(&place, "file.unlink", &new);
    assert_eq!(told["sha256"], sha256("content"), "{told}");
    Ok(())
}

/// As editors do it.
fn a_file_that_is_renamed_over_another_at_once_is_hashed() -> Outcome {
    let place = place("over");
    let (file, beside) = (place.file("file"), place.file("file.tmp"));
    shell(&place, "printf old >file");
    place.run(&steps! {
        "keep", &beside, NEW, 0o644, "+",
        "put-write", 0, 10, "+", "drop", 0, "+", "rename", &beside, &file,
    });
    let content = sha256(std::fs::read(&file).unwrap());
    let told = effect(&place, "file.close", &beside);
    assert_eq!(told, json!({"size": 10, "sha256": content}));
    let told = effect(&place, "file.rename", &beside);
    assert_eq!(told["sha256"], content, "{told}");
    assert_eq!(told["previous_sha256"], sha256("old"), "{told}");
    Ok(())
}

/// As git does it.
fn a_file_that_is_linked_at_once_is_hashed() -> Outcome {
    let place = place("linked");
    let (file, beside) = (place.file("file"), place.file("file.tmp"));
    place.run(&steps! {
        "keep", &beside, NEW, 0o644, "+", "put-write", 0, 10, "+", "drop", 0, "+",
        "link", &beside, &file, "+", "unlink", &beside,
    });
    let again = place.file("again");
    place.run(&steps!["link", &file, &again, "+", "unlink", &again]);
    let content = sha256([BYTE; 10]);
    let told = effect(&place, "file.close", &beside);
    assert_eq!(told["sha256"], content, "{told}");
    // Where the old name was removed before it was read, nobody knows what it was when it was linked.
    let told = effect(&place, "file.link", &file);
    assert!(told.is_null() || told["sha256"] == content, "{told}");
    let told = effect(&place, "file.link", &again);
    assert_eq!(told["sha256"], content, "{told}");
    assert_eq!(effect(&place, "file.unlink", &beside), Value::Null);
    let told = effect(&place, "file.unlink", &again);
    assert_eq!(told["sha256"], content, "{told}");
    Ok(())
}

/// Steps in a mount namespace of its own, with something mounted, of a process that writes a file
/// there and goes on for a moment.
fn written_apart(place: &Place, mount: &[OsString], path: &str) {
    let mut steps: Vec<OsString> = steps! {
        "unshare", libc::CLONE_NEWNS, "+", "mount", "none", "/", "none", PRIVATE, 0, "+",
    }
    .into();
    steps.extend_from_slice(mount);
    steps.extend(steps! {
        "+", "keep", path, NEW, 0o644, "+", "put-write", 0, 10, "+", "drop", 0, "+", "wait",
    });
    let mut trigger = place.place(&steps);
    trigger.go();
    place.wait("the close", |record| {
        record["action"] == "file.close" && record["object"]["path"] == path
    });
    trigger.go();
    let ran = trigger.end();
    ran.succeeded();
    place.settle(ran.pid);
}

/// Containers have one.
fn a_file_that_gets_its_name_before_it_is_closed_is_hashed() -> Outcome {
    let place = place("nameless");
    let path = place.file("named");
    let flags = libc::O_TMPFILE | libc::O_RDWR;
    let ran = place.run(&steps! {
        "keep", place.directory(), flags, 0o600, "+",
        "put-write", 0, 5, "+",
        "name", 0, &path, "link", "+",
        "drop", 0,
    });
    if ran.result("keep") as i32 == -libc::EOPNOTSUPP {
        return Err(Unable("the file system has no O_TMPFILE".to_owned()));
    }
    let closes = place.records().action("file.close");
    let expect = json!({"size": 5, "sha256": sha256([BYTE; 5])});
    assert_eq!(closes.one()["effect"], expect, "{closes}");
    Ok(())
}

fn a_file_in_another_mount_namespace_is_found() -> Outcome {
    let place = place("apart");
    let at = place.file("at");
    std::fs::create_dir(&at).unwrap();
    let path = format!("{at}/file");
    written_apart(
        &place,
        &steps!["mount", "memory", &at, "tmpfs", 0, 0],
        &path,
    );
    assert!(!Path::new(&path).exists(), "it is seen there only");
    let told = effect(&place, "file.close", &path);
    assert_eq!(told, json!({"size": 10, "sha256": sha256([BYTE; 10])}));
    Ok(())
}

/// On overlayfs over several file systems stat(2) has another device than the kernel.
fn a_file_on_several_file_systems_is_found() -> Outcome {
    let known = std::fs::read_to_string("/proc/filesystems").unwrap();
    if !known.lines().any(|line| line.ends_with("\toverlay")) {
        return Err(Unable("this kernel has no overlayfs".to_owned()));
    }
    let place = place("overlay");
    let name = |name: &str| place.file(name);
    for directory in ["lower", "memory", "at"] {
        std::fs::create_dir(name(directory)).unwrap();
    }
    let (upper, work) = (name("memory/upper"), name("memory/work"));
    let layers = format!("lowerdir={},upperdir={upper},workdir={work}", name("lower"));
    let mount = steps! {
        "mount", "memory", name("memory"), "tmpfs", 0, 0, "+",
        "mkdir", &upper, 0o755, "+", "mkdir", &work, 0o755, "+",
        "mount-with", "overlay", name("at"), "overlay", 0, &layers,
    };
    let path = name("at/file");
    written_apart(&place, &mount, &path);
    let told = effect(&place, "file.close", &path);
    assert_eq!(told, json!({"size": 10, "sha256": sha256([BYTE; 10])}));
    Ok(())
}

/// The exec of the program with these arguments; the trigger's own is not told.
fn exec(place: &Place, exe: &str) -> Value {
    let execs = place.records().action("process.exec").path(exe);
    execs.one()["object"].clone()
}

fn programs_and_scripts_are_hashed() -> Outcome {
    let place = place("programs");
    let (program, script) = (place.file("program"), place.file("script"));
    launch::copy(program.as_ref());
    std::fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    std::fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    for _ in 0..2 {
        place.run(&steps!["exec", &program, "program", "exit", "0"]);
    }
    let expect = sha256(std::fs::read(&program).unwrap());
    let execs = place.records().action("process.exec").path(&program);
    assert_eq!(execs.len(), 2, "{execs}");
    for exec in &execs.0 {
        assert_eq!(exec["object"]["sha256"], *expect, "{exec}");
        assert_eq!(exec["object"].get("script_sha256"), None, "{exec}");
        assert_eq!(exec["effect"], Value::Null, "{exec}");
    }
    place.run(&steps!["exec", &script, "script"]);
    let execs = place.records().action("process.exec");
    let execs = execs.keep(|record| record["object"]["script"] == *script);
    let object = &execs.one()["object"];
    let expect = sha256(std::fs::read("/bin/sh").unwrap());
    assert_eq!(object["sha256"], *expect, "{object}");
    let expect = sha256(std::fs::read(&script).unwrap());
    assert_eq!(object["script_sha256"], *expect, "{object}");
    assert_eq!(object.get("script_changed_since"), None, "{object}");
    Ok(())
}

fn a_program_without_a_name_is_hashed_while_it_runs() -> Outcome {
    let place = place("nameless");
    let program = place.file("program");
    launch::copy(program.as_ref());
    let expect = sha256(std::fs::read(&program).unwrap());
    let steps = steps!["exec", &program, "program", "exit", "0"];
    let mut trigger = place.place(&steps);
    trigger.go();
    trigger.until("ready");
    std::fs::remove_file(&program).unwrap();
    let pid = trigger.pid();
    // It still runs when its exec is told.
    place.wait("the exec", |record| record["action"] == "process.exec");
    trigger.go();
    drop(trigger.end());
    place.settle(pid);
    assert_eq!(exec(&place, &program)["sha256"], *expect);
    Ok(())
}

fn nothing_is_known_of_what_nobody_wrote() -> Outcome {
    let place = place("unknown");
    let (one, two) = (place.make("one"), place.make("two"));
    let new = place.file("new");
    place.run(&steps!["unlink", &one, "+", "rename", &two, &new]);
    assert_eq!(effect(&place, "file.unlink", &one), Value::Null);
    assert_eq!(effect(&place, "file.rename", &two), Value::Null);
    Ok(())
}

/// What the kernel makes up when it is read.
fn what_is_no_data_is_not_read() -> Outcome {
    let place = place("pseudo");
    shell(&place, "printf name >/proc/self/comm");
    let closes = place.records().action("file.close");
    let closes = closes.keep(|record| {
        let path = record["object"]["path"].as_str().unwrap_or_default();
        path.starts_with("/proc/")
    });
    // The shell is gone by then, and its directory in /proc with it.
    for close in &closes.0 {
        assert_eq!(close["effect"].get("sha256"), None, "{close}");
        let reasons = [json!("not_regular"), json!("gone")];
        assert!(reasons.contains(&close["effect"]["unhashed"]), "{close}");
    }
    assert!(!closes.is_empty(), "{}", place.records());
    Ok(())
}
