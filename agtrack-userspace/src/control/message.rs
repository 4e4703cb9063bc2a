//! What is said on the control socket: one JSON object a line.

use agtrack_common::packet;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::engine::CaptureDone;

/// Bytes kept of a packet where nothing is said.
pub const LONGEST_PACKET: u32 = packet::LONGEST;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Packets of an agent or of a session, written to the file whose descriptor comes along, until the
    /// peer shuts its side down.
    Capture {
        /// Id or name of an agent: all its sessions, also those that begin later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
        /// Id of one session, or how it begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
        /// Bytes kept of each packet, from 1 on.
        #[serde(default = "longest_packet")]
        longest: u32,
    },
}

fn longest_packet() -> u32 {
    LONGEST_PACKET
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done, or has begun.
    Ok(Begun),
    /// It is refused: why, and what to do.
    Error(String),
    /// What a capture came to: the last line.
    Done(CaptureDone),
}

/// A capture that has begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The sessions that are captured now.
    pub sessions: Vec<Uuid>,
}
