//! Sessions whose packets are wanted.

use agtrack_common::packet::{CAPTURES, Captured};
use anyhow::Context;
use aya::maps::HashMap;
use zerocopy::FromBytes;

use super::Probes;

const CAPTURED: usize = size_of::<Captured>();

impl Probes {
    /// Hands the packets of a session over from now on, as many bytes of each as
    /// [`Probes::set_packet_bytes`] says.
    ///
    /// # Errors
    /// As many sessions are captured as can be at a time.
    pub fn capture(&mut self, session: u64) -> anyhow::Result<()> {
        let mut map = HashMap::<_, u64, [u8; CAPTURED]>::try_from(self.map_mut("CAPTURED")?)?;
        map.insert(session, [0; CAPTURED], 0).with_context(|| {
            format!("the packets of {CAPTURES} sessions are captured already, which is the most")
        })
    }

    /// What was counted of a captured session; nothing where it is not captured.
    pub fn captured(&self, session: u64) -> Option<Captured> {
        let map = self.map("CAPTURED").ok()?;
        let map = HashMap::<_, u64, [u8; CAPTURED]>::try_from(map).ok()?;
        Captured::read_from_bytes(&map.get(&session, 0).ok()?).ok()
    }

    /// Hands no packets over of what a recorder before was asked for: who asked it is gone.
    ///
    /// # Errors
    /// A map cannot be read or written.
    pub(super) fn forget_captures(&mut self) -> anyhow::Result<()> {
        self.set_packet_bytes(0)?;
        let mut map = HashMap::<_, u64, [u8; CAPTURED]>::try_from(self.map_mut("CAPTURED")?)?;
        let sessions: Vec<_> = map.keys().filter_map(Result::ok).collect();
        for session in sessions {
            let _ = map.remove(&session);
        }
        Ok(())
    }

    /// Hands no more packets of a session over.
    pub fn end_capture(&mut self, session: u64) {
        let Ok(map) = self.map_mut("CAPTURED") else {
            return;
        };
        if let Ok(mut map) = HashMap::<_, u64, [u8; CAPTURED]>::try_from(map) {
            let _ = map.remove(&session);
        }
    }
}
