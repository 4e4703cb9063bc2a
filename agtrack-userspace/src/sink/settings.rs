//! What the configuration says of a sink.
//!
//! One flat table holds the keys of all transports, so that a mistake is told at its place and with the
//! nearest key. Which of them a transport has is told by its row (`table.rs`).

mod value;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::kafka::Mechanism;
use super::otlp::Signal;
use super::protocol::Protocol;
use super::secret::Secret;
pub use super::start::Start;
use super::syslog::Facility;
use super::table::Kind;

/// A sink: one `[[sinks]]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What it is called; no two sinks share one. Its cursor is kept under this name.
    #[serde(deserialize_with = "value::name")]
    pub name: String,
    /// How records get out.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// What a record looks like there.
    #[serde(default)]
    pub encoding: Encoding,
    /// Where a sink begins that has no cursor yet.
    #[serde(default)]
    pub start: Start,
    /// Only records of these kinds; all where it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<RecordKind>,
    /// Of the records of kind `action` only these: globs.
    #[serde(
        default,
        deserialize_with = "value::globs",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub actions: Vec<String>,
    /// Of the records of an agent only those of agents with such an id: globs.
    #[serde(
        default,
        deserialize_with = "value::globs",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub agents: Vec<String>,
    /// Fields that are left out: names joined with dots.
    #[serde(
        default,
        deserialize_with = "value::fields",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub drop: Vec<String>,
    /// Most records that are sent at a time.
    #[serde(
        default = "value::most_records",
        deserialize_with = "value::batch_records"
    )]
    pub batch_records: usize,
    /// Most bytes that are sent at a time; a longer record goes alone.
    #[serde(default = "value::most_bytes", deserialize_with = "value::batch_bytes")]
    pub batch_bytes: usize,
    /// How long a record waits for others to go with, in milliseconds.
    #[serde(default = "value::longest_wait", deserialize_with = "value::batch_ms")]
    pub batch_ms: u64,
    /// A file or socket, absolute.
    #[serde(
        default,
        deserialize_with = "value::some_path",
        skip_serializing_if = "Option::is_none"
    )]
    pub path: Option<PathBuf>,
    /// A file that would grow beyond this many bytes is followed by a new one.
    #[serde(
        default,
        deserialize_with = "value::max_bytes",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_bytes: Option<u64>,
    /// Old files that are kept.
    #[serde(
        default,
        deserialize_with = "value::keep",
        skip_serializing_if = "Option::is_none"
    )]
    pub keep: Option<u32>,
    /// Kind of a local socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<SocketKind>,
    /// How the end of a record is told in a stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framing: Option<Framing>,
    /// A host and a port.
    #[serde(
        default,
        deserialize_with = "value::some_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub address: Option<String>,
    /// Where the first servers of a cluster are: hosts and ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brokers: Vec<String>,
    /// What carries records there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// Who is speaking, in terms of syslog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facility: Option<Facility>,
    /// Authorities whose certificates are trusted; those that the host trusts where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<Secret>,
    /// Our certificate, with those between it and the authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<Secret>,
    /// Its private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<Secret>,
    /// The name in the receiver's certificate, where it is not that of the address.
    #[serde(
        default,
        deserialize_with = "value::some_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub server_name: Option<String>,
    /// Where a receiver is: scheme, host, port, and what its paths begin with.
    #[serde(
        default,
        deserialize_with = "value::some_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub url: Option<String>,
    /// What the receiver knows us by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// Who we are there, where that is no token.
    #[serde(
        default,
        deserialize_with = "value::some_user",
        skip_serializing_if = "Option::is_none"
    )]
    pub user: Option<String>,
    /// The user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// What NATS knows us by: a file of credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Secret>,
    /// Under which subject records are published.
    #[serde(
        default,
        deserialize_with = "value::some_subject",
        skip_serializing_if = "Option::is_none"
    )]
    pub subject: Option<String>,
    /// Under which topic records are kept.
    #[serde(
        default,
        deserialize_with = "value::some_topic",
        skip_serializing_if = "Option::is_none"
    )]
    pub topic: Option<String>,
    /// How a user shows that the password is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mechanism: Option<Mechanism>,
    /// Whether what is sent is compressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compress: Option<Compression>,
    /// Where the receiver puts records.
    #[serde(
        default,
        deserialize_with = "value::some_index",
        skip_serializing_if = "Option::is_none"
    )]
    pub index: Option<String>,
    /// What the receiver is to take records for.
    #[serde(
        default,
        deserialize_with = "value::some_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub sourcetype: Option<String>,
    /// Whether what was only received does not count, but what the receiver says that it has stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_ack: Option<bool>,
    /// How long the receiver has to say so, in milliseconds.
    #[serde(
        default,
        deserialize_with = "value::ack_ms",
        skip_serializing_if = "Option::is_none"
    )]
    pub ack_ms: Option<u64>,
    /// What is made of records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// How far back records are sent again after a connection broke, in milliseconds.
    #[serde(
        default,
        deserialize_with = "value::resend",
        skip_serializing_if = "Option::is_none"
    )]
    pub resend_ms: Option<u64>,
}

impl Settings {
    /// Whether something goes to the receiver that nobody else may know.
    pub(super) fn has_secret(&self) -> bool {
        self.token.is_some() || self.password.is_some() || self.credentials.is_some()
    }
}

/// What a record looks like at the receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As they are in the journal
    #[default]
    Native,
    /// As events of the Open Cybersecurity Schema Framework, version 1.8.0
    Ocsf,
}

/// The kinds of record, as `kind` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // `record::Body` documents them.
pub enum RecordKind {
    Action,
    Session,
    ToolCall,
    Handoff,
    Tamper,
    Gap,
    Lifecycle,
    Heartbeat,
}

impl RecordKind {
    /// As it stands in a record.
    pub fn name(self) -> &'static str {
        match self {
            RecordKind::Action => "action",
            RecordKind::Session => "session",
            RecordKind::ToolCall => "tool_call",
            RecordKind::Handoff => "handoff",
            RecordKind::Tamper => "tamper",
            RecordKind::Gap => "gap",
            RecordKind::Lifecycle => "lifecycle",
            RecordKind::Heartbeat => "heartbeat",
        }
    }
}

/// Kind of a local socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SocketKind {
    /// SOCK_STREAM.
    #[default]
    Stream,
    /// SOCK_DGRAM: one record a message.
    Datagram,
}

/// How the end of a record is told in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framing {
    /// A newline behind each; a record holds none.
    #[default]
    Newline,
    /// Its length in bytes before each: 32 bits, the highest first.
    Length,
}

/// Whether what is sent is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// By gzip.
    #[default]
    Gzip,
    /// Not at all.
    None,
}
