//! Bytes of sockets become actions: what was asked of DNS, how TLS and QUIC began, what was
//! requested by HTTP.

use std::net::SocketAddr;

use agtrack_common::event::{Excerpt, excerpt_class};

use super::domains::Domains;
use super::{Done, object};
use crate::enrich::Known;
use crate::protocol::{Found, Protocols, Segment, Transport};
use crate::record::{
    Action, Address, Agent, Completeness, Direction, Object, Outcome, OutcomeResult, Process,
    Shared,
};

/// `IPPROTO_TCP`.
const TCP: u16 = 6;
/// `IPPROTO_UDP`.
const UDP: u16 = 17;

/// What sockets say, and the names learned from it.
#[derive(Debug, Default)]
pub(super) struct Contents {
    protocols: Protocols<Owner>,
    domains: Domains,
}

/// Of whom it is told.
#[derive(Clone, Debug)]
struct Owner {
    process: Shared<Process>,
    agent: Shared<Agent>,
    session: u64,
    socket: u64,
}

impl Contents {
    /// Takes what a packet carried.
    pub(super) fn take(&mut self, known: Known, body: &Excerpt, done: &mut Vec<Done>) {
        let Some(segment) = segment(body, &known.event.data) else {
            return;
        };
        let owner = Owner {
            process: known.process,
            agent: known.agent,
            session: known.session,
            socket: body.socket,
        };
        let mut told = Vec::new();
        let time = known.event.header.time;
        self.protocols.take(&owner, time, &segment, &mut told);
        self.tell(told, done);
    }

    /// Tells what has waited too long for its rest.
    pub(super) fn give_up(&mut self, boot: u64, done: &mut Vec<Done>) {
        let mut told = Vec::new();
        self.protocols.give_up(boot, &mut told);
        self.tell(told, done);
    }

    /// A process of a session has ended, or the session itself: what it was in the midst of saying is
    /// told.
    pub(super) fn ended(&mut self, process: Option<u32>, session: u64, done: &mut Vec<Done>) {
        let mut told = Vec::new();
        let is_over = |owner: &Owner| {
            owner.session == session && process.is_none_or(|pid| owner.process.pid == pid)
        };
        self.protocols.end(is_over, &mut told);
        self.tell(told, done);
    }

    /// Gives peers the names that the session has for them.
    pub(super) fn name(&self, done: &mut [Done]) {
        for done in done {
            let (session, time) = (done.agent.session, begun(done));
            if let Some(Address::Ip { ip, domain, .. }) = peer(&mut done.action.object)
                && domain.is_none()
            {
                *domain = self.domains.name(session, *ip, time).map(str::to_owned);
            }
        }
    }

    fn tell(&mut self, told: Vec<(Owner, u64, Found)>, done: &mut Vec<Done>) {
        for (owner, time, found) in told {
            if let Object::Dns(dns) = &found.object {
                let session = owner.agent.session;
                self.domains.saw(session, owner.socket, time, dns);
            }
            done.push(action(owner, time, found));
        }
    }
}

/// When the session chose whom to speak to.
fn begun(done: &Done) -> u64 {
    match &done.action.object {
        Object::Flow(flow) => flow.began_boot_time.unwrap_or(done.time),
        _ => done.time,
    }
}

/// Who is on the other side of a connection that the session made, or was sent something.
fn peer(object: &mut Object) -> Option<&mut Address> {
    match object {
        Object::Connect(address) => Some(address),
        Object::Uring(request) => request.address.as_mut(),
        Object::Dns(dns) => Some(&mut dns.peer),
        Object::Tls(hello) => Some(&mut hello.peer),
        Object::Http(request) => Some(&mut request.peer),
        Object::Quic(hello) => Some(&mut hello.peer),
        // Who came by itself was not asked for.
        Object::Flow(flow) if flow.direction != Some(Direction::Inbound) => flow.peer.as_mut(),
        Object::Rename { .. }
        | Object::Open { .. }
        | Object::File { .. }
        | Object::Exec { .. }
        | Object::Fork { .. }
        | Object::Exit { .. }
        | Object::Program { .. }
        | Object::Cgroup { .. }
        | Object::Endpoint { .. }
        | Object::Socket { .. }
        | Object::Ids { .. }
        | Object::Request { .. }
        | Object::Flow(_) => None,
    }
}

/// It was said: what the other side makes of it is not known here.
fn action(owner: Owner, time: u64, found: Found) -> Done {
    let action = Action {
        tool_call: None,
        action: found.action.to_owned(),
        process: owner.process,
        object: found.object,
        outcome: Outcome {
            result: OutcomeResult::Success,
            errno: None,
        },
        decision: None,
        effect: None,
        maps: Vec::new(),
        redacted: Vec::new(),
        completeness: Completeness {
            truncated: found.truncated,
            count: 1,
            notes: found.notes.into_iter().map(str::to_owned).collect(),
            ..Completeness::default()
        },
    };
    Done {
        time,
        agent: owner.agent,
        session: owner.session,
        action,
        unwritable: false,
    }
}

/// `None`: neither TCP nor UDP, over neither IPv4 nor IPv6.
fn segment<'a>(body: &Excerpt, bytes: &'a [u8]) -> Option<Segment<'a>> {
    let transport = match body.protocol {
        TCP => Transport::Tcp,
        UDP => Transport::Udp,
        _ => return None,
    };
    Some(Segment {
        socket: body.socket,
        transport,
        is_dns: body.class == excerpt_class::DNS,
        outbound: body.outbound != 0,
        local: SocketAddr::new(object::ip(body.family, body.local)?, body.local_port),
        peer: SocketAddr::new(object::ip(body.family, body.peer)?, body.peer_port),
        offset: body.offset,
        total: body.total,
        bytes,
    })
}
