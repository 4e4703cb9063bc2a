//! What a session said to others, as far as it was in the open.

use super::target::{peer, rank};
use super::{Deeds, note};
use crate::record::{Action, Address, Direction, Object, Side};

impl Deeds {
    /// A peer that was spoken to, and how. What others ask of the session is not what it did.
    pub(super) fn said(&mut self, action: &Action) {
        let Some((address, way)) = way(&action.object) else {
            return;
        };
        let Some(name) = peer(&address) else { return };
        if let Some(peer) = note(&mut self.peers, &name, &action.process, way) {
            peer.rank = rank(&address);
            // What is said on a connection is no connection more.
            peer.count = peer.count.saturating_sub(1).max(1);
        }
    }
}

/// To whom, with the name that was given to them there, and how.
fn way(object: &Object) -> Option<(Address, &'static str)> {
    let (direction, address, name, way) = match object {
        Object::Dns(dns) if dns.response_code.is_none() => {
            (dns.direction, &dns.peer, None, "asked for names")
        }
        Object::Tls(hello) if hello.hello == Side::Client => {
            let name = hello
                .server_name
                .as_ref()
                .map(|name| name.escaped().into_owned());
            (hello.direction, &hello.peer, name, "TLS")
        }
        Object::Http(request) => (request.direction, &request.peer, None, "HTTP"),
        Object::Quic(hello) => (hello.direction, &hello.peer, None, "QUIC"),
        _ => return None,
    };
    let mut address = address.clone();
    if let Address::Ip { domain, .. } = &mut address
        && domain.is_none()
    {
        *domain = name;
    }
    (direction == Direction::Outbound).then_some((address, way))
}
