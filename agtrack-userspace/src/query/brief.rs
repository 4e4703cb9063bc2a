//! Who did what, of a record or of a line that is not parsed as a whole: reading a few fields costs
//! a tenth of reading a record.

use std::borrow::Cow;

use serde::Deserialize;

use super::Query;
use crate::record::{Body, Outcome, OutcomeResult, Process, Record, Text};

/// What every record has in the same place, whatever it is about.
#[derive(Clone, Debug)]
pub(super) struct Brief<'a> {
    kind: Cow<'a, str>,
    time: Cow<'a, str>,
    agent: Option<Account<'a>>,
    actor: Option<Actor<'a>>,
    deed: Option<(Cow<'a, str>, OutcomeResult)>,
}

#[derive(Clone, Debug, Deserialize)]
struct Account<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    session: Cow<'a, str>,
}

#[derive(Clone, Debug)]
struct Actor<'a> {
    pid: u32,
    exe: Option<Cow<'a, [u8]>>,
}

/// The same as it stands in a line.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    agent: Option<Account<'a>>,
    #[serde(default)]
    process: Option<Acting>,
    #[serde(default)]
    action: Option<String>,
    #[serde(default)]
    outcome: Option<Outcome>,
}

#[derive(Deserialize)]
struct Acting {
    pid: u32,
    exe: Option<Text>,
}

impl<'a> Brief<'a> {
    /// Of a line; none where it is no record, or one that only the whole of it explains.
    pub(super) fn read(line: &'a [u8]) -> Option<Brief<'a>> {
        let line: Line<'a> = serde_json::from_slice(line).ok()?;
        // A gap names an action too.
        let tells = ["action", "tamper"].contains(&&*line.kind);
        let deed = line.action.zip(line.outcome).filter(|_| tells);
        Some(Brief {
            kind: line.kind,
            time: line.time,
            agent: line.agent,
            actor: line.process.map(|process| Actor {
                pid: process.pid,
                exe: process.exe.map(|exe| Cow::Owned(exe.0)),
            }),
            deed: deed.map(|(action, outcome)| (Cow::Owned(action), outcome.result)),
        })
    }

    /// Of a record.
    pub(super) fn of(record: &'a Record) -> Brief<'a> {
        let agent = record.agent.as_deref().map(|agent| Account {
            id: Cow::Borrowed(&agent.id),
            name: Cow::Borrowed(&agent.name),
            session: Cow::Owned(agent.session.to_string()),
        });
        let deed = match &record.body {
            Body::Action(action) => Some((&action.action, action.outcome.result)),
            Body::Tamper(tamper) => Some((&tamper.action, tamper.outcome.result)),
            Body::Session(_)
            | Body::ToolCall(_)
            | Body::Handoff(_)
            | Body::Gap(_)
            | Body::Lifecycle(_)
            | Body::Heartbeat(_) => None,
        };
        Brief {
            kind: Cow::Borrowed(kind_of(&record.body)),
            time: Cow::Borrowed(&record.time),
            agent,
            actor: process_of(&record.body).map(|process| Actor {
                pid: process.pid,
                exe: process.exe.as_ref().map(|exe| Cow::Borrowed(&*exe.0)),
            }),
            deed: deed.map(|(action, outcome)| (Cow::Borrowed(&**action), outcome)),
        }
    }

    /// Whether it is of those that a query means, as far as this says.
    pub(super) fn is_meant(&self, query: &Query) -> bool {
        let (agent, actor, deed) = (&self.agent, &self.actor, &self.deed);
        let exe = actor.as_ref().and_then(|actor| actor.exe.as_deref());
        query.period.has(&self.time)
            && met(&query.kinds, |kind| *kind == self.kind)
            && met(&query.agents, |glob| {
                agent.as_ref().is_some_and(|agent| {
                    glob.matches(agent.id.as_bytes()) || glob.matches(agent.name.as_bytes())
                })
            })
            && met(&query.sessions, |begin| {
                let agent = agent.as_ref();
                agent.is_some_and(|agent| agent.session.starts_with(&**begin))
            })
            && met(&query.pids, |pid| {
                actor.as_ref().is_some_and(|actor| actor.pid == *pid)
            })
            && met(&query.exes, |glob| exe.is_some_and(|exe| glob.matches(exe)))
            && met(&query.actions, |glob| {
                let deed = deed.as_ref();
                deed.is_some_and(|(action, _)| glob.matches(action.as_bytes()))
            })
            && met(&query.outcomes, |wanted| {
                deed.as_ref().is_some_and(|(_, outcome)| outcome == wanted)
            })
    }
}

/// A list is met by one of its values, and if it has none.
pub(super) fn met<T>(asked: &[T], is: impl FnMut(&T) -> bool) -> bool {
    asked.is_empty() || asked.iter().any(is)
}

/// Who acted; of a session or a tool call its first process.
pub(super) fn process_of(body: &Body) -> Option<&Process> {
    match body {
        Body::Action(action) => Some(&action.process),
        Body::Handoff(handoff) => Some(&handoff.process),
        Body::Tamper(tamper) => Some(&tamper.process),
        Body::Session(session) => session.process.as_ref(),
        Body::ToolCall(change) => Some(&change.process),
        Body::Gap(_) | Body::Lifecycle(_) | Body::Heartbeat(_) => None,
    }
}

/// As it is written.
fn kind_of(body: &Body) -> &'static str {
    match body {
        Body::Action(_) => "action",
        Body::Session(_) => "session",
        Body::ToolCall(_) => "tool_call",
        Body::Handoff(_) => "handoff",
        Body::Tamper(_) => "tamper",
        Body::Gap(_) => "gap",
        Body::Lifecycle(_) => "lifecycle",
        Body::Heartbeat(_) => "heartbeat",
    }
}
