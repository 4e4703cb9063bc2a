//! Agents that were started in the calls of another: each is a session in the session.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::family::Family;
use super::run::Run;
use super::{Books, Doing};
use crate::catalogue::Program;
use crate::enrich::derived_id;
use crate::record::{
    Agent, Body, Change, Draft, Object, Process, SessionChange, SessionTotals, Shared, Text,
};

/// Agents in calls at a time; what more are started are part of the call.
const AGENTS: usize = 256;
/// Agents that have ended and are remembered: their connections may end after them.
const PAST: usize = 16;

/// The agents in the calls of a run, each by the uid of its first process.
#[derive(Debug, Default)]
pub(super) struct Agents {
    running: HashMap<Arc<str>, Nested>,
    past: VecDeque<(Arc<str>, Shared<Agent>)>,
}

/// One of them.
#[derive(Debug)]
struct Nested {
    /// Boxed: a run has agents too.
    run: Box<Run>,
    command: Vec<Text>,
    totals: SessionTotals,
    began: u64,
}

impl Agents {
    /// One begins with the program that `doing` starts. None: there are too many. The call around it
    /// is for the caller to add.
    pub(super) fn begin(
        &mut self,
        around: &Shared<Agent>,
        program: &'static Program,
        doing: &Doing,
        books: &mut Books,
    ) -> Option<(Shared<Agent>, SessionChange)> {
        let Object::Exec { args, .. } = &doing.action.object else {
            return None;
        };
        if books.agents >= AGENTS {
            return None;
        }
        books.agents += 1;
        books.processes += 1;
        let process = &doing.action.process;
        let agent = Shared::new(Agent {
            session: derived_id(around.session, &process.uid, doing.time, books.clock),
            parent: Some(around.session),
            program: Some(program.name.to_owned()),
            ..(**around).clone()
        });
        let family = Family::of_program(&process.uid, program);
        let nested = Nested {
            run: Box::new(Run::with(agent.clone(), family)),
            command: args.clone(),
            totals: SessionTotals::default(),
            began: doing.time,
        };
        let change = nested.tell(Change::Start, Some((**process).clone()), Vec::new());
        self.running.insert(process.uid.as_str().into(), nested);
        Some((agent, change))
    }

    /// One of its processes did something: from now on that is this agent's.
    pub(super) fn take(
        &mut self,
        agent: &Arc<str>,
        doing: &mut Doing,
        books: &mut Books,
        lists: (&mut Vec<Draft>, &mut Vec<Draft>),
    ) {
        if let Some(nested) = self.running.get_mut(agent) {
            doing.agent = nested.run.agent().clone();
            nested.run.take(doing, books, lists);
            // What an agent inside this one did is in that one's totals.
            if doing.agent.session == nested.run.agent().session {
                nested.totals.add(&doing.action);
            }
        } else if let Some((_, past)) = self.past.iter().rev().find(|(past, _)| past == agent) {
            doing.agent = past.clone();
            doing.action.tool_call = None;
        }
    }

    /// One of its processes has ended, and no event told.
    pub(super) fn left(
        &mut self,
        agent: &Arc<str>,
        uid: &str,
        time: u64,
        (books, ended): (&mut Books, &mut Vec<Draft>),
    ) {
        if let Some(nested) = self.running.get_mut(agent) {
            nested.run.left(uid, None, time, (books, ended));
        }
    }

    /// With its last process it ends.
    pub(super) fn end_if_over(
        &mut self,
        agent: &Arc<str>,
        time: u64,
        (books, ended): (&mut Books, &mut Vec<Draft>),
    ) {
        let running = self.running.get(agent);
        if running.is_some_and(|nested| nested.run.is_over())
            && let Some(nested) = self.running.remove(agent)
        {
            if self.past.len() == PAST {
                self.past.pop_front();
            }
            let past = (agent.clone(), nested.run.agent().clone());
            self.past.push_back(past);
            nested.end((time, true), books, ended);
        }
    }

    /// All end, in the order in which they began.
    pub(super) fn end_all(
        &mut self,
        (time, is_over): (u64, bool),
        books: &mut Books,
        out: &mut Vec<Draft>,
    ) {
        let mut all: Vec<_> = self.running.drain().collect();
        all.sort_by(|(one, a), (other, b)| (a.began, one).cmp(&(b.began, other)));
        for (_, nested) in all {
            nested.end((time, is_over), books, out);
        }
    }

    /// Opens that one of its processes made and that are not recorded.
    pub(super) fn count_opens(
        &mut self,
        agent: &Arc<str>,
        uid: &str,
        (class, count): (&str, u64),
    ) -> bool {
        let Some(nested) = self.running.get_mut(agent) else {
            return false;
        };
        if !nested.run.count_opens(uid, (class, count)) {
            nested.totals.add_opens(class, count);
        }
        true
    }

    /// Calls that are to be told of meanwhile.
    pub(super) fn due(&mut self, boot: u64, due: &mut Vec<((u64, String), Draft)>) {
        for nested in self.running.values_mut() {
            nested.run.due(boot, due);
        }
    }
}

impl Nested {
    fn end(mut self, (time, is_over): (u64, bool), books: &mut Books, out: &mut Vec<Draft>) {
        books.agents = books.agents.saturating_sub(1);
        let agent = self.run.agent().clone();
        let still_running = self.run.members();
        let run = std::mem::replace(&mut self.run, Box::new(Run::new(agent.clone())));
        self.totals.tool_calls = run.end((time, is_over), books, out);
        out.push(Draft {
            time,
            agent: Some(agent),
            body: Body::Session(Box::new(self.tell(Change::End, None, still_running))),
        });
    }

    fn tell(
        &self,
        change: Change,
        process: Option<Process>,
        still_running: Vec<String>,
    ) -> SessionChange {
        SessionChange {
            change,
            command: self.command.clone(),
            process,
            cgroup: None,
            bound: None,
            tool_call: None,
            totals: self.totals.clone(),
            totals_since: None,
            still_running,
            why: None,
            unseen: None,
        }
    }
}
