//! What the hooks counted.

use serde::{Deserialize, Serialize};

/// Counters of one hook, added up over the CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCounters {
    /// Id of the hook.
    pub hook: u16,
    /// Runs for tagged processes.
    pub seen: u64,
    /// Handed to the ring.
    pub submitted: u64,
    /// Left out by a documented rule.
    pub filtered: u64,
    /// Counted into another event.
    pub coalesced: u64,
    /// Lost: ring full.
    pub lost_ring: u64,
    /// Lost: map full.
    pub lost_map: u64,
    /// Lost: too large.
    pub lost_oversized: u64,
    /// Parts lost of events that arrived.
    pub lost_parts: u64,
    /// Runs of the program that the kernel skipped, for whatever process: an upper bound of what
    /// the hook missed for tagged ones.
    pub skipped: u64,
}
