//! What looks like the begin of something, by its first bytes.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::bpf_skb_load_bytes;

/// Bytes of how TLS begins.
const TLS_MOST: u64 = 16 * 1024;
/// Where its length is not there yet.
const TLS_UNKNOWN: u64 = 2048;
/// A hello may be cut into records with a header each.
const TLS_RECORDS: u64 = 512;

/// The first bytes, with zeroes behind them where there are fewer, and how many there are.
#[inline(always)]
pub fn first(skb: *mut __sk_buff, at: u32, total: u32) -> ([u8; 16], u32) {
    let mut bytes = [0; 16];
    let have = if total < 16 { total } else { 16 };
    let size = (core::hint::black_box(have).wrapping_sub(1) & 15) + 1;
    // SAFETY: within `bytes`.
    unsafe { bpf_skb_load_bytes(skb.cast(), at, (&raw mut bytes).cast(), size) };
    (bytes, have)
}

/// Bytes of a TLS hello that begins here, or at least so many; none where none does (RFC 8446, 5.1
/// and 4).
#[inline(always)]
pub fn hello(bytes: [u8; 16], have: u32, outbound: bool, offset: u64) -> Option<u64> {
    const HANDSHAKE: u8 = 22;
    const MAJOR: u8 = 3;
    const CLIENT: u8 = 1;
    const SERVER: u8 = 2;
    let kind = if outbound { CLIENT } else { SERVER };
    if bytes[0] != HANDSHAKE || (have > 1 && bytes[1] != MAJOR) || (have > 5 && bytes[5] != kind) {
        return None;
    }
    if have < 9 {
        // In the middle of a stream so little says nothing.
        return (offset == 0 || have > 5).then_some(TLS_UNKNOWN);
    }
    let length = u32::from_be_bytes([0, bytes[6], bytes[7], bytes[8]]);
    let length = u64::from(length) + 9 + TLS_RECORDS;
    Some(if length < TLS_MOST { length } else { TLS_MOST })
}

/// Whether a request of HTTP/1 begins here (RFC 9110, 9), or the first piece of a stream is too
/// short to tell.
#[inline(always)]
pub fn is_request(bytes: [u8; 16], have: u32, offset: u64) -> bool {
    if offset == 0 && have < 8 {
        return bytes[0].is_ascii_uppercase();
    }
    match u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) {
        word if word == u32::from_be_bytes(*b"GET ") => true,
        word if word == u32::from_be_bytes(*b"PUT ") => true,
        word if word == u32::from_be_bytes(*b"POST") => bytes[4] == b' ',
        word if word == u32::from_be_bytes(*b"HEAD") => bytes[4] == b' ',
        word if word == u32::from_be_bytes(*b"PATC") => bytes[5] == b' ',
        word if word == u32::from_be_bytes(*b"TRAC") => bytes[5] == b' ',
        word if word == u32::from_be_bytes(*b"DELE") => bytes[6] == b' ',
        word if word == u32::from_be_bytes(*b"OPTI") => bytes[7] == b' ',
        word if word == u32::from_be_bytes(*b"CONN") => bytes[7] == b' ',
        // HTTP/2 without TLS begins so.
        word if word == u32::from_be_bytes(*b"PRI ") => true,
        _ => false,
    }
}
