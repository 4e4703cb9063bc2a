//! Questions to a journal: who touched a file, who talked to a host, what a session changed.
//!
//! In: a [`Query`] and a journal's committed lines. Out: the records that match, in their order.
//! Never: a verdict by the fast way that parsing every line would not give. A line is first
//! searched for bytes that every match must contain ([`sieve`](self)), and parsed only where it has
//! them; the blocks of all segments are searched on all processors ([`scan`]).

mod action;
mod brief;
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

use crate::record::{Action, Body, Object, OutcomeResult, PathSource, Record};
use brief::{Brief, met};

pub use action::{BadAction, named_action};
pub use glob::{BadGlob, Glob};
pub use host::{BadHost, Host};
pub use scan::{Found, Told, Uneven, scan, sweep};
pub use tally::{Row, Tally};
pub use when::{BadTime, Period, moment};

/// The kinds of records, as they are written.
pub const KINDS: [&str; 8] = [
    "action",
    "session",
    "tool_call",
    "handoff",
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
        self.is_by(record)
            && self.is_at(object_of(&record.body))
            && (!self.changes || record.body.action().is_some_and(change::is_change))
    }

    /// Whether a record matches but for what it writes to, a file that the kernel makes.
    fn is_of_kernel(&self, record: &Record) -> bool {
        let of_kernel = |action: &Action| change::is_of_kernel(action) && change::changes(action);
        self.changes
            && record.body.action().is_some_and(of_kernel)
            && self.is_by(record)
            && self.is_at(object_of(&record.body))
    }

    /// Whether a record matches but for its path, which has the name at its end that was asked for, and
    /// was not resolved.
    fn is_elsewhere(&self, record: &Record) -> bool {
        let unresolved = |action: &&Action| {
            action.completeness.path_source == Some(PathSource::Argument)
                && (!self.changes || change::is_change(action))
        };
        let Some(action) = record.body.action().filter(unresolved) else {
            return false;
        };
        self.is_by(record)
            && object::paths(&action.object).iter().any(|path| {
                let name = path.0.rsplit(|byte| *byte == b'/').next();
                self.paths.iter().any(|glob| glob.name() == name)
            })
    }

    /// Whether a line may match, going by what is quickly read; only parsing says that it does.
    fn may_match(&self, line: &[u8]) -> bool {
        Brief::read(line).is_none_or(|brief| brief.is_meant(self))
    }

    /// Who, when, how and with whom, but neither at which path nor whether it changed anything.
    fn is_by(&self, record: &Record) -> bool {
        Brief::of(record).is_meant(self)
            && self.is_judged(&record.body)
            && met(&self.hosts, |host| {
                object_of(&record.body).is_some_and(|object| object::names(object, host))
            })
    }

    fn is_at(&self, object: Option<&Object>) -> bool {
        met(&self.paths, |glob| {
            let paths = object.map(object::paths);
            paths.is_some_and(|paths| paths.iter().any(|path| is_meant(&path.0, glob)))
        })
    }

    /// What only actions and tool calls have.
    fn is_judged(&self, body: &Body) -> bool {
        let (action, call) = match body {
            Body::Action(action) => (Some(&**action), action.tool_call.as_ref()),
            Body::ToolCall(change) => (None, Some(&change.tool_call)),
            Body::Handoff(handoff) => (None, handoff.tool_call.as_ref()),
            Body::Session(_)
            | Body::Tamper(_)
            | Body::Gap(_)
            | Body::Lifecycle(_)
            | Body::Heartbeat(_) => (None, None),
        };
        let decision = action.and_then(|action| action.decision.as_ref());
        met(&self.tool_calls, |id| {
            call.is_some_and(|call| call.id == *id)
        }) && met(&self.decisions, |effect| {
            decision.and_then(|decision| decision.get("effect")?.as_str()) == Some(effect)
        })
    }
}

/// Whether a path is one of these, as it was recorded or without its detours.
fn is_meant(path: &[u8], glob: &Glob) -> bool {
    glob.matches(path) || object::folded(path).is_some_and(|folded| glob.matches(&folded))
}

/// What was acted on.
fn object_of(body: &Body) -> Option<&Object> {
    match body {
        Body::Action(action) => Some(&action.object),
        Body::Tamper(tamper) => Some(&tamper.object),
        Body::Session(_)
        | Body::ToolCall(_)
        | Body::Handoff(_)
        | Body::Gap(_)
        | Body::Lifecycle(_)
        | Body::Heartbeat(_) => None,
    }
}
