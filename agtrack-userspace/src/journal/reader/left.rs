//! What a dead writer left behind the head. In: a reader at the head; out: the whole records that
//! follow, up to where a crash tore them.

use std::ops::Range;

use super::super::error::Error;
use super::super::lines::Next;
use super::super::{lock, segment};
use super::Reader;

/// What stands next in the bytes that a dead writer left.
pub(super) enum Left {
    Line(Range<usize>),
    End,
    Torn,
}

impl Reader {
    /// The next record that a dead writer left without saying that it is committed.
    pub(super) fn left_line(&mut self) -> Result<Left, Error> {
        let reason = match self.peek(self.left)? {
            Next::Line(range) => match self.check(&range) {
                Ok(()) => return self.take(range).map(Left::Line),
                Err(reason) => {
                    let behind = self.offset() + range.len() as u64 + 1;
                    if behind < self.left && !self.is_hole(range) {
                        return Err(self.damaged(&reason));
                    }
                    reason
                }
            },
            Next::Rest(0) => {
                self.leave_left();
                return Ok(Left::End);
            }
            Next::Rest(_) | Next::TooLong => "the line has no end".to_owned(),
        };
        if self.later_segment()?.is_some() {
            return Err(self.damaged(&reason));
        }
        // The next writer will cut it off and write anew.
        self.leave_left();
        Ok(Left::Torn)
    }

    /// Is there more behind the head, left by a writer that is dead now?
    pub(super) fn more_left(&mut self) -> Result<bool, Error> {
        if !self.open_segment(0)? {
            return match self.later_segment()? {
                Some(_) => Err(self.missing()?),
                None => Ok(false),
            };
        }
        // First the length, then the question: what counts was then written by a dead one.
        let length = self.length()?;
        if lock::writer_lives(&self.directory)? {
            return Ok(false);
        }
        if length > self.offset() {
            self.left = length;
            return Ok(true);
        }
        match self.later_segment()? {
            // It was written on between the two questions.
            Some(_) if self.length()? > length => {}
            Some(_) => self.enter_next()?,
            None => return Ok(false),
        }
        Ok(true)
    }

    /// No record holds a zero byte: a disk that lost power left a hole.
    fn is_hole(&self, range: Range<usize>) -> bool {
        let lines = self.lines.as_ref();
        lines.is_some_and(|lines| lines.bytes(range).contains(&0))
    }

    fn later_segment(&self) -> Result<Option<u64>, Error> {
        Ok(segment::list(&self.directory)?
            .into_iter()
            .find(|first| *first > self.segment))
    }

    fn leave_left(&mut self) {
        self.left = 0;
        if let Some(lines) = &mut self.lines {
            lines.forget();
        }
    }
}
