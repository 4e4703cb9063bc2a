//! One run of a main program: its processes, its calls, and the agents that were started in them.
//!
//! An agent in a call is a run of its own. Its processes belong to the call around it too, so both
//! runs take in what they do: the call around counts it, the agent's own tells of it.

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::HashMap;

use super::call::Call;
use super::family::{Begins, Family, Inside, Role, Started};
use super::mains::Mains;
use super::nested::Agents;
use super::{Books, Doing, PROCESSES, is_from_outside, is_of_socket};
use crate::catalogue;
use crate::input::LeftCall;
use crate::record::{
    Action, Agent, Binding, Body, CallExit, Change, Draft, Object, Process, Shared, ToolCall,
    ToolCallChange,
};

/// Processes that have ended and whose calls are remembered.
const PAST: usize = 64;
/// Arguments of an interpreter among which the script is.
const SCRIPT_AMONG: usize = 2;

/// One run.
#[derive(Debug)]
pub(super) struct Run {
    agent: Shared<Agent>,
    family: Family,
    /// By id, which is the uid of the first process.
    open: HashMap<String, Call>,
    /// The calls of processes that have ended: their connections may end after them.
    past: VecDeque<(String, Past)>,
    agents: Agents,
    /// How many calls there were.
    count: u64,
    /// It is a container's, which has started no program yet: that is the main one, and whoever was in it
    /// before made it.
    awaits_first: bool,
}

/// Where a process was that has ended.
#[derive(Debug)]
struct Past {
    call: Shared<ToolCall>,
    agent: Option<Arc<str>>,
}

impl Run {
    /// Nobody is known yet.
    pub(super) fn new(agent: Shared<Agent>) -> Run {
        let awaits_first = agent.binding == Binding::Container;
        Run {
            awaits_first,
            ..Run::with(agent, Family::default())
        }
    }

    /// Its main program will be one of those that are named.
    pub(super) fn of_mains(agent: Shared<Agent>, mains: Mains) -> Run {
        Run {
            family: Family::of_mains(mains),
            ..Run::new(agent)
        }
    }

    pub(super) fn with(agent: Shared<Agent>, family: Family) -> Run {
        Run {
            agent,
            family,
            open: HashMap::default(),
            past: VecDeque::new(),
            agents: Agents::default(),
            count: 0,
            awaits_first: false,
        }
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.count
    }

    /// On whose account it runs.
    pub(super) fn agent(&self) -> &Shared<Agent> {
        &self.agent
    }

    /// Its processes that are alive.
    pub(super) fn members(&self) -> Vec<String> {
        self.family.members()
    }

    /// Whether its last process has ended.
    pub(super) fn is_over(&self) -> bool {
        self.family.len() == 0
    }

    /// Gives an action its call and its agent, and the call that action. What begins with it goes to
    /// the first list, what ends with it to the second.
    pub(super) fn take(
        &mut self,
        doing: &mut Doing,
        books: &mut Books,
        (begun, ended): (&mut Vec<Draft>, &mut Vec<Draft>),
    ) {
        let before = self.family.len();
        if books.processes < PROCESSES && !is_from_outside(&doing.action) {
            self.meet(&doing.action.process);
        }
        self.begin(doing, books, begun);
        let process = doing.action.process.clone();
        let inside = self.belong(doing);
        books.processes = (books.processes + self.family.len()).saturating_sub(before);
        if let Some(agent) = inside.and_then(|inside| inside.agent) {
            self.agents.take(&agent, doing, books, (begun, ended));
        }
        if let Object::Exit { code, signal, .. } = &doing.action.object {
            let exit = CallExit {
                code: *code,
                signal: signal.clone(),
            };
            // An agent in the call has heard of it already.
            self.lose(&process.uid, Some(exit), doing.time, (books, ended));
        }
    }

    /// Somebody runs who did before: the first that the catalogue knows is the main program, or runs
    /// it too.
    pub(super) fn found(&mut self, process: &Process, books: &mut Books) {
        self.awaits_first = false;
        let Some(exe) = process.exe.as_ref().filter(|_| books.processes < PROCESSES) else {
            return;
        };
        // The kernel has not told which of an interpreter's first arguments is the script.
        let words = process.args.iter().skip(1).take(SCRIPT_AMONG);
        let paths: Vec<_> = std::iter::once(exe).chain(words).collect();
        let runs = Started {
            program: catalogue::program(exe, None, &process.args),
            paths: &paths,
            args: &process.args,
        };
        let before = self.family.len();
        self.family.found(process, &runs);
        books.processes = (books.processes + self.family.len()).saturating_sub(before);
    }

    /// Somebody acts who may not have been seen before.
    fn meet(&mut self, process: &Process) {
        let inside = self.family.meet(process);
        if let Some(call) = inside.and_then(|id| self.open.get_mut(&*id)) {
            call.grow();
        }
    }

    /// A program is started: by a child of the main program that has had none of its own, a call
    /// begins; where it is an agent's, the session of that.
    fn begin(&mut self, doing: &Doing, books: &mut Books, begun: &mut Vec<Draft>) {
        let action = &doing.action;
        let Object::Exec {
            exe, args, script, ..
        } = &action.object
        else {
            return;
        };
        let process = &action.process;
        let program = catalogue::program(exe, script.as_ref(), args);
        let paths: Vec<_> = script.iter().chain([exe]).collect();
        let started = Started {
            program,
            paths: &paths,
            args,
        };
        if self.awaits_first && !catalogue::makes_a_container(args) {
            self.awaits_first = false;
            self.family.pass(&process.uid);
        }
        let begins = self.family.runs(&process.uid, &started);
        if let Begins::Call | Begins::AgentCall(_) = begins {
            let class = self.family.class(args);
            let call = Call::new(args, class, process, doing.time, &mut books.kept);
            self.count += 1;
            begun.push(self.note(doing.time, call.tell(Change::Start, doing.time)));
            self.open.insert(process.uid.clone(), call);
        }
        let (Begins::Agent(program) | Begins::AgentCall(program)) = begins else {
            return;
        };
        let inside = self.family.place_of(&process.uid);
        let call = inside.and_then(|inside| self.open.get_mut(&*inside.call));
        let started = self.agents.begin(&self.agent, program, doing, books);
        match (call, started) {
            (Some(call), Some((session, mut change))) => {
                call.start_agent(session.session);
                change.tool_call = Some(call.called());
                begun.push(Draft {
                    time: doing.time,
                    agent: Some(session),
                    body: Body::Session(Box::new(change)),
                });
            }
            _ => self.family.no_agent(&process.uid),
        }
    }

    /// Gives the action its call, and that what it did.
    fn belong(&mut self, doing: &mut Doing) -> Option<Inside> {
        let action = &mut doing.action;
        let process = action.process.clone();
        let uid = &*process.uid;
        let inside = self.family.place_of(uid);
        action.tool_call = match &inside {
            Some(inside) => self
                .open
                .get_mut(&*inside.call)
                .map(|call| call.add(action)),
            None => None,
        };
        if let Object::Fork { child_uid, .. } = &action.object {
            let inside = self.family.born(uid, child_uid);
            if let Some(call) = inside.and_then(|id| self.open.get_mut(&*id)) {
                call.grow();
            }
        }
        if inside.is_none() && is_of_socket(action) {
            return self.passed(uid, action);
        }
        inside
    }

    /// The call of a process that has ended; where it goes on, what a socket did belongs to it still.
    fn passed(&mut self, uid: &str, action: &mut Action) -> Option<Inside> {
        let (_, past) = self.past.iter().rev().find(|(past, _)| past == uid)?;
        if let Some(call) = self.open.get_mut(&past.call.id) {
            call.add(action);
        }
        action.tool_call = Some(past.call.clone());
        Some(Inside {
            call: past.call.id.as_str().into(),
            agent: past.agent.clone(),
        })
    }

    /// A process has ended: with the last one its call ends, and the agent that was started in it.
    pub(super) fn left(
        &mut self,
        uid: &str,
        exit: Option<CallExit>,
        time: u64,
        (books, ended): (&mut Books, &mut Vec<Draft>),
    ) {
        let inside = self.family.place_of(uid);
        if let Some(agent) = inside.and_then(|inside| inside.agent) {
            self.agents.left(&agent, uid, time, (books, ended));
        }
        self.lose(uid, exit, time, (books, ended));
    }

    /// The same, where an agent in the call knows.
    fn lose(
        &mut self,
        uid: &str,
        exit: Option<CallExit>,
        time: u64,
        (books, ended): (&mut Books, &mut Vec<Draft>),
    ) {
        let Some(role) = self.family.forget(uid) else {
            return;
        };
        books.processes = books.processes.saturating_sub(1);
        let Role::Inside(inside) = role else {
            return;
        };
        if let Some(agent) = &inside.agent {
            self.agents.end_if_over(agent, time, (books, ended));
        }
        let Some(call) = self.open.get_mut(&*inside.call) else {
            return;
        };
        if self.past.len() == PAST {
            self.past.pop_front();
        }
        let past = Past {
            call: call.called(),
            agent: inside.agent,
        };
        self.past.push_back((uid.to_owned(), past));
        if call.shrink(uid, exit)
            && let Some(call) = self.open.remove(&*inside.call)
        {
            books.kept.give_back(&call);
            ended.push(self.note(time, call.tell(Change::End, time)));
        }
    }

    /// Opens that are not recorded, if they are those of an agent in a call.
    pub(super) fn count_opens(&mut self, uid: &str, counted: (&str, u64)) -> bool {
        let inside = self.family.place_of(uid);
        let agent = inside.and_then(|inside| inside.agent);
        agent.is_some_and(|agent| self.agents.count_opens(&agent, uid, counted))
    }

    /// A call of a recorder before is recorded again, with those of its processes that are known.
    pub(super) fn resume(
        &mut self,
        left: LeftCall,
        (boot_id, time): (&str, u64),
        books: &mut Books,
        out: &mut Vec<Draft>,
    ) {
        let running: Vec<_> = left.running.iter().map(|key| key.uid(boot_id)).collect();
        let call = Call::resumed(left, time, &mut books.kept);
        let id = call.called().id.clone();
        for uid in &running {
            self.family.put_inside(uid, &id);
        }
        books.processes += running.len();
        let mut told = call.tell(Change::Resume, time);
        told.still_running = running;
        out.push(self.note(time, told));
        self.open.insert(id, call);
    }

    /// It ends, or stops being recorded, and with it all that runs in it. Says how many calls it had.
    pub(super) fn end(
        mut self,
        (time, is_over): (u64, bool),
        books: &mut Books,
        out: &mut Vec<Draft>,
    ) -> u64 {
        self.agents.end_all((time, is_over), books, out);
        books.processes = books.processes.saturating_sub(self.family.len());
        let mut open: Vec<_> = std::mem::take(&mut self.open).into_values().collect();
        open.sort_by_key(Call::order);
        for call in open {
            books.kept.give_back(&call);
            let running = match is_over {
                true => Vec::new(),
                false => self.family.inside(&call.called().id),
            };
            let what = match running.is_empty() {
                true => Change::End,
                false => Change::Suspend,
            };
            let mut told = call.tell(what, time);
            told.still_running = running;
            out.push(self.note(time, told));
        }
        self.count
    }

    /// Calls that are to be told of meanwhile, with their place in the order.
    pub(super) fn due(&mut self, boot: u64, due: &mut Vec<((u64, String), Draft)>) {
        self.agents.due(boot, due);
        for call in self.open.values_mut().filter(|call| call.is_due(boot)) {
            due.push((call.order(), note(boot, &self.agent, call.report(boot))));
        }
    }

    fn note(&self, time: u64, change: ToolCallChange) -> Draft {
        note(time, &self.agent, change)
    }
}

pub(super) fn note(time: u64, agent: &Shared<Agent>, change: ToolCallChange) -> Draft {
    Draft {
        time,
        agent: Some(agent.clone()),
        body: Body::ToolCall(Box::new(change)),
    }
}
