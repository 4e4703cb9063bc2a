//! The journal as a whole, from the outside. What each file promises by itself is tested there.

mod crash;
mod follow;
mod full;
mod hole;
mod open;
mod power;
mod removed;
mod torn;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

/// More than any awaited condition needs; a test that runs into it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A record like the real ones, `pad` bytes longer.
fn record(seq: u64, pad: usize) -> Vec<u8> {
    format!(
        r#"{{"v":1,"seq":{seq},"kind":"action","pad":"{}"}}"#,
        "p".repeat(pad)
    )
    .into_bytes()
}

/// Nothing is synced by itself in these tests unless asked for.
fn lazy() -> Options {
    Options {
        sync_interval: Duration::from_secs(3600),
        ..Options::default()
    }
}

fn small_segments(segment_bytes: u64) -> Options {
    Options {
        segment_bytes,
        ..lazy()
    }
}

fn append(journal: &mut Journal, count: u64) {
    for _ in 0..count {
        let line = record(journal.next_seq(), 10);
        journal.append(&line).unwrap();
    }
}

/// A journal with so many records, closed in order.
fn closed(dir: &Path, count: u64, options: Options) {
    let (mut journal, _) = Journal::open(dir, options).unwrap();
    append(&mut journal, count);
    assert_eq!(journal.close().unwrap().seq, journal_end(dir));
}

/// The last record readers see.
fn journal_end(dir: &Path) -> u64 {
    seqs(dir, Start::Beginning).last().copied().unwrap_or(0)
}

/// All records from a start on.
fn seqs(dir: &Path, start: Start) -> Vec<u64> {
    let mut reader = Reader::open(dir, start).unwrap();
    let mut seqs = Vec::new();
    while let Some(line) = reader.next_line().unwrap() {
        assert_eq!(line::number(line.bytes), Ok(line.seq));
        seqs.push(line.seq);
    }
    seqs
}

/// The segment files, oldest first.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "jsonl");
    let mut paths: Vec<_> = entries.filter(is_segment).collect();
    paths.sort();
    paths
}

/// Makes a closed journal look like one whose writer died.
fn unclean(dir: &Path) {
    std::fs::remove_file(dir.join(CLEAN)).unwrap();
}

fn add_to(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    std::fs::OpenOptions::new()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

fn until(mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited too long");
        std::thread::yield_now();
    }
}
