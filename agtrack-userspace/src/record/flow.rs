//! What passed between a socket and its peer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Address, Direction};

/// `net.flow`: a TCP connection that ended, or a UDP socket that was closed after datagrams had
/// passed through it. The process is the last of the agent's that used the socket; it may have
/// ended before. A connection that was refused or that nobody took has none, nor has a listening
/// socket. The outcome says what broke a connection off: `ECONNRESET`, `ETIMEDOUT` …
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Flow {
    /// The socket's own address.
    pub local: Address,
    /// Its peer's; null where datagrams of several passed through one socket: `net.send` and
    /// `net.receive` say which.
    pub peer: Option<Address>,
    /// Which side began: asked for the connection, or sent the first datagram. Null where that was
    /// not seen.
    pub direction: Option<Direction>,
    /// Bytes of payload sent, without those that were sent again.
    pub bytes_out: u64,
    /// Bytes of payload that came, each once. Of UDP also those that nobody read.
    pub bytes_in: u64,
    /// Segments of TCP, also those without payload, or datagrams.
    pub packets_out: u64,
    /// The same the other way.
    pub packets_in: u64,
    /// Segments of TCP that were sent again; null for UDP.
    pub retransmits: Option<u32>,
    /// When the connection was asked for or taken, or the first datagram passed: boot clock, ns. Null
    /// where that was before the socket was seen; all of a TCP connection is counted all the same.
    pub began_boot_time: Option<u64>,
    /// When the connection ended, or the last datagram passed: boot clock, ns.
    pub ended_boot_time: u64,
    /// Time between the two, ns.
    pub duration: Option<u64>,
}
