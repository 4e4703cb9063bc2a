//! `file.open`: a file was opened for reading, writing or creating, or that was refused.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use agtrack_tests::records::{bytes, number};
use agtrack_tests::steps;
use libc::{
    O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR, O_TMPFILE,
    O_TRUNC, O_WRONLY,
};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::{Value, json};

use crate::host::{place, sees_objects};
use crate::{Outcome, Unable, tests};

tests![
    every_variant_says_what_was_asked_and_done,
    a_handle_leads_to_the_file,
    the_file_is_identified,
    relative_names_become_absolute,
    links_lead_to_the_file,
    directories_are_opened_too,
    refusals_are_recorded,
    a_read_only_file_system_refuses,
    probing_and_naming_are_not_recorded,
    a_file_without_a_name,
    i386_calls_are_seen,
    io_uring_is_seen,
    io_uring_may_try_twice,
];

const ACTION: &str = "file.open";

/// Where the path of a successful open comes from.
fn source() -> &'static str {
    if sees_objects() { "kernel" } else { "fd" }
}

fn check(record: &Value, access: &str, created: bool, flags: &[&str]) {
    let object = &record["object"];
    assert_eq!(object["access"], access, "{record}");
    assert_eq!(object["created"], created, "{record}");
    assert_eq!(object["open_flags"], json!(flags), "{record}");
    assert_eq!(
        record["outcome"],
        json!({"result": "success", "errno": null}),
        "{record}"
    );
    assert_eq!(record["completeness"]["path_source"], source(), "{record}");
    assert_eq!(record["completeness"]["truncated"], false, "{record}");
}

fn every_variant_says_what_was_asked_and_done() -> Outcome {
    let place = place("variants");
    let file = |name| place.file(name);
    for name in ["a", "b", "c", "d", "e", "f"] {
        place.make(name);
    }
    let new = O_WRONLY | O_CREAT | O_EXCL;
    place.run(&steps! {
        "open", file("a"), O_RDONLY, "0", "+",
        "open", file("b"), O_WRONLY | O_TRUNC, "0", "+",
        "open", file("n1"), new, "420", "+",
        "openat", "cwd", file("c"), O_RDWR | O_APPEND, "0", "+",
        "openat", "cwd", file("d"), O_WRONLY | O_CREAT, "420", "+",
        "openat", "cwd", file("n2"), new, "420", "+",
        "openat2", "cwd", file("e"), O_RDONLY, "0", "0", "+",
        "creat", file("f"), "420", "+",
        "creat", file("n3"), "420",
    });
    let opens = place.records().action(ACTION).below(place.directory());
    let expect: [(&str, &str, bool, &[&str]); 9] = [
        ("a", "read", false, &[]),
        ("b", "write", false, &["TRUNC"]),
        ("n1", "write", true, &["CREAT", "EXCL"]),
        ("c", "read_write", false, &["APPEND"]),
        ("d", "write", false, &["CREAT"]),
        ("n2", "write", true, &["CREAT", "EXCL"]),
        ("e", "read", false, &[]),
        ("f", "write", false, &["CREAT", "TRUNC"]),
        ("n3", "write", true, &["CREAT", "TRUNC"]),
    ];
    for (name, access, created, flags) in expect {
        check(opens.path(file(name)).one(), access, created, flags);
    }
    assert_eq!(opens.len(), expect.len(), "{opens}");
    Ok(())
}

/// A way around names, and so around rules about names.
fn a_handle_leads_to_the_file() -> Outcome {
    let place = place("handle");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "dir", place.directory(), "+",
        "open-handle", &path, "+",
        "setuid", 1000, "+",
        "open-handle", &path,
    });
    let results: Vec<_> = ran
        .steps
        .iter()
        .filter(|(_, name, _)| name == "open-handle")
        .map(|(.., ret)| *ret)
        .collect();
    assert!(
        results[0] >= 0 && results[1] == i64::from(-libc::EPERM),
        "{ran:?}"
    );
    let opens = place.records().action(ACTION);
    check(opens.path(&path).one(), "read", false, &[]);
    let refused = opens.keep(|open| open["outcome"]["errno"] == "EPERM");
    let refused = refused.one();
    assert_eq!(
        bytes(&refused["object"]["path"]),
        place.directory().as_bytes()
    );
    assert_eq!(refused["completeness"]["notes"], json!(["unreadable"]));
    Ok(())
}

fn the_file_is_identified() -> Outcome {
    let place = place("identity");
    let path = place.make("file");
    let file = std::fs::metadata(&path).unwrap();
    place.run(&steps!["openat", "cwd", &path, O_RDONLY, "0"]);
    let opens = place.records().action(ACTION).path(&path);
    let object = &opens.one()["object"];
    assert_eq!(number(&object["inode"]), file.ino());
    let (major, minor) = (
        nix::sys::stat::major(file.dev()),
        nix::sys::stat::minor(file.dev()),
    );
    assert_eq!(object["device"], format!("{major}:{minor}"));
    assert_eq!(object["mode"], format!("{:o}", file.mode()));
    Ok(())
}

fn relative_names_become_absolute() -> Outcome {
    let place = place("relative");
    std::fs::create_dir(place.file("sub")).unwrap();
    for name in ["a", "b", "sub/c", "sub/d"] {
        place.make(name);
    }
    place.run(&steps! {
        "dir", place.file("sub"), "+",
        "openat", "9", "c", O_RDONLY, "0", "+",
        "openat", "cwd", "./a", O_RDONLY, "0", "+",
        "openat", "9", "../b", O_RDONLY, "0", "+",
        "chdir", "sub", "+",
        "openat", "cwd", "d", O_RDONLY, "0",
    });
    let opens = place.records().action(ACTION);
    for name in ["a", "b", "sub/c", "sub/d"] {
        check(opens.path(place.file(name)).one(), "read", false, &[]);
    }
    Ok(())
}

fn links_lead_to_the_file() -> Outcome {
    let place = place("links");
    let path = place.make("file");
    symlink("file", place.file("link")).unwrap();
    place.run(&steps!["openat", "cwd", place.file("link"), O_RDONLY, "0"]);
    let opens = place.records().action(ACTION).below(place.directory());
    assert_eq!(opens.one()["object"]["path"], path);
    Ok(())
}

fn directories_are_opened_too() -> Outcome {
    let place = place("directory");
    place.run(&steps! {
        "openat", "cwd", place.directory(), O_RDONLY | O_DIRECTORY, "0",
    });
    let opens = place.records().action(ACTION).path(place.directory());
    check(opens.one(), "read", false, &["DIRECTORY"]);
    Ok(())
}

fn refused(record: &Value, errno: &str, access: &str) {
    assert_eq!(
        record["outcome"],
        json!({"result": "failure", "errno": errno}),
        "{record}"
    );
    assert_eq!(record["object"]["access"], access, "{record}");
    assert_eq!(record["object"]["inode"], Value::Null, "{record}");
}

fn refusals_are_recorded() -> Outcome {
    let place = place("refused");
    let secret = place.make("secret");
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    symlink("secret", place.file("link")).unwrap();
    let ran = place.run(&steps! {
        "openat", "cwd", place.file("link"), O_RDONLY | O_NOFOLLOW, "0", "+",
        "open", &secret, O_WRONLY | O_CREAT | O_EXCL, "0", "+",
        "setuid", "65534", "+",
        "creat", place.file("new"), "420", "+",
        "openat2", "cwd", "secret", O_RDWR, "0", "0",
    });
    let results: Vec<_> = ran.steps.iter().map(|(.., ret)| *ret as i32).collect();
    assert_eq!(
        results,
        [-libc::ELOOP, -libc::EEXIST, 0, -libc::EACCES, -libc::EACCES]
    );
    let opens = place.records().action(ACTION).below(place.directory());
    refused(opens.path(place.file("link")).one(), "ELOOP", "read");
    refused(opens.path(place.file("new")).one(), "EACCES", "write");
    let of_secret = opens.path(&secret);
    refused(
        of_secret.keep(|r| r["outcome"]["errno"] == "EEXIST").one(),
        "EEXIST",
        "write",
    );
    refused(
        of_secret.keep(|r| r["outcome"]["errno"] == "EACCES").one(),
        "EACCES",
        "read_write",
    );
    let expect = if sees_objects() { "fd" } else { "argument" };
    for record in &opens.0 {
        assert_eq!(record["completeness"]["path_source"], expect, "{record}");
    }
    assert_eq!(opens.len(), 4, "{opens}");
    Ok(())
}

fn a_read_only_file_system_refuses() -> Outcome {
    let place = place("readonly");
    let at = place.file("mount");
    std::fs::create_dir(&at).unwrap();
    let flags = MsFlags::MS_RDONLY;
    mount(
        Some("tmpfs"),
        at.as_str(),
        Some("tmpfs"),
        flags,
        None::<&str>,
    )
    .unwrap();
    let path = format!("{at}/new");
    place.run(&steps!["openat", "cwd", &path, O_WRONLY | O_CREAT, "420"]);
    umount2(at.as_str(), MntFlags::MNT_DETACH).unwrap();
    refused(
        place.records().action(ACTION).path(&path).one(),
        "EROFS",
        "write",
    );
    Ok(())
}

/// That a file is not there is the answer to most opens of most programs; `O_PATH` opens nothing.
fn probing_and_naming_are_not_recorded() -> Outcome {
    let place = place("probing");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "open", place.file("nothing"), O_RDONLY, "0", "+",
        "openat", "cwd", format!("{path}/below"), O_RDONLY, "0", "+",
        "openat2", "cwd", &path, O_PATH, "0", "0",
    });
    assert_eq!(ran.result("open") as i32, -libc::ENOENT);
    assert_eq!(ran.result("openat") as i32, -libc::ENOTDIR);
    assert!(ran.result("openat2") >= 0);
    place
        .records()
        .action(ACTION)
        .below(place.directory())
        .none();
    Ok(())
}

fn a_file_without_a_name() -> Outcome {
    let place = place("tmpfile");
    let flags = O_TMPFILE | O_RDWR;
    let ran = place.run(&steps!["openat", "cwd", place.directory(), flags, "384"]);
    if ran.result("openat") as i32 == -libc::EOPNOTSUPP {
        return Err(Unable("the file system has no O_TMPFILE".to_owned()));
    }
    let opens = place.records().action(ACTION).below(place.directory());
    let record = opens.one();
    assert_eq!(record["object"]["access"], "read_write");
    let flags = record["object"]["open_flags"].as_array().unwrap();
    assert!(flags.contains(&"TMPFILE".into()), "{record}");
    assert_eq!(record["completeness"]["notes"], json!(["deleted"]));
    Ok(())
}

/// Whether this kernel runs i386 calls; where it does not, the caller is killed.
pub(crate) fn has_i386() -> Result<(), Unable> {
    let mut trigger = agtrack_tests::launch::Trigger::new("/".as_ref(), &steps!["has32"]);
    trigger.go();
    let ran = trigger.end();
    let works = ran.status.success() && ran.result("has32") == i64::from(ran.pid);
    if works {
        Ok(())
    } else {
        Err(Unable("this kernel runs no i386 system calls".to_owned()))
    }
}

fn i386_calls_are_seen() -> Outcome {
    has_i386()?;
    let place = place("i386");
    let (a, b, new) = (place.make("a"), place.make("b"), place.file("new"));
    place.run(&steps! {
        "open32", &a, O_RDONLY, "0", "+",
        "openat32", &b, O_RDWR, "0", "+",
        "openat32", &new, O_WRONLY | O_CREAT | O_EXCL, "420", "+",
        "openat32", place.file("nothing"), O_RDONLY, "0",
    });
    let opens = place.records().action(ACTION).below(place.directory());
    check(opens.path(&a).one(), "read", false, &[]);
    check(opens.path(&b).one(), "read_write", false, &[]);
    check(opens.path(&new).one(), "write", true, &["CREAT", "EXCL"]);
    assert_eq!(opens.len(), 3, "{opens}");
    Ok(())
}

fn io_uring_is_seen() -> Outcome {
    let place = place("uring");
    let path = place.make("file");
    let ran = place.run(&steps!["uring-openat", &path]);
    let ret = ran.result("uring-openat");
    if ret < 0 {
        return Err(Unable(format!(
            "io_uring is not to be had here (errno {})",
            -ret
        )));
    }
    if !sees_objects() {
        let reason = "the tracepoint back end sees system calls, and io_uring makes none; the \
                      request is told";
        place.records().action(ACTION).path(&path).none();
        return Err(Unable(reason.to_owned()));
    }
    let opens = place.records().action(ACTION).path(&path);
    // The ring first tries without blocking; where that suffices it stays the only try.
    let tried = if opens.one()["object"]["open_flags"] == json!([]) {
        &[][..]
    } else {
        &["NONBLOCK"]
    };
    check(opens.one(), "read", false, tried);
    Ok(())
}

fn io_uring_may_try_twice() -> Outcome {
    let place = place("uring-twice");
    let nothing = place.file("nothing");
    let ran = place.run(&steps!["uring-openat", &nothing]);
    let ret = ran.result("uring-openat") as i32;
    if ret != -libc::ENOENT {
        return Err(Unable(format!(
            "io_uring is not to be had here (errno {})",
            -ret
        )));
    }
    // A first try that may not block fails with EAGAIN, which is nobody's result.
    place.records().action(ACTION).path(&nothing).none();
    Ok(())
}
