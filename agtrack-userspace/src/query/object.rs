//! Which paths and which hosts an object names.

use super::host::{Host, Party};
use crate::record::{Address, Object, Text, UringRequest};

/// What a path contains, in JSON, that leads through a directory and out of it again.
pub(super) const DETOURS: [&[u8]; 2] = [b"/../", b"/..\""];

/// The path without its detours, if it has any, as they are where no part of it is a symbolic link: names
/// that callers gave are recorded as they gave them.
pub(super) fn folded(path: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut has_detours = false;
    for part in path.strip_prefix(b"/")?.split(|byte| *byte == b'/') {
        if part == b".." {
            has_detours = true;
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    has_detours.then(|| [b"/", &*parts.join(&b'/')].concat())
}

/// Every path: both names of a rename, what a link leads to, sockets, programs and scripts.
pub(super) fn paths(object: &Object) -> Vec<&Text> {
    match object {
        Object::Open { path, .. } => vec![path],
        Object::File { path, change, .. } => [Some(path), change.target.as_ref()]
            .into_iter()
            .chain([change.source.as_ref()])
            .flatten()
            .collect(),
        Object::Rename { from, to, .. } => vec![from, to],
        Object::Exec {
            exe,
            script,
            brought,
            ..
        } => [Some(exe), script.as_ref(), brought.script_file.as_ref()]
            .into_iter()
            .flatten()
            .collect(),
        Object::Program { exe } => vec![exe],
        Object::Connect(address) => socket(address).into_iter().collect(),
        Object::Endpoint { local, peer } => [Some(local), peer.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(socket)
            .collect(),
        Object::Uring(request) => {
            let address = request.address.as_ref().and_then(socket);
            [request.path.as_ref(), request.target.as_ref(), address]
                .into_iter()
                .flatten()
                .collect()
        }
        Object::Flow(_)
        | Object::Dns(_)
        | Object::Tls(_)
        | Object::Http(_)
        | Object::Quic(_)
        | Object::Fork { .. }
        | Object::Exit { .. }
        | Object::Cgroup { .. }
        | Object::Socket { .. }
        | Object::Ids { .. }
        | Object::Request { .. } => Vec::new(),
    }
}

fn socket(address: &Address) -> Option<&Text> {
    match address {
        Address::Unix { socket } => Some(socket),
        Address::Ip { .. } | Address::Other { .. } => None,
    }
}

/// Whether it is about this host: as peer, as a name or an address that was asked for or answered,
/// as the name in a TLS hello, as the host of a request.
pub(super) fn names(object: &Object, host: &Host) -> bool {
    let said = |text: &str| host.is(Party::Name(text), None);
    match object {
        Object::Connect(address) => is_peer(address, host),
        Object::Endpoint { peer, .. } => peer.as_ref().is_some_and(|peer| is_peer(peer, host)),
        Object::Flow(flow) => flow.peer.as_ref().is_some_and(|peer| is_peer(peer, host)),
        Object::Quic(hello) => is_peer(&hello.peer, host),
        Object::Tls(hello) => {
            let name = hello.server_name.as_ref();
            is_peer(&hello.peer, host)
                || name.is_some_and(|name| host.is(Party::Name(&name.escaped()), port(&hello.peer)))
        }
        Object::Http(request) => {
            let target = authority(&request.method.0, &request.target.escaped()).map(str::to_owned);
            let named = request
                .host
                .as_ref()
                .map(|host| host.escaped().into_owned());
            is_peer(&request.peer, host)
                || [named, target]
                    .into_iter()
                    .flatten()
                    .any(|text| is_authority(&text, port(&request.peer), host))
        }
        Object::Dns(dns) => {
            is_peer(&dns.peer, host)
                || dns.questions.iter().any(|question| said(&question.name))
                || dns.answers.iter().any(|answer| {
                    said(&answer.name) || answer.data.as_ref().is_some_and(|data| said(data))
                })
        }
        Object::Uring(request) => peer_of(request).is_some_and(|peer| is_peer(peer, host)),
        Object::Open { .. }
        | Object::File { .. }
        | Object::Rename { .. }
        | Object::Exec { .. }
        | Object::Program { .. }
        | Object::Fork { .. }
        | Object::Exit { .. }
        | Object::Cgroup { .. }
        | Object::Socket { .. }
        | Object::Ids { .. }
        | Object::Request { .. } => false,
    }
}

/// Of these requests the address is the socket's own.
fn peer_of(request: &UringRequest) -> Option<&Address> {
    let own = ["bind", "listen", "accept"].contains(&&*request.request);
    request.address.as_ref().filter(|_| !own)
}

fn port(address: &Address) -> Option<u16> {
    match address {
        Address::Ip { port, .. } => Some(*port),
        Address::Unix { .. } | Address::Other { .. } => None,
    }
}

fn is_peer(address: &Address, host: &Host) -> bool {
    match address {
        Address::Ip {
            ip, port, domain, ..
        } => {
            let domain = domain.as_deref();
            host.is(Party::Ip(*ip), Some(*port))
                || domain.is_some_and(|name| host.is(Party::Name(name), Some(*port)))
        }
        Address::Unix { .. } | Address::Other { .. } => false,
    }
}

/// Host and port in the target of a request that goes through a proxy.
fn authority<'a>(method: &[u8], target: &'a str) -> Option<&'a str> {
    if method == b"CONNECT" {
        return Some(target);
    }
    let (_, behind) = target.split_once("://")?;
    let authority = behind.split(['/', '?', '#']).next()?;
    Some(authority.rsplit('@').next().unwrap_or(authority))
}

/// Whether `host[:port]` is the one meant; without a port it is the connection's.
fn is_authority(text: &str, port: Option<u16>, host: &Host) -> bool {
    let (name, own) = match text.rsplit_once(':') {
        Some((name, digits)) if !digits.contains(']') && !name.ends_with(':') => {
            (name, digits.parse().ok())
        }
        _ => (text, None),
    };
    host.is(Party::Name(name), own.or(port))
}
