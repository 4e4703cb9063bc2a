//! Connects.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;

use crate::trigger::call::{address, call, close};
use crate::{Ret, Step, complain};

/// Makes the call: `connect4|connect6 ADDRESS PORT tcp|udp|nonblock` or `connect-unix PATH`, where
/// `@` begins an abstract name.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    if name == b"connect-unix" {
        return unix(step);
    }
    let (ip, port, kind) = (step.next(), step.number() as u16, step.next());
    let Some(ip) = ip.to_str().and_then(|ip| ip.parse::<IpAddr>().ok()) else {
        complain("that is not an address");
    };
    let (family, bytes) = sockaddr(SocketAddr::new(ip, port));
    let kind = match kind.as_bytes() {
        b"tcp" => libc::SOCK_STREAM,
        b"udp" => libc::SOCK_DGRAM,
        b"nonblock" => libc::SOCK_STREAM | libc::SOCK_NONBLOCK,
        _ => complain("a socket is tcp, udp or nonblock"),
    };
    connect(family, kind, &bytes)
}

fn sockaddr(address: SocketAddr) -> (libc::c_int, Vec<u8>) {
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

fn unix(step: &mut Step) -> Ret {
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
    connect(libc::AF_UNIX, libc::SOCK_STREAM, &bytes)
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
