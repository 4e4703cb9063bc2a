//! Questions to whoever can read files, and the answers.

use serde::{Deserialize, Serialize};

use crate::record::{Effect, Text};

/// A file that is to be hashed, or whose last hash is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashWanted {
    /// Number of the question; the answer carries it.
    pub ticket: u64,
    /// What was done to the file.
    pub deed: Deed,
    /// Its path, as seen from the root of the mount namespace; where it got another name, the old one.
    pub path: Text,
    /// Who did it, and who started that: their roots are looked in, where they are alive.
    pub pids: [u32; 2],
    /// Device, `major:minor` as the kernel has it for the file system, where it was seen.
    pub device: Option<String>,
    /// Inode number, where it was seen.
    pub inode: Option<u64>,
    /// Length of the file then, bytes, where it was seen.
    pub size: Option<u64>,
    /// When it was done, wall clock, ns since 1970.
    pub at: u64,
}

/// What was done to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It was written and closed.
    Written {
        /// It was made by that open.
        created: bool,
    },
    /// It was executed.
    Executed {
        /// The script that it interprets.
        script: Option<Text>,
    },
    /// One of its names was removed.
    Removed,
    /// It got another name, maybe beside the one it had.
    Renamed {
        /// The new one.
        to: Text,
        /// Two files have each other's name now.
        exchanged: bool,
    },
}

/// The answer to a [`HashWanted`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashed {
    /// The question's number.
    pub ticket: u64,
    /// Of the file; `None`: nothing is known of it, and nothing was to be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Effect>,
    /// Of the script that was executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Effect>,
}
