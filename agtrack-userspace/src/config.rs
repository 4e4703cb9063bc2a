//! The configuration: one TOML file.
//!
//! Comes in: the bytes of a file. Goes out: a [`Config`] in which every value can be used as it
//! is, or every [`Mistake`] in the file at once. Never: takes a key it does not know, or asks the
//! environment for values.

mod cover;
mod doubt;
mod list;
mod mistake;
mod place;
mod reading;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use mistake::{Mistake, Mistakes};

use crate::load::{BackendChoice, Reads, Sizes};
use crate::noise;

/// Where the configuration is looked for.
pub const DEFAULT_FILE: &str = "/etc/agtrack/agtrack.toml";

/// Larger files are refused unread: no configuration is that long.
const LONGEST: u64 = 1 << 20;

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
}

impl Default for Control {
    fn default() -> Self {
        Control {
            socket: PathBuf::from(crate::control::SOCKET),
        }
    }
}

/// An agent and how it is recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Stable id: a SPIFFE id or a plain name. No two agents share one.
    #[serde(deserialize_with = "value::name")]
    pub id: String,
    /// Name for people; the id where none is given.
    #[serde(
        default,
        deserialize_with = "value::some_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub name: Option<String>,
    /// Who answers for it.
    #[serde(
        default,
        deserialize_with = "value::some_name",
        skip_serializing_if = "Option::is_none"
    )]
    pub owner: Option<String>,
    /// Everything in these cgroups, and below them, is the agent's. Valid for
    /// [`Globs`](crate::cgroup::Globs).
    #[serde(deserialize_with = "value::globs")]
    pub cgroups: Vec<String>,
    /// Whatever else is to be said of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Agent {
    /// The name for people.
    pub fn shown_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// A configuration as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The file; none where the built-in defaults are meant.
    pub file: Option<PathBuf>,
    /// What it says.
    pub config: Config,
    /// SHA-256 of the file's bytes, in hex.
    pub sha256: Option<String>,
    /// The file's text, for the places of what is told later.
    pub text: String,
}

impl Loaded {
    /// The configuration without any file.
    pub fn built_in() -> Loaded {
        Loaded {
            file: None,
            config: Config::default(),
            sha256: None,
            text: String::new(),
        }
    }

    /// What is no mistake and yet can hardly be meant: globs that never match, whose cgroups are
    /// another agent's, or that take the whole host. `mount` is where cgroup2 is mounted. In order of place.
    pub fn doubts(&self, mount: Option<&Path>) -> Vec<Mistake> {
        doubt::find(&self.text, mount)
    }

    /// The same as lines for people, as compilers write their warnings.
    pub fn warnings(&self, mount: Option<&Path>) -> Vec<String> {
        let file = self.file.as_deref().unwrap_or(Path::new(""));
        let line = |doubt: &Mistake| doubt.line_of(file, "warning: ");
        self.doubts(mount).iter().map(line).collect()
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {cause}{}", file.display(), hint(cause))]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said. Not called `source`: the message has it already.
        cause: std::io::Error,
    },
    /// It is no configuration by its looks.
    #[error("{} {what}: it is no agtrack configuration", file.display())]
    Unfit {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It was read, and something in it is wrong.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            "; name another file, or begin one with `agtrack config show >FILE`"
        }
        std::io::ErrorKind::PermissionDenied => "; run it with sudo, or name another file",
        std::io::ErrorKind::IsADirectory => "; name the file in it",
        _ => "",
    }
}

/// Reads and checks a file.
///
/// # Errors
/// It cannot be read, is longer than 1 MiB or no UTF-8, or has mistakes: all are told.
pub fn load(file: &Path) -> Result<Loaded, Error> {
    let bytes = read(file)?;
    let unfit = |what: &str| Error::Unfit {
        file: file.to_path_buf(),
        what: what.to_owned(),
    };
    if bytes.len() as u64 > LONGEST {
        return Err(unfit("is longer than 1 MiB"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()]
            .split(|byte| *byte == b'\n')
            .count();
        unfit(&format!("has bytes in line {line} that are not UTF-8"))
    })?;
    let config = parse(text).map_err(|mistakes| Mistakes {
        file: file.to_path_buf(),
        mistakes,
    })?;
    let sha256 = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(Loaded {
        file: Some(file.to_path_buf()),
        config,
        sha256: Some(sha256),
        text: text.to_owned(),
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|open| open.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|cause| Error::Read {
            file: file.to_path_buf(),
            cause,
        })?;
    Ok(bytes)
}

/// Reads the text of a configuration.
///
/// # Errors
/// Every mistake in it, in order.
pub fn parse(text: &str) -> Result<Config, Vec<Mistake>> {
    reading::read(text)
}
