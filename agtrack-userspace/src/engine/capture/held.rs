//! Packets that wait until it is known whose they are.

use std::collections::VecDeque;

use agtrack_common::packet::PacketHeader;

/// Bytes that may wait.
const MOST: usize = 8 << 20;
/// What a packet takes beside its own bytes.
const OVERHEAD: usize = 128;

/// A packet.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) header: PacketHeader,
    pub(super) bytes: Box<[u8]>,
}

/// Those that wait, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    packets: VecDeque<Held>,
    bytes: usize,
}

impl Waiting {
    /// Takes one in.
    ///
    /// # Errors
    /// There is no room; gives its header back.
    pub(super) fn put(&mut self, header: PacketHeader, bytes: &[u8]) -> Result<(), PacketHeader> {
        let size = bytes.len() + OVERHEAD;
        if self.bytes + size > MOST {
            return Err(header);
        }
        self.bytes += size;
        let bytes = bytes.into();
        self.packets.push_back(Held { header, bytes });
        Ok(())
    }

    /// The next one, if it passed before `time`, boot clock, ns.
    pub(super) fn take_before(&mut self, time: u64) -> Option<Held> {
        let held = self
            .packets
            .pop_front_if(|packet| packet.header.time < time)?;
        self.bytes = self.bytes.saturating_sub(held.bytes.len() + OVERHEAD);
        Some(held)
    }
}
