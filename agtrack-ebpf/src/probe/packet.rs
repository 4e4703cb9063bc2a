//! Packets of sockets, both ways: what is neither a tagged process's nor looked at leaves after one
//! look-up.

use agtrack_common::event::flow_direction;
use agtrack_common::socket::Traffic;
use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_skb_load_bytes};
use aya_ebpf::macros::cgroup_skb;
use aya_ebpf::programs::SkBuffContext;

use crate::count::add;
use crate::probe::captured;
use crate::probe::connect::ALLOW;
use crate::probe::excerpt::{self, Seen};
use crate::socket::{self, AF_INET, AF_INET6, UDP};

#[cgroup_skb(egress)]
pub fn packet_out(ctx: SkBuffContext) -> i32 {
    passed(ctx.skb.skb, true);
    ALLOW
}

#[cgroup_skb(ingress)]
pub fn packet_in(ctx: SkBuffContext) -> i32 {
    passed(ctx.skb.skb, false);
    ALLOW
}

#[inline(always)]
fn passed(skb: *mut __sk_buff, outbound: bool) {
    // SAFETY: the kernel passes a valid context.
    let cookie = unsafe { bpf_get_socket_cookie(skb.cast()) };
    let Some((holder, traffic)) = socket::known(cookie) else {
        return;
    };
    captured::take(skb, &holder, outbound);
    let protocol = holder.protocol as u8;
    let Some(packet) = Packet::read(skb, outbound, protocol) else {
        return;
    };
    let seen = Seen {
        skb,
        cookie,
        holder: &holder,
        packet: &packet,
        outbound,
    };
    // SAFETY: a map value.
    unsafe {
        if holder.protocol == UDP {
            datagram(traffic, &packet, outbound);
            excerpt::datagram(&seen);
        } else {
            excerpt::segment(&seen, traffic);
        }
    }
}

/// A packet's addresses, as the socket sees them.
pub struct Packet {
    /// `AF_*`.
    pub family: u16,
    /// The socket's own address.
    pub local: [u8; 16],
    /// Its peer's.
    pub peer: [u8; 16],
    /// Host order.
    pub local_port: u16,
    /// Host order.
    pub peer_port: u16,
    /// Where the header of UDP or TCP begins.
    pub header: u32,
    /// Bytes of the whole.
    pub length: u32,
    /// Segments in it.
    pub segments: u32,
}

impl Packet {
    /// Reads the headers; none where they are not those of `protocol`.
    #[inline(always)]
    pub fn read(skb: *mut __sk_buff, outbound: bool, protocol: u8) -> Option<Packet> {
        let first: [u8; 20] = load(skb, 0)?;
        let (family, header, inner, source, destination);
        if first[0] >> 4 == 4 {
            family = AF_INET;
            header = u32::from(first[0] & 15) * 4;
            inner = first[9];
            source = four([first[12], first[13], first[14], first[15]]);
            destination = four([first[16], first[17], first[18], first[19]]);
        } else {
            family = AF_INET6;
            header = 40;
            inner = first[6];
            source = load(skb, 8)?;
            destination = load(skb, 24)?;
        }
        if inner != protocol {
            return None;
        }
        let ports: [u8; 4] = load(skb, header)?;
        let from = u16::from_be_bytes([ports[0], ports[1]]);
        let to = u16::from_be_bytes([ports[2], ports[3]]);
        let (local, peer, local_port, peer_port) = if outbound {
            (source, destination, from, to)
        } else {
            (destination, source, to, from)
        };
        // SAFETY: the kernel passes a valid context. Volatile reads keep the fields' own widths.
        let (length, segments) = unsafe {
            (
                (&raw const (*skb).len).read_volatile(),
                (&raw const (*skb).gso_segs).read_volatile(),
            )
        };
        Some(Packet {
            family,
            local,
            peer,
            local_port,
            peer_port,
            header,
            length,
            segments: if segments == 0 { 1 } else { segments },
        })
    }
}

#[inline(always)]
fn four(ip: [u8; 4]) -> [u8; 16] {
    [
        ip[0], ip[1], ip[2], ip[3], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]
}

/// Bytes of the packet, from its IP header on; none where it is shorter.
#[inline(always)]
pub fn load<T: Copy>(skb: *mut __sk_buff, offset: u32) -> Option<T> {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    // SAFETY: the helper writes all of `value` or fails; callers ask for bytes only.
    unsafe {
        let size = size_of::<T>() as u32;
        let ret = bpf_skb_load_bytes(skb.cast(), offset, value.as_mut_ptr().cast(), size);
        (ret == 0).then(|| value.assume_init())
    }
}

/// Counts a datagram.
///
/// # Safety
/// `traffic` is a map value.
#[inline(always)]
unsafe fn datagram(traffic: *mut Traffic, packet: &Packet, outbound: bool) {
    /// Bytes of the header of UDP.
    const HEADER: u32 = 8;
    let bytes = u64::from(packet.length.saturating_sub(packet.header + HEADER));
    let now = socket::now();
    // SAFETY: as the caller says. Two first ones at once may both be taken for the first.
    unsafe {
        if (*traffic).family == 0 {
            (*traffic).begun = now;
            (*traffic).local = packet.local;
            (*traffic).peer = packet.peer;
            (*traffic).local_port = packet.local_port;
            (*traffic).peer_port = packet.peer_port;
            (*traffic).direction = if outbound {
                flow_direction::OUTBOUND
            } else {
                flow_direction::INBOUND
            };
            (&raw mut (*traffic).family).write_volatile(packet.family);
        } else if (*traffic).peer_port != packet.peer_port || (*traffic).peer != packet.peer {
            (*traffic).several = 1;
        }
        (*traffic).last = now;
        if outbound {
            add(&raw mut (*traffic).bytes_out, bytes);
            add(&raw mut (*traffic).packets_out, packet.segments.into());
        } else {
            add(&raw mut (*traffic).bytes_in, bytes);
            add(&raw mut (*traffic).packets_in, packet.segments.into());
        }
    }
}
