//! Sockets of tagged processes: who holds each, and what passes through it.
//!
//! A socket is known from the moment a tagged process makes, connects or takes it, or first uses one
//! that it was handed, until the last who has it open closes it and the connection has ended.

use agtrack_common::event::{flow_direction, hook};
use agtrack_common::socket::{Holder, Traffic};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;

use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::map::{EMPTY_TRAFFIC, HOLDERS, TRAFFIC};
use crate::object::Task;
use crate::offset::*;
use crate::read::{Kernel, field};

/// `AF_*` (include/linux/socket.h).
pub const AF_INET: u16 = 2;
pub const AF_INET6: u16 = 10;
/// `IPPROTO_*` (include/uapi/linux/in.h).
pub const TCP: u32 = 6;
pub const UDP: u32 = 17;
/// `TCP_CLOSE` (include/net/tcp_states.h).
pub const CLOSE: u32 = 7;

/// `struct sock`.
#[derive(Clone, Copy)]
pub struct Sock(Kernel);

impl Sock {
    /// Wraps an address.
    pub fn new(address: Kernel) -> Self {
        Sock(address)
    }
    /// `AF_*`.
    pub fn family(self) -> u16 {
        field(self.0, &SOCK_FAMILY)
    }
    /// `IPPROTO_*`.
    pub fn protocol(self) -> u32 {
        u32::from(field::<u16>(self.0, &SOCK_PROTOCOL))
    }
    /// Its number, unique as long as the host is up; 0: nobody has asked for it yet.
    pub fn cookie(self) -> u64 {
        field(self.0, &SOCK_COOKIE)
    }
    /// Whether the peer has ended its stream: `SOCK_DONE` (include/net/sock.h).
    pub fn has_ended(self) -> bool {
        const SOCK_DONE: u64 = 1 << 1;
        field::<u64>(self.0, &SOCK_FLAGS) & SOCK_DONE != 0
    }
    /// What broke it off: an error's number, or 0.
    pub fn error(self) -> i32 {
        field(self.0, &SOCK_ERROR)
    }
}

/// Whether sockets of this protocol are followed.
#[inline(always)]
pub fn is_followed(family: u16, protocol: u32) -> bool {
    (family == AF_INET || family == AF_INET6) && (protocol == TCP || protocol == UDP)
}

/// `actor` made, connected or took a socket and so holds it from now on. False (and counted): there
/// is no room.
#[inline(always)]
pub fn hold(actor: &Actor, cookie: u64, protocol: u32) -> bool {
    let held = used(actor, cookie, protocol);
    if !held {
        count::run(hook::SOCKET_MADE, Fate::LostMap);
    }
    held
}

/// `actor` uses a socket and so holds it from now on. False: there is no room, which was counted where
/// the socket was made.
#[inline(always)]
pub fn used(actor: &Actor, cookie: u64, protocol: u32) -> bool {
    // SAFETY: looked at at once.
    let known = unsafe { HOLDERS.get(cookie) };
    if let Some(holder) = known
        && holder.tgid == actor.tgid
        && holder.start == actor.start
        && holder.session == actor.session
    {
        return true;
    }
    let holder = Holder {
        session: actor.session,
        start: actor.start,
        tgid: actor.tgid,
        protocol,
    };
    if HOLDERS.insert(cookie, holder, 0).is_ok() && has_traffic(cookie) {
        return true;
    }
    let _ = HOLDERS.remove(cookie);
    false
}

#[inline(always)]
fn has_traffic(cookie: u64) -> bool {
    if TRAFFIC.get_ptr(cookie).is_some() {
        return true;
    }
    if let Some(empty) = EMPTY_TRAFFIC.get(0) {
        // Another one may be first.
        let _ = TRAFFIC.insert(cookie, empty, BPF_NOEXIST.into());
    }
    TRAFFIC.get_ptr(cookie).is_some()
}

/// `actor` asked for a connection, or took one.
#[inline(always)]
pub fn begin(actor: &Actor, cookie: u64, direction: u16) {
    if hold(actor, cookie, TCP)
        && let Some(traffic) = TRAFFIC.get_ptr_mut(cookie)
    {
        // SAFETY: a map value.
        unsafe {
            (*traffic).begun = actor.time;
            (*traffic).direction = direction;
        }
    }
}

/// Nothing of its connection is known any more; the socket may have another one.
///
/// # Safety
/// `traffic` is a map value.
#[inline(always)]
pub unsafe fn over(traffic: *mut Traffic) {
    // SAFETY: as the caller says.
    unsafe {
        (*traffic).begun = 0;
        (*traffic).direction = flow_direction::UNKNOWN;
        (*traffic).has_begin = 0;
        (*traffic).greeted = 0;
        (*traffic).copied = 0;
        (*traffic).out.until = 0;
        (*traffic).back.until = 0;
    }
}

/// The socket is gone.
#[inline(always)]
pub fn forget(cookie: u64) {
    let _ = HOLDERS.remove(cookie);
    let _ = TRAFFIC.remove(cookie);
}

/// Who holds the socket, and what passes through it.
#[inline(always)]
pub fn known(cookie: u64) -> Option<(Holder, *mut Traffic)> {
    // SAFETY: copied at once.
    let holder = *unsafe { HOLDERS.get(cookie) }?;
    if !gate::active() {
        return None;
    }
    Some((holder, TRAFFIC.get_ptr_mut(cookie)?))
}

/// A holder as the one who acts. Which task that is, is not known here.
#[inline(always)]
pub fn actor(holder: &Holder) -> Actor {
    Actor {
        task: Task::new(core::ptr::null()),
        tgid: holder.tgid,
        tid: holder.tgid,
        start: holder.start,
        session: holder.session,
        time: now(),
    }
}

/// Boot clock, ns.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: no arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}
