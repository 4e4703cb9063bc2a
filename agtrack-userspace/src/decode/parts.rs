//! Parts that travelled ahead of their event.

use agtrack_common::wire::Header;
use foldhash::HashMap;

/// An event's data is two paths and the arguments at most.
const MOST_BYTES: usize = 64 * 1024;
/// More threads than this cannot be in the middle of an event; older parts have lost theirs.
const MOST_THREADS: usize = 4096;
/// Parts whose event does not follow within this time have lost it, ns.
const PATIENCE: u64 = 1_000_000_000;

#[derive(Debug, Default)]
pub(super) struct Parts {
    by_thread: HashMap<u32, Pieces>,
}

#[derive(Debug, Default)]
struct Pieces {
    time: u64,
    data: Vec<u8>,
    whole: bool,
}

impl Parts {
    pub(super) fn is_empty(&self) -> bool {
        self.by_thread.is_empty()
    }

    pub(super) fn add(&mut self, header: &Header, offset: u32, bytes: &[u8]) {
        if self.by_thread.len() >= MOST_THREADS && !self.by_thread.contains_key(&header.tid) {
            self.by_thread.clear();
        }
        let pieces = self.by_thread.entry(header.tid).or_default();
        if pieces.time != header.time {
            *pieces = Pieces {
                time: header.time,
                data: Vec::new(),
                whole: true,
            };
        }
        pieces.whole &= pieces.data.len() == offset as usize;
        // A hole keeps its length, so that what follows stands in its place.
        let end = (offset as usize).saturating_add(bytes.len());
        if end > MOST_BYTES || (offset as usize) < pieces.data.len() {
            pieces.whole = false;
            return;
        }
        pieces.data.resize(offset as usize, 0);
        pieces.data.extend_from_slice(bytes);
    }

    /// The parts of this event and its tail, each in its place; false: a part is missing.
    pub(super) fn join(&mut self, header: &Header, tail: &[u8]) -> (Vec<u8>, bool) {
        let ahead = usize::from(header.ahead);
        if ahead == 0 {
            return (tail.to_vec(), true);
        }
        let pieces = self.by_thread.remove(&header.tid);
        let mut pieces = pieces
            .filter(|pieces| pieces.time == header.time)
            .unwrap_or_default();
        let whole = pieces.whole && pieces.data.len() == ahead;
        pieces.data.resize(ahead, 0);
        pieces.data.extend_from_slice(tail);
        (pieces.data, whole)
    }

    pub(super) fn forget_before(&mut self, boot: u64) {
        if !self.by_thread.is_empty() {
            self.by_thread
                .retain(|_, pieces| pieces.time.saturating_add(PATIENCE) >= boot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        kind: 0,
        hook: 0,
        tail: 0,
        ahead: 0,
        time: 9,
        tgid: 1,
        tid: 1,
        start: 0,
        session: 0,
    };

    #[test]
    fn parts_and_tail_are_joined() {
        let mut parts = Parts::default();
        parts.add(&HEADER, 0, b"one ");
        parts.add(&HEADER, 4, b"two ");
        let event = Header { ahead: 8, ..HEADER };
        assert_eq!(
            parts.join(&event, b"three"),
            (b"one two three".to_vec(), true)
        );
        assert_eq!(parts.join(&HEADER, b"next"), (b"next".to_vec(), true));
    }

    #[test]
    fn a_lost_part_leaves_a_hole_and_is_told() {
        let mut parts = Parts::default();
        parts.add(&HEADER, 2, b"two");
        let event = Header { ahead: 5, ..HEADER };
        assert_eq!(parts.join(&event, b"!"), (b"\0\0two!".to_vec(), false));
    }

    #[test]
    fn without_its_parts_a_tail_still_stands_in_its_place() {
        let mut parts = Parts::default();
        let event = Header { ahead: 3, ..HEADER };
        assert_eq!(parts.join(&event, b"tail"), (b"\0\0\0tail".to_vec(), false));
        parts.add(&HEADER, 0, b"x");
        assert_eq!(parts.join(&event, b"tail"), (b"x\0\0tail".to_vec(), false));
    }

    #[test]
    fn parts_of_another_event_are_not_taken() {
        let mut parts = Parts::default();
        parts.add(&HEADER, 0, b"old");
        let later = Header {
            time: 10,
            ahead: 3,
            ..HEADER
        };
        assert_eq!(parts.join(&later, b"new"), (b"\0\0\0new".to_vec(), false));
    }

    #[test]
    fn no_offset_makes_it_grow_without_bound() {
        let mut parts = Parts::default();
        parts.add(&HEADER, u32::MAX, b"x");
        let event = Header { ahead: 1, ..HEADER };
        assert_eq!(parts.join(&event, b""), (vec![0], false));
    }
}
