//! Requests to io_uring that have not ended yet.

use std::collections::HashMap;

use agtrack_common::wire::Outcome;

use crate::enrich::Known;

/// How long a result may take, ns. Some wait for a peer for ever.
const PATIENCE: u64 = 10_000_000_000;
/// More do not wait at a time; beyond it results are not waited for.
const MOST: usize = 16 * 1024;

/// By the address that the kernel gives to one while it is under way, and to another after it.
#[derive(Debug, Default)]
pub(super) struct Requests(HashMap<u64, Known>);

/// Which request an outcome is of.
pub(super) fn key(outcome: &Outcome) -> u64 {
    u64::from(outcome.high) << 32 | u64::from(outcome.flags)
}

impl Requests {
    /// Waits for the result of `known`; returns what can wait no longer: itself, or the one before
    /// at this address, whose result was not seen.
    pub(super) fn put(&mut self, key: u64, known: Known) -> Option<Known> {
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            return Some(known);
        }
        self.0.insert(key, known)
    }

    /// The request at this address.
    pub(super) fn take(&mut self, key: u64) -> Option<Known> {
        self.0.remove(&key)
    }

    /// All of a process's.
    pub(super) fn of_process(&mut self, tgid: u32) -> Vec<Known> {
        self.extract(|known| known.event.header.tgid == tgid)
    }

    /// Those that have waited too long.
    pub(super) fn before(&mut self, boot: u64) -> Vec<Known> {
        self.extract(|known| known.event.header.time.saturating_add(PATIENCE) < boot)
    }

    fn extract(&mut self, which: impl Fn(&Known) -> bool) -> Vec<Known> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut taken: Vec<_> = self.0.extract_if(|_, known| which(known)).collect();
        // By the key too: replay must give the same order.
        taken.sort_by_key(|(key, known)| (known.event.header.time, *key));
        taken.into_iter().map(|(_, known)| known).collect()
    }
}
