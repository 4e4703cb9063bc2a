//! Connects, and what is connected to.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;

use crate::trigger::call::{address, call, close};
use crate::{Ret, Step, complain};

/// Makes the call: `connect4|connect6 ADDRESS PORT tcp|udp|nonblock` or `connect-unix PATH`, where
/// `@` begins an abstract name. `serve4|serve6 ADDRESS PORT` and `serve-unix PATH` bind a socket,
/// listen, and accept a connection that they make themselves.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    match name {
        b"connect-unix" => return connect(libc::AF_UNIX, libc::SOCK_STREAM, &unix(step)),
        b"serve-unix" => return serve(libc::AF_UNIX, &unix(step)),
        _ => {}
    }
    let (family, bytes) = peer(step);
    if name.starts_with(b"serve") {
        return serve(family, &bytes);
    }
    let kind = match step.next().as_bytes() {
        b"tcp" => libc::SOCK_STREAM,
        b"udp" => libc::SOCK_DGRAM,
        b"nonblock" => libc::SOCK_STREAM | libc::SOCK_NONBLOCK,
        _ => complain("a socket is tcp, udp or nonblock"),
    };
    connect(family, kind, &bytes)
}

/// `ADDRESS PORT`: the family and the address as the kernel takes it.
pub(crate) fn peer(step: &mut Step) -> (libc::c_int, Vec<u8>) {
    let (ip, port) = (step.next(), step.number() as u16);
    let Some(ip) = ip.to_str().and_then(|ip| ip.parse::<IpAddr>().ok()) else {
        complain("that is not an address");
    };
    sockaddr(SocketAddr::new(ip, port))
}

pub(crate) fn sockaddr(address: SocketAddr) -> (libc::c_int, Vec<u8>) {
    let family = if address.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    let mut bytes = (family as u16).to_ne_bytes().to_vec();
    bytes.extend_from_slice(&address.port().to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => {
            bytes.extend_from_slice(&ip.octets());
            bytes.extend_from_slice(&[0; 8]);
        }
        IpAddr::V6(ip) => {
            bytes.extend_from_slice(&[0; 4]);
            bytes.extend_from_slice(&ip.octets());
            bytes.extend_from_slice(&[0; 4]);
        }
    }
    (family, bytes)
}

/// `PATH`, or a name without a file that begins with `@`.
pub(crate) fn unix(step: &mut Step) -> Vec<u8> {
    let path = step.next();
    let mut bytes = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
    match path.as_bytes() {
        [b'@', name @ ..] => {
            bytes.push(0);
            bytes.extend_from_slice(name);
        }
        path => {
            bytes.extend_from_slice(path);
            bytes.push(0);
        }
    }
    bytes
}

/// The first call that fails ends it.
fn serve(family: libc::c_int, at: &[u8]) -> Ret {
    let open = || {
        let kind = libc::SOCK_STREAM.into();
        call(libc::SYS_socket, [family.into(), kind, 0, 0, 0])
    };
    let (listener, client) = (open(), open());
    let done = [
        call(
            libc::SYS_bind,
            [listener, address(at), at.len() as i64, 0, 0],
        ),
        call(libc::SYS_listen, [listener, 1, 0, 0, 0]),
    ];
    if let Some(failed) = done.into_iter().find(|ret| *ret < 0) {
        return failed;
    }
    // The port may have been left to the kernel.
    // The kernel writes to both.
    let (bound, length) = (Cell::new([0_u8; 128]), Cell::new(128_u32));
    let name = [listener, address(&bound), address(&length), 0, 0];
    call(libc::SYS_getsockname, name);
    let to = [client, address(&bound), length.get().into(), 0, 0];
    let connected = call(libc::SYS_connect, to);
    if connected < 0 {
        return connected;
    }
    let accepted = call(libc::SYS_accept4, [listener, 0, 0, 0, 0]);
    for socket in [accepted, client, listener] {
        close(socket);
    }
    accepted.min(0)
}

fn connect(family: libc::c_int, kind: libc::c_int, to: &[u8]) -> Ret {
    let socket = call(libc::SYS_socket, [family.into(), kind.into(), 0, 0, 0]);
    if socket < 0 {
        return socket;
    }
    let ret = call(
        libc::SYS_connect,
        [socket, address(to), to.len() as i64, 0, 0],
    );
    close(socket);
    ret
}
