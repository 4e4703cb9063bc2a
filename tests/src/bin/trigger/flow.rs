//! Data through one socket, step by step.

use std::cell::Cell;

use crate::trigger::call::{address, call, close};
use crate::trigger::socket::{peer, sockaddr};
use crate::{Ret, Step, complain};

/// Where the socket stands, and the one that listens.
const SOCKET: i64 = 20;
const LISTENER: i64 = 21;

/// Makes the calls. `socket-open ADDRESS PORT tcp|udp|nonblock` connects a socket;
/// `socket-listen ADDRESS` and `socket-bind ADDRESS` (UDP) return a port of the kernel's choice, and
/// `socket-accept` takes a connection. `socket-send BYTES`, `socket-read BYTES`,
/// `socket-sendto ADDRESS PORT BYTES`, `socket-half`, `socket-close` say what is done with it;
/// `socket-poll` waits until it is connected; `socket-handed BYTES` gives it to a child that was
/// there before, which sends so many bytes, and returns the child.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    match name {
        b"socket-open" => open(step),
        b"socket-listen" => listen(step),
        b"socket-bind" => {
            let at = own(step);
            bound(SOCKET, libc::SOCK_DGRAM, &at)
        }
        b"socket-accept" => place(call(libc::SYS_accept4, [LISTENER, 0, 0, 0, 0]), SOCKET),
        b"socket-send" => send(step.number()),
        b"socket-read" => read(step.number()),
        b"socket-sendto" => {
            let (_, to) = peer(step);
            let bytes = vec![7; step.number() as usize];
            send_to(&bytes, &to)
        }
        b"socket-half" => call(libc::SYS_shutdown, [SOCKET, libc::SHUT_WR.into(), 0, 0, 0]),
        b"socket-close" => call(libc::SYS_close, [SOCKET, 0, 0, 0, 0]),
        b"socket-poll" => poll(),
        b"socket-handed" => handed(step.number()),
        _ => complain("there is no such step"),
    }
}

/// Moves a descriptor to where the steps expect it.
fn place(descriptor: Ret, to: i64) -> Ret {
    if descriptor < 0 {
        return descriptor;
    }
    let ret = call(libc::SYS_dup3, [descriptor, to, 0, 0, 0]);
    close(descriptor);
    ret
}

fn open(step: &mut Step) -> Ret {
    let (family, to) = peer(step);
    let word = step.next();
    let kind = match word.to_str() {
        Some("tcp") => libc::SOCK_STREAM,
        Some("udp") => libc::SOCK_DGRAM,
        Some("nonblock") => libc::SOCK_STREAM | libc::SOCK_NONBLOCK,
        _ => complain("a socket is tcp, udp or nonblock"),
    };
    let made = call(libc::SYS_socket, [family.into(), kind.into(), 0, 0, 0]);
    let socket = place(made, SOCKET);
    if socket < 0 {
        return socket;
    }
    call(
        libc::SYS_connect,
        [SOCKET, address(&*to), to.len() as i64, 0, 0],
    )
}

/// `ADDRESS`, with no port.
fn own(step: &mut Step) -> (libc::c_int, Vec<u8>) {
    let ip = step.next();
    let Some(ip) = ip.to_str().and_then(|ip| ip.parse().ok()) else {
        complain("that is not an address");
    };
    sockaddr(std::net::SocketAddr::new(ip, 0))
}

/// Makes a socket with an address, and returns the port.
fn bound(to: i64, kind: libc::c_int, (family, at): &(libc::c_int, Vec<u8>)) -> Ret {
    let made = call(libc::SYS_socket, [(*family).into(), kind.into(), 0, 0, 0]);
    let socket = place(made, to);
    if socket < 0 {
        return socket;
    }
    let ret = call(
        libc::SYS_bind,
        [socket, address(&**at), at.len() as i64, 0, 0],
    );
    if ret < 0 {
        return ret;
    }
    // The kernel writes to both.
    let (name, length) = (Cell::new([0_u8; 128]), Cell::new(128_u32));
    call(
        libc::SYS_getsockname,
        [socket, address(&name), address(&length), 0, 0],
    );
    let name = name.get();
    i64::from(u16::from_be_bytes([name[2], name[3]]))
}

fn listen(step: &mut Step) -> Ret {
    let at = own(step);
    let port = bound(LISTENER, libc::SOCK_STREAM, &at);
    let ret = call(libc::SYS_listen, [LISTENER, 8, 0, 0, 0]);
    if ret < 0 { ret } else { port }
}

/// All of them, in as many calls as it takes.
fn send(bytes: i64) -> Ret {
    let block = vec![7_u8; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let size = left.min(block.len() as i64);
        let ret = call(libc::SYS_write, [SOCKET, address(&*block), size, 0, 0]);
        if ret == -i64::from(libc::EAGAIN) {
            poll();
        } else if ret < 0 {
            return ret;
        } else {
            left -= ret;
        }
    }
    bytes
}

/// As many, or up to the end.
fn read(bytes: i64) -> Ret {
    // The kernel writes to it.
    let block: Vec<_> = (0..1 << 16).map(|_| Cell::new(0_u8)).collect();
    let mut got = 0;
    while got < bytes {
        let size = (bytes - got).min(block.len() as i64);
        let ret = call(libc::SYS_read, [SOCKET, address(&*block), size, 0, 0]);
        if ret <= 0 {
            return if ret == 0 { got } else { ret };
        }
        got += ret;
    }
    got
}

fn send_to(bytes: &[u8], to: &[u8]) -> Ret {
    // SAFETY: both buffers outlive the call.
    let sent = unsafe {
        libc::sendto(
            SOCKET as i32,
            bytes.as_ptr().cast(),
            bytes.len(),
            0,
            to.as_ptr().cast(),
            to.len() as libc::socklen_t,
        )
    };
    sent as Ret
}

fn poll() -> Ret {
    let mut one = libc::pollfd {
        fd: SOCKET as i32,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: one entry, which outlives the call.
    unsafe { libc::poll(&raw mut one, 1, -1) }.into()
}

/// The child has not had the socket before; it alone has it in the end.
fn handed(bytes: i64) -> Ret {
    let mut pair = [0_i32; 2];
    // SAFETY: room for two descriptors.
    if unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_DGRAM, 0, pair.as_mut_ptr()) } != 0 {
        complain("no pair of sockets");
    }
    let [here, there] = pair;
    // What it has of the socket, it gives away first.
    // SAFETY: the process has one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        close(SOCKET);
        let got = take(there);
        place(got.into(), SOCKET);
        std::process::exit(i32::from(send(bytes) != bytes));
    }
    give(here, SOCKET as i32);
    close(SOCKET);
    let mut status = 0;
    // SAFETY: a child of this process.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    if status == 0 { child.into() } else { -1 }
}

/// Room for the header and one descriptor, aligned as a `cmsghdr`.
type Control = [u64; 3];

fn message(byte: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: zeroes are an empty message.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = byte;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>();
    message
}

fn give(over: i32, descriptor: i32) {
    let (mut text, mut control) = (*b"d", [0; 3]);
    let mut byte = libc::iovec {
        iov_base: text.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let message = message(&mut byte, &mut control);
    // SAFETY: there is room for one header with one descriptor.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as usize;
        libc::CMSG_DATA(header).cast::<i32>().write(descriptor);
        libc::sendmsg(over, &raw const message, 0);
    }
}

fn take(over: i32) -> i32 {
    let (mut text, mut control) = (*b" ", [0; 3]);
    let mut byte = libc::iovec {
        iov_base: text.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let mut message = message(&mut byte, &mut control);
    // SAFETY: as in `give`.
    unsafe {
        libc::recvmsg(over, &raw mut message, 0);
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        libc::CMSG_DATA(header).cast::<i32>().read()
    }
}
