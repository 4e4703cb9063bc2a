//! Blocks of whole lines from a segment. In: a unit; out: the bytes of the lines that begin in it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use memchr::memchr;
use rustix::fs::{Advice, fadvise};

use super::plan::Unit;
use crate::journal::{Error, Extent, LONGEST_LINE, Part};

/// Read on by so much where a line goes on behind its block.
const MORE: usize = 64 << 10;

/// One worker's file and memory, used again for each block.
pub(super) struct Blocks<'a> {
    extent: &'a Extent,
    /// The segment open now.
    open: Option<(u64, Part)>,
    buffer: Vec<u8>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(extent: &'a Extent) -> Blocks<'a> {
        Blocks {
            extent,
            open: None,
            buffer: Vec::new(),
        }
    }

    /// The lines that begin in the unit; `None` where its segment was removed.
    pub(super) fn read(&mut self, unit: Unit) -> Result<Option<&[u8]>, Error> {
        let open = self
            .open
            .take()
            .filter(|(segment, _)| *segment == unit.segment);
        let part = match open {
            Some((_, part)) => Some(part),
            None => self.extent.part(unit.segment)?,
        };
        let Some(part) = part else { return Ok(None) };
        let lines = lines(&part, unit.begin, unit.end, &mut self.buffer);
        let lines = lines.map_err(|error| self.extent.failed(unit.segment, "read", error))?;
        self.open = Some((unit.segment, part));
        Ok(Some(self.buffer.get(lines).unwrap_or_default()))
    }
}

/// Reads the lines that begin from `begin` on and before `end`; returns where they are in the
/// buffer.
fn lines(
    part: &Part,
    begin: u64,
    end: u64,
    buffer: &mut Vec<u8>,
) -> io::Result<std::ops::Range<usize>> {
    // The next block of this file is another worker's; the disk may fetch it already. Advice that
    // is not taken changes nothing.
    let ahead = std::num::NonZeroU64::new(end - begin);
    let _ = fadvise(&part.file, end, ahead, Advice::WillNeed);
    buffer.clear();
    // With the byte before, to know whether a line begins right here.
    let from = begin.saturating_sub(1);
    fill(&part.file, from, (end - from) as usize, buffer)?;
    let start = match begin {
        0 => 0,
        _ => match memchr(b'\n', buffer) {
            Some(newline) => newline + 1,
            None => return Ok(0..0),
        },
    };
    if start == buffer.len() {
        return Ok(0..0);
    }
    let mut searched = buffer.len();
    while buffer.last() != Some(&b'\n') && searched - start <= LONGEST_LINE {
        let rest = usize::try_from(part.end.saturating_sub(from + searched as u64));
        let wanted = rest.unwrap_or(usize::MAX).min(MORE);
        if !fill(&part.file, from + searched as u64, wanted, buffer)? {
            break;
        }
        let more = buffer.get(searched..).unwrap_or_default();
        if let Some(newline) = memchr(b'\n', more) {
            buffer.truncate(searched + newline + 1);
        }
        searched = buffer.len();
    }
    Ok(start..buffer.len())
}

/// The first line, without its newline.
pub(super) fn first_line(part: &Part) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = Vec::new();
    let lines = lines(part, 0, part.end.min(1), &mut buffer)?;
    let line = buffer.get(lines).unwrap_or_default();
    Ok(line.strip_suffix(b"\n").map(<[u8]>::to_vec))
}

/// Appends up to so many bytes; false where there are none.
fn fill(file: &File, from: u64, wanted: usize, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let held = buffer.len();
    buffer.resize(held + wanted, 0);
    let mut got = 0;
    while got < wanted {
        let room = buffer.get_mut(held + got..).unwrap_or_default();
        match file.read_at(room, from + got as u64) {
            Ok(0) => break,
            Ok(length) => got += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(held + got);
    Ok(got > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn part(content: &[u8]) -> Part {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        let end = content.len() as u64;
        Part { file, end }
    }

    #[test]
    fn every_line_is_in_exactly_one_block_wherever_blocks_begin() {
        let long = "x".repeat(MORE * 2 + 3);
        let text = format!("one\n\n{long}\ntwo\nlast\n");
        let part = part(text.as_bytes());
        for block in [1, 2, 3, 7, 1000, MORE as u64, 1 << 20] {
            let (mut found, mut buffer) = (Vec::new(), Vec::new());
            for begin in (0..part.end).step_by(block as usize) {
                let end = part.end.min(begin + block);
                let lines = lines(&part, begin, end, &mut buffer).unwrap();
                let bytes = &buffer[lines];
                assert!(
                    bytes.is_empty() || bytes.ends_with(b"\n"),
                    "blocks of {block}"
                );
                found.extend_from_slice(bytes);
            }
            assert!(found == text.as_bytes(), "blocks of {block}");
        }
        assert_eq!(first_line(&part).unwrap().as_deref(), Some(&b"one"[..]));
    }

    #[test]
    fn an_endless_line_is_given_up_in_bounded_memory() {
        let part = part(&vec![b'x'; LONGEST_LINE * 2]);
        let mut buffer = Vec::new();
        let lines = lines(&part, 0, 10, &mut buffer).unwrap();
        assert!(lines.len() <= LONGEST_LINE + MORE, "{lines:?}");
        assert_eq!(first_line(&part).unwrap(), None);
    }

    #[test]
    fn a_file_shorter_than_it_was_gives_what_is_left() {
        let mut part = part(b"one\ntwo");
        part.end = 100;
        let mut buffer = Vec::new();
        let lines = lines(&part, 0, 100, &mut buffer).unwrap();
        assert_eq!(&buffer[lines], b"one\ntwo");
        assert_eq!(super::lines(&part, 50, 100, &mut buffer).unwrap(), 0..0);
    }
}
