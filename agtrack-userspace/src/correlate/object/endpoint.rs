//! A socket that others can reach.

use agtrack_common::event::{Endpoint, EndpointKind};

use super::{AF_UNIX, inet, socket_name};
use crate::decode::Segments;
use crate::record::{Address, Completeness, Object, PathSource, Text};

pub(super) fn object(
    kind: EndpointKind,
    body: &Endpoint,
    data: &mut Segments<'_>,
    whole: &mut Completeness,
) -> Object {
    let socket = (body.protocol, body.socket_type);
    let local = match body.family {
        AF_UNIX => unix(body, data, whole),
        family => inet(family, body.local, body.local_port, socket),
    };
    let has_peer = kind == EndpointKind::Accept && body.ret >= 0 && body.family != AF_UNIX;
    let peer = has_peer.then(|| inet(body.family, body.peer, body.peer_port, socket));
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
