//! The configuration: one TOML file, and beside it a directory of files that name agents.
//!
//! Comes in: the bytes of the files. Goes out: a [`Config`] in which every value can be used as it
//! is, or every [`Mistake`] in all files at once. Never: takes a key it does not know, or asks the
//! environment for values.

mod agent;
mod cover;
mod doubt;
mod list;
mod load;
mod mistake;
mod place;
mod reading;
mod sinks;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use agent::{Agent, User};
pub use load::{AGENTS, Error, Loaded, Source, load, warnings};
pub use mistake::{Mistake, Mistakes, Placed};

use crate::load::{BackendChoice, Reads, Sizes};
use crate::metrics;
use crate::noise;
use crate::sink;

/// Where the configuration is looked for.
pub const DEFAULT_FILE: &str = "/etc/agtrack/agtrack.toml";

/// What is written and executed is hashed up to this size, bytes: of what people and their tools
/// write little is larger, and a second of work reads it.
pub const HASH_MAX_BYTES: u64 = 64 << 20;
/// How long a record waits for a hash where nothing is said, in milliseconds.
pub const HASH_WAIT_MS: u64 = 500;

/// What can be configured. `dist/agtrack.toml` shows every key with its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where and how records are kept.
    pub journal: Journal,
    /// How the kernel is watched.
    pub capture: Capture,
    /// How the daemon is asked.
    pub control: Control,
    /// How numbers are told to a collector.
    pub metrics: Metrics,
    /// Where records are sent.
    pub sinks: Vec<sink::Settings>,
    /// Who is recorded.
    pub agents: Vec<Agent>,
}

/// Where and how records are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Journal {
    /// Directory of the journal, absolute.
    #[serde(deserialize_with = "value::absolute")]
    pub dir: PathBuf,
    /// A segment that would grow beyond this many bytes is followed by a new one.
    #[serde(deserialize_with = "value::segment_bytes")]
    pub segment_bytes: u64,
    /// The longest a record waits for its sync, in milliseconds.
    #[serde(deserialize_with = "value::sync_interval")]
    pub sync_interval_ms: u64,
}

impl Default for Journal {
    fn default() -> Self {
        let options = crate::journal::Options::default();
        Journal {
            dir: PathBuf::from("/var/lib/agtrack/journal"),
            segment_bytes: options.segment_bytes,
            sync_interval_ms: u64::try_from(options.sync_interval.as_millis()).unwrap_or(100),
        }
    }
}

/// How the kernel is watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Capture {
    /// Kind of kernel hooks for file events.
    pub backend: BackendChoice,
    /// Which opens for reading are told one by one.
    pub reads: Reads,
    /// Globs of files by class, beside the built-in classes or in the place of one: where `reads` is
    /// `counted`, reads of them by processes that could not write them are counted.
    #[serde(
        deserialize_with = "value::noise",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub noise: noise::Globs,
    /// Files of more bytes are not hashed; 0: none is.
    pub hash_max_bytes: u64,
    /// The longest that a record, and those after it, wait for a hash, in milliseconds.
    #[serde(deserialize_with = "value::hash_wait")]
    pub hash_wait_ms: u64,
    /// Sockets, beside the usual ones, at which somebody tells of containers as Docker does. Absolute.
    #[serde(
        deserialize_with = "value::sockets",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub container_sockets: Vec<PathBuf>,
    /// Whether the kernel goes on recording while the daemon does not run, until its rings are full, for the
    /// next daemon to tell. Needs a BPF file system; `agtrack detach` ends it.
    pub pin: bool,
    /// Size of the ring for process events in bytes, a power of two.
    #[serde(deserialize_with = "value::ring_bytes")]
    pub lifecycle_ring_bytes: u32,
    /// Size of the ring for file and network events in bytes, a power of two.
    #[serde(deserialize_with = "value::ring_bytes")]
    pub bulk_ring_bytes: u32,
    /// Size of the ring for captured packets in bytes, a power of two.
    #[serde(deserialize_with = "value::ring_bytes")]
    pub packet_ring_bytes: u32,
}

impl Default for Capture {
    fn default() -> Self {
        let sizes = Sizes::default();
        Capture {
            backend: BackendChoice::default(),
            reads: Reads::default(),
            noise: noise::Globs::new(),
            hash_max_bytes: HASH_MAX_BYTES,
            hash_wait_ms: HASH_WAIT_MS,
            container_sockets: Vec::new(),
            pin: true,
            lifecycle_ring_bytes: sizes.lifecycle,
            bulk_ring_bytes: sizes.bulk,
            packet_ring_bytes: sizes.packets,
        }
    }
}

/// How the daemon is asked, as by `agtrack capture`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Control {
    /// The socket that it listens at, absolute.
    #[serde(deserialize_with = "value::absolute")]
    pub socket: PathBuf,
    /// A group whose members may ask too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What they may ask for.
    pub group_may: GroupMay,
}

/// What members of the group may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupMay {
    /// What is recorded, and how that goes.
    #[default]
    Read,
    /// All that root may: to tag, to untag, and to take packets too.
    All,
}

impl Default for Control {
    fn default() -> Self {
        Control {
            socket: PathBuf::from(crate::control::SOCKET),
            group: None,
            group_may: GroupMay::Read,
        }
    }
}

/// How numbers are told to a collector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Where; nowhere where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<metrics::Listen>,
}

/// Reads the text of a configuration.
///
/// # Errors
/// Every mistake in it, in order.
pub fn parse(text: &str) -> Result<Config, Vec<Mistake>> {
    reading::read(text)
}
