//! Records that a journal had and has no more. In: what is committed; out: their numbers. Reads the
//! last line of each segment, and no more than that.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::error::Error;
use super::extent::{Extent, Part};
use super::line;

/// Bytes that are read first; most lines are shorter.
const WINDOW: u64 = 16 << 10;

/// Numbers of records that are not there, though later ones are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Hole {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl std::fmt::Display for Hole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.last.saturating_sub(self.first) {
            0 => write!(f, "record {} is", self.first),
            _ => write!(f, "records {} to {} are", self.first, self.last),
        }?;
        f.write_str(" not in the journal any more: files of it were removed or cut")
    }
}

impl Extent {
    /// What is missing before the newest record: every number from 1 on belongs to one.
    ///
    /// # Errors
    /// A segment cannot be read.
    pub fn holes(&self) -> Result<Vec<Hole>, Error> {
        let mut holes = Vec::new();
        let mut next = 1;
        for segment in self.segments() {
            holes.extend(hole(next, *segment));
            let Some(part) = self.part(*segment)? else {
                // Removed this moment: the next one tells.
                continue;
            };
            let last = last_number(&part).map_err(|error| self.failed(*segment, "read", error))?;
            // What cannot be read is for those to tell who read it all.
            next = last.map_or(next.max(*segment), |last| last.saturating_add(1));
        }
        holes.extend(hole(next, self.committed().saturating_add(1)));
        Ok(holes)
    }
}

/// Between the record that was to be next and the one that is.
fn hole(next: u64, found: u64) -> Option<Hole> {
    (next < found).then(|| Hole {
        first: next,
        last: found - 1,
    })
}

/// The number of the last record that is there as a whole: a file that was cut may end within a line.
fn last_number(part: &Part) -> io::Result<Option<u64>> {
    let most = part.end.min(line::LONGEST as u64 + 1);
    let mut window = WINDOW.min(most);
    loop {
        let bytes = before(&part.file, part.end, window)?;
        let end = memchr::memrchr(b'\n', &bytes);
        let lines = bytes.get(..end.unwrap_or(0)).unwrap_or_default();
        let begin = memchr::memrchr(b'\n', lines);
        if begin.is_some() || window == most {
            let line = lines.get(begin.map_or(0, |at| at + 1)..).unwrap_or(lines);
            return Ok(line::number(line).ok());
        }
        window = window.saturating_mul(8).min(most);
    }
}

fn before(file: &File, end: u64, window: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(window).unwrap_or(line::LONGEST)];
    file.read_exact_at(&mut bytes, end.saturating_sub(window))?;
    Ok(bytes)
}
