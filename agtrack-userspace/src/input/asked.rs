//! Requests that change what is recorded, as far as records tell of them.

use serde::{Deserialize, Serialize};

use crate::record::{Requester, Text};

/// Somebody asked for something, and it is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// Who.
    pub by: Requester,
    /// What.
    #[serde(rename = "for")]
    pub what: AskedFor,
    /// The key of the session that it is about.
    pub session: u64,
    /// Whom it was asked for, in the words of who asked: `process 4711`, `cgroup /a`.
    pub target: Text,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedFor {
    /// To record somebody as an agent's.
    Tag,
    /// To record that no more.
    Untag,
}
