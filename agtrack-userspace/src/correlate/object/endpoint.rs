//! A socket that others can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use agtrack_common::event::{Endpoint, EndpointKind};

use super::{AF_INET, AF_INET6, AF_UNIX, flags, socket_name};
use crate::decode::Segments;
use crate::record::{Address, Completeness, Object, PathSource, Text};

pub(super) fn object(
    kind: EndpointKind,
    body: &Endpoint,
    data: &mut Segments<'_>,
    whole: &mut Completeness,
) -> Object {
    let local = match body.family {
        AF_UNIX => unix(body, data, whole),
        family => address(body, family, body.local, body.local_port),
    };
    let has_peer = kind == EndpointKind::Accept && body.ret >= 0 && body.family != AF_UNIX;
    let peer = has_peer.then(|| address(body, body.family, body.peer, body.peer_port));
    Object::Endpoint { local, peer }
}

fn unix(body: &Endpoint, data: &mut Segments<'_>, whole: &mut Completeness) -> Address {
    whole.path_source = Some(PathSource::Kernel);
    let path = if body.path.walked > 0 {
        data.path(&body.path).bytes
    } else {
        socket_name(data.bytes(body.path.name))
    };
    Address::Unix { socket: Text(path) }
}

fn address(body: &Endpoint, family: u16, bytes: [u8; 16], port: u16) -> Address {
    let [a, b, c, d, ..] = bytes;
    let ip = match family {
        AF_INET => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        AF_INET6 => IpAddr::V6(Ipv6Addr::from(bytes)),
        family => return Address::Other { family },
    };
    Address::Ip {
        ip,
        port,
        proto: flags::protocol(body.protocol, body.socket_type),
        domain: None,
    }
}
