//! The committed position: how far the journal is safe on disk. The writer publishes it in the
//! file `head` after each sync; readers never look further. In: a position; out: 128 bytes of
//! text and back. The file is a hint for the living, not evidence: it is synced only once,
//! when the journal is opened, and may be old after a power cut.

use std::fs::File;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::error::Error;

/// The file in the journal's directory.
pub(super) const NAME: &str = "head";
/// One fixed size, so that a rewrite in place leaves nothing of the old text.
const SIZE: usize = 128;
/// A read can meet a write half way; the writer needs microseconds, so few tries are enough.
const TRIES: usize = 16;

/// A place in the journal up to which everything is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The last record on disk; 0 before the first.
    pub seq: u64,
    /// The segment it is in, by the segment's first record; 0 before the first.
    pub segment: u64,
    /// Bytes of that segment that are on disk.
    pub offset: u64,
}

#[derive(Serialize, Deserialize)]
struct Text {
    seq: u64,
    segment: u64,
    offset: u64,
    check: u64,
}

impl Committed {
    /// Tells a torn read from a whole one.
    fn check(self) -> u64 {
        !(self.seq ^ self.segment.rotate_left(21) ^ self.offset.rotate_left(42))
    }

    /// The text form: JSON, padded to one size, newline at its end.
    pub(super) fn encode(self) -> Vec<u8> {
        let Self {
            seq,
            segment,
            offset,
        } = self;
        let check = self.check();
        let json =
            format!(r#"{{"seq":{seq},"segment":{segment},"offset":{offset},"check":{check}}}"#);
        format!("{json:<width$}\n", width = SIZE - 1).into_bytes()
    }

    /// Reads the text form; `None` if it is torn or not one.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != SIZE {
            return None;
        }
        let Text {
            seq,
            segment,
            offset,
            check,
        } = serde_json::from_slice(bytes).ok()?;
        let committed = Self {
            seq,
            segment,
            offset,
        };
        (committed.check() == check).then_some(committed)
    }
}

/// Reads a position from a small file; `None` where it is missing or not understood.
pub(super) fn read(directory: &Directory, name: &str) -> Result<Option<Committed>, Error> {
    let Some(file) = directory.open_for_reading(name)? else {
        return Ok(None);
    };
    for _ in 0..TRIES {
        let mut bytes = [0; SIZE];
        let length = file
            .read_at(&mut bytes, 0)
            .map_err(|error| Error::system(&directory.path_of(name), "read", error))?;
        if let Some(committed) = bytes.get(..length).and_then(Committed::decode) {
            return Ok(Some(committed));
        }
        std::thread::yield_now();
    }
    Ok(None)
}

/// The writer's end of the file.
#[derive(Debug)]
pub(super) struct Head {
    file: File,
    path: std::path::PathBuf,
}

impl Head {
    /// Opens or makes the file.
    pub(super) fn open(directory: &Directory) -> Result<Self, Error> {
        let file = directory.open_or_create(NAME)?;
        Ok(Self {
            file,
            path: directory.path_of(NAME),
        })
    }

    /// As [`Head::publish`], and on disk: from here on a file that says nothing was not left by a
    /// crash.
    pub(super) fn begin(&self, committed: Committed) -> Result<(), Error> {
        self.publish(committed)?;
        self.file
            .sync_all()
            .map_err(|error| Error::system(&self.path, "sync", error))
    }

    /// Tells readers how far they may go: one write, in place, so that watchers wake once.
    pub(super) fn publish(&self, committed: Committed) -> Result<(), Error> {
        self.file
            .write_all_at(&committed.encode(), 0)
            .map_err(|error| Error::system(&self.path, "write", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_survives_the_text_form() {
        let extremes = Committed {
            seq: u64::MAX,
            segment: u64::MAX,
            offset: u64::MAX,
        };
        for committed in [Committed::default(), extremes] {
            let bytes = committed.encode();
            assert_eq!(bytes.len(), SIZE);
            assert_eq!(Committed::decode(&bytes), Some(committed));
        }
    }

    #[test]
    fn torn_mixes_of_two_positions_are_not_taken() {
        let old = Committed {
            seq: 1999,
            segment: 1001,
            offset: 77_777,
        }
        .encode();
        let new = Committed {
            seq: 2000,
            segment: 2000,
            offset: 88_888,
        }
        .encode();
        for split in 1..SIZE {
            let mixed = [&new[..split], &old[split..]].concat();
            if mixed != old && mixed != new {
                assert_eq!(Committed::decode(&mixed), None, "split at {split}");
            }
        }
    }

    #[test]
    fn other_bytes_are_not_taken() {
        assert_eq!(Committed::decode(b""), None);
        assert_eq!(Committed::decode(&[0; SIZE]), None);
        assert_eq!(Committed::decode(&[b'9'; SIZE]), None);
    }
}
