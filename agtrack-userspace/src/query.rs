//! Questions to a journal: who touched a file, who talked to a host, what a session changed.
//!
//! In: a [`Query`] and a journal's committed lines. Out: the records that match, in their order.
//! Never: a verdict by the fast way that parsing every line would not give. A line is first
//! searched for bytes that every match must contain ([`sieve`](self)), and parsed only where it has
//! them; the blocks of all segments are searched on all processors ([`scan`]).

mod change;
mod glob;
mod host;
mod literal;
mod object;
mod scan;
mod sieve;
mod tally;
mod when;

#[cfg(test)]
mod tests;

use crate::record::{Action, Agent, Body, Object, OutcomeResult, Process, Record, Tamper};

pub use glob::{BadGlob, Glob};
pub use host::{BadHost, Host};
pub use scan::{Told, scan};
pub use tally::{Row, Tally};
pub use when::{BadTime, Period, moment};

/// The kinds of records, as they are written.
pub const KINDS: [&str; 6] = [
    "action",
    "session",
    "tamper",
    "gap",
    "lifecycle",
    "heartbeat",
];

/// What is asked for: each list is met by one of its values, an empty one by every record; all
/// lists must be met.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Id or name of the agent.
    pub agents: Vec<Glob>,
    /// How the session's id begins: small hexadecimal digits and dashes.
    pub sessions: Vec<String>,
    /// Id of the tool call.
    pub tool_calls: Vec<String>,
    /// Name of the action, or of the attempt on the recorder.
    pub actions: Vec<Glob>,
    /// Any path of the object.
    pub paths: Vec<Glob>,
    /// Peer, or what was looked up or named.
    pub hosts: Vec<Host>,
    /// Process id of who acted.
    pub pids: Vec<u32>,
    /// Program of who acted.
    pub exes: Vec<Glob>,
    /// Effect of the policy's decision.
    pub decisions: Vec<String>,
    /// How it ended.
    pub outcomes: Vec<OutcomeResult>,
    /// Kind of record: one of [`KINDS`].
    pub kinds: Vec<String>,
    /// Only what changed something that outlives the action.
    pub changes: bool,
    /// When.
    pub period: Period,
}

impl Query {
    /// Whether a record matches.
    pub fn matches(&self, record: &Record) -> bool {
        self.period.has(&record.time)
            && met(&self.kinds, |kind| kind == kind_of(&record.body))
            && self.is_account(record.agent.as_deref())
            && self.is_deed(&record.body)
    }

    fn is_account(&self, agent: Option<&Agent>) -> bool {
        let session = agent.map(|agent| agent.session.to_string());
        met(&self.agents, |glob| {
            agent.is_some_and(|agent| {
                glob.matches(agent.id.as_bytes()) || glob.matches(agent.name.as_bytes())
            })
        }) && met(&self.sessions, |begin| {
            session.as_ref().is_some_and(|id| id.starts_with(begin))
        })
    }

    fn is_deed(&self, body: &Body) -> bool {
        let (process, told) = (process_of(body), Deed::of(body));
        met(&self.pids, |pid| {
            process.is_some_and(|process| process.pid == *pid)
        }) && met(&self.exes, |glob| {
            let exe = process.and_then(|process| process.exe.as_ref());
            exe.is_some_and(|exe| glob.matches(&exe.0))
        }) && met(&self.actions, |glob| {
            told.is_some_and(|told| glob.matches(told.name.as_bytes()))
        }) && met(&self.outcomes, |outcome| {
            told.is_some_and(|told| told.outcome == *outcome)
        }) && met(&self.paths, |glob| {
            let paths = told.map(|told| object::paths(told.object));
            paths.is_some_and(|paths| paths.iter().any(|path| glob.matches(&path.0)))
        }) && met(&self.hosts, |host| {
            told.is_some_and(|told| object::names(told.object, host))
        }) && self.is_judged(body)
    }

    /// What only actions have.
    fn is_judged(&self, body: &Body) -> bool {
        let action = match body {
            Body::Action(action) => Some(&**action),
            Body::Session(_)
            | Body::Tamper(_)
            | Body::Gap(_)
            | Body::Lifecycle(_)
            | Body::Heartbeat(_) => None,
        };
        let call = action.and_then(|action| action.tool_call.as_ref());
        let decision = action.and_then(|action| action.decision.as_ref());
        met(&self.tool_calls, |id| {
            call.and_then(|call| call.get("id")?.as_str()) == Some(id)
        }) && met(&self.decisions, |effect| {
            decision.and_then(|decision| decision.get("effect")?.as_str()) == Some(effect)
        }) && (!self.changes || action.is_some_and(change::is_change))
    }
}

fn met<T>(asked: &[T], is: impl FnMut(&T) -> bool) -> bool {
    asked.is_empty() || asked.iter().any(is)
}

/// What was done to what, in the records that tell it.
#[derive(Clone, Copy)]
struct Deed<'a> {
    name: &'a str,
    object: &'a Object,
    outcome: OutcomeResult,
}

impl<'a> Deed<'a> {
    fn of(body: &'a Body) -> Option<Deed<'a>> {
        match body {
            Body::Action(action) => {
                let Action {
                    action,
                    object,
                    outcome,
                    ..
                } = &**action;
                Some(Deed::new(action, object, outcome.result))
            }
            Body::Tamper(tamper) => {
                let Tamper {
                    action,
                    object,
                    outcome,
                    ..
                } = &**tamper;
                Some(Deed::new(action, object, outcome.result))
            }
            Body::Session(_) | Body::Gap(_) | Body::Lifecycle(_) | Body::Heartbeat(_) => None,
        }
    }

    fn new(name: &'a str, object: &'a Object, outcome: OutcomeResult) -> Deed<'a> {
        Deed {
            name,
            object,
            outcome,
        }
    }
}

/// Who acted; of a session its first process.
fn process_of(body: &Body) -> Option<&Process> {
    match body {
        Body::Action(action) => Some(&action.process),
        Body::Tamper(tamper) => Some(&tamper.process),
        Body::Session(session) => session.process.as_ref(),
        Body::Gap(_) | Body::Lifecycle(_) | Body::Heartbeat(_) => None,
    }
}

/// As it is written.
fn kind_of(body: &Body) -> &'static str {
    match body {
        Body::Action(_) => "action",
        Body::Session(_) => "session",
        Body::Tamper(_) => "tamper",
        Body::Gap(_) => "gap",
        Body::Lifecycle(_) => "lifecycle",
        Body::Heartbeat(_) => "heartbeat",
    }
}
