//! `agtrack query` on journals made by hand.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use agtrack::journal::{Journal, Options};
use agtrack::record::Record;
use serde_json::{Value, json};

use super::call::{Said, agtrack, say};

const SESSIONS: [&str; 2] = [
    "01a20a26-3de0-73cf-be28-e8d0e3408978",
    "02a20a26-3de0-73cf-be28-e8d0e3408978",
];

/// A journal and what was written to it.
struct Made {
    dir: tempfile::TempDir,
    journal: Option<Journal>,
    lines: Vec<String>,
}

impl Made {
    fn new(segment_bytes: u64) -> Made {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes,
            ..Options::default()
        };
        let (journal, _) = Journal::open(&dir.path().join("j"), options).unwrap();
        Made {
            dir,
            journal: Some(journal),
            lines: Vec::new(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("j")
    }

    /// An action of one of the two agents, `minute` minutes after nine.
    fn act(&mut self, agent: usize, minute: u64, action: &str, object: &Value) {
        let journal = self.journal.as_mut().unwrap();
        let seq = journal.next_seq();
        let record = json!({
            "v": 1, "seq": seq, "id": format!("l:{seq}"),
            "time": format!("2026-11-22T09:{minute:02}:00.000000000Z"),
            "boot_time": minute * 60_000_000_000,
            "host": { "id": "h", "name": "h", "boot_id": "b" },
            "agent": { "id": format!("agent{agent}"), "name": format!("agent{agent}"),
                       "owner": null, "session": SESSIONS[agent], "binding": "launcher" },
            "kind": "action", "tool_call": null, "action": action, "object": object,
            "process": { "uid": "b-7-1", "pid": 7, "exe": "/usr/bin/x", "args": [],
                         "ancestry": [] },
            "outcome": { "result": "success", "errno": null },
            "decision": null, "effect": null, "maps": [],
            "completeness": { "path_source": "kernel", "truncated": false, "count": 1 },
        });
        let record: Record = serde_json::from_value(record).unwrap();
        let line = serde_json::to_string(&record).unwrap();
        journal.append(line.as_bytes()).unwrap();
        self.lines.push(line);
    }

    fn unlink(&mut self, agent: usize, minute: u64, path: &str) {
        let object = json!({ "path": path, "inode": null, "device": null });
        self.act(agent, minute, "file.unlink", &object);
    }

    fn sync(&self) {
        self.journal.as_ref().unwrap().sync().unwrap();
    }

    fn say<S: AsRef<OsStr>>(&self, args: &[S]) -> Said {
        say(agtrack(&["query", "--journal"]).arg(self.path()).args(args))
    }

    /// The numbers of the records found.
    fn found<S: AsRef<OsStr>>(&self, args: &[S]) -> Vec<u64> {
        let said = self.say(
            &[
                &[OsStr::new("--json")],
                &*args.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
            ]
            .concat(),
        );
        let expect = if said.out.is_empty() {
            format!("agtrack: nothing matches in {}\n", self.path().display())
        } else {
            String::new()
        };
        assert_eq!((said.code, said.err), (Some(0), expect));
        let number = |line: &str| {
            let record: Value = serde_json::from_str(line).unwrap();
            let seq = record["seq"].as_u64().unwrap();
            assert_eq!(
                line,
                self.lines[seq as usize - 1],
                "as it stands in the journal"
            );
            seq
        };
        said.out.lines().map(number).collect()
    }
}

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
    let expect = format!(
        "        3 agent0 {} /usr/bin/x\n        2 agent1 {} /usr/bin/x\n",
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
