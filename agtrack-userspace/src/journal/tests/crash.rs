//! A writer killed at any moment loses nothing that it said was committed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

const CHILD: &str = "AGTRACK_TEST_JOURNAL_WRITER";
const ROUNDS: usize = 12;

/// This test binary again, running only the named test as a child, with a directory to write in.
pub(super) fn again(command: &mut Command, module: &str, test: &str, dir: &Path) -> Child {
    let (_, module) = module.split_once("::").unwrap();
    command
        .args([
            "--exact",
            &format!("{module}::{test}"),
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The directory, if this process is such a child.
pub(super) fn child_directory() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// Writes until killed, telling after each sync how far it is.
fn write_for_ever(dir: &Path) {
    let options = Options {
        segment_bytes: 20_000,
        ..Options::default()
    };
    let (mut journal, _) = Journal::open(dir, options).unwrap();
    for step in 0u64.. {
        append(&mut journal, 1 + step % 50);
        if step % 3 == 0 {
            println!("\ncommitted {}", journal.sync().unwrap().seq);
        }
    }
}

/// Kills the child once it has said so many times how far it is; returns the last it said.
fn kill_after(mut child: Child, times: usize) -> u64 {
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let told = |line: String| {
        line.strip_prefix("committed ")
            .and_then(|seq| seq.parse().ok())
    };
    let seen: Vec<u64> = lines.by_ref().filter_map(told).take(times).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(seen.len(), times, "the writer ended by itself");
    // What it said between our last look and the kill counts, too.
    lines.filter_map(told).last().unwrap_or(seen[times - 1])
}

#[test]
fn writer_killed_again_and_again_leaves_a_gapless_journal() {
    if let Some(dir) = child_directory() {
        return write_for_ever(&dir);
    }
    let dir = tempfile::tempdir().unwrap();
    for round in 0..ROUNDS {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let name = "writer_killed_again_and_again_leaves_a_gapless_journal";
        let told = kill_after(
            again(&mut command, module_path!(), name, dir.path()),
            1 + round * 3,
        );
        let left = journal_end(dir.path());
        let (journal, opened) = Journal::open(dir.path(), lazy()).unwrap();
        assert!(
            matches!(opened.previous, Previous::Unclean { .. }),
            "{opened:?}"
        );
        assert!(
            opened.next_seq > told,
            "record {told} was committed: {opened:?}"
        );
        assert_eq!(
            opened.next_seq,
            left + 1,
            "the reader saw what the recovery kept"
        );
        let all: Vec<u64> = (1..opened.next_seq).collect();
        assert_eq!(seqs(dir.path(), Start::Beginning), all);
        journal.close().unwrap();
    }
    assert!(segments(dir.path()).len() > 1, "the kills met rotation");
}
