//! Datagrams on sockets that are not connected: to whom, from whom.

use agtrack_common::event::{KnownPeer, Peer, PeerKind, hook};
use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;

use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::map::PEERS;
use crate::message;
use crate::probe::connect::{AF_INET, AF_INET6, ALLOW, ip4, ip6, kind, port};
use crate::socket;

/// `sendto` or `sendmsg` with an IPv4 address (net/ipv4/udp.c, `udp_sendmsg`).
#[cgroup_sock_addr(sendmsg4)]
pub fn sendmsg4(ctx: SockAddrContext) -> i32 {
    met(PeerKind::Send, hook::SEND_V4, AF_INET, ctx)
}

/// The same with an IPv6 address.
#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(ctx: SockAddrContext) -> i32 {
    met(PeerKind::Send, hook::SEND_V6, AF_INET6, ctx)
}

/// `recvfrom` or `recvmsg` that asks for the sender's IPv4 address.
#[cgroup_sock_addr(recvmsg4)]
pub fn recvmsg4(ctx: SockAddrContext) -> i32 {
    met(PeerKind::Receive, hook::RECEIVE_V4, AF_INET, ctx)
}

/// The same with an IPv6 address.
#[cgroup_sock_addr(recvmsg6)]
pub fn recvmsg6(ctx: SockAddrContext) -> i32 {
    met(PeerKind::Receive, hook::RECEIVE_V6, AF_INET6, ctx)
}

#[inline(always)]
fn met(kind: PeerKind, hook: u16, family: u16, ctx: SockAddrContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let peer = peer(family, ctx.sock_addr);
        // SAFETY: the kernel passes a valid context.
        let cookie = unsafe { bpf_get_socket_cookie(ctx.sock_addr.cast()) };
        if u32::from(peer.protocol) == socket::UDP {
            socket::used(&actor, cookie, socket::UDP);
        }
        if is_known(&actor, kind, cookie, &peer) {
            count::run(hook, Fate::Filtered);
        } else {
            message::event_as(kind.kind() as u16, hook, &actor, peer);
        }
    }
    ALLOW
}

#[inline(always)]
fn peer(family: u16, address: *mut bpf_sock_addr) -> Peer {
    // SAFETY: the kernel passes a valid context.
    unsafe {
        let (socket_type, protocol) = kind(address);
        Peer {
            address: if family == AF_INET {
                ip4(address)
            } else {
                ip6(address)
            },
            family,
            port: port(address),
            protocol,
            socket_type,
        }
    }
}

/// Whether this peer of the socket was told already. One that was forgotten is told again.
#[inline(always)]
fn is_known(actor: &Actor, kind: PeerKind, socket: u64, peer: &Peer) -> bool {
    let key = KnownPeer {
        socket,
        start: actor.start,
        address: peer.address,
        port: peer.port,
        kind: kind.kind() as u16,
        tgid: actor.tgid,
    };
    if PEERS.get_ptr(key).is_some() {
        return true;
    }
    let _ = PEERS.insert(key, 1, 0);
    false
}
