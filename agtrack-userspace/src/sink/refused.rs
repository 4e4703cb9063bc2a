//! Records that a receiver does not take, with its reasons: the dead letters.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::value::RawValue;

use super::cursor::now;
use super::state;
use super::transport::shown;

/// A file that would grow beyond this many bytes is put aside, in the place of the one before.
const LONGEST: u64 = 64 << 20;

/// A record that was refused.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// Its number in the journal.
    pub(super) seq: u64,
    /// What the receiver said, or what is wrong with it.
    pub(super) reason: String,
    /// The record as it was sent.
    pub(super) body: Vec<u8>,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    seq: u64,
    reason: String,
    record: Body<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Json(&'a RawValue),
    Text(String),
}

/// The file of a sink.
pub(super) fn path(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.refused.jsonl"))
}

/// Puts letters on disk.
///
/// # Errors
/// Whatever the system answers; some of them may be there then.
pub(super) fn write(directory: &Path, name: &str, letters: &[Letter]) -> io::Result<()> {
    write_bounded(directory, name, letters, LONGEST)
}

fn write_bounded(directory: &Path, name: &str, letters: &[Letter], longest: u64) -> io::Result<()> {
    let path = path(directory, name);
    let mut bytes = Vec::new();
    for letter in letters {
        serde_json::to_writer(&mut bytes, &line(letter)).map_err(io::Error::from)?;
        bytes.push(b'\n');
    }
    let mut file = state::append(&path)?;
    let length = file.metadata()?.len();
    if length > 0 && length + bytes.len() as u64 > longest {
        std::fs::rename(&path, directory.join(format!("{name}.refused.1.jsonl")))?;
        file = state::append(&path)?;
        File::open(directory)?.sync_all()?;
    }
    file.write_all(&bytes)?;
    file.sync_all()
}

fn line(letter: &Letter) -> Line<'_> {
    let record = match serde_json::from_slice(&letter.body) {
        Ok(json) => Body::Json(json),
        Err(_) => Body::Text(String::from_utf8_lossy(&letter.body).into_owned()),
    };
    Line {
        time: now(),
        seq: letter.seq,
        reason: shown(&letter.reason),
        record,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(seq: u64) -> Letter {
        Letter {
            seq,
            reason: "mapping conflict\u{7}".to_owned(),
            body: format!(r#"{{"seq":{seq}}}"#).into_bytes(),
        }
    }

    #[test]
    fn each_is_kept_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "x", &[letter(1), letter(2)]).unwrap();
        write(dir.path(), "x", &[letter(3)]).unwrap();
        let text = std::fs::read_to_string(dir.path().join("x.refused.jsonl")).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            (&lines[2]["seq"], &lines[2]["record"]["seq"]),
            (&3.into(), &3.into())
        );
        assert_eq!(lines[0]["reason"], "mapping conflict\\u{7}");
    }

    #[test]
    fn they_take_a_bounded_place_and_the_newest_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        for seq in 0..100 {
            write_bounded(dir.path(), "x", &[letter(seq)], 1000).unwrap();
        }
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().flatten().collect();
        assert_eq!(files.len(), 2);
        assert!(
            files
                .iter()
                .all(|file| file.metadata().unwrap().len() <= 1000)
        );
        let text = std::fs::read_to_string(dir.path().join("x.refused.jsonl")).unwrap();
        assert!(
            text.lines().last().unwrap().contains(r#""seq":99"#),
            "{text}"
        );
    }
}
