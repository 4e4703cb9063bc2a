//! Draining the rings.
//!
//! In: the two ring maps. Out: messages, lifecycle before bulk. It copies nothing and judges
//! nothing; only this room, `load` and the self-check name aya.

use std::os::fd::{AsFd, BorrowedFd};

use anyhow::Context;
use aya::Ebpf;
use aya::maps::{MapData, RingBuf};

/// Messages taken at a time from the bulk ring before the lifecycle ring is looked at again.
const BATCH: usize = 4096;
/// Messages taken in one drain: what arrives faster than it is read must not hold up the clock, nor
/// fill the journal's queue before anybody looks at it again.
const MOST: usize = 16 * 1024;

/// Both rings.
pub struct Rings {
    lifecycle: RingBuf<MapData>,
    bulk: RingBuf<MapData>,
    /// Kernel time of the last bulk message so far.
    last: u64,
}

/// What to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// All that waits.
    All,
    /// Lifecycle messages only: the rest waits in its ring, and where that is full the probes
    /// count what is lost.
    Lifecycle,
}

/// How far a drain came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Messages.
    pub count: usize,
    /// The rings were empty at the end.
    pub empty: bool,
    /// Kernel time of the last bulk message taken so far, boot clock, ns; 0: there was none.
    pub last: u64,
}

impl Rings {
    /// Takes the rings out of the loaded object.
    ///
    /// # Errors
    /// The object has none.
    pub fn take(ebpf: &mut Ebpf) -> anyhow::Result<Rings> {
        let mut ring = |name: &str| -> anyhow::Result<_> {
            let map = ebpf
                .take_map(name)
                .with_context(|| format!("the object has no map {name}"))?;
            Ok(RingBuf::try_from(map)?)
        };
        Ok(Rings {
            lifecycle: ring("LIFECYCLE")?,
            bulk: ring("BULK")?,
            last: 0,
        })
    }

    /// Hands waiting messages to `message`.
    pub fn drain(&mut self, take: Take, mut message: impl FnMut(&[u8])) -> Drained {
        let batch = match take {
            Take::All => BATCH,
            Take::Lifecycle => 0,
        };
        let (mut count, mut empty) = (0, false);
        while count < MOST && !empty {
            let before = count;
            while count < MOST
                && let Some(item) = self.lifecycle.next()
            {
                message(&item);
                count += 1;
            }
            for _ in 0..batch {
                let Some(item) = self.bulk.next() else { break };
                self.last = time_of(&item);
                message(&item);
                count += 1;
            }
            empty = count == before;
        }
        Drained {
            count,
            empty: empty && take == Take::All,
            last: self.last,
        }
    }

    /// What becomes readable when the kernel wakes the reader.
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.lifecycle.as_fd(), self.bulk.as_fd()]
    }
}

/// `Header::time`, without a check of the rest: that is `decode`'s work.
fn time_of(message: &[u8]) -> u64 {
    match message.get(8..16).and_then(|bytes| bytes.try_into().ok()) {
        Some(bytes) => u64::from_ne_bytes(bytes),
        None => 0,
    }
}
