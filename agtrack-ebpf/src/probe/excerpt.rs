//! What packets carry that is worth a look: names asked for, how TLS begins, requests of HTTP.
//!
//! Here it is only told what looks so, by port or first bytes, and copied, never more than its bound;
//! what it means is found out in user space.

mod begin;

use agtrack_common::event::{Excerpt, Kind, KnownPeer, Ring, excerpt_class, flow_direction, hook};
use agtrack_common::socket::{Holder, Traffic, Wanted};
use agtrack_common::wire::Header;
use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::bpf_tcp_sock;

use self::begin::{first, hello, is_request};
use crate::budget;
use crate::count::{self, Fate};
use crate::map::{BULK, PEERS};
use crate::message;
use crate::probe::cut::Cut;
use crate::probe::packet::{Packet, load};
use crate::socket;

const DNS_PORT: u16 = 53;
const QUIC_PORT: u16 = 443;

/// Bytes of a message of DNS, or of a segment that is part of one.
const DNS_MOST: u32 = 4096;
/// Bytes of a stream of DNS, each way.
const DNS_STREAM: u64 = 64 * 1024;
/// Bytes of a request.
const HTTP_MOST: u64 = 2048;
/// Bytes of a datagram of QUIC: what its header has in the open.
const QUIC_MOST: u32 = 64;

/// A packet of a socket that is followed.
pub struct Seen<'a> {
    pub skb: *mut __sk_buff,
    pub cookie: u64,
    pub holder: &'a Holder,
    pub packet: &'a Packet,
    pub outbound: bool,
}

/// What of it is copied.
#[derive(Clone, Copy)]
struct Choice {
    class: u16,
    /// Where in the packet it begins.
    at: u32,
    /// Bytes from there.
    total: u32,
    /// Of them, how many at most.
    most: u32,
    /// Where in the stream.
    offset: u64,
}

/// A datagram of UDP.
#[inline(always)]
pub fn datagram(seen: &Seen<'_>) {
    const HEADER: u32 = 8;
    let packet = seen.packet;
    let at = packet.header + HEADER;
    let total = packet.length.saturating_sub(at);
    let choice = |class, most| Choice {
        class,
        at,
        total,
        most,
        offset: 0,
    };
    if total == 0 {
        return;
    }
    if packet.peer_port == DNS_PORT {
        return send(seen, choice(excerpt_class::DNS, DNS_MOST));
    }
    /// A long header, of what is not encrypted altogether (RFC 9000, 17.2).
    const LONG: u8 = 0xc0;
    if seen.outbound
        && packet.peer_port == QUIC_PORT
        && let Some(first) = load::<u8>(seen.skb, at)
        && first & LONG == LONG
        && is_new(seen)
    {
        send(seen, choice(excerpt_class::QUIC, QUIC_MOST));
    }
}

/// Whether this peer of the socket is told for the first time.
#[inline(always)]
fn is_new(seen: &Seen<'_>) -> bool {
    let key = KnownPeer {
        socket: seen.cookie,
        start: seen.holder.start,
        address: seen.packet.peer,
        port: seen.packet.peer_port,
        kind: Kind::Excerpt as u16,
        tgid: seen.holder.tgid,
    };
    if PEERS.get_ptr(key).is_some() {
        return false;
    }
    let _ = PEERS.insert(key, 1, 0);
    true
}

/// A segment of TCP.
///
/// # Safety
/// `traffic` is a map value.
#[inline(always)]
pub unsafe fn segment(seen: &Seen<'_>, traffic: *mut Traffic) {
    let packet = seen.packet;
    let Some(header) = load::<[u8; 16]>(seen.skb, packet.header) else {
        return;
    };
    let at = packet.header + u32::from(header[12] >> 4) * 4;
    let total = packet.length.saturating_sub(at);
    if total == 0 {
        return;
    }
    let number = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    // SAFETY: as the caller says.
    unsafe {
        let is_awaited = (*traffic).greeted != 0 || (*traffic).back.until != 0;
        if !seen.outbound && packet.peer_port != DNS_PORT && !is_awaited {
            return;
        }
        let offset = if seen.outbound {
            sent_before(seen.skb, number, traffic)
        } else {
            came_before(seen.skb, number, traffic)
        };
        let Some(offset) = offset else {
            return;
        };
        let piece = Piece { at, total, offset };
        let Some(choice) = choose(seen, traffic, piece) else {
            return;
        };
        if seen.outbound {
            let end = offset
                + u64::from(if total < choice.most {
                    total
                } else {
                    choice.most
                });
            if end <= (*traffic).copied {
                // It is sent once more.
                return count::run(hook::EXCERPT_OUT, Fate::Coalesced);
            }
            (*traffic).copied = end;
        }
        send(seen, choice);
    }
}

/// A piece of a stream.
#[derive(Clone, Copy)]
struct Piece {
    /// Where in the packet it begins.
    at: u32,
    total: u32,
    /// Where in the stream.
    offset: u64,
}

/// What a piece of a stream is taken for, if it is to be copied.
///
/// # Safety
/// As [`segment`].
#[inline(always)]
unsafe fn choose(seen: &Seen<'_>, traffic: *mut Traffic, piece: Piece) -> Option<Choice> {
    let Piece { at, total, offset } = piece;
    let choice = |class, most| Choice {
        class,
        at,
        total,
        most,
        offset,
    };
    if seen.packet.peer_port == DNS_PORT {
        return (offset < DNS_STREAM).then(|| choice(excerpt_class::DNS, DNS_MOST));
    }
    let (bytes, have) = first(seen.skb, at, total);
    // SAFETY: as the caller says.
    unsafe {
        let wanted = if seen.outbound {
            &raw mut (*traffic).out
        } else {
            &raw mut (*traffic).back
        };
        if let Some(length) = hello(bytes, have, seen.outbound, offset) {
            *wanted = Wanted {
                from: offset,
                until: offset + length,
                class: excerpt_class::TLS.into(),
            };
            (*traffic).greeted = u32::from(seen.outbound);
        } else if seen.outbound
            && (*traffic).direction != flow_direction::INBOUND
            && is_request(bytes, have, offset)
        {
            *wanted = Wanted {
                from: offset,
                until: offset + HTTP_MOST,
                class: excerpt_class::HTTP.into(),
            };
        }
        let left = (*wanted).until.saturating_sub(offset);
        if left == 0 {
            (*wanted).until = 0;
            return None;
        }
        // What is sent once more from before the begin is none of it.
        (offset >= (*wanted).from).then(|| choice((*wanted).class as u16, left as u32))
    }
}

/// Bytes of the stream before the one of this number, which is sent now. The socket is locked
/// meanwhile, so its books agree.
///
/// # Safety
/// As [`segment`].
#[inline(always)]
unsafe fn sent_before(skb: *mut __sk_buff, number: u32, traffic: *mut Traffic) -> Option<u64> {
    // SAFETY: the kernel passes a valid context.
    unsafe {
        let sk = (&raw const (*skb).__bindgen_anon_2.sk).read_volatile();
        if sk.is_null() {
            return None;
        }
        let tcp = bpf_tcp_sock(sk);
        if tcp.is_null() {
            return None;
        }
        let acknowledged = (&raw const (*tcp).bytes_acked).read_volatile();
        let next = (&raw const (*tcp).snd_una).read_volatile();
        // Asking for the connection counts as a byte there.
        let asked = u64::from((*traffic).direction == flow_direction::OUTBOUND);
        let ahead = u64::from(number.wrapping_sub(next));
        Some(acknowledged.saturating_sub(asked) + ahead)
    }
}

/// Bytes of the stream before the one of this number, which comes now. Another processor may be
/// writing the books: they are looked at once.
///
/// # Safety
/// As [`segment`].
#[inline(always)]
unsafe fn came_before(skb: *mut __sk_buff, number: u32, traffic: *mut Traffic) -> Option<u64> {
    // SAFETY: the kernel passes a valid context.
    unsafe {
        if (*traffic).has_begin == 0 {
            let sk = (&raw const (*skb).__bindgen_anon_2.sk).read_volatile();
            if sk.is_null() {
                return None;
            }
            let tcp = bpf_tcp_sock(sk);
            if tcp.is_null() {
                return None;
            }
            let came = (&raw const (*tcp).bytes_received).read_volatile();
            let next = (&raw const (*tcp).rcv_nxt).read_volatile();
            (*traffic).begin = next.wrapping_sub(came as u32);
            (*traffic).has_begin = 1;
        }
        Some(u64::from(number.wrapping_sub((*traffic).begin)))
    }
}

/// Copies what was chosen. Room is taken in steps: what is behind the copy is not looked at.
#[inline(always)]
fn send(seen: &Seen<'_>, choice: Choice) {
    let hook = if seen.outbound {
        hook::EXCERPT_OUT
    } else {
        hook::EXCERPT_IN
    };
    let length = if choice.total < choice.most {
        choice.total
    } else {
        choice.most
    };
    let fate = match length {
        0..=256 => copy::<256>(seen, choice, hook, length),
        257..=1024 => copy::<1024>(seen, choice, hook, length),
        1025..=4096 => copy::<4096>(seen, choice, hook, length),
        _ => copy::<16384>(seen, choice, hook, length),
    };
    message::settle(hook, seen.holder.session, fate);
}

#[repr(C)]
struct Front {
    header: Header,
    body: Excerpt,
}

#[inline(always)]
fn copy<const ROOM: usize>(seen: &Seen<'_>, choice: Choice, hook: u16, length: u32) -> Fate {
    let size = const { Cut::size::<Front, ROOM>() };
    if !budget::allows(Ring::Bulk, seen.holder.session, size) {
        return Fate::LostBudget;
    }
    let cut = Cut {
        skb: seen.skb,
        at: choice.at,
        length,
    };
    let packet = seen.packet;
    cut.submit::<Front, ROOM>(&BULK, |front, size| {
        // SAFETY: the ring's own memory.
        unsafe {
            let actor = socket::actor(seen.holder);
            (&raw mut (*front).header).write(Header {
                tail: size as u16,
                ..message::header(Kind::Excerpt as u16, hook, &actor)
            });
            (&raw mut (*front).body).write(Excerpt {
                socket: seen.cookie,
                offset: choice.offset,
                local: packet.local,
                peer: packet.peer,
                total: choice.total,
                family: packet.family,
                local_port: packet.local_port,
                peer_port: packet.peer_port,
                protocol: seen.holder.protocol as u16,
                class: choice.class,
                outbound: seen.outbound.into(),
            });
        }
    })
}
