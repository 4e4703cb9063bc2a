//! Requests to io_uring that have not ended yet.

use agtrack_common::event::{Uring, hook};
use agtrack_common::uring;
use agtrack_common::wire::Outcome;
use foldhash::{HashMap, HashSet};

use crate::enrich::Known;

/// How long a result may take, ns. Some wait for a peer for ever.
const PATIENCE: u64 = 10_000_000_000;
/// More do not wait at a time; beyond it results are not waited for.
const MOST: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(super) struct Requests {
    /// By the address that the kernel gives to one while it is under way, and to another after it.
    by_address: HashMap<u64, Known>,
    /// Processes that connect through io_uring.
    connecting: HashSet<u32>,
}

/// Which request an outcome is of.
pub(super) fn key(outcome: &Outcome) -> u64 {
    u64::from(outcome.high) << 32 | u64::from(outcome.flags)
}

impl Requests {
    /// Takes note of one that is made.
    pub(super) fn saw(&mut self, known: &Known, body: &Uring) {
        let connects = body.opcode == u32::from(const { uring::number("connect") });
        if connects && self.connecting.len() < MOST {
            self.connecting.insert(known.event.header.tgid);
        }
    }

    /// Whether what this thread announced before may be a request's, and no call's whose result
    /// this is. The kernel announces a connect through io_uring as any other; a call that fails
    /// before it is announced must not say how that one ended.
    pub(super) fn may_be_meant(&self, ended: &Known) -> bool {
        let header = &ended.event.header;
        header.hook == hook::CONNECT_SYSCALL && self.connecting.contains(&header.tgid)
    }

    /// Waits for the result of `known`; returns what can wait no longer: itself, or the one before
    /// at this address, whose result was not seen.
    pub(super) fn put(&mut self, key: u64, known: Known) -> Option<Known> {
        if self.by_address.len() >= MOST && !self.by_address.contains_key(&key) {
            return Some(known);
        }
        self.by_address.insert(key, known)
    }

    /// The request at this address.
    pub(super) fn take(&mut self, key: u64) -> Option<Known> {
        self.by_address.remove(&key)
    }

    /// All of a process's.
    pub(super) fn of_process(&mut self, tgid: u32) -> Vec<Known> {
        self.connecting.remove(&tgid);
        self.extract(|known| known.event.header.tgid == tgid)
    }

    /// Those that have waited too long.
    pub(super) fn before(&mut self, boot: u64) -> Vec<Known> {
        self.extract(|known| known.event.header.time.saturating_add(PATIENCE) < boot)
    }

    fn extract(&mut self, which: impl Fn(&Known) -> bool) -> Vec<Known> {
        if self.by_address.is_empty() {
            return Vec::new();
        }
        let mut taken: Vec<_> = self
            .by_address
            .extract_if(|_, known| which(known))
            .collect();
        // By the key too: replay must give the same order.
        taken.sort_by_key(|(key, known)| (known.event.header.time, *key));
        taken.into_iter().map(|(_, known)| known).collect()
    }
}
