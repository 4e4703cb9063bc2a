//! What is committed at one moment, segment by segment, for those who read many places at once. In:
//! a directory; out: files, each with how far it may be read. As a [`Reader`] it takes no lock and
//! looks at nothing that is not committed.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::directory::Directory;
use super::error::Error;
use super::head::{self, Committed};
use super::reader::{Reader, Start};
use super::{identity, lock, segment};

/// The longest line in bytes, without its newline.
pub const LONGEST_LINE: usize = super::line::LONGEST;

/// A journal as far as it was committed when this was opened.
#[derive(Debug)]
pub struct Extent {
    directory: Directory,
    head: Committed,
    segments: Vec<u64>,
    /// Bytes that a dead writer left behind the head.
    left: u64,
    has_writer: bool,
}

/// The committed part of a segment.
#[derive(Debug)]
pub struct Part {
    /// Its file.
    pub file: File,
    /// Bytes of it that are committed: whole lines.
    pub end: u64,
}

impl Extent {
    /// Opens the journal in `dir`.
    ///
    /// # Errors
    /// [`Error::NotAJournal`] where there is none, and whatever the system answers.
    pub fn open(dir: &Path) -> Result<Extent, Error> {
        let directory = Directory::for_reading(dir)?;
        identity::of_some(&directory)?;
        // Asked before the head is read: what a dead writer committed is all there.
        let lives = lock::writer_lives(&directory)?;
        let head = head::read(&directory, head::NAME)?.unwrap_or_default();
        let (mut segments, mut left) = (Vec::new(), 0);
        for first in segment::list(&directory)? {
            if first <= head.segment {
                segments.push(first);
            }
            if !lives && first >= head.segment {
                let done = if first == head.segment {
                    head.offset
                } else {
                    0
                };
                left += length(&directory, first)?.saturating_sub(done);
            }
        }
        Ok(Extent {
            directory,
            head,
            segments,
            left,
            has_writer: lives,
        })
    }

    /// Whether a recorder was writing when this was opened.
    #[must_use]
    pub fn has_writer(&self) -> bool {
        self.has_writer
    }

    /// The segments, oldest first, each named by its first record.
    #[must_use]
    pub fn segments(&self) -> &[u64] {
        &self.segments
    }

    /// Number of the newest record that is committed; 0 where none is.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.head.seq
    }

    /// The path of a segment, for messages.
    #[must_use]
    pub fn path(&self, segment: u64) -> PathBuf {
        self.directory.path_of(&segment::name(segment))
    }

    /// A segment's committed part; `None` where it was removed meanwhile.
    ///
    /// # Errors
    /// Whatever the system answers.
    pub fn part(&self, segment: u64) -> Result<Option<Part>, Error> {
        let Some(file) = self.directory.open_for_reading(&segment::name(segment))? else {
            return Ok(None);
        };
        let metadata = file.metadata();
        let length = metadata.map_err(|error| self.failed(segment, "look at", error))?;
        let end = match segment == self.head.segment {
            // Not beyond what somebody has left of it.
            true => self.head.offset.min(length.len()),
            // A segment with another behind it does not change any more.
            false => length.len(),
        };
        Ok(Some(Part { file, end }))
    }

    /// A reader of the whole lines that a dead writer left behind what is committed, and how many
    /// bytes there are; `None` where there are none.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn left(&self) -> Result<Option<(Reader, u64)>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        let from = match self.head.seq {
            0 => Start::Beginning,
            seq => Start::Seq(seq + 1),
        };
        let reader = Reader::open(self.directory.path(), from)?;
        Ok(Some((reader, self.left)))
    }

    /// The error for a system call on a segment that failed.
    #[must_use]
    pub fn failed(&self, segment: u64, doing: &'static str, error: std::io::Error) -> Error {
        Error::system(&self.path(segment), doing, error)
    }
}

fn length(directory: &Directory, segment: u64) -> Result<u64, Error> {
    let name = segment::name(segment);
    let Some(file) = directory.open_for_reading(&name)? else {
        return Ok(0);
    };
    let metadata = file.metadata();
    metadata
        .map(|metadata| metadata.len())
        .map_err(|error| Error::system(&directory.path_of(&name), "look at", error))
}
