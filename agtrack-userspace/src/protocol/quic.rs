//! The first packet of a QUIC connection (RFC 9000, 9369). It is encrypted, if only by a key that
//! anybody can make; it is named and not opened.

use super::{Flow, Found, Segment};
use crate::record::{Object, QuicHello};

/// A client's first datagram has at least so many bytes, so that nobody can amplify with it.
const LEAST: u32 = 1200;
/// Versions that are in use, and how each numbers the packet that begins.
const VERSION_2: u32 = 0x6b33_43cf;

/// The version, where a datagram begins a connection.
pub(super) fn version(segment: &Segment<'_>) -> Option<u32> {
    let (first, rest) = segment.bytes.split_first()?;
    let (version, rest) = rest.split_first_chunk::<4>()?;
    let version = u32::from_be_bytes(*version);
    let initial = if version == VERSION_2 { 1 } else { 0 };
    // A long header, and the bit that tells QUIC from what else is sent over UDP.
    let is_initial = first & 0xc0 == 0xc0 && (first >> 4) & 3 == initial;
    let id = usize::from(*rest.first()?);
    let has_ids = id <= 20 && rest.len() > id + 1;
    let is_known = version == 1 || version == VERSION_2 || is_draft(version);
    (is_initial && has_ids && is_known && segment.total >= LEAST).then_some(version)
}

/// Drafts of version 1, and numbers that test whether a server takes any.
fn is_draft(version: u32) -> bool {
    version >> 8 == 0x00ff_0000 || version & 0x0f0f_0f0f == 0x0a0a_0a0a
}

pub(super) fn found(version: u32, flow: Flow) -> Found {
    let quic_version = match version {
        1 => "1".to_owned(),
        VERSION_2 => "2".to_owned(),
        other => format!("0x{other:08x}"),
    };
    Found {
        action: "net.quic_hello",
        object: Object::Quic(QuicHello {
            peer: flow.peer(),
            direction: flow.direction(),
            quic_version,
        }),
        truncated: false,
        notes: Vec::new(),
    }
}
