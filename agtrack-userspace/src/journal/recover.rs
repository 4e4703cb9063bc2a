//! What the last writer left behind. In: the last segment, the clean marker and the head; out:
//! where to go on, after cutting off what a crash tore: a line without its end, or a hole of zero
//! bytes with all that stands behind it. Anything else that is wrong, and anything wrong before the
//! place that was said to be on disk, is an error, and then the file stays as it is.

use std::fs::File;
use std::path::PathBuf;

use super::directory::Directory;
use super::error::Error;
use super::head::Committed;
use super::line;
use super::lines::{Lines, Next};
use super::segment;

/// A torn end that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment's file name.
    pub segment: String,
    /// Bytes cut.
    pub bytes: u64,
    /// The last whole record before the cut; 0 if there was none.
    pub last_seq: u64,
}

/// The last segment, ready to be written on.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) file: File,
    pub(super) end: Committed,
    pub(super) cut: Option<Cut>,
}

/// What the last writer said about the end; each may be missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claims {
    /// The position at a clean close.
    pub(super) clean: Option<Committed>,
    /// The last position published to readers: never ahead of what was synced.
    pub(super) head: Option<Committed>,
}

/// Checks the last segment, cuts a torn end, and makes what remains durable.
pub(super) fn last_segment(
    directory: &Directory,
    first: u64,
    claims: Claims,
) -> Result<Tail, Error> {
    let name = segment::name(first);
    let path = directory.path_of(&name);
    let failed = |error| Error::system(&path, "read", error);
    let Some(file) = directory.open_for_writing(&name)? else {
        return Err(failed(std::io::ErrorKind::NotFound.into()));
    };
    let mut lines = Lines::new(file.try_clone().map_err(failed)?, 0);
    let length = lines.length().map_err(failed)?;
    let end = Scan {
        lines: &mut lines,
        path: path.clone(),
        first,
        length,
        synced: synced(first, claims.head),
    }
    .run()?;
    check_claims(&path, end, length, claims)?;
    let cut = (end.offset < length).then(|| Cut {
        segment: name,
        bytes: length - end.offset,
        last_seq: end.seq,
    });
    if cut.is_some() {
        file.set_len(end.offset)
            .map_err(|error| Error::system(&path, "cut", error))?;
    }
    // Whole lines after the last sync count as written only once they are on disk, too.
    file.sync_all()
        .map_err(|error| Error::system(&path, "sync", error))?;
    Ok(Tail { file, end, cut })
}

/// Without segments nothing may have been claimed.
pub(super) fn no_segment(directory: &Directory, claims: Claims) -> Result<(), Error> {
    let last = [claims.clean, claims.head]
        .into_iter()
        .flatten()
        .max_by_key(|end| end.segment);
    match last {
        Some(last) if last.segment > 0 => Err(missing(
            directory.path_of(&segment::name(last.segment)),
            last,
        )),
        _ => Ok(()),
    }
}

fn missing(path: PathBuf, claimed: Committed) -> Error {
    let reason = format!(
        "the segment is missing, though record {} was committed",
        claimed.seq
    );
    Error::Damaged {
        segment: path,
        line: 1,
        reason,
    }
}

/// Up to where the segment was said to be on disk. The head itself may be old after a power cut,
/// but it is there from the moment on that the journal is open.
fn synced(first: u64, head: Option<Committed>) -> Option<u64> {
    let head = head?;
    Some(if head.segment == first {
        head.offset
    } else {
        0
    })
}

/// One walk through the segment.
struct Scan<'a> {
    lines: &'a mut Lines,
    path: PathBuf,
    first: u64,
    length: u64,
    /// Up to here nothing may be missing; `None` where nobody knows.
    synced: Option<u64>,
}

impl Scan<'_> {
    /// The end of the last whole record, or the error for what stands behind it.
    fn run(mut self) -> Result<Committed, Error> {
        let mut end = Committed {
            seq: self.first - 1,
            segment: self.first,
            offset: 0,
        };
        loop {
            let next = self.peek()?;
            let hole = self.is_hole(&next);
            let reason = match next {
                Next::Rest(_) => return Ok(end),
                Next::TooLong => "the line does not end".to_owned(),
                Next::Line(range) => match line::number(self.lines.bytes(range.clone())) {
                    Ok(seq) if seq == end.seq + 1 => {
                        self.lines.take(&range);
                        end = Committed {
                            seq,
                            offset: self.lines.offset(),
                            ..end
                        };
                        continue;
                    }
                    Ok(seq) => format!("record {seq} stands where {} should be", end.seq + 1),
                    Err(reason) => reason,
                },
            };
            // Pages reach a disk in any order, so whole records may stand behind a hole. They were
            // never committed.
            let lost = hole && self.synced.is_some_and(|synced| synced <= end.offset);
            if !lost && self.record_follows()? {
                let line = end.seq + 2 - self.first;
                return Err(Error::Damaged {
                    segment: self.path,
                    line,
                    reason,
                });
            }
            return Ok(end);
        }
    }

    /// A crash tears only the end. Where a whole record still follows, it was something else.
    fn record_follows(&mut self) -> Result<bool, Error> {
        loop {
            match self.peek()? {
                Next::Rest(_) => return Ok(false),
                Next::TooLong if self.lines.ahead().contains(&0) => self.skip()?,
                // Not what a crash leaves, so not ours to cut.
                Next::TooLong => return Ok(true),
                Next::Line(range) => {
                    if line::number(self.lines.bytes(range.clone())).is_ok() {
                        return Ok(true);
                    }
                    self.lines.take(&range);
                }
            }
        }
    }

    /// No record holds a zero byte: a disk that lost power left a hole.
    fn is_hole(&self, next: &Next) -> bool {
        match next {
            Next::Line(range) => self.lines.bytes(range.clone()).contains(&0),
            Next::TooLong => self.lines.ahead().contains(&0),
            Next::Rest(_) => false,
        }
    }

    fn skip(&mut self) -> Result<(), Error> {
        self.lines
            .skip(self.length)
            .map_err(|error| Error::system(&self.path, "read", error))
    }

    fn peek(&mut self) -> Result<Next, Error> {
        self.lines
            .peek(self.length)
            .map_err(|error| Error::system(&self.path, "read", error))
    }
}

/// What was said to be on disk must be there; after a clean close nothing more, either.
fn check_claims(
    path: &std::path::Path,
    end: Committed,
    length: u64,
    claims: Claims,
) -> Result<(), Error> {
    let damaged = |reason| {
        let line = end.seq + 2 - end.segment;
        Err(Error::Damaged {
            segment: path.to_path_buf(),
            line,
            reason,
        })
    };
    if let Some(clean) = claims.clean
        && (clean != end || length != end.offset)
    {
        return damaged(format!(
            "changed since it was closed: record {} ended it at byte {}",
            clean.seq, clean.offset
        ));
    }
    if let Some(head) = claims.head {
        if head.segment > end.segment {
            return Err(missing(
                path.with_file_name(segment::name(head.segment)),
                head,
            ));
        }
        if head.segment == end.segment && (head.offset > end.offset || head.seq > end.seq) {
            return damaged(format!(
                "ends at byte {}, though record {} was committed up to byte {}",
                end.offset, head.seq, head.offset
            ));
        }
    }
    Ok(())
}
