//! Datagrams on sockets that are not connected.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};

use crate::trigger::call::{address, call, close};
use crate::trigger::socket::sockaddr;
use crate::{Ret, Step, complain};

/// Makes the calls: `send4|send6 ADDRESS PORT COUNT` sends so many datagrams through one socket;
/// `talk4 ADDRESS PORT` connects the socket and sends one without an address;
/// `echo4|echo6 ADDRESS` sends one to the socket itself, and asks who sent it.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    let Some(ip) = step.next().to_str().and_then(|ip| ip.parse().ok()) else {
        complain("that is not an address");
    };
    if name.starts_with(b"talk") {
        talk(ip, step.number() as u16)
    } else if name.starts_with(b"send") {
        let (port, count) = (step.number() as u16, step.number());
        send(ip, port, count)
    } else {
        echo(ip)
    }
}

fn open(family: libc::c_int) -> i64 {
    let kind = libc::SOCK_DGRAM.into();
    call(libc::SYS_socket, [family.into(), kind, 0, 0, 0])
}

fn send(ip: IpAddr, port: u16, count: i64) -> Ret {
    let (family, to) = sockaddr(SocketAddr::new(ip, port));
    let socket = open(family);
    let sent = (0..count).map(|_| send_to(socket, &to)).min().unwrap_or(0);
    close(socket);
    sent
}

fn talk(ip: IpAddr, port: u16) -> Ret {
    let (family, to) = sockaddr(SocketAddr::new(ip, port));
    let socket = open(family);
    let connected = call(
        libc::SYS_connect,
        [socket, address(&*to), to.len() as i64, 0, 0],
    );
    if connected < 0 {
        return connected;
    }
    let text = b"datagram";
    let sent = call(
        libc::SYS_write,
        [socket, address(text), text.len() as i64, 0, 0],
    );
    close(socket);
    sent
}

fn send_to(socket: i64, to: &[u8]) -> Ret {
    let text = b"datagram";
    // SAFETY: both buffers outlive the call.
    unsafe {
        let length = to.len() as libc::socklen_t;
        let sent = libc::sendto(
            socket as i32,
            text.as_ptr().cast(),
            text.len(),
            0,
            to.as_ptr().cast(),
            length,
        );
        if sent < 0 {
            -i64::from(*libc::__errno_location())
        } else {
            sent as Ret
        }
    }
}

fn echo(ip: IpAddr) -> Ret {
    let (family, at) = sockaddr(SocketAddr::new(ip, 0));
    let socket = open(family);
    let bound = call(
        libc::SYS_bind,
        [socket, address(&*at), at.len() as i64, 0, 0],
    );
    if bound < 0 {
        return bound;
    }
    // The kernel writes to both.
    let (own, length) = (Cell::new([0_u8; 128]), Cell::new(128_u32));
    call(
        libc::SYS_getsockname,
        [socket, address(&own), address(&length), 0, 0],
    );
    let own = own.get();
    let sent = send_to(socket, &own[..at.len()]);
    if sent < 0 {
        return sent;
    }
    let received = receive_from(socket);
    close(socket);
    received
}

fn receive_from(socket: i64) -> Ret {
    let mut text = [0_u8; 16];
    let (mut from, mut length) = ([0_u8; 128], 128);
    // SAFETY: all buffers outlive the call.
    unsafe {
        let received = libc::recvfrom(
            socket as i32,
            text.as_mut_ptr().cast(),
            text.len(),
            0,
            from.as_mut_ptr().cast(),
            &raw mut length,
        );
        if received < 0 {
            -i64::from(*libc::__errno_location())
        } else {
            received as Ret
        }
    }
}
