//! Processes and tool calls of sessions, as far as records tell that they have not ended.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::IgnoredAny;
use uuid::Uuid;

use super::Left;
use crate::input::LeftCall;
use crate::record::{Change, ProcessKey, SessionChange, ToolCallChange};

/// Processes that are kept of a session; as many have tags at most.
const PROCESSES: usize = 64 * 1024;

/// Of all sessions that a part of the journal names.
#[derive(Debug, Default)]
pub(super) struct Traces(pub(super) BTreeMap<Uuid, Trace>);

/// What one session has left.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// With the call that each is part of, where that is known.
    processes: HashMap<ProcessKey, Option<String>>,
    /// By id; none: it has ended.
    calls: BTreeMap<String, Option<Box<LeftCall>>>,
    /// All processes were told of: what older records say adds none.
    is_whole: bool,
}

/// What a record of an action tells of processes, and no more: these are many.
#[derive(Deserialize)]
struct Act<'r> {
    agent: Option<Whose>,
    #[serde(borrow)]
    action: Cow<'r, str>,
    #[serde(borrow)]
    process: Named<'r>,
    #[serde(borrow)]
    object: Forked<'r>,
    #[serde(borrow)]
    tool_call: Option<Called<'r>>,
}

#[derive(Deserialize)]
struct Whose {
    session: Uuid,
    parent: Option<Uuid>,
    /// It was started in a call of the session around.
    program: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Named<'r> {
    #[serde(borrow)]
    uid: Cow<'r, str>,
}

#[derive(Deserialize)]
struct Forked<'r> {
    #[serde(borrow, default)]
    child_uid: Option<Cow<'r, str>>,
}

#[derive(Deserialize)]
struct Called<'r> {
    #[serde(borrow)]
    id: Cow<'r, str>,
}

impl Traces {
    /// A process did something.
    pub(super) fn act(&mut self, line: &[u8]) {
        let Ok(act) = serde_json::from_slice::<Act<'_>>(line) else {
            return;
        };
        let (Some(agent), Some(acting)) = (&act.agent, ProcessKey::of_uid(&act.process.uid)) else {
            return;
        };
        let call = act.tool_call.as_ref().map(|call| &*call.id);
        // What an agent in a call does, the session around does too.
        let around = agent.parent.filter(|_| agent.program.is_some());
        for (session, call) in [(Some(agent.session), call), (around, None)] {
            let Some(session) = session else {
                continue;
            };
            let trace = self.0.entry(session).or_default();
            if act.action == "process.exit" {
                trace.processes.remove(&acting);
                continue;
            }
            trace.put(acting, call);
            let child = act.object.child_uid.as_deref();
            if let Some(child) = child.and_then(ProcessKey::of_uid) {
                trace.put(child, call);
            }
        }
    }

    /// A session changes.
    pub(super) fn session(&mut self, session: Uuid, change: &SessionChange) {
        if change.change == Change::End {
            self.0.remove(&session);
            return;
        }
        let trace = self.0.entry(session).or_default();
        if change.change == Change::Start {
            return;
        }
        let running = change.still_running.iter();
        let running = running.filter_map(|uid| ProcessKey::of_uid(uid));
        let mut before = std::mem::take(&mut trace.processes);
        let placed = |key| (key, before.remove(&key).flatten());
        trace.processes = running.map(placed).collect();
        trace.is_whole = true;
    }

    /// A tool call changes, at `time` (boot clock, ns).
    pub(super) fn call(&mut self, session: Uuid, change: ToolCallChange, time: u64) {
        let trace = self.0.entry(session).or_default();
        let id = change.tool_call.id.clone();
        for key in change
            .still_running
            .iter()
            .filter_map(|uid| ProcessKey::of_uid(uid))
        {
            trace.put(key, Some(&id));
        }
        let left = (change.change != Change::End).then(|| {
            Box::new(LeftCall {
                tool_call: (*change.tool_call).clone(),
                class: change.class,
                process: (*change.process).clone(),
                began: time.saturating_sub(change.duration.unwrap_or(0)),
                exit: change.exit,
                processes: change.processes,
                running: Vec::new(),
            })
        });
        trace.calls.insert(id, left);
    }
}

impl Trace {
    /// What is known of the call stays known.
    fn put(&mut self, key: ProcessKey, call: Option<&str>) {
        if let Some(known) = self.processes.get_mut(&key) {
            if call.is_some() && known.as_deref() != call {
                *known = call.map(str::to_owned);
            }
        } else if self.processes.len() < PROCESSES {
            self.processes.insert(key, call.map(str::to_owned));
        }
    }

    /// Takes in what older records tell.
    pub(super) fn go_back_to(&mut self, older: Trace) {
        for (key, call) in older.processes {
            let has_room = !self.is_whole && self.processes.len() < PROCESSES;
            match self.processes.get_mut(&key) {
                Some(known) => *known = known.take().or(call),
                None if has_room => drop(self.processes.insert(key, call)),
                None => {}
            }
        }
        for (id, call) in older.calls {
            self.calls.entry(id).or_insert(call);
        }
        self.is_whole |= older.is_whole;
    }

    /// Adds it to what is known of its session.
    pub(super) fn put_into(self, left: &mut Left) {
        let mut calls = self.calls;
        let mut news: Vec<_> = self.processes.into_iter().collect();
        // Parents first.
        news.sort_by_key(|(key, _)| (key.start, key.pid));
        for (key, call) in news {
            if !left.processes.contains(&key) {
                left.processes.push(key);
            }
            let call = call.and_then(|id| calls.get_mut(&id));
            if let Some(Some(call)) = call {
                call.running.push(key);
            }
        }
        left.calls = calls.into_values().flatten().map(|call| *call).collect();
        left.calls
            .sort_by(|a, b| (a.began, &a.tool_call.id).cmp(&(b.began, &b.tool_call.id)));
    }
}
