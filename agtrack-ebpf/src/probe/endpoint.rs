//! Sockets that others can reach: `bind`, `listen`, `accept`.

use agtrack_common::event::{Endpoint, Kind, flow_direction, hook};
use agtrack_common::wire::Path;
use aya_ebpf::macros::fexit;
use aya_ebpf::programs::FExitContext;

use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::message::Message;
use crate::object::Socket;
use crate::probe::is_probing;
use crate::probe::unix::{self, Address};
use crate::read::user;
use crate::scratch::{Scratch, Slot};
use crate::socket::{self, Sock};

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// Every look-up of a name binds one to talk to the kernel, which nobody else can reach.
const AF_NETLINK: u16 = 16;

/// `int __sys_bind(int fd, struct sockaddr __user *, int length)`
#[fexit(function = "__sys_bind")]
pub fn bind_result(ctx: FExitContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let returned = Returned {
            kind: Kind::Bind as u16,
            hook: hook::BIND_RESULT,
            descriptor: ctx.arg(0),
            asked: ctx.arg(1),
            length: ctx.arg(2),
            ret: ctx.arg(3),
        };
        ended(&actor, returned, Slot::BindResult.scratch());
    }
    0
}

/// `int __sys_listen(int fd, int backlog)`
#[fexit(function = "__sys_listen")]
pub fn listen_result(ctx: FExitContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let returned = Returned {
            kind: Kind::Listen as u16,
            hook: hook::LISTEN_RESULT,
            descriptor: ctx.arg(0),
            asked: 0,
            length: 0,
            ret: ctx.arg(2),
        };
        ended(&actor, returned, Slot::ListenResult.scratch());
    }
    0
}

/// `int __sys_accept4(int fd, struct sockaddr __user *, int __user *length, int flags)`
#[fexit(function = "__sys_accept4")]
pub fn accept_result(ctx: FExitContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let returned = Returned {
            kind: Kind::Accept as u16,
            hook: hook::ACCEPT_RESULT,
            descriptor: ctx.arg(0),
            asked: 0,
            length: 0,
            ret: ctx.arg(4),
        };
        ended(&actor, returned, Slot::AcceptResult.scratch());
    }
    0
}

/// One of the calls, and what it returned.
pub struct Returned {
    /// The event's id.
    pub kind: u16,
    pub hook: u16,
    pub descriptor: u32,
    /// Where in the caller's memory the address lies that it asked for; 0: nowhere.
    pub asked: u64,
    /// Its length.
    pub length: u32,
    /// Of `accept` the descriptor of the new socket.
    pub ret: i32,
}

/// The call returned.
#[inline(always)]
pub fn ended(actor: &Actor, returned: Returned, scratch: Option<*mut Scratch>) {
    // Not a descriptor, or not of a socket: nothing was asked of anyone.
    const EBADF: i32 = -9;
    const ENOTSOCK: i32 = -88;
    let accepted = returned.kind == Kind::Accept as u16 && returned.ret >= 0;
    let descriptor = if accepted {
        returned.ret as u32
    } else {
        returned.descriptor
    };
    let is_none = matches!(returned.ret, EBADF | ENOTSOCK) || is_probing(returned.ret);
    let (Some(file), false) = (actor.task.file(descriptor), is_none) else {
        return count::run(returned.hook, Fate::Filtered);
    };
    let socket = file.socket();
    let family = socket.family();
    if family == AF_NETLINK {
        return count::run(returned.hook, Fate::Filtered);
    }
    if accepted {
        let sock = Sock::new(socket.sock());
        if sock.protocol() == socket::TCP && sock.cookie() != 0 {
            socket::begin(actor, sock.cookie(), flow_direction::INBOUND);
        }
    }
    let message = Message::<Endpoint>::begin_as(returned.kind, returned.hook, actor, scratch);
    let Some(mut message) = message else {
        return;
    };
    let refused = returned.ret < 0 && returned.asked != 0;
    let path = match family == AF_UNIX {
        true if refused => {
            let address = Address::User(returned.asked);
            unix::name(&mut message, actor, address, returned.length)
        }
        true => bound(&mut message, actor, socket),
        false => Path::default(),
    };
    // Field by field, because the stack has no room for a second one.
    // SAFETY: the body is within the message.
    unsafe {
        let body = message.body();
        (*body).path = path;
        (*body).family = family;
        (*body).protocol = socket.protocol();
        (*body).socket_type = socket.kind();
        (*body).ret = returned.ret;
        if family == AF_INET || family == AF_INET6 {
            addresses(body, socket);
            if refused {
                asked(body, returned.asked);
            }
        }
    }
    message.submit();
}

/// The socket's own address and its peer's.
#[inline(always)]
unsafe fn addresses(body: *mut Endpoint, socket: Socket) {
    // SAFETY: the caller's body is valid, and 8-aligned.
    unsafe {
        (*body).local_port = socket.local_port();
        (*body).peer_port = socket.peer_port();
        let (local, peer) = (&raw mut (*body).local, &raw mut (*body).peer);
        if (*body).family == AF_INET {
            local.cast::<u32>().write(socket.local());
            peer.cast::<u32>().write(socket.peer());
        } else {
            local.cast::<[u64; 2]>().write(socket.local6());
            peer.cast::<[u64; 2]>().write(socket.peer6());
        }
    }
}

/// What was asked for and not given.
#[inline(always)]
unsafe fn asked(body: *mut Endpoint, address: u64) {
    // SAFETY: the caller's body is valid, and 8-aligned.
    unsafe {
        (*body).local_port = u16::from_be(user(address.wrapping_add(2)));
        let local = &raw mut (*body).local;
        if (*body).family == AF_INET6 {
            local
                .cast::<[u64; 2]>()
                .write(user(address.wrapping_add(8)));
        } else {
            local.cast::<u32>().write(user(address.wrapping_add(4)));
        }
    }
}

/// Where a socket of `AF_UNIX` is bound: its place in the file system, or its abstract name.
#[inline(always)]
fn bound(message: &mut Message<Endpoint>, actor: &Actor, socket: Socket) -> Path {
    if let Some(place) = socket.unix_place() {
        return message.path(actor.task, place);
    }
    let (name, length) = socket.unix_name();
    Path {
        name: message.kernel_bytes(name, length),
        ..Path::default()
    }
}
