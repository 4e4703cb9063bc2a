//! Reads a journal, from any process that may read its files. In: a directory and where to
//! start; out: committed records in order. Never takes the lock, writes, or looks beyond what the
//! writer committed; of a writer that died it also sees the whole lines it left.

mod left;

use std::cmp::Ordering;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::directory::Directory;
use super::error::Error;
use super::head::{self, Committed};
use super::identity;
use super::line;
use super::lines::{Lines, Next};
use super::lock;
use super::segment;
use super::watch::Watch;
use left::Left;

/// The longest single wait; keeps the arithmetic on times from overflowing.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// Where to start reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record kept.
    Beginning,
    /// Behind the newest record committed.
    End,
    /// At this record, now or once it is committed.
    Seq(u64),
}

/// One record as it stands in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number.
    pub seq: u64,
    /// Its exact bytes, without the newline.
    pub bytes: &'a [u8],
}

/// A place in a journal.
#[derive(Debug)]
pub struct Reader {
    directory: Directory,
    log_id: Uuid,
    /// The segment to read, by its first record.
    segment: u64,
    /// That segment, once it is open.
    lines: Option<Lines>,
    next_seq: u64,
    /// Records before this one are passed over.
    wanted: u64,
    /// How far the writer has come, as last seen.
    head: Committed,
    /// Up to where in this segment a dead writer left bytes; 0 while not in use.
    left: u64,
    /// The record found by `wait`, for `next_line` to return.
    found: Option<Range<usize>>,
    watch: Option<Watch>,
}

impl Reader {
    /// Opens the journal in `dir`.
    ///
    /// # Errors
    /// [`Error::NotAJournal`] where there is none, [`Error::Gone`] where the record asked for is
    /// not kept any more, and whatever the system answers.
    pub fn open(dir: &Path, from: Start) -> Result<Self, Error> {
        let directory = Directory::for_reading(dir)?;
        let log_id = identity::of_some(&directory)?;
        let head = head::read(&directory, head::NAME)?.unwrap_or_default();
        let firsts = segment::list(&directory)?;
        let oldest = firsts.first().copied().unwrap_or(1);
        let segment = match from {
            Start::Beginning => oldest,
            Start::End => firsts.last().copied().unwrap_or(1),
            Start::Seq(wanted) if wanted.max(1) < oldest && !firsts.is_empty() => {
                return Err(Error::Gone {
                    wanted,
                    first: oldest,
                });
            }
            Start::Seq(wanted) => {
                let behind = firsts.partition_point(|first| *first <= wanted);
                behind
                    .checked_sub(1)
                    .and_then(|at| firsts.get(at))
                    .copied()
                    .unwrap_or(oldest)
            }
        };
        let wanted = if let Start::Seq(wanted) = from {
            wanted
        } else {
            0
        };
        let mut reader = Self {
            directory,
            log_id,
            segment,
            lines: None,
            next_seq: segment,
            wanted,
            head,
            left: 0,
            found: None,
            watch: None,
        };
        if from == Start::End {
            reader.seek_end()?;
        }
        Ok(reader)
    }

    /// The id of the log.
    #[must_use]
    pub fn log_id(&self) -> Uuid {
        self.log_id
    }

    /// The next committed record; `None` if there is none yet.
    ///
    /// # Errors
    /// [`Error::Damaged`] names segment and line; reading cannot go on there.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, Error> {
        if self.found.is_none() {
            self.found = self.find()?;
        }
        let (Some(range), Some(lines)) = (self.found.take(), &self.lines) else {
            return Ok(None);
        };
        Ok(Some(Line {
            seq: self.next_seq - 1,
            bytes: lines.bytes(range),
        }))
    }

    /// Waits until [`Reader::next_line`] has a record, at most `time`; false if it has none by then.
    ///
    /// # Errors
    /// As [`Reader::next_line`].
    pub fn wait(&mut self, time: Duration) -> Result<bool, Error> {
        let end = Instant::now() + time.min(LONGEST_WAIT);
        loop {
            let watch = match self.watch.take() {
                Some(watch) => watch,
                None => Watch::new(&self.directory)?,
            };
            let watch = self.watch.insert(watch);
            watch.clear()?;
            if self.found.is_none() {
                self.found = self.find()?;
            }
            let rest = end.saturating_duration_since(Instant::now());
            if self.found.is_some() || rest.is_zero() {
                return Ok(self.found.is_some());
            }
            if let Some(watch) = &self.watch {
                watch.wait(rest)?;
            }
        }
    }

    /// Goes behind everything committed; behind everything left where the writer is dead.
    fn seek_end(&mut self) -> Result<(), Error> {
        if self.head.segment > 0 {
            self.enter(self.head.segment);
            self.next_seq = self.head.seq + 1;
            if !self.open_segment(self.head.offset)? {
                return Err(self.missing()?);
            }
        }
        if !lock::writer_lives(&self.directory)? {
            while self.find()?.is_some() {}
        }
        Ok(())
    }

    fn find(&mut self) -> Result<Option<Range<usize>>, Error> {
        loop {
            let left = if self.left > 0 {
                self.left_line()?
            } else {
                Left::End
            };
            let line = match left {
                Left::Line(range) => Some(range),
                Left::Torn => return Ok(None),
                Left::End => self.committed_line()?,
            };
            match line {
                Some(_) if self.next_seq <= self.wanted => {}
                Some(range) => return Ok(Some(range)),
                None if self.head_moved()? || self.more_left()? => {}
                None => return Ok(None),
            }
        }
    }

    /// The next record up to the head as last seen.
    fn committed_line(&mut self) -> Result<Option<Range<usize>>, Error> {
        loop {
            let order = self.segment.cmp(&self.head.segment);
            if order == Ordering::Greater {
                return Ok(None);
            }
            if !self.open_segment(0)? {
                return Err(self.missing()?);
            }
            let limit = match order {
                Ordering::Equal => self.head.offset,
                // A segment with another behind it does not change any more.
                _ => self.length()?,
            };
            if order == Ordering::Equal && self.offset() >= limit {
                return Ok(None);
            }
            match self.peek(limit)? {
                Next::Line(range) => return self.take(range).map(Some),
                Next::Rest(0) => self.enter_next()?,
                Next::Rest(_) | Next::TooLong => return Err(self.damaged("the line has no end")),
            }
        }
    }

    fn head_moved(&mut self) -> Result<bool, Error> {
        let head = head::read(&self.directory, head::NAME)?.unwrap_or_default();
        let moved = head != self.head;
        self.head = head;
        Ok(moved)
    }

    /// Goes on in the segment that follows the one just read to its end.
    fn enter_next(&mut self) -> Result<(), Error> {
        if self.next_seq == self.segment {
            return Err(self.damaged("the segment is empty"));
        }
        self.enter(self.next_seq);
        Ok(())
    }

    fn enter(&mut self, segment: u64) {
        self.segment = segment;
        self.lines = None;
        self.left = 0;
    }

    /// Opens the segment unless it is open; false where it is missing.
    fn open_segment(&mut self, offset: u64) -> Result<bool, Error> {
        if self.lines.is_none() {
            let file = self
                .directory
                .open_for_reading(&segment::name(self.segment))?;
            self.lines = file.map(|file| Lines::new(file, offset));
        }
        Ok(self.lines.is_some())
    }

    fn offset(&self) -> u64 {
        self.lines.as_ref().map_or(0, Lines::offset)
    }

    fn length(&self) -> Result<u64, Error> {
        let length = self.lines.as_ref().map_or(Ok(0), Lines::length);
        length.map_err(|error| Error::system(&self.path(), "look at", error))
    }

    fn peek(&mut self, limit: u64) -> Result<Next, Error> {
        let next = self
            .lines
            .as_mut()
            .map_or(Ok(Next::Rest(0)), |lines| lines.peek(limit));
        next.map_err(|error| Error::system(&self.path(), "read", error))
    }

    /// Is this the record that must come next?
    fn check(&self, range: &Range<usize>) -> Result<(), String> {
        let bytes = self
            .lines
            .as_ref()
            .map_or(&[][..], |lines| lines.bytes(range.clone()));
        match line::number(bytes)? {
            seq if seq == self.next_seq => Ok(()),
            seq => Err(format!(
                "record {seq} stands where {} should be",
                self.next_seq
            )),
        }
    }

    fn take(&mut self, range: Range<usize>) -> Result<Range<usize>, Error> {
        self.check(&range).map_err(|reason| self.damaged(&reason))?;
        if let Some(lines) = &mut self.lines {
            lines.take(&range);
        }
        self.next_seq += 1;
        Ok(range)
    }

    fn path(&self) -> PathBuf {
        self.directory.path_of(&segment::name(self.segment))
    }

    fn damaged(&self, reason: &str) -> Error {
        let line = self.next_seq.saturating_sub(self.segment) + 1;
        Error::Damaged {
            segment: self.path(),
            line,
            reason: reason.to_owned(),
        }
    }

    /// The error for a segment that is not there: removed by retention, or lost.
    fn missing(&self) -> Result<Error, Error> {
        let firsts = segment::list(&self.directory)?;
        let later = firsts.into_iter().find(|first| *first > self.segment);
        Ok(match later {
            Some(first) => Error::Gone {
                wanted: self.next_seq,
                first,
            },
            None => self.damaged("the segment is missing"),
        })
    }
}
