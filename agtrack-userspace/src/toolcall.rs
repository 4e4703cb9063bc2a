//! Actions are gathered into tool calls.
//!
//! In: actions, redacted, in order, and the ends of processes and sessions that no event told. Out: the
//! same actions, each with the call it belongs to, and before and behind them the records of calls
//! that begin and end. What an agent's main program does itself belongs to none.
//!
//! The first process of a session passes for the main program until one that the catalogue knows
//! appears, or that the agent's configuration names where it names any; as long as that runs it is, and
//! what is around it is not. A well-known program that is
//! started inside a call is an agent of its own: a session in the session, with calls of its own.

mod call;
mod family;
mod mains;
mod nested;
mod run;
#[cfg(test)]
mod tests;

use call::Kept;
use foldhash::HashMap;
use mains::Mains;
use run::Run;

use crate::input::{Clock, LeftCall};
use crate::record::{Action, Agent, Body, Draft, Object, Process, Shared, WhyOver};

/// Processes that are kept of all sessions; what more do belongs to no call.
const PROCESSES: usize = 64 * 1024;
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
    sessions: HashMap<u64, Run>,
    books: Books,
    looked: u64,
}

/// What all sessions share.
#[derive(Debug, Default)]
struct Books {
    /// Processes that are kept.
    processes: usize,
    /// Agents in calls that run.
    agents: usize,
    kept: Kept,
    clock: Clock,
}

impl ToolCalls {
    /// The latest reading of both clocks: ids of sessions are made of the time.
    pub fn clock(&mut self, clock: Clock) {
        self.books.clock = clock;
    }

    /// A session begins whose main programs are named (catalogue, file or path).
    pub fn begin_session(&mut self, session: u64, agent: &Shared<Agent>, programs: &[String]) {
        if !programs.is_empty() {
            let run = Run::of_mains(agent.clone(), Mains::new(programs));
            self.sessions.insert(session, run);
        }
    }

    /// Takes the next action, and appends it and what it tells of calls. Says where in `out` it is:
    /// its agent there may be one that was started in a call, whose session counts it by itself.
    pub fn push(&mut self, mut doing: Doing, out: &mut Vec<Draft>) -> usize {
        let mut ended = Vec::new();
        if let Some(run) = run(&mut self.sessions, &doing) {
            run.take(&mut doing, &mut self.books, (out, &mut ended));
        }
        let place = out.len();
        out.push(Draft {
            time: doing.time,
            agent: Some(doing.agent),
            body: Body::Action(Box::new(doing.action)),
        });
        out.extend(ended);
        place
    }

    /// How many calls a session has had since it was tagged.
    pub fn calls(&self, session: u64) -> u64 {
        self.sessions.get(&session).map_or(0, Run::calls)
    }

    /// A process ran already when it was tagged: the main program may be told by that.
    pub fn found(&mut self, session: u64, agent: &Shared<Agent>, process: &Process) {
        let run = self.sessions.entry(session);
        let run = run.or_insert_with(|| Run::new(agent.clone()));
        run.found(process, &mut self.books);
    }

    /// Opens of a class that are not recorded. False: no agent in a call made them.
    pub fn count_opens(&mut self, session: u64, uid: &str, (class, count): (&str, u64)) -> bool {
        let run = self.sessions.get_mut(&session);
        run.is_some_and(|run| run.count_opens(uid, (class, count)))
    }

    /// A process has ended, and no event told.
    pub fn gone(&mut self, session: u64, uid: &str, time: u64, out: &mut Vec<Draft>) {
        if let Some(run) = self.sessions.get_mut(&session) {
            run.left(uid, None, time, (&mut self.books, out));
        }
    }

    /// A session of a recorder before goes on, and with it those of its calls that were left without
    /// an end and of which a process is known again. The others are over.
    pub fn resume(
        &mut self,
        session: u64,
        agent: &Shared<Agent>,
        calls: Vec<LeftCall>,
        (boot_id, time): (&str, u64),
        out: &mut Vec<Draft>,
    ) {
        for left in calls {
            if left.running.is_empty() {
                let over = call::over(left, WhyOver::ProcessesGone);
                out.push(run::note(time, agent, over));
                continue;
            }
            let run = self.sessions.entry(session);
            let run = run.or_insert_with(|| Run::new(agent.clone()));
            run.resume(left, (boot_id, time), &mut self.books, out);
        }
    }

    /// Calls of a session that cannot go on.
    pub fn over(
        calls: Vec<LeftCall>,
        agent: &Shared<Agent>,
        (why, time): (WhyOver, u64),
        out: &mut Vec<Draft>,
    ) {
        let over = |left| run::note(time, agent, call::over(left, why));
        out.extend(calls.into_iter().map(over));
    }

    /// A session ends or stops being recorded, and with it its calls. `is_over`: none of its processes
    /// runs, otherwise calls of which one does only stop being recorded. Says how many calls it had.
    pub fn end_session(
        &mut self,
        session: u64,
        (time, is_over): (u64, bool),
        out: &mut Vec<Draft>,
    ) -> u64 {
        match self.sessions.remove(&session) {
            Some(run) => run.end((time, is_over), &mut self.books, out),
            None => 0,
        }
    }

    /// Tells of calls that have been running for long.
    pub fn tick(&mut self, boot: u64, out: &mut Vec<Draft>) {
        if boot.saturating_sub(self.looked) < LOOK {
            return;
        }
        self.looked = boot;
        let mut due = Vec::new();
        for run in self.sessions.values_mut() {
            run.due(boot, &mut due);
        }
        due.sort_by_key(|(order, _)| order.clone());
        out.extend(due.into_iter().map(|(_, draft)| draft));
    }
}

/// The run that an action is part of. A connection may end after its session, which is over then: it
/// does not begin again.
fn run<'a>(sessions: &'a mut HashMap<u64, Run>, doing: &Doing) -> Option<&'a mut Run> {
    if is_of_socket(&doing.action) {
        return sessions.get_mut(&doing.session);
    }
    let run = sessions.entry(doing.session);
    Some(run.or_insert_with(|| Run::new(doing.agent.clone())))
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
