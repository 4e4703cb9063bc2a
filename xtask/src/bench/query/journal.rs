//! A large journal, as the recorder lays it out, from the golden records of the replay tests.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Names that a few records have.
pub(super) const PATH: &str = "/etc/wanted.conf";
pub(super) const HOST: &str = "wanted.example.net";
/// How the id of one of a hundred sessions begins.
pub(super) const SESSION: &str = "00000042";

/// One record in so many is looked for.
const RARE: u64 = 200_000;
const SESSIONS: u64 = 100;
/// As `journal.segment_bytes` is unless told otherwise.
const SEGMENT: u64 = 64 << 20;
/// Where the recorded programs worked.
const PLACE: &str = "/tmp/agtrack-fixture";
/// Nanoseconds between two records.
const STEP: u64 = 1_000_000;

/// A journal that was made.
pub(super) struct Made {
    pub(super) segments: Vec<PathBuf>,
    pub(super) records: u64,
    pub(super) bytes: u64,
}

/// Makes it anew, of so many bytes, on disk.
pub(super) fn make(golden: &Path, dir: &Path, bytes: u64) -> Result<Made> {
    let patterns = patterns(golden)?;
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let mut made = Made {
        segments: Vec::new(),
        records: 0,
        bytes: 0,
    };
    let mut last = (0, 0);
    while made.bytes < bytes {
        let first = made.records + 1;
        let path = dir.join(format!("{first:020}.jsonl"));
        let length = segment(
            &path,
            &patterns,
            &mut made.records,
            SEGMENT.min(bytes - made.bytes),
        )
        .with_context(|| format!("cannot write {}", path.display()))?;
        made.segments.push(path);
        made.bytes += length;
        last = (first, length);
    }
    let identity = r#"{"log_id":"00000000-0000-0000-0000-000000000001","format":1,"created":0}"#;
    fs::write(dir.join("journal.json"), identity)?;
    fs::write(dir.join("head"), head(made.records, last.0, last.1))?;
    Ok(made)
}

/// What follows the time in the records of actions.
fn patterns(golden: &Path) -> Result<Vec<String>> {
    let mut files = fs::read_dir(golden)
        .with_context(|| format!("cannot list {}", golden.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    let mut patterns = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "jsonl"))
    {
        let text = fs::read_to_string(file)?;
        let actions = text
            .lines()
            .filter(|line| line.contains("\"kind\":\"action\""));
        let tails = actions.filter_map(|line| line.split_once(",\"host\":"));
        patterns.extend(tails.map(|(_, tail)| tail.to_owned()));
    }
    if patterns.is_empty() {
        bail!("there are no golden records in {}", golden.display());
    }
    Ok(patterns)
}

fn segment(path: &Path, patterns: &[String], seq: &mut u64, most: u64) -> std::io::Result<u64> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut length = 0;
    for pattern in patterns.iter().cycle().skip(*seq as usize % patterns.len()) {
        let line = line(pattern, *seq + 1);
        if length > 0 && length + line.len() as u64 > most {
            break;
        }
        *seq += 1;
        length += line.len() as u64;
        file.write_all(line.as_bytes())?;
    }
    // What is not on disk cannot be forgotten.
    file.into_inner()?.sync_all()?;
    Ok(length)
}

fn line(pattern: &str, seq: u64) -> String {
    let (second, nanos) = (seq * STEP / 1_000_000_000, seq * STEP % 1_000_000_000);
    let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
    let mut tail = pattern.replace(PLACE, &format!("/work/project{}", seq % 5000));
    let key = "\"session\":\"";
    if let Some(at) = tail.find(key).map(|at| at + key.len()) {
        let session = format!("{:08}", seq / 1000 % SESSIONS);
        tail.replace_range(at..at + session.len(), &session);
    }
    if seq % RARE < 1000 {
        // Not all of these patterns have a path, or connect.
        tail = wanted(&tail, seq % RARE < 5);
    }
    format!(
        "{{\"v\":1,\"seq\":{seq},\"id\":\"00000000-0000-0000-0000-000000000001:{seq}\",\
         \"time\":\"2026-11-22T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z\",\
         \"boot_time\":{},\"host\":{tail}\n",
        seq * STEP
    )
}

/// One of those that are looked for.
fn wanted(tail: &str, file: bool) -> String {
    if file {
        return replaced(tail, "\"object\":{\"path\":\"", PATH);
    }
    match tail.contains("\"action\":\"net.connect\"") {
        true => tail.replacen("\"domain\":null", &format!("\"domain\":\"{HOST}\""), 1),
        false => tail.to_owned(),
    }
}

/// With another value of a string.
fn replaced(tail: &str, key: &str, value: &str) -> String {
    let Some((before, behind)) = tail.split_once(key) else {
        return tail.to_owned();
    };
    let (_, after) = behind.split_once('"').unwrap_or_default();
    format!("{before}{key}{value}\"{after}")
}

/// How far it is on disk, as the journal's writer tells it.
fn head(seq: u64, segment: u64, offset: u64) -> String {
    let check = !(seq ^ segment.rotate_left(21) ^ offset.rotate_left(42));
    let text =
        format!("{{\"seq\":{seq},\"segment\":{segment},\"offset\":{offset},\"check\":{check}}}");
    format!("{text:<127}\n")
}
