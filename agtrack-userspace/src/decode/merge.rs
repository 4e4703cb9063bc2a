//! Two rings, one order.

use super::Event;

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

    /// Takes those before `boot`. The sort is stable: events of one time stay as they came.
    pub(super) fn before(&mut self, boot: u64) -> Vec<Event> {
        self.waiting.sort_by_key(|event| event.header.time);
        let end = self
            .waiting
            .partition_point(|event| event.header.time < boot);
        let later = self.waiting.split_off(end);
        std::mem::replace(&mut self.waiting, later)
    }
}
