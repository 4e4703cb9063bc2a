//! Two rings, one order.

use super::Event;

/// Room that is kept for so many events: what a storm needed is given back.
const KEPT: usize = 1024;

/// Events waiting for those that may have happened before them.
#[derive(Debug, Default)]
pub(super) struct Merge {
    waiting: Vec<Event>,
}

impl Merge {
    pub(super) fn push(&mut self, event: Event) {
        self.waiting.push(event);
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Moves those before `boot` to `out`. The sort is stable: events of one time stay as they came.
    pub(super) fn before(&mut self, boot: u64, out: &mut Vec<Event>) {
        self.waiting.sort_by_key(|event| event.header.time);
        let end = self
            .waiting
            .partition_point(|event| event.header.time < boot);
        out.extend(self.waiting.drain(..end));
        self.waiting.shrink_to(KEPT);
    }
}
