//! Which names a session has for addresses.
//!
//! In: what it asked the domain name system, and the answers. Out: the name that it had last asked
//! for, at that time, and got an address. What was not asked is not learned, whoever sends it; memory has an end for
//! each session, so that one that asks for much takes nothing from another.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

use uuid::Uuid;

use crate::record::{Address, Answer, Direction, Dns};

/// Programs keep an address longer than its answer holds: as long as a connection pool lives.
const LEAST: u64 = 600_000_000_000;
/// A day, ns.
const MOST: u64 = 86_400_000_000_000;
/// Questions of a session whose answers may still come.
const QUESTIONS: usize = 64;
/// Names of addresses of a session.
const NAMES: usize = 1024;
/// Bytes of them.
const BYTES: usize = 64 * 1024;
/// Names of one address: what a connection is told with at its end is the name it was made by, whatever
/// was asked since.
const OF_ADDRESS: usize = 8;
/// Sessions; the one that learned nothing for longest is forgotten.
const SESSIONS: usize = 128;
/// Aliases that are followed.
const ALIASES: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Domains {
    sessions: HashMap<Uuid, Session>,
    /// By when they last asked.
    order: BTreeMap<u64, Uuid>,
    uses: u64,
}

#[derive(Debug, Default)]
struct Session {
    asked: VecDeque<Asked>,
    /// Of each address, the one learned last at the end.
    names: HashMap<IpAddr, VecDeque<Named>>,
    /// Addresses in the order in which a name was learned for them.
    order: VecDeque<IpAddr>,
    /// Bytes of all names.
    bytes: usize,
    used: u64,
}

/// Enough to know an answer by.
#[derive(Debug)]
struct Asked {
    socket: u64,
    server: Option<IpAddr>,
    id: u16,
    name: String,
}

#[derive(Debug)]
struct Named {
    name: String,
    /// Boot clock, ns.
    since: u64,
    until: u64,
}

impl Domains {
    /// Takes a message of a session's socket, seen at `time`, boot clock, ns.
    pub(super) fn saw(&mut self, session: Uuid, socket: u64, time: u64, dns: &Dns) {
        let Some(question) = dns.questions.first() else {
            return;
        };
        let message = Asked {
            socket,
            server: ip(&dns.peer),
            id: dns.dns_id,
            name: question.name.clone(),
        };
        match (&dns.response_code, dns.direction) {
            (None, Direction::Outbound) => self.session(session).ask(message),
            (Some(code), Direction::Inbound) if code == "NOERROR" => {
                if let Some(session) = self.sessions.get_mut(&session)
                    && let Some(asked) = session.asked.iter().find(|asked| **asked == message)
                {
                    let name = asked.name.clone();
                    session.learn(&name, &dns.answers, time);
                }
            }
            _ => {}
        }
    }

    /// The name the session had for an address at this time.
    pub(super) fn name(&self, session: Uuid, address: IpAddr, time: u64) -> Option<&str> {
        let names = self
            .sessions
            .get(&session)?
            .names
            .get(&address.to_canonical())?;
        let mut names = names.iter().rev();
        let last = names.find(|named| named.since <= time)?;
        (last.until >= time).then_some(&*last.name)
    }

    fn session(&mut self, number: Uuid) -> &mut Session {
        if self.sessions.len() >= SESSIONS
            && !self.sessions.contains_key(&number)
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.sessions.remove(&oldest);
        }
        self.uses += 1;
        let session = self.sessions.entry(number).or_default();
        self.order.remove(&session.used);
        session.used = self.uses;
        self.order.insert(self.uses, number);
        session
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        let key = |asked: &Self| (asked.socket, asked.server, asked.id);
        key(self) == key(other) && self.name.eq_ignore_ascii_case(&other.name)
    }
}

impl Session {
    fn ask(&mut self, asked: Asked) {
        if self.asked.len() >= QUESTIONS {
            self.asked.pop_front();
        }
        self.asked.push_back(asked);
    }

    fn learn(&mut self, asked: &str, answers: &[Answer], time: u64) {
        let (aliases, mut least) = aliases(asked, answers);
        for answer in answers {
            let address = answer.data.as_ref().and_then(|data| data.parse().ok());
            let is_its = |alias: &&str| alias.eq_ignore_ascii_case(&answer.name);
            if let (Some(address), true) = (address, aliases.iter().any(is_its)) {
                least = least.min(answer.ttl);
                let holds = (u64::from(least) * 1_000_000_000).clamp(LEAST, MOST);
                let named = Named {
                    name: asked.to_owned(),
                    since: time,
                    until: time.saturating_add(holds),
                };
                self.put(address, named);
            }
        }
    }

    fn put(&mut self, address: IpAddr, named: Named) {
        let address = address.to_canonical();
        let names = self.names.entry(address).or_default();
        if let Some(last) = names.back_mut()
            && last.name.eq_ignore_ascii_case(&named.name)
            && last.until >= named.since
        {
            last.until = last.until.max(named.until);
            return;
        }
        self.bytes += named.name.len();
        names.push_back(named);
        self.order.push_back(address);
        if names.len() > OF_ADDRESS {
            // Its first name, so the first place where it stands.
            let first = self.order.iter().position(|learned| *learned == address);
            self.forget(first.unwrap_or_default());
        }
        while self.order.len() > NAMES || self.bytes > BYTES {
            self.forget(0);
        }
    }

    /// Forgets the oldest name of the address in that place.
    fn forget(&mut self, place: usize) {
        let Some(address) = self.order.remove(place) else {
            return;
        };
        if let Some(names) = self.names.get_mut(&address) {
            self.bytes -= names.pop_front().map_or(0, |named| named.name.len());
            if names.is_empty() {
                self.names.remove(&address);
            }
        }
    }
}

/// The names that a name is an alias of, itself included, and the shortest time that holds.
fn aliases<'a>(asked: &'a str, answers: &'a [Answer]) -> (Vec<&'a str>, u32) {
    let (mut names, mut least) = (vec![asked], u32::MAX);
    while names.len() <= ALIASES {
        let last = names.last().copied().unwrap_or(asked);
        let next = answers
            .iter()
            .find(|answer| answer.record_type == "CNAME" && answer.name.eq_ignore_ascii_case(last));
        match next.and_then(|next| Some((next.ttl, &**next.data.as_ref()?))) {
            Some((ttl, name)) if !names.contains(&name) => {
                least = least.min(ttl);
                names.push(name);
            }
            _ => break,
        }
    }
    (names, least)
}

fn ip(address: &Address) -> Option<IpAddr> {
    match address {
        Address::Ip { ip, .. } => Some(*ip),
        Address::Unix { .. } | Address::Other { .. } => None,
    }
}

#[cfg(test)]
mod tests;
