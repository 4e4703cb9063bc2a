//! Captures of packets, as far as records tell of them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::record::Requester;

/// A capture began or ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureChange {
    /// Whose packets: id or name of an agent; none where one session is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The sessions that are captured at this moment.
    pub sessions: Vec<Uuid>,
    /// Bytes kept of each packet.
    pub longest: u32,
    /// Who asked.
    pub asker: Requester,
    /// What it came to, at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<CaptureEnd>,
}

/// What a capture came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureEnd {
    /// Packets in the file.
    pub packets: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Packets that passed and are not in it.
    pub lost: u64,
    /// Sessions that there was no room for.
    #[serde(default)]
    pub refused: u64,
}
