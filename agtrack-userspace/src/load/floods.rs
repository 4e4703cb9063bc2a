//! What the kernel counted of sessions that flooded a ring.

use agtrack_common::budget::Flood;
use aya::maps::HashMap;
use zerocopy::{FromBytes, IntoBytes};

use super::Probes;
use crate::input::FloodCount;

const KEY: usize = size_of::<Flood>();

impl Probes {
    /// All counts, in order of session and hook.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn floods(&self) -> anyhow::Result<Vec<FloodCount>> {
        let map = self.map("FLOODS")?;
        let map: HashMap<_, [u8; KEY], u64> = HashMap::try_from(map)?;
        let counts = map.iter().filter_map(Result::ok);
        let mut floods: Vec<_> = counts
            .filter_map(|(key, count)| told(&key, count))
            .collect();
        floods.sort_unstable_by_key(|flood| (flood.session, flood.hook));
        Ok(floods)
    }

    /// Makes room: nothing more will come of this session.
    pub fn forget_floods(&mut self, over: &[FloodCount]) {
        let Some(Ok(mut map)) = self
            .ebpf
            .map_mut("FLOODS")
            .map(HashMap::<_, [u8; KEY], u64>::try_from)
        else {
            return;
        };
        for flood in over {
            let _ = map.remove(&key(flood));
        }
    }

    /// Says how many there were; none: nothing is kept of it.
    ///
    /// # Errors
    /// The map cannot be written.
    pub(super) fn set_flood(&mut self, flood: &FloodCount, count: u64) -> anyhow::Result<()> {
        let map = self.map_mut("FLOODS")?;
        let mut map: HashMap<_, [u8; KEY], u64> = HashMap::try_from(map)?;
        match count {
            0 => drop(map.remove(&key(flood))),
            _ => map.insert(key(flood), count, 0)?,
        }
        Ok(())
    }
}

fn key(flood: &FloodCount) -> [u8; KEY] {
    let key = Flood {
        session: flood.session,
        hook: flood.hook.into(),
    };
    let mut bytes = [0; KEY];
    bytes.copy_from_slice(key.as_bytes());
    bytes
}

fn told(key: &[u8; KEY], count: u64) -> Option<FloodCount> {
    let key = Flood::read_from_bytes(key).ok()?;
    Some(FloodCount {
        session: key.session,
        hook: u16::try_from(key.hook).ok()?,
        count,
    })
}
