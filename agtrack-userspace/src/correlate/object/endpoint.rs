//! A socket that others can reach.

use agtrack_common::event::{Endpoint, EndpointKind};

use super::{AF_UNIX, inet, unix};
use crate::decode::Segments;
use crate::record::{Address, Completeness, Object};

pub(super) fn object(
    kind: EndpointKind,
    body: &Endpoint,
    data: &mut Segments<'_>,
    whole: &mut Completeness,
) -> Object {
    let socket = (body.protocol, body.socket_type);
    let local = match body.family {
        AF_UNIX => {
            let (socket, source) = unix(&body.path, data);
            whole.path_source = Some(source);
            Address::Unix { socket }
        }
        family => inet(family, body.local, body.local_port, socket),
    };
    let has_peer = kind == EndpointKind::Accept && body.ret >= 0 && body.family != AF_UNIX;
    let peer = has_peer.then(|| inet(body.family, body.peer, body.peer_port, socket));
    Object::Endpoint { local, peer }
}
