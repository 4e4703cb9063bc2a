//! Names may be any bytes: they survive, and no terminal gets them raw.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::Command;

use agtrack_tests::records::bytes;
use agtrack_tests::{here, steps};
use libc::{O_CREAT, O_EXCL, O_RDONLY, O_WRONLY};

use crate::host::{journal, place};
use crate::{Outcome, tests};

tests![
    any_bytes_survive,
    no_terminal_gets_them_raw,
    the_longest_name_survives,
    deeper_than_any_path_is_cut_and_says_so,
];

const OPEN: &str = "file.open";

/// Names that have broken other recorders.
const NAMES: &[&[u8]] = &[
    b"new\nline",
    b"escape\x1b[2J\x1b]0;title\x07",
    b"invalid\xff\xc3(utf",
    b"quote\"'`$(id)",
    b"back\\x41slash\\",
    b" leading and trailing ",
    b"\xe2\x80\xaetxt.exe",
    b"tab\tand\rreturn",
    b"(deleted)",
    b"nul\\u0000",
];

fn hostile(directory: &str, name: &[u8]) -> OsString {
    OsString::from_vec([directory.as_bytes(), b"/", name].concat())
}

fn any_bytes_survive() -> Outcome {
    let place = place("names");
    let new = O_WRONLY | O_CREAT | O_EXCL;
    for name in NAMES {
        let path = hostile(place.directory(), name);
        let moved = hostile(place.directory(), &[name, &b"2"[..]].concat());
        let ran = place.run(&steps! {
            "openat", "cwd", &path, new, "420", "+",
            "rename", &path, &moved, "+",
            "unlink", &moved,
        });
        let results: Vec<_> = ran.steps.iter().map(|(.., ret)| *ret).collect();
        assert!(results.iter().all(|ret| *ret >= 0), "{ran:?}");
        let records = place.records().of(ran.pid);
        let (path, moved) = (path.as_bytes(), moved.as_bytes());
        records.action(OPEN).path(path).one();
        let renames = records.action("file.rename");
        assert_eq!(bytes(&renames.one()["object"]["from"]), path);
        assert_eq!(bytes(&renames.one()["object"]["to"]), moved);
        records.action("file.unlink").path(moved).one();
    }
    Ok(())
}

fn no_terminal_gets_them_raw() -> Outcome {
    let place = place("terminal");
    for name in NAMES {
        let path = hostile(place.directory(), name);
        place.run(&steps!["openat", "cwd", &path, O_WRONLY | O_CREAT, "420"]);
    }
    let output = Command::new(here::agtrack())
        .args(["tail", "-n", "100000", "--journal"])
        .arg(journal())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("it is valid UTF-8");
    let dangerous = text
        .chars()
        .find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
    assert_eq!(dangerous, None, "{text:?}");
    assert!(
        text.contains("escape\\u{1b}"),
        "the names are shown: {text}"
    );
    Ok(())
}

fn the_longest_name_survives() -> Outcome {
    let place = place("longest");
    let path = place.file(&"n".repeat(255));
    place.run(&steps!["openat", "cwd", &path, O_WRONLY | O_CREAT, "420"]);
    let opens = place.records().action(OPEN).path(&path);
    assert_eq!(opens.one()["completeness"]["truncated"], false);
    Ok(())
}

/// A process can be where no path leads: `PATH_MAX` is a limit of calls, not of directories.
fn deeper_than_any_path_is_cut_and_says_so() -> Outcome {
    let place = place("deep");
    let name = "d".repeat(200);
    let ran = place.run(&steps! {
        "walk", &name, "30", "+",
        "openat", "cwd", "bottom", O_WRONLY | O_CREAT, "420", "+",
        "openat", "cwd", "bottom", O_RDONLY, "0", "+",
        "exec", "./bottom", "+",
        "unlink", "bottom",
    });
    assert_eq!(ran.result("walk"), 30);
    let records = place.records();
    let opens = records
        .action(OPEN)
        .keep(|r| bytes(&r["object"]["path"]).ends_with(b"/bottom"));
    assert_eq!(opens.len(), 2, "{}", records.action(OPEN));
    for record in opens.0.iter().chain(&records.action("file.unlink").0) {
        assert_eq!(record["completeness"]["truncated"], true, "{record}");
    }
    records.action("file.unlink").one();
    // Part of its path went ahead of it, and belongs to it.
    let refused = records
        .action("process.exec")
        .keep(|r| r["outcome"]["errno"] == "EACCES");
    let refused = refused.one();
    let exe = bytes(&refused["object"]["exe"]);
    assert!(exe.ends_with(b"/bottom"), "{refused}");
    assert!(exe.len() > 3000 && !exe.contains(&0), "{refused}");
    assert_eq!(refused["completeness"]["truncated"], true, "{refused}");
    Ok(())
}
