//! Sockets, where io_uring does the work.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};

use io_uring::squeue::Entry;
use io_uring::{opcode, types};

use super::{one, register};
use crate::trigger::call::{address, call, close};
use crate::trigger::socket::{peer, unix};
use crate::{Ret, Step, complain, report};

/// The socket that was bound last.
static BOUND: AtomicI64 = AtomicI64::new(-1);

/// `send4|send-zc4 ADDRESS PORT` from a socket that is not connected; `bind4 ADDRESS PORT`, and
/// `listen` on what that bound; `accept4|accept-registered4 ADDRESS PORT` of a connection that it
/// makes itself by calls, as it makes the listener; `shutdown` of one end of a pair.
pub(super) fn perform(name: &[u8], step: &mut Step) -> Ret {
    match name {
        b"uring-socket-send4" => send(step, false),
        b"uring-socket-send-zc4" => send(step, true),
        b"uring-socket-bind4" => {
            let (family, bytes) = peer(step);
            bind(family, &bytes)
        }
        b"uring-socket-bind-unix" => bind(libc::AF_UNIX, &unix(step)),
        b"uring-socket-listen" => listen(),
        b"uring-socket-accept4" => accept(step, false),
        b"uring-socket-accept-registered4" => accept(step, true),
        b"uring-socket-shutdown" => shutdown(),
        _ => complain("no such request"),
    }
}

fn open(family: libc::c_int, kind: libc::c_int) -> Ret {
    call(libc::SYS_socket, [family.into(), kind.into(), 0, 0, 0])
}

fn send(step: &mut Step, without_copy: bool) -> Ret {
    let (family, to) = peer(step);
    let socket = open(family, libc::SOCK_DGRAM);
    let (descriptor, text) = (types::Fd(socket as i32), c"hello");
    let (to, length) = (to.as_ptr().cast(), to.len() as u32);
    let ret = if without_copy {
        let send = opcode::SendZc::new(descriptor, text.as_ptr().cast(), 5);
        one(send.dest_addr(to).dest_addr_len(length).build())
    } else {
        let send = opcode::Send::new(descriptor, text.as_ptr().cast(), 5);
        one(send.dest_addr(to).dest_addr_len(length).build())
    };
    close(socket);
    ret
}

fn bind(family: libc::c_int, to: &[u8]) -> Ret {
    let socket = open(family, libc::SOCK_STREAM);
    BOUND.store(socket, Ordering::Relaxed);
    let descriptor = types::Fd(socket as i32);
    one(opcode::Bind::new(descriptor, to.as_ptr().cast(), to.len() as u32).build())
}

/// Reports the port too, which may have been left to the kernel.
fn listen() -> Ret {
    let socket = BOUND.load(Ordering::Relaxed);
    report(b"port", name(socket).0);
    one(opcode::Listen::new(types::Fd(socket as i32), 4).build())
}

/// The port of a socket, and its address with the length of that.
fn name(socket: Ret) -> (Ret, [u8; 128], u32) {
    // The kernel writes to both.
    let (bound, length) = (Cell::new([0_u8; 128]), Cell::new(128_u32));
    call(
        libc::SYS_getsockname,
        [socket, address(&bound), address(&length), 0, 0],
    );
    let bytes = bound.get();
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    (port.into(), bytes, length.get())
}

fn accept(step: &mut Step, is_registered: bool) -> Ret {
    let (family, at) = peer(step);
    let (listener, client) = (
        open(family, libc::SOCK_STREAM),
        open(family, libc::SOCK_STREAM),
    );
    call(
        libc::SYS_bind,
        [listener, address(&*at), at.len() as i64, 0, 0],
    );
    call(libc::SYS_listen, [listener, 1, 0, 0, 0]);
    let (port, bytes, length) = name(listener);
    report(b"port", port);
    let to = [client, address(&bytes), length.into(), 0, 0];
    let connected = call(libc::SYS_connect, to);
    if connected < 0 {
        return connected;
    }
    let none = std::ptr::null_mut();
    let entry: Entry = if is_registered {
        match register(&[listener as i32]) {
            0 => opcode::Accept::new(types::Fixed(0), none, none.cast()).build(),
            error => return error,
        }
    } else {
        opcode::Accept::new(types::Fd(listener as i32), none, none.cast()).build()
    };
    let accepted = one(entry);
    for socket in [accepted, client, listener] {
        close(socket);
    }
    accepted
}

fn shutdown() -> Ret {
    let pair = Cell::new([0_i32; 2]);
    let (family, kind) = (libc::AF_UNIX.into(), libc::SOCK_STREAM.into());
    let made = call(libc::SYS_socketpair, [family, kind, 0, address(&pair), 0]);
    if made < 0 {
        return made;
    }
    let [one_end, other] = pair.get();
    let ret = one(opcode::Shutdown::new(types::Fd(one_end), libc::SHUT_WR).build());
    close(one_end.into());
    close(other.into());
    ret
}
