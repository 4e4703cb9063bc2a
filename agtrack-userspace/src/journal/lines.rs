//! Lines of one segment file, from a place on. In: a file and how far it may be read; out: one
//! line at a time, in bounded memory. Knows nothing of records.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::line::LONGEST;

const READ_BYTES: usize = 256 << 10;

/// What stands next in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A whole line: where its bytes are in [`Lines::bytes`], without the newline.
    Line(Range<usize>),
    /// So many bytes without a newline, up to the limit; 0 at the end.
    Rest(u64),
    /// More bytes without a newline than a line may have.
    TooLong,
}

/// A place in a file with what was read ahead of it.
#[derive(Debug)]
pub(super) struct Lines {
    file: File,
    buffer: Vec<u8>,
    /// The first byte of `buffer` not yet taken.
    start: usize,
    /// Bytes of `buffer` known to hold no newline, from `start` on.
    searched: usize,
    /// Where `start` is in the file.
    offset: u64,
}

impl Lines {
    pub(super) fn new(file: File, offset: u64) -> Self {
        Self {
            file,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            offset,
        }
    }

    /// Where the next line begins in the file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The file's length now.
    pub(super) fn length(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Looks at what is next before `limit` (a file offset) without taking it.
    pub(super) fn peek(&mut self, limit: u64) -> io::Result<Next> {
        loop {
            let ahead = self
                .buffer
                .get(self.start + self.searched..)
                .unwrap_or_default();
            if let Some(at) = ahead.iter().position(|byte| *byte == b'\n') {
                let length = self.searched + at;
                if self.offset + length as u64 >= limit {
                    return Ok(Next::Rest(limit.saturating_sub(self.offset)));
                }
                self.searched = length;
                return Ok(Next::Line(self.start..self.start + length));
            }
            self.searched = self.buffer.len() - self.start;
            if self.searched > LONGEST {
                return Ok(Next::TooLong);
            }
            if !self.fill(limit)? {
                return Ok(Next::Rest(self.searched as u64));
            }
        }
    }

    /// Takes the line that `peek` returned.
    pub(super) fn take(&mut self, line: &Range<usize>) {
        let length = line.end + 1 - self.start;
        self.start += length;
        self.offset += length as u64;
        self.searched = 0;
    }

    /// What was read ahead and is known to hold no newline.
    pub(super) fn ahead(&self) -> &[u8] {
        let end = self.start + self.searched;
        self.buffer.get(self.start..end).unwrap_or_default()
    }

    /// Goes behind the next newline before `limit`, or to the limit, however far that is.
    pub(super) fn skip(&mut self, limit: u64) -> io::Result<()> {
        loop {
            match self.peek(limit)? {
                Next::Line(range) => {
                    self.take(&range);
                    return Ok(());
                }
                Next::Rest(length) => {
                    self.pass(length as usize);
                    return Ok(());
                }
                Next::TooLong => self.pass(self.searched),
            }
        }
    }

    fn pass(&mut self, length: usize) {
        self.start = (self.start + length).min(self.buffer.len());
        self.offset += length as u64;
        self.searched = 0;
    }

    /// Forgets what was read ahead: it may be cut off and written anew.
    pub(super) fn forget(&mut self) {
        self.buffer.clear();
        self.start = 0;
        self.searched = 0;
    }

    /// Reads on; false where nothing is left before the limit.
    fn fill(&mut self, limit: u64) -> io::Result<bool> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let held = self.buffer.len();
        let from = self.offset + held as u64;
        let wanted = usize::try_from(limit.saturating_sub(from)).unwrap_or(usize::MAX);
        self.buffer.resize(held + wanted.min(READ_BYTES), 0);
        let result = loop {
            match self.file.read_at(&mut self.buffer[held..], from) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.buffer
            .truncate(held + result.as_ref().map_or(0, |length| *length));
        Ok(result? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(content: &[u8]) -> Lines {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Lines::new(file, 0)
    }

    fn take(lines: &mut Lines, limit: u64) -> Vec<u8> {
        match lines.peek(limit).unwrap() {
            Next::Line(range) => {
                lines.take(&range);
                lines.bytes(range).to_vec()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_come_one_by_one_up_to_the_limit() {
        let mut lines = lines(b"one\n\nthree\nfo");
        assert_eq!(lines.peek(99).unwrap(), Next::Line(0..3));
        assert_eq!(
            lines.peek(3).unwrap(),
            Next::Rest(3),
            "read ahead, but not before the limit"
        );
        assert_eq!(take(&mut lines, 4), b"one");
        assert_eq!(lines.peek(4).unwrap(), Next::Rest(0));
        assert_eq!(take(&mut lines, 13), b"");
        assert_eq!(take(&mut lines, 13), b"three");
        assert_eq!(lines.offset(), 11);
        assert_eq!(lines.peek(13).unwrap(), Next::Rest(2));
        assert_eq!(lines.peek(99).unwrap(), Next::Rest(2));
    }

    #[test]
    fn lines_longer_than_one_read_are_whole() {
        let long = vec![b'x'; READ_BYTES * 2 + 7];
        let mut lines = lines(&[&long[..], b"\nnext\n"].concat());
        assert_eq!(take(&mut lines, u64::MAX), long);
        assert_eq!(take(&mut lines, u64::MAX), b"next");
    }

    #[test]
    fn endless_line_is_given_up_in_bounded_memory() {
        let mut lines = lines(&vec![0; LONGEST * 2]);
        assert_eq!(lines.peek(u64::MAX).unwrap(), Next::TooLong);
        assert!(lines.buffer.len() <= LONGEST + READ_BYTES);
    }

    #[test]
    fn endless_line_is_passed_in_bounded_memory() {
        let mut lines = lines(&[&vec![0; LONGEST * 3][..], b"\nnext\nrest"].concat());
        assert_eq!(lines.peek(u64::MAX).unwrap(), Next::TooLong);
        assert!(lines.ahead().iter().all(|byte| *byte == 0));
        lines.skip(u64::MAX).unwrap();
        assert!(lines.buffer.len() <= LONGEST + READ_BYTES);
        assert_eq!(take(&mut lines, u64::MAX), b"next");
        lines.skip(u64::MAX).unwrap();
        assert_eq!(lines.peek(u64::MAX).unwrap(), Next::Rest(0));
    }

    #[test]
    fn forgotten_bytes_are_read_again() {
        let mut lines = lines(b"one\ntorn");
        assert_eq!(take(&mut lines, 8), b"one");
        assert_eq!(lines.peek(8).unwrap(), Next::Rest(4));
        lines.file.set_len(4).unwrap();
        lines.file.write_all_at(b"new!\n", 4).unwrap();
        lines.forget();
        assert_eq!(take(&mut lines, 9), b"new!");
    }
}
