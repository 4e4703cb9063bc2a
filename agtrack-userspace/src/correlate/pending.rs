//! Operations that began and whose result has not been seen yet.

use agtrack_common::event::Payload;
use foldhash::HashMap;

use crate::decode::What;
use crate::enrich::Known;

/// How long a result may take, ns. A connect waits for the network as long as TCP does.
const PATIENCE: u64 = 10_000_000_000;
const PATIENCE_CONNECT: u64 = 150_000_000_000;
/// More threads than this do not wait at a time; beyond it results are not waited for.
const MOST: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(super) struct Pending {
    by_thread: HashMap<u32, Known>,
}

impl Pending {
    /// Waits for the result of `known`; returns what can wait no longer: the thread's operation
    /// before, whose result was not seen.
    pub(super) fn put(&mut self, known: Known) -> Option<Known> {
        if self.by_thread.len() >= MOST {
            return Some(known);
        }
        self.by_thread.insert(known.event.header.tid, known)
    }

    /// The thread's waiting operation.
    pub(super) fn get(&self, tid: u32) -> Option<&Known> {
        self.by_thread.get(&tid)
    }

    /// Takes the thread's waiting operation, if it is of this kind.
    pub(super) fn take(&mut self, tid: u32, kind: u16) -> Option<Known> {
        if kind_of(self.by_thread.get(&tid)?) == Some(kind) {
            self.by_thread.remove(&tid)
        } else {
            None
        }
    }

    /// All of a process's.
    pub(super) fn of_process(&mut self, tgid: u32) -> Vec<Known> {
        self.extract(|known| known.event.header.tgid == tgid)
    }

    /// Those that have waited too long.
    pub(super) fn before(&mut self, boot: u64) -> Vec<Known> {
        self.extract(|known| {
            let patience = match known.event.what {
                What::Happened(Payload::Connect(_)) => PATIENCE_CONNECT,
                What::Happened(_) | What::Ended(_) => PATIENCE,
            };
            known.event.header.time.saturating_add(patience) < boot
        })
    }

    fn extract(&mut self, which: impl Fn(&Known) -> bool) -> Vec<Known> {
        if self.by_thread.is_empty() {
            return Vec::new();
        }
        let mut taken: Vec<_> = self
            .by_thread
            .extract_if(|_, known| which(known))
            .map(|(_, known)| known)
            .collect();
        taken.sort_by_key(|known| known.event.header.time);
        taken
    }
}

fn kind_of(known: &Known) -> Option<u16> {
    match &known.event.what {
        What::Happened(payload) => Some(payload.kind() as u16),
        What::Ended(_) => None,
    }
}
