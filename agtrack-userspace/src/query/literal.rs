//! Bytes of a string as they stand in a record's JSON, also of a piece of one.
//!
//! A record is searched for them before it is parsed, so they must be exactly what the serialiser
//! writes, whatever stands before and behind the piece.

use crate::record::Text;

/// Whether the piece stands at an end of the string.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    pub(super) begin: bool,
    pub(super) end: bool,
}

impl Ends {
    /// The end of the string.
    pub(super) const END: Ends = Ends {
        begin: false,
        end: true,
    };
    /// The whole string.
    pub(super) const BOTH: Ends = Ends {
        begin: true,
        end: true,
    };
}

/// A piece of what is written as [`Text`]; none where nothing of it is certain.
pub(super) fn of_bytes(bytes: &[u8], ends: Ends) -> Option<Vec<u8>> {
    let bytes = certain(bytes, ends);
    quoted(&serde_json::to_string(&Text(bytes.to_vec())).ok()?, ends)
}

/// A piece of what is written as a string; none where it cannot be in one.
pub(super) fn of_text(bytes: &[u8], ends: Ends) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(certain(bytes, ends)).ok()?;
    quoted(&serde_json::to_string(text).ok()?, ends)
}

/// With a quotation mark where the string ends.
fn quoted(json: &str, ends: Ends) -> Option<Vec<u8>> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    if inside.is_empty() {
        return None;
    }
    let begin = if ends.begin { "\"" } else { "" };
    let end = if ends.end { "\"" } else { "" };
    Some(format!("{begin}{inside}{end}").into_bytes())
}

/// Without what would be written differently, depending on what stands beside the piece: bytes that
/// may be the rest or the begin of a character, and a backslash that may come before an `x`.
fn certain(mut bytes: &[u8], ends: Ends) -> &[u8] {
    if !ends.begin {
        while let Some((0x80..=0xbf, rest)) = bytes.split_first() {
            bytes = rest;
        }
    }
    if !ends.end {
        let broken = bytes
            .utf8_chunks()
            .last()
            .map_or(0, |chunk| chunk.invalid().len());
        bytes = bytes.get(..bytes.len() - broken).unwrap_or_default();
        while let Some((b'\\', rest)) = bytes.split_last() {
            bytes = rest;
        }
    }
    bytes
}
