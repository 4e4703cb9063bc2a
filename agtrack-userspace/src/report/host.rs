//! Whom a session talked to, and how much passed.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::bounds::{CALL_HOSTS, CALLS, COMMAND, WAYS};
use super::model::{Capped, HostDone};
use crate::record::{Action, Address, Direction, Object, OutcomeResult, Side, Text};

/// Hosts by address, port and protocol.
#[derive(Debug)]
pub(super) struct Hosts {
    most: usize,
    places: HashMap<(Text, String), usize>,
    hosts: Capped<HostDone>,
}

impl Hosts {
    pub(super) fn new(most: usize) -> Hosts {
        Hosts {
            most,
            places: HashMap::new(),
            hosts: Capped::default(),
        }
    }

    pub(super) fn add(&mut self, action: &Action, call: Option<u64>) {
        let failed = action.outcome.result == OutcomeResult::Failure;
        let begun = action.outcome.result == OutcomeResult::InProgress;
        match &action.object {
            Object::Connect(address) => {
                if let Some(host) = self.at(address, call) {
                    host.connections += 1;
                    host.failed += u64::from(failed);
                    host.begun += u64::from(begun);
                }
            }
            Object::Endpoint { local, .. } if action.action == "net.listen" && !failed => {
                if let Some(host) = self.at(local, call) {
                    host.listens = true;
                }
            }
            Object::Endpoint {
                peer: Some(peer), ..
            } => {
                // Of who connects each time from another port the address says enough.
                if let Some(host) = self.at(&without_port(peer), call) {
                    host.connections += 1;
                    host.inbound = true;
                }
            }
            Object::Flow(flow) => {
                let inbound = flow.direction == Some(Direction::Inbound);
                let Some(peer) = &flow.peer else { return };
                let peer = match inbound {
                    true => without_port(peer),
                    false => peer.clone(),
                };
                if let Some(host) = self.at(&peer, call) {
                    host.bytes_out = host.bytes_out.saturating_add(flow.bytes_out);
                    host.bytes_in = host.bytes_in.saturating_add(flow.bytes_in);
                    host.inbound |= inbound;
                    host.over += u64::from(!inbound);
                }
            }
            object => self.said(object, call),
        }
    }

    /// What was said to others in the open.
    fn said(&mut self, object: &Object, call: Option<u64>) {
        let (peer, direction, name, said) = match object {
            Object::Tls(hello) if hello.hello == Side::Client => {
                let name = hello.server_name.as_ref().map(|name| name.escaped().into());
                (&hello.peer, hello.direction, name, "TLS".to_owned())
            }
            Object::Http(request) => {
                let said = format!("{} {}", request.method.escaped(), request.target.escaped());
                (&request.peer, request.direction, None, said)
            }
            Object::Quic(hello) => (&hello.peer, hello.direction, None, "QUIC".to_owned()),
            Object::Dns(dns) if dns.response_code.is_none() => {
                let names = dns.questions.iter().map(|question| &*question.name);
                let said = format!("asked for {}", names.collect::<Vec<_>>().join(", "));
                (&dns.peer, dns.direction, None, said)
            }
            _ => return,
        };
        if direction != Direction::Outbound {
            return;
        }
        if let Some(host) = self.at(peer, call) {
            once(&mut host.names, name);
            once(&mut host.said, Some(short(&said)));
        }
    }

    fn at(&mut self, address: &Address, call: Option<u64>) -> Option<&mut HostDone> {
        let (name, proto, domain) = match address {
            Address::Ip {
                ip,
                port,
                proto,
                domain,
            } => {
                let name = match port {
                    0 => ip.to_string(),
                    port => SocketAddr::new(*ip, *port).to_string(),
                };
                (Text(name.into_bytes()), proto.clone(), domain.clone())
            }
            Address::Unix { socket } => (socket.clone(), "unix".to_owned(), None),
            Address::Other { .. } => return None,
        };
        let key = (name, proto);
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None if self.hosts.items.len() >= self.most => {
                self.hosts.more += 1;
                return None;
            }
            None => {
                let place = self.hosts.items.len();
                self.hosts.items.push(HostDone {
                    address: key.0.clone(),
                    proto: key.1.clone(),
                    ..HostDone::default()
                });
                self.places.insert(key, place);
                place
            }
        };
        let host = self.hosts.items.get_mut(place)?;
        once(&mut host.names, domain);
        by(&mut host.calls, call);
        Some(host)
    }

    /// Those that most passed with first; sockets of this machine last.
    pub(super) fn finish(mut self) -> Capped<HostDone> {
        let bytes = |host: &HostDone| host.bytes_out.saturating_add(host.bytes_in);
        self.hosts
            .items
            .sort_by_key(|host| (host.proto == "unix", std::cmp::Reverse(bytes(host))));
        self.hosts
    }
}

/// Adds what a late action says of a host.
pub(super) fn merge(hosts: &mut Capped<HostDone>, action: &Action) {
    let mut late = Hosts::new(1);
    late.add(action, None);
    for host in late.hosts.items {
        let same =
            |known: &&mut HostDone| known.address == host.address && known.proto == host.proto;
        match hosts.items.iter_mut().find(same) {
            None => hosts.push(host, CALL_HOSTS),
            Some(known) => {
                known.connections += host.connections;
                known.failed += host.failed;
                known.begun += host.begun;
                known.over += host.over;
                known.listens |= host.listens;
                known.bytes_out = known.bytes_out.saturating_add(host.bytes_out);
                known.bytes_in = known.bytes_in.saturating_add(host.bytes_in);
                for word in host.said {
                    once(&mut known.said, Some(word));
                }
            }
        }
    }
}

fn without_port(address: &Address) -> Address {
    let mut address = address.clone();
    if let Address::Ip { port, .. } = &mut address {
        *port = 0;
    }
    address
}

/// Adds a word that is not there yet.
pub(super) fn once<T: PartialEq>(words: &mut Vec<T>, word: Option<T>) {
    if let Some(word) = word
        && words.len() < WAYS
        && !words.contains(&word)
    {
        words.push(word);
    }
}

/// Notes which call did it.
pub(super) fn by(calls: &mut Vec<u64>, call: Option<u64>) {
    if let Some(call) = call
        && calls.len() < CALLS
        && !calls.contains(&call)
    {
        calls.push(call);
    }
}

/// The beginning of what is long.
pub(super) fn short(text: &str) -> String {
    crate::terminal::cut(text, COMMAND / 4)
}
