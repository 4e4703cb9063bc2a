//! Pieces of a stream that are there before their turn; so many and no more.

use std::collections::BTreeMap;

/// Pieces of a stream.
const PIECES: usize = 64;

/// A piece: where it is, how many bytes it had, and the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) offset: u64,
    pub(super) total: u64,
    pub(super) bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    /// What of it is not before `place`; `None` where nothing is left.
    pub(super) fn from(self, place: u64) -> Option<Piece<'a>> {
        let known = place.saturating_sub(self.offset);
        let bytes = usize::try_from(known)
            .ok()
            .and_then(|known| self.bytes.get(known..))
            .filter(|bytes| !bytes.is_empty())?;
        Some(Piece {
            offset: self.offset.max(place),
            total: self.total.saturating_sub(known),
            bytes,
        })
    }

    /// Where the next one begins.
    pub(super) fn end(self) -> u64 {
        self.offset.saturating_add(self.total)
    }

    /// Its end was not copied.
    pub(super) fn is_cut(self) -> bool {
        self.total > self.bytes.len() as u64
    }
}

#[derive(Debug, Default)]
pub(super) struct Pieces {
    by_offset: BTreeMap<u64, (u64, Vec<u8>)>,
    bytes: usize,
}

impl Pieces {
    /// Keeps it for later, if there is room: so many bytes in all. False: there is none.
    pub(super) fn put(&mut self, piece: Piece<'_>, room: usize) -> bool {
        let length = piece.bytes.len();
        if self.by_offset.contains_key(&piece.offset) {
            return true;
        }
        if self.by_offset.len() >= PIECES || self.bytes + length > room {
            return false;
        }
        self.bytes += length;
        let kept = (piece.total, piece.bytes.to_vec());
        self.by_offset.insert(piece.offset, kept);
        true
    }

    /// Takes one that begins at `place` or before it and ends behind it.
    pub(super) fn take(&mut self, place: u64) -> Option<(u64, u64, Vec<u8>)> {
        loop {
            let entry = self.by_offset.first_entry()?;
            if *entry.key() > place {
                return None;
            }
            let (offset, (total, mut bytes)) = entry.remove_entry();
            self.bytes -= bytes.len();
            let piece = Piece {
                offset,
                total,
                bytes: &bytes,
            };
            if let Some(Piece {
                offset,
                total,
                bytes: left,
            }) = piece.from(place)
            {
                let known = bytes.len() - left.len();
                bytes.drain(..known);
                return Some((offset, total, bytes));
            }
        }
    }

    /// Lets go what is farthest away until no more than so many bytes are left.
    pub(super) fn shrink(&mut self, room: usize) {
        while self.bytes > room
            && let Some((_, (_, bytes))) = self.by_offset.pop_last()
        {
            self.bytes -= bytes.len();
        }
    }

    /// Where the first one begins.
    pub(super) fn first(&self) -> Option<u64> {
        self.by_offset.keys().next().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.by_offset.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn clear(&mut self) {
        *self = Pieces::default();
    }
}
