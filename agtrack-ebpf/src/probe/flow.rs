//! Connections and their ends.
//!
//! A connection may end on any processor, under whatever runs there: who acted is who holds the
//! socket, not who runs.

use agtrack_common::event::{Flow, flow_direction, hook};
use agtrack_common::socket::{Holder, Traffic};
use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::macros::{btf_tracepoint, cgroup_sock, fentry, sock_ops};
use aya_ebpf::programs::{BtfTracePointContext, FEntryContext, SockContext, SockOpsContext};

use crate::count::{self, Fate};
use crate::gate;
use crate::message;
use crate::object::Socket;
use crate::offset::*;
use crate::probe::connect::ALLOW;
use crate::read::{Kernel, field};
use crate::socket::{self, AF_INET, CLOSE, Sock, TCP, UDP};

#[cgroup_sock(sock_create)]
pub fn socket_made(ctx: SockContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        // SAFETY: the kernel passes a valid context. Volatile reads keep the fields' own widths.
        let (family, protocol) = unsafe {
            let family = (&raw const (*ctx.sock).family).read_volatile();
            let protocol = (&raw const (*ctx.sock).protocol).read_volatile();
            (family as u16, protocol)
        };
        if socket::is_followed(family, protocol) {
            socket::hold(&actor, cookie(&ctx), protocol);
        }
    }
    ALLOW
}

/// The last who had the socket open closes it. What TCP has still to send is sent all the same.
#[cgroup_sock(sock_release)]
pub fn socket_closed(ctx: SockContext) -> i32 {
    let cookie = cookie(&ctx);
    let Some((holder, traffic)) = socket::known(cookie) else {
        return ALLOW;
    };
    // SAFETY: as in `socket_made`; `traffic` is a map value.
    unsafe {
        if holder.protocol == TCP {
            let state = (&raw const (*ctx.sock).state).read_volatile();
            if state != CLOSE {
                (*traffic).closed = socket::now();
                return ALLOW;
            }
            // It was reset before it was taken.
            if (*traffic).direction == flow_direction::INBOUND {
                connection(
                    hook::SOCKET_CLOSED,
                    cookie,
                    holder,
                    traffic,
                    ctx.sock.cast(),
                );
            }
        } else {
            datagrams(cookie, holder, traffic);
        }
    }
    socket::forget(cookie);
    ALLOW
}

#[inline(always)]
fn cookie(ctx: &SockContext) -> u64 {
    // SAFETY: the kernel passes a valid context.
    unsafe { bpf_get_socket_cookie(ctx.sock.cast()) }
}

/// Gives each connection that somebody may take its number: where it is taken, no program can.
#[sock_ops]
pub fn connection_established(ctx: SockOpsContext) -> u32 {
    /// `BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB` (include/uapi/linux/bpf.h)
    const PASSIVE: u32 = 5;
    // SAFETY: the kernel passes a valid context.
    unsafe {
        if (&raw const (*ctx.ops).op).read_volatile() == PASSIVE {
            bpf_get_socket_cookie(ctx.ops.cast());
        }
    }
    1
}

/// `(const struct sock *, int before, int after)`
#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn connection_state(ctx: BtfTracePointContext) -> i32 {
    let (before, after): (u32, u32) = (ctx.arg(1), ctx.arg(2));
    if after != CLOSE {
        return 0;
    }
    let address: Kernel = ctx.arg(0);
    let cookie = Sock::new(address).cookie();
    let Some((holder, traffic)) = socket::known(cookie) else {
        return 0;
    };
    // SAFETY: a map value.
    unsafe {
        if was_established(before) {
            connection(hook::FLOW_STATE, cookie, holder, traffic, address);
        } else {
            count::run(hook::FLOW_STATE, Fate::Filtered);
        }
        if (*traffic).closed != 0 {
            socket::forget(cookie);
        } else {
            socket::over(traffic);
        }
    }
    0
}

/// Whether data could pass in a state (include/net/tcp_states.h): the others are those of a
/// listening socket, and of connections that never came to be.
#[inline(always)]
fn was_established(state: u32) -> bool {
    const ESTABLISHED: u32 = 1 << 1;
    const FIN_WAIT1: u32 = 1 << 4;
    const FIN_WAIT2: u32 = 1 << 5;
    const CLOSE_WAIT: u32 = 1 << 8;
    const LAST_ACK: u32 = 1 << 9;
    const CLOSING: u32 = 1 << 11;
    const ANY: u32 = ESTABLISHED | FIN_WAIT1 | FIN_WAIT2 | CLOSE_WAIT | LAST_ACK | CLOSING;
    ANY >> (state & 31) & 1 != 0
}

/// A connection of TCP has ended: `sock` has its books.
///
/// # Safety
/// `traffic` is a map value.
#[inline(always)]
unsafe fn connection(
    hook: u16,
    cookie: u64,
    holder: Holder,
    traffic: *mut Traffic,
    address: Kernel,
) {
    let sock = Sock::new(address);
    let actor = socket::actor(&holder);
    let family = sock.family();
    let sent: u64 = field(address, &TCP_BYTES_SENT);
    let again: u64 = field(address, &TCP_BYTES_AGAIN);
    let received: u64 = field(address, &TCP_BYTES_RECEIVED);
    let (local, peer) = if family == AF_INET {
        (
            [u64::from(field::<u32>(address, &SOCK_LOCAL)), 0],
            [u64::from(field::<u32>(address, &SOCK_PEER)), 0],
        )
    } else {
        (field(address, &SOCK_LOCAL6), field(address, &SOCK_PEER6))
    };
    let flow = Flow {
        socket: cookie,
        local: bytes(local),
        peer: bytes(peer),
        // SAFETY: as the caller says.
        begun: unsafe { (*traffic).begun },
        ended: actor.time,
        bytes_out: sent.saturating_sub(again),
        // The end of the peer's stream counts as a byte there.
        bytes_in: received.saturating_sub(u64::from(sock.has_ended())),
        packets_out: u64::from(field::<u32>(address, &TCP_SEGMENTS_OUT)),
        packets_in: u64::from(field::<u32>(address, &TCP_SEGMENTS_IN)),
        retransmits: field(address, &TCP_RETRANSMITS),
        family,
        // That of the socket itself is given back by now.
        local_port: u16::from_be(field(address, &INET_PORT)),
        peer_port: u16::from_be(field(address, &SOCK_PEER_PORT)),
        protocol: TCP as u16,
        // SAFETY: as above.
        direction: unsafe { (*traffic).direction },
        several: 0,
        ret: -sock.error(),
        reserved: 0,
    };
    message::event(hook, &actor, flow);
}

/// An address's bytes, as they lie in memory.
#[inline(always)]
fn bytes(words: [u64; 2]) -> [u8; 16] {
    // SAFETY: any bytes are an address.
    unsafe { core::mem::transmute(words) }
}

/// A socket of UDP is closed.
///
/// # Safety
/// `traffic` is a map value.
#[inline(always)]
unsafe fn datagrams(cookie: u64, holder: Holder, traffic: *mut Traffic) {
    // SAFETY: as the caller says.
    unsafe {
        if (*traffic).family == 0 {
            return count::run(hook::SOCKET_CLOSED, Fate::Filtered);
        }
        let flow = Flow {
            socket: cookie,
            local: (*traffic).local,
            peer: (*traffic).peer,
            begun: (*traffic).begun,
            ended: (*traffic).last,
            bytes_out: (*traffic).bytes_out,
            bytes_in: (*traffic).bytes_in,
            packets_out: (*traffic).packets_out,
            packets_in: (*traffic).packets_in,
            retransmits: 0,
            family: (*traffic).family,
            local_port: (*traffic).local_port,
            peer_port: (*traffic).peer_port,
            protocol: UDP as u16,
            direction: (*traffic).direction,
            several: (*traffic).several as u16,
            ret: 0,
            reserved: 0,
        };
        message::event(hook::SOCKET_CLOSED, &socket::actor(&holder), flow);
    }
}

/// `int security_socket_sendmsg(struct socket *, struct msghdr *, int size)`
#[fentry(function = "security_socket_sendmsg")]
pub fn socket_sends(ctx: FEntryContext) -> i32 {
    used(|| Socket::new(ctx.arg(0)).sock());
    0
}

/// `int security_socket_recvmsg(struct socket *, struct msghdr *, int size, int flags)`
#[fentry(function = "security_socket_recvmsg")]
pub fn socket_receives(ctx: FEntryContext) -> i32 {
    used(|| Socket::new(ctx.arg(0)).sock());
    0
}

/// `(struct sock *, int result, int flags)`, since 6.3
#[btf_tracepoint(function = "sock_send_length")]
pub fn socket_sent(ctx: BtfTracePointContext) -> i32 {
    used(|| ctx.arg(0));
    0
}

/// The same.
#[btf_tracepoint(function = "sock_recv_length")]
pub fn socket_received(ctx: BtfTracePointContext) -> i32 {
    used(|| ctx.arg(0));
    0
}

/// A tagged process that sends or receives holds the socket from now on, whoever made it.
#[inline(always)]
fn used(sock: impl FnOnce() -> Kernel) {
    let Some(actor) = gate::tagged() else {
        return;
    };
    let sock = Sock::new(sock());
    let protocol = sock.protocol();
    if !socket::is_followed(sock.family(), protocol) {
        return;
    }
    let cookie = sock.cookie();
    if cookie != 0 {
        socket::used(&actor, cookie, protocol);
    }
}
