//! What the kernel keeps of the sockets of tagged processes.

use agtrack_common::socket::{Holder, Traffic};
use aya::maps::HashMap;
use zerocopy::FromBytes;

use super::Probes;

const TRAFFIC: usize = size_of::<Traffic>();
const HOLDER: usize = size_of::<Holder>();

impl Probes {
    /// Whether a socket is closed whose connection has not ended yet: TCP says what is left first.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn is_connection_ending(&self) -> anyhow::Result<bool> {
        let map: HashMap<_, u64, [u8; TRAFFIC]> = HashMap::try_from(self.map("TRAFFIC")?)?;
        Ok(map
            .iter()
            .filter_map(Result::ok)
            .any(|(_, traffic)| closed(&traffic) != 0))
    }

    /// Forgets sockets that were closed before `boot` (boot clock, ns): their end was not seen, and
    /// nothing more comes of them.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn forget_closed_sockets(&mut self, boot: u64) -> anyhow::Result<()> {
        self.forget_sockets(|traffic| (1..boot).contains(&closed(traffic)))
    }

    /// Forgets all sockets.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn forget_all_sockets(&mut self) -> anyhow::Result<()> {
        self.forget_sockets(|_| true)
    }

    fn forget_sockets(&mut self, which: impl Fn(&[u8; TRAFFIC]) -> bool) -> anyhow::Result<()> {
        let map: HashMap<_, u64, [u8; TRAFFIC]> = HashMap::try_from(self.map("TRAFFIC")?)?;
        let sockets: Vec<_> = map
            .iter()
            .filter_map(Result::ok)
            .filter(|(_, traffic)| which(traffic))
            .map(|(cookie, _)| cookie)
            .collect();
        if sockets.is_empty() {
            return Ok(());
        }
        // It may have ended meanwhile.
        let mut map: HashMap<_, u64, [u8; TRAFFIC]> = HashMap::try_from(self.map_mut("TRAFFIC")?)?;
        for socket in &sockets {
            let _ = map.remove(socket);
        }
        let mut holders = HashMap::<_, u64, [u8; HOLDER]>::try_from(self.map_mut("HOLDERS")?)?;
        for socket in &sockets {
            let _ = holders.remove(socket);
        }
        Ok(())
    }
}

fn closed(traffic: &[u8; TRAFFIC]) -> u64 {
    Traffic::read_from_bytes(traffic).map_or(0, |traffic| traffic.closed)
}
