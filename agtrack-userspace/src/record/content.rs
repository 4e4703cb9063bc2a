//! What was said over a socket, as far as it is spoken in the open.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Address, Text};

/// Which way it went, as seen from the agent's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The process sent it.
    Outbound,
    /// The process was sent it.
    Inbound,
}

/// A message of the domain name system, over UDP or TCP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dns {
    /// With whom: the resolver, where the agent asks.
    pub peer: Address,
    /// Which way.
    pub direction: Direction,
    /// By which an answer belongs to its question.
    pub dns_id: u16,
    /// What for, where it is no ordinary question: `UPDATE`, `NOTIFY` … or the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opcode: Option<String>,
    /// What is asked; of an answer, what was.
    pub questions: Vec<Question>,
    /// `net.dns_answer`: `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code: Option<String>,
    /// `net.dns_answer`: the server says that there is more than fitted (its bit `TC`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut_by_server: bool,
    /// `net.dns_answer`: the records of the answer section, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Answer>,
}

/// A question to the domain name system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// The name in small letters, without the last dot. What is no letter, digit, `-`, `_` or `*` is
    /// written as in zone files: `\046`, the byte in three decimal digits.
    pub name: String,
    /// `A`, `AAAA`, `CNAME`, `HTTPS`, `TXT` …; of types without a name `TYPE` and the number.
    #[serde(rename = "type")]
    pub record_type: String,
}

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// Whose it is, written as in [`Question`].
    pub name: String,
    /// As in [`Question`].
    #[serde(rename = "type")]
    pub record_type: String,
    /// Seconds for which it holds.
    pub ttl: u32,
    /// The address, or the name that is pointed to (`CNAME`, `DNAME`, `NS`, `PTR`, `MX`, `SRV`); null
    /// for all other types.
    pub data: Option<String>,
}

/// Who says hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Who connected.
    Client,
    /// Who was connected to.
    Server,
}

/// How a TLS connection begins. Nothing after it can be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TlsHello {
    /// With whom.
    pub peer: Address,
    /// Which way.
    pub direction: Direction,
    /// Whose hello it is.
    pub hello: Side,
    /// The name that the client asks the server to be (SNI). What a client says, not what the server
    /// is. With `ech` that of the outer hello.
    pub server_name: Option<Text>,
    /// Protocols the client would speak above TLS (ALPN), as in `h2`; of a server the one it chose,
    /// which is encrypted since TLS 1.3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<Text>,
    /// The highest version the client would speak, or the one the server chose: `1.3`, `1.2` …
    pub tls_version: String,
    /// The client encrypts a second hello in this one, or pretends to: by design nobody can tell the
    /// two apart. The server's real name may be in there, then `server_name` is its provider's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ech: bool,
}

/// A request of HTTP/1 that is not encrypted. Its other headers and its body are not kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HttpRequest {
    /// With whom.
    pub peer: Address,
    /// Which way: an outbound request is the agent's own.
    pub direction: Direction,
    /// `GET`, `POST` …; `PRI` begins HTTP/2, of which no more is read.
    pub method: Text,
    /// As it stands in the request, secrets taken out: a path with its query, for a proxy the URL,
    /// for `CONNECT` host and port.
    pub target: Text,
    /// The header `Host`.
    pub host: Option<Text>,
    /// `1.1`, `1.0`; `2.0` with `PRI`; null where so much of the request was not seen.
    pub http_version: Option<String>,
}

/// How a QUIC connection (HTTP/3) begins. What it says is encrypted: neither a name nor a protocol
/// is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuicHello {
    /// With whom.
    pub peer: Address,
    /// Which way.
    pub direction: Direction,
    /// `1`, `2`, or hexadecimal.
    pub quic_version: String,
}
