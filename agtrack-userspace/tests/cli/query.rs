//! `agtrack query` on journals made by hand.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::call::{agtrack, say};
use super::made::{Made, SESSIONS};

/// Two sessions with the questions of everyday.
fn everyday() -> Made {
    let mut made = Made::new(64 << 20);
    made.unlink(0, 0, "/work/a");
    made.unlink(1, 1, r"/work/b\xff");
    let object = json!({ "from": "/work/c", "to": "/etc/passwd", "rename_flags": [],
                         "inode": null, "device": null });
    made.act(0, 2, "file.rename", &object);
    let peer =
        json!({ "ip": "10.0.0.7", "port": 443, "proto": "tcp", "domain": "api.example.org" });
    made.act(1, 3, "net.connect", &peer);
    let object = json!({ "path": "/usr/lib/libc.so.6", "access": "read", "created": false,
        "open_flags": [], "inode": null, "device": null, "mode": null });
    made.act(0, 4, "file.open", &object);
    made.sync();
    made
}

#[test]
fn the_questions_of_the_help_text_are_answered() {
    let made = everyday();
    assert_eq!(made.found(&["--path", "/etc/passwd"]), [3]);
    assert_eq!(made.found(&["--path", "/work/"]), [1, 2, 3]);
    assert_eq!(made.found(&["--host", ".example.org"]), [4]);
    assert_eq!(made.found(&["--host", "10.0.0.0/8:443"]), [4]);
    assert_eq!(made.found(&["--session", "01A2", "--changes"]), [1, 3]);
    assert_eq!(made.found(&["--path", "/work/", "--agent", "agent1"]), [2]);
    assert_eq!(
        made.found(&[
            "--since",
            "2026-11-22T09:01:00Z",
            "--until",
            "2026-11-22 09:03"
        ]),
        [2, 3]
    );
    assert_eq!(made.found(&["--limit", "2"]), [1, 2]);
    assert_eq!(made.found(&["--path", "/nothing"]), [0; 0]);
    assert_eq!(made.found(&["--kind", "gap"]), [0; 0]);
    assert_eq!(made.found(&["--since", "1h", "--until", "30m"]), [0; 0]);
}

#[test]
fn a_name_that_is_no_text_can_be_asked_for() {
    let made = everyday();
    assert_eq!(made.found(&["--path", r"/work/b\xff"]), [2]);
    assert_eq!(
        made.found(&[OsStr::new("--path"), OsStr::from_bytes(b"/work/b\xff")]),
        [2]
    );
}

#[test]
fn people_get_lines_and_everyday_records_are_not_folded() {
    let said = everyday().say(&["--path", "/usr/lib/**", "--path", "a"]);
    let expect = "Nov 22 09:00:00.000 agent0 x[7] file.unlink /work/a\n\
                  Nov 22 09:04:00.000 agent0 x[7] file.open /usr/lib/libc.so.6 (read)\n";
    assert_eq!(
        (said.code, said.out.as_str(), said.err.as_str()),
        (Some(0), expect, "")
    );
}

#[test]
fn matches_are_counted_and_summed_up() {
    let made = everyday();
    assert_eq!(made.say(&["--count"]).out, "5\n");
    assert_eq!(made.say(&["--count", "--limit", "3"]).out, "3\n");
    let said = made.say(&["--count", "--path", "/nothing"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "0\n"));
    let said = made.say(&["--summary"]);
    let blank = " ".repeat(SESSIONS[0].len() - "SESSION".len());
    let expect = format!(
        "RECORDS  AGENT   SESSION{blank}  PROGRAM\n      3  agent0  {}  /usr/bin/x\n      \
         2  agent1  {}  /usr/bin/x\n",
        SESSIONS[0], SESSIONS[1]
    );
    assert_eq!((said.out, said.err.as_str()), (expect, ""));
    let said = made.say(&["--summary", "--json", "--host", "10.0.0.7"]);
    let row: Value = serde_json::from_str(&said.out).unwrap();
    let expect =
        json!({ "count": 1, "agent": "agent1", "session": SESSIONS[1], "exe": "/usr/bin/x" });
    assert_eq!(row, expect);
}

#[test]
fn many_segments_and_blocks_come_in_their_order() {
    // Segments of several blocks, each block with thousands of lines.
    let mut made = Made::new(5 << 19);
    for number in 0..9000 {
        made.unlink(number % 2, 0, &format!("/work/{number}"));
    }
    made.sync();
    let segments = std::fs::read_dir(made.path()).unwrap();
    let segments = segments.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        Path::new(&name).extension() == Some(OsStr::new("jsonl"))
    });
    assert!(segments.count() > 2);
    let every: Vec<u64> = (1..=9000).collect();
    assert_eq!(made.found(&["--path", "/work/"]), every);
    assert_eq!(made.found::<&str>(&[]), every);
    let odd: Vec<u64> = (1..=9000).filter(|seq| seq % 2 == 0).collect();
    assert_eq!(made.found(&["--agent", "agent1"]), odd);
    assert_eq!(made.found(&["--path", "/work/8999"]), [9000]);
}

#[test]
fn only_what_is_committed_is_found_and_what_a_dead_writer_left() {
    let mut made = everyday();
    let segment = made.path().join(format!("{:020}.jsonl", 1));
    let line = made.lines[0].replacen("\"seq\":1", "\"seq\":6", 1);
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&segment)
        .unwrap();
    writeln!(file, "{line}").unwrap();
    write!(file, "{}", &line[..40]).unwrap();
    assert_eq!(
        made.found(&["--path", "/work/a"]),
        [1],
        "the writer lives and has not said so"
    );
    // Dropped, not closed: as if it was killed.
    made.journal = None;
    made.lines.push(line);
    assert_eq!(made.found(&["--path", "/work/a"]), [1, 6]);
}

#[test]
fn lines_of_a_newer_version_are_told_and_no_failure() {
    let mut made = everyday();
    let journal = made.journal.as_mut().unwrap();
    for body in [
        json!({ "seq": 6, "kind": "tool_call", "path": "/work/a" }),
        json!({ "seq": 7, "kind": "other" }),
    ] {
        journal.append(body.to_string().as_bytes()).unwrap();
    }
    made.sync();
    let said = made.say(&["--count", "--path", "/work/a"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "1\n"));
    assert!(
        said.err
            .starts_with("agtrack: 1 line that may match could not be read"),
        "{}",
        said.err
    );
}

#[test]
fn matches_are_encoded_as_events() {
    let made = everyday();
    let said = made.say(&["--encoding", "ocsf", "--path", "/etc/passwd"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let event: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(event["type_uid"], 100_105);
    assert_eq!(event["metadata"]["uid"], "l:3");
    assert_eq!(event["file_result"]["path"], "/etc/passwd");
    let native = made.say(&["--encoding", "native"]);
    assert_eq!(native.out, made.say(&["--json"]).out);
    let said = made.say(&["--encoding", "ocsf", "--count"]);
    assert_eq!(said.code, Some(2));
}

#[test]
fn wrong_questions_are_refused_with_the_reason() {
    let made = everyday();
    for (args, part) in [
        (["--path", "[a"], "`[` has no end"),
        (["--path", "*.{a,b}"], "repeat the option for alternatives"),
        (
            ["--host", "10.0.0.0/99"],
            "is no length of a network's prefix",
        ),
        (["--since", "yesterday"], "is no time"),
        (["--session", "xyz"], "a session's id is like"),
        (["--tool-call", "3"], "a tool call's id is like"),
        (["--pid", "abc"], "no process id; it is a number"),
        (
            ["--action", "file.unlnk"],
            "'file.unlnk' for '--action <GLOB>': no action is called so; did you mean `file.unlink`",
        ),
        (["--kind", "nonsense"], "possible values"),
        (["--decision", "maybe"], "possible values"),
    ] {
        let said = made.say(&args);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(said.err.contains(part), "{args:?}: {}", said.err);
    }
    let said = made.say(&["--since", "1h", "--until", "2h"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("is not before"), "{}", said.err);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let mut made = Made::new(64 << 20);
    for number in 0..9000 {
        made.unlink(0, 0, &format!("/work/{number}"));
    }
    made.sync();
    let mut child = agtrack(&["query", "--path", "/work/", "--journal"])
        .arg(made.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.contains("/work/0"), "{first}");
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn without_a_journal_it_is_said_where_one_was_looked_for() {
    let said = say(&mut agtrack(&["query", "--journal", "/nonexistent"]));
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(
        said.err
            .starts_with("agtrack: /nonexistent holds no journal:"),
        "{}",
        said.err
    );
}

#[test]
fn who_asks_for_what_nobody_has_is_told_what_there_is() {
    let made = everyday();
    let nothing = format!("agtrack: nothing matches in {}\n", made.path().display());
    for (args, hint) in [
        (
            ["--agent", "agnet1"],
            "no agent is called agnet1; there is agent1, agent0",
        ),
        (["--agent", "b*"], "no agent is called b*; there is "),
        (
            ["--session", "0a"],
            "no session's id begins with 0a; `agtrack sessions` lists them",
        ),
        (
            ["--path", "passw"],
            "passw was searched for as `**/passw`, a whole name at the end of a path; for a part of \
             a name write `*passw*`",
        ),
        (["--path", "~/.ssh/"], "none begins with `~`"),
        (["--host", "localhost"], "ask for 127.0.0.0/8 and ::1"),
        (["--path", "./a"], "paths are recorded from `/` on"),
        (
            ["--path", "/srv/x"],
            "for all below a directory write `/srv/x/`",
        ),
    ] {
        let said = made.say(&args);
        let told = said.err.strip_prefix(&nothing).unwrap_or_default();
        assert!(told.contains(hint), "{args:?}: {}", said.err);
        assert_eq!((said.code, told.lines().count()), (Some(0), 1), "{args:?}");
    }
    // There is both, and nothing else can be said.
    let said = made.say(&["--agent", "agent0", "--session", "02a2", "--path", "/x/"]);
    assert_eq!(said.err, nothing);
}

#[test]
fn what_is_written_to_files_of_the_kernel_is_no_change_and_said_to_be_left_out() {
    let mut made = Made::new(64 << 20);
    for path in [
        "/dev/null",
        "/sys/fs/cgroup/a/cgroup.procs",
        "/proc/self/oom_score_adj",
        "/proc/sys/kernel/core_pattern",
        "/sys/fs/cgroup/a/memory.max",
        "/dev/sda",
        "/work/cgroup",
    ] {
        let object = json!({ "path": path, "access": "write", "created": false,
            "open_flags": [], "inode": null, "device": null, "mode": null });
        made.act(0, 0, "file.open", &object);
    }
    made.unlink(0, 0, "/dev/null");
    made.sync();
    let said = made.say(&["--changes", "--count"]);
    assert_eq!(said.out, "5\n", "{}", said.err);
    let expect = "agtrack: 3 writes to files that the kernel makes (/dev/null and its like, ";
    assert!(said.err.starts_with(expect), "{}", said.err);
    assert!(said.err.contains("without --changes"), "{}", said.err);
    assert_eq!(made.say(&["--count"]).out, "8\n");
}

#[test]
fn what_was_removed_is_told_with_what_is_found() {
    let mut made = Made::new(1);
    for minute in [0, 10, 20, 30] {
        made.unlink(0, minute, "/work/a");
        made.sync();
    }
    drop(made.journal.take());
    std::fs::remove_file(made.path().join(format!("{:020}.jsonl", 2))).unwrap();
    let said = made.say(&["--path", "/work/a", "--count"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "3\n"));
    let expect = "agtrack: record 2 is not in the journal any more: files of it were removed or \
                  cut; what they said is not known\n";
    assert_eq!(said.err, expect);
    // What was removed is of another time than what is asked for.
    let said = made.say(&["--since", "2026-11-22T09:30:00Z", "--count"]);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("1\n", ""));
}

#[test]
fn sessions_whose_ids_begin_alike_are_told_to_be_several() {
    let begins = |change: &str| {
        json!({ "kind": "session", "change": change, "command": [], "process": null,
                "cgroup": null, "still_running": [] })
    };
    let mut made = Made::new(64 << 20);
    for agent in [0, 1] {
        made.put(Some(agent), 0, &begins("start"));
        made.unlink(agent, 1, "/work/a");
    }
    made.sync();
    let said = made.say(&["--session", "0", "--count"]);
    assert_eq!(said.out, "4\n");
    let expect = "agtrack: 2 sessions have ids that begin with 0: records of all of them are here; \
                  `agtrack sessions` lists them\n";
    assert_eq!(said.err, expect);
    let said = made.say(&["--session", SESSIONS[0], "--count"]);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("2\n", ""));
}

#[test]
fn a_record_that_was_cut_out_of_a_file_is_missed() {
    for segment_bytes in [64 << 20, 4000] {
        let mut made = Made::new(segment_bytes);
        for minute in 0..8 {
            made.unlink(0, minute, "/work/a");
            made.sync();
        }
        drop(made.journal.take());
        let file = made.path().join(format!("{:020}.jsonl", 1));
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.len() > 2);
        let kept = [&lines[..1], &lines[2..]].concat().join("\n") + "\n";
        std::fs::write(&file, kept).unwrap();
        let said = made.say(&["--path", "/work/a", "--count"]);
        assert_eq!((said.code, said.out.as_str()), (Some(0), "7\n"));
        let (left, records) = (lines.len() - 1, lines.len());
        let expect = format!(
            "agtrack: {} has {left} lines where {records} records should be: it was changed\n",
            file.display()
        );
        assert_eq!(said.err, expect);
    }
}
