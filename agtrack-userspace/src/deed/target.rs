//! What was acted on: its name, and how much it tells.

use std::net::SocketAddr;

use crate::credential;
use crate::record::{Access, Address, Object};

/// What was acted on, in one name.
pub(super) fn target(object: &Object) -> Option<Vec<u8>> {
    match object {
        Object::Open { path, .. } | Object::File { path, .. } => Some(path.0.clone()),
        Object::Rename { from, .. } => Some(from.0.clone()),
        Object::Exec { exe, .. } | Object::Program { exe } => Some(exe.0.clone()),
        Object::Connect(address) => peer(address),
        Object::Request { request, .. } => Some(request.clone().into_bytes()),
        Object::Socket { family, .. } => Some(family.clone().into_bytes()),
        Object::Uring(request) => {
            let address = request.address.as_ref().and_then(peer);
            let path = request.path.as_ref().map(|path| path.0.clone());
            path.or(address)
                .or_else(|| Some(request.request.clone().into_bytes()))
        }
        Object::Endpoint { local, .. } => peer(local),
        Object::Flow(flow) => peer(flow.peer.as_ref().unwrap_or(&flow.local)),
        Object::Fork { .. }
        | Object::Exit { .. }
        | Object::Ids { .. }
        | Object::Dns(_)
        | Object::Tls(_)
        | Object::Http(_)
        | Object::Quic(_)
        | Object::Cgroup { .. } => None,
    }
}

/// Peers elsewhere tell most.
pub(super) fn rank(address: &Address) -> u8 {
    match address {
        Address::Ip { ip, .. } if !ip.is_loopback() => 0,
        Address::Ip { .. } => 1,
        Address::Unix { .. } | Address::Other { .. } => 2,
    }
}

pub(super) fn peer(address: &Address) -> Option<Vec<u8>> {
    match address {
        Address::Ip {
            ip,
            port,
            proto,
            domain,
        } => {
            let proto = Some(proto).filter(|proto| *proto != "tcp");
            let proto = proto.map(|proto| format!(" {proto}")).unwrap_or_default();
            let domain = domain.as_ref().map(|domain| format!(" ({domain})"));
            let at = SocketAddr::new(*ip, *port);
            Some(format!("{at}{proto}{}", domain.unwrap_or_default()).into_bytes())
        }
        Address::Unix { socket } => Some(socket.0.clone()),
        Address::Other { .. } => None,
    }
}

/// Which refusals tell most: what would have changed something or revealed a secret, then reads;
/// the search for a library is of every day.
pub(super) fn interest(object: &Object) -> u8 {
    match object {
        Object::Open {
            path,
            access: Access::Read,
            ..
        } => match memchr::memmem::rfind(&path.0, b".so") {
            _ if credential::at(&path.0).is_some() => 0,
            None => 1,
            Some(_) => 2,
        },
        Object::Open { .. }
        | Object::File { .. }
        | Object::Rename { .. }
        | Object::Exec { .. }
        | Object::Exit { .. }
        | Object::Fork { .. }
        | Object::Program { .. }
        | Object::Endpoint { .. }
        | Object::Flow(_)
        | Object::Ids { .. }
        | Object::Socket { .. }
        | Object::Request { .. }
        | Object::Uring(_)
        | Object::Connect(_)
        | Object::Dns(_)
        | Object::Tls(_)
        | Object::Http(_)
        | Object::Quic(_)
        | Object::Cgroup { .. } => 0,
    }
}
