//! Draining the rings.
//!
//! In: the ring maps. Out: messages, lifecycle before bulk, and beside them packets. It copies nothing
//! and judges nothing; only this room, `load` and the self-check name aya.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use agtrack_common::wire::PART;
use anyhow::Context;
use aya::Ebpf;
use aya::maps::{MapData, RingBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Messages taken at a time from the bulk ring before the lifecycle ring is looked at again.
const BATCH: usize = 4096;
/// Messages taken in one drain: what arrives faster than it is read must not hold up the clock, nor
/// fill the journal's queue before anybody looks at it again.
const MOST: usize = 16 * 1024;

/// Packets taken in one drain, for the same reason.
const MOST_PACKETS: usize = 4096;

/// How long an unfinished message is waited for. It is finished within microseconds, unless the
/// processor that writes it is taken away: a virtual one may be, for many milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// The rings.
pub struct Rings {
    lifecycle: RingBuf<MapData>,
    bulk: RingBuf<MapData>,
    packets: RingBuf<MapData>,
    /// Kernel time of the last bulk message so far.
    last: u64,
    /// Since when an unfinished message holds back what is behind it.
    held_back: Option<Instant>,
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
    /// The rings were empty at the end, also of messages that are not finished yet.
    pub empty: bool,
    /// Kernel time of the last bulk message taken so far, boot clock, ns; 0: there was none, or older
    /// ones of the other ring may be missing.
    pub last: u64,
}

impl Drained {
    /// Nothing was looked for.
    pub const NOTHING: Drained = Drained {
        count: 0,
        empty: true,
        last: 0,
    };
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
            packets: ring("PACKETS")?,
            last: 0,
            held_back: None,
        })
    }

    /// Hands waiting messages to `message`.
    pub fn drain(&mut self, take: Take, mut message: impl FnMut(&[u8])) -> Drained {
        let batch = match take {
            Take::All => BATCH,
            Take::Lifecycle => 0,
        };
        let (mut count, mut empty, mut in_order) = (0, false, true);
        while count < MOST {
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
            if count == before {
                let [lifecycle, bulk] = self.have_more();
                (empty, in_order) = (!lifecycle && !bulk, !lifecycle);
                break;
            }
        }
        if empty || count > 0 {
            self.held_back = None;
        } else {
            let since = *self.held_back.get_or_insert_with(Instant::now);
            empty = since.elapsed() > PATIENCE;
        }
        Drained {
            count,
            empty: empty && take == Take::All,
            last: if in_order { self.last } else { 0 },
        }
    }

    /// Hands waiting packets to `packet`, and says how many there were. They have a ring of their own,
    /// which no event waits for.
    pub fn drain_packets(&mut self, mut packet: impl FnMut(&[u8])) -> usize {
        let mut count = 0;
        while count < MOST_PACKETS
            && let Some(item) = self.packets.next()
        {
            packet(&item);
            count += 1;
        }
        count
    }

    /// In which ring of events there is something. Where nothing could be taken, a program has room there and
    /// is still writing: all behind it has to wait, and may be older than what comes by the other
    /// ring meanwhile.
    fn have_more(&self) -> [bool; 2] {
        let mut rings = [&self.lifecycle, &self.bulk]
            .map(|ring| ring.as_fd())
            .map(|ring| PollFd::from_borrowed_fd(ring, PollFlags::IN));
        // Without an answer they pass for empty, as they looked.
        let _ = poll(&mut rings, Some(&Timespec::default()));
        rings.map(|ring| ring.revents().contains(PollFlags::IN))
    }

    /// What becomes readable when the kernel wakes the reader.
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 3] {
        [&self.lifecycle, &self.bulk, &self.packets].map(AsFd::as_fd)
    }
}

/// Whether a message is an event: parts of events are not counted by themselves.
pub fn is_event(message: &[u8]) -> bool {
    message.first_chunk() != Some(&PART.to_ne_bytes())
}

/// `Header::time`, without a check of the rest: that is `decode`'s work.
fn time_of(message: &[u8]) -> u64 {
    match message.get(8..16).and_then(|bytes| bytes.try_into().ok()) {
        Some(bytes) => u64::from_ne_bytes(bytes),
        None => 0,
    }
}
