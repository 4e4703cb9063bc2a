//! What the hooks counted.

use agtrack_common::count::Counters;
use serde::{Deserialize, Serialize};

/// What one session's share of a crowded ring had no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloodCount {
    /// The session's key.
    pub session: u64,
    /// Id of the hook that saw the events.
    pub hook: u16,
    /// How many so far.
    pub count: u64,
}

/// Counters of one hook, added up over the CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCounters {
    /// Id of the hook.
    pub hook: u16,
    /// What became of its runs.
    #[serde(flatten)]
    pub counts: Counters,
    /// Runs of the program that the kernel skipped, for whatever process: an upper bound of what
    /// the hook missed for tagged ones.
    pub skipped: u64,
}
