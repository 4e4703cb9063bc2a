//! Actions are gathered into tool calls.
//!
//! In: actions, redacted, in order, and the ends of processes and sessions that no event told. Out: the
//! same actions, each with the call it belongs to, and before and behind them the records of calls
//! that begin and end. What an agent's main program does itself belongs to none.
//!
//! The first process of a session passes for the main program until one that the catalogue knows
//! appears; from then on that one is, and what was around it is not.

mod call;
mod family;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};

use call::{Call, Kept};
use family::{Family, Role};

use crate::catalogue;
use crate::record::{
    Action, Agent, Body, CallExit, Change, Draft, Object, Process, Shared, ToolCall, ToolCallChange,
};

/// Processes that are kept of all sessions; what more do belongs to no call.
const PROCESSES: usize = 64 * 1024;
/// Processes of each session that have ended and whose calls are remembered.
const PAST: usize = 64;
/// How often running calls are looked at, ns.
const LOOK: u64 = 1_000_000_000;

/// An action on its way to the journal.
#[derive(Debug)]
pub struct Doing {
    /// When, boot clock, ns.
    pub time: u64,
    /// On whose account.
    pub agent: Shared<Agent>,
    /// Session key.
    pub session: u64,
    /// What.
    pub action: Action,
}

/// The calls of all sessions.
#[derive(Debug, Default)]
pub struct ToolCalls {
    sessions: HashMap<u64, Calls>,
    processes: usize,
    kept: Kept,
    looked: u64,
}

/// One session's.
#[derive(Debug)]
struct Calls {
    agent: Shared<Agent>,
    family: Family,
    /// By id, which is the uid of the first process.
    open: HashMap<String, Call>,
    /// The calls of processes that have ended: their connections may end after them.
    past: VecDeque<(String, Shared<ToolCall>)>,
    /// How many there were.
    count: u64,
}

impl ToolCalls {
    /// Takes the next action, and appends it and what it tells of calls. Says where in `out` it is.
    pub fn push(&mut self, mut doing: Doing, out: &mut Vec<Draft>) -> usize {
        let calls = self.sessions.entry(doing.session);
        let calls = calls.or_insert_with(|| Calls {
            agent: doing.agent.clone(),
            family: Family::default(),
            open: HashMap::new(),
            past: VecDeque::new(),
            count: 0,
        });
        let before = calls.family.len();
        if self.processes < PROCESSES && !is_from_outside(&doing.action) {
            calls.meet(&doing.action.process);
        }
        if let Some(begun) = calls.begin(&doing, &mut self.kept) {
            out.push(begun);
        }
        let ended = calls.belong(&mut doing, &mut self.kept);
        self.processes = (self.processes + calls.family.len()).saturating_sub(before);
        let place = out.len();
        out.push(Draft {
            time: doing.time,
            agent: Some(doing.agent),
            body: Body::Action(Box::new(doing.action)),
        });
        out.extend(ended);
        place
    }

    /// A process has ended, and no event told.
    pub fn gone(&mut self, session: u64, uid: &str, time: u64, out: &mut Vec<Draft>) {
        if let Some(calls) = self.sessions.get_mut(&session) {
            let before = calls.family.len();
            out.extend(calls.left(uid, None, time, &mut self.kept));
            self.processes = (self.processes + calls.family.len()).saturating_sub(before);
        }
    }

    /// A session ends, and with it what runs of its calls. Says how many it had.
    pub fn end_session(&mut self, session: u64, time: u64, out: &mut Vec<Draft>) -> u64 {
        let Some(calls) = self.sessions.remove(&session) else {
            return 0;
        };
        self.processes = self.processes.saturating_sub(calls.family.len());
        let mut open: Vec<_> = calls.open.into_values().collect();
        open.sort_by_key(Call::order);
        for call in open {
            self.kept.give_back(&call);
            out.push(note(time, &calls.agent, call.tell(Change::End, time)));
        }
        calls.count
    }

    /// Tells of calls that have been running for long.
    pub fn tick(&mut self, boot: u64, out: &mut Vec<Draft>) {
        if boot.saturating_sub(self.looked) < LOOK {
            return;
        }
        self.looked = boot;
        let mut due: Vec<_> = self
            .sessions
            .values_mut()
            .flat_map(|calls| {
                let agent = calls.agent.clone();
                let due = calls.open.values_mut().filter(|call| call.is_due(boot));
                due.map(move |call| (call.order(), note(boot, &agent, call.report(boot))))
            })
            .collect();
        due.sort_by_key(|(order, _)| order.clone());
        out.extend(due.into_iter().map(|(_, draft)| draft));
    }
}

impl Calls {
    /// Somebody acts who may not have been seen before.
    fn meet(&mut self, process: &Process) {
        let inside = self.family.meet(process);
        if let Some(call) = inside.and_then(|id| self.open.get_mut(&*id)) {
            call.grow();
        }
    }

    /// A program is started: by a child of the main program that has had none of its own, a call
    /// begins.
    fn begin(&mut self, doing: &Doing, kept: &mut Kept) -> Option<Draft> {
        let action = &doing.action;
        let Object::Exec {
            exe, args, script, ..
        } = &action.object
        else {
            return None;
        };
        let process = &action.process;
        let program = catalogue::program(exe, script.as_ref(), args);
        if !self.family.runs(&process.uid, program, args) {
            return None;
        }
        let class = self.family.class(args);
        let call = Call::new(args, class, process, doing.time, kept);
        self.count += 1;
        let began = call.tell(Change::Start, doing.time);
        self.open.insert(process.uid.clone(), call);
        Some(note(doing.time, &doing.agent, began))
    }

    /// Gives the action its call, and that what it did. Says where the call has ended with it.
    fn belong(&mut self, doing: &mut Doing, kept: &mut Kept) -> Option<Draft> {
        let action = &mut doing.action;
        let process = action.process.clone();
        let uid = &*process.uid;
        action.tool_call = match self.family.call_of(uid) {
            Some(id) => self.open.get_mut(&*id).map(|call| call.add(action)),
            None if is_of_socket(action) => self.passed(uid, action),
            None => None,
        };
        match &action.object {
            Object::Fork { child_uid, .. } => {
                let inside = self.family.born(uid, child_uid);
                if let Some(call) = inside.and_then(|id| self.open.get_mut(&*id)) {
                    call.grow();
                }
                None
            }
            Object::Exit { code, signal, .. } => {
                let exit = CallExit {
                    code: *code,
                    signal: signal.clone(),
                };
                self.left(uid, Some(exit), doing.time, kept)
            }
            _ => None,
        }
    }

    /// The call of a process that has ended; where it goes on, what a socket did belongs to it still.
    fn passed(&mut self, uid: &str, action: &Action) -> Option<Shared<ToolCall>> {
        let (_, past) = self.past.iter().rev().find(|(past, _)| past == uid)?;
        if let Some(call) = self.open.get_mut(&past.id) {
            call.add(action);
        }
        Some(past.clone())
    }

    /// A process has ended: with the last one its call ends.
    fn left(
        &mut self,
        uid: &str,
        exit: Option<CallExit>,
        time: u64,
        kept: &mut Kept,
    ) -> Option<Draft> {
        let Some(Role::Inside(id)) = self.family.forget(uid) else {
            return None;
        };
        let call = self.open.get_mut(&*id)?;
        if self.past.len() == PAST {
            self.past.pop_front();
        }
        self.past.push_back((uid.to_owned(), call.called()));
        if !call.shrink(uid, exit) {
            return None;
        }
        let call = self.open.remove(&*id)?;
        kept.give_back(&call);
        Some(note(time, &self.agent, call.tell(Change::End, time)))
    }
}

/// Whether it may be told of a process that is none of the session's: one that has ended, or one
/// that made the cgroup in which the session runs.
fn is_from_outside(action: &Action) -> bool {
    is_of_socket(action) || matches!(action.object, Object::Cgroup { .. })
}

/// Whether a socket did it, which may outlive the processes that used it.
fn is_of_socket(action: &Action) -> bool {
    matches!(
        action.object,
        Object::Flow(_) | Object::Dns(_) | Object::Tls(_) | Object::Http(_) | Object::Quic(_)
    )
}

fn note(time: u64, agent: &Shared<Agent>, change: ToolCallChange) -> Draft {
    Draft {
        time,
        agent: Some(agent.clone()),
        body: Body::ToolCall(Box::new(change)),
    }
}
