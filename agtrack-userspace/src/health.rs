//! How a running daemon is doing: one struct, made in one place.
//!
//! In: what the recording thread said last, the journal's queue, the board of the sinks. Out: a
//! [`Health`], which `agtrack status`, heartbeats and metrics read. Never: waits for any part that it
//! tells of, so that one that hangs is told by its name.

mod history;
mod monitor;
mod part;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::{Condition, GapReason, HookTotals, SinkHealth};

pub use monitor::{About, Monitor};

/// How a daemon is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// agtrack's version.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// Since when it runs, RFC 3339.
    pub since: String,
    /// The same as a duration, seconds.
    pub uptime_seconds: u64,
    /// The back end for file events.
    pub backend: String,
    /// Why recording ends with the daemon; null: the kernel goes on without it, and the next one tells of
    /// that.
    pub unpinned: Option<String>,
    /// The configuration in force.
    pub config: ConfigRead,
    /// Agents of the configuration.
    pub agents: u64,
    /// Sessions that run.
    pub sessions: u64,
    /// Tagged processes.
    pub processes: u64,
    /// The journal.
    pub journal: JournalHealth,
    /// Events that are known to be missing since the start, by why.
    pub losses: BTreeMap<GapReason, u64>,
    /// Runs of hooks that the kernel skipped since the start, on the whole host: an upper bound.
    pub skipped: u64,
    /// What the recorder is made of, in the order in which data flows.
    pub parts: Vec<Part>,
    /// Where records are sent, in order of name.
    pub sinks: Vec<SinkHealth>,
    /// Counters of the hooks.
    pub hooks: Vec<HookTotals>,
}

impl Health {
    /// Names of what somebody has to look at: of parts, and of sinks as `sink NAME`.
    #[must_use]
    pub fn bad(&self) -> Vec<String> {
        let parts = self.parts.iter().filter(|part| part.state.is_bad());
        let sinks = self.sinks.iter().filter(|sink| sink.state.is_bad());
        parts
            .map(|part| part.name.clone())
            .chain(sinks.map(|sink| format!("sink {}", sink.name)))
            .collect()
    }
}

/// A configuration that is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigRead {
    /// Its file.
    pub file: String,
    /// When it was read, RFC 3339.
    pub read: String,
    /// Hash of all its files.
    pub sha256: Option<String>,
    /// What was to take its place and was refused since, so that this one stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<ConfigRefused>,
}

/// A configuration that was to be read and was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigRefused {
    /// When, RFC 3339.
    pub time: String,
    /// Why.
    pub reason: String,
}

/// How the journal is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalHealth {
    /// Its directory.
    pub path: String,
    /// The last record on disk.
    pub seq: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// The segment that is written, by its first record.
    pub segment: u64,
    /// Bytes of that on disk.
    pub offset: u64,
    /// Bytes that wait for the disk.
    pub waiting_bytes: u64,
    /// When a record was last seen to be on disk, RFC 3339, to the second; null: none was since the start.
    pub last_commit: Option<String>,
}

/// A part of the recorder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// How it is doing.
    pub state: Condition,
    /// In words.
    pub detail: String,
}
