//! Which process of a session is what: the main program, a child of it, or part of a call.

use std::sync::Arc;

use foldhash::HashMap;

use super::mains::Mains;
use crate::catalogue::{self, Program};
use crate::record::{CallClass, Process, Text};

/// Words of a command that are looked at for a main program.
const LOOKED_AT: usize = 8;

/// What a process is to its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It runs the main program, or passes for it.
    Main,
    /// The main program forked it, and it has started no program of its own yet, or only one that
    /// the main program puts in front of what it starts.
    Child,
    /// The main program started itself again in it, as many do to make the place ready for a command.
    Helper,
    /// It was there before the main program, or around it: this is what it is again when that has ended.
    Around(Box<Role>),
    /// It is part of a call.
    Inside(Inside),
}

/// Where in a call a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inside {
    /// The call's id.
    pub(super) call: Arc<str>,
    /// The agent that was started in the call and that it belongs to, by its first process.
    pub(super) agent: Option<Arc<str>>,
}

/// What begins with a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// Nothing.
    Nothing,
    /// A call.
    Call,
    /// An agent inside a call that runs.
    Agent(&'static Program),
    /// Both: the call is that agent.
    AgentCall(&'static Program),
}

/// The processes of a session that are alive.
#[derive(Debug, Default)]
pub(super) struct Family {
    members: HashMap<String, Role>,
    /// The main program has appeared, and runs.
    is_known: bool,
    /// It, where the catalogue knows it.
    program: Option<&'static Program>,
    /// What it may be.
    mains: Mains,
}

/// A program that a process has started, or runs.
pub(super) struct Started<'a> {
    pub(super) program: Option<&'static Program>,
    /// The executable, and what may be the script that it interprets.
    pub(super) paths: &'a [&'a Text],
    pub(super) args: &'a [Text],
}

impl Family {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Somebody acts. One that no fork told of belongs where the nearest of its parents does that is
    /// known; one without is where the session begins. Says which call has one process more by it.
    pub(super) fn meet(&mut self, process: &Process) -> Option<Arc<str>> {
        if self.members.contains_key(&process.uid) {
            return None;
        }
        let above = process
            .ancestry
            .iter()
            .find_map(|parent| self.members.get(&parent.uid));
        let role = match above {
            Some(above) => child_of(above),
            None => self.first(),
        };
        let inside = inside(&role);
        self.members.insert(process.uid.clone(), role);
        inside
    }

    /// A process that runs this program was there before it was tagged. Where it is in a call by now,
    /// or another program is the main one, that changes nothing.
    pub(super) fn found(&mut self, process: &Process, runs: &Started<'_>) {
        let is_inside = self.place_of(&process.uid).is_some();
        if !is_inside && self.is_main(runs) {
            self.settle(&process.uid, runs.program);
        }
    }

    /// What begins with the program that this process has started.
    pub(super) fn runs(&mut self, uid: &str, started: &Started<'_>) -> Begins {
        let (program, args) = (started.program, started.args);
        let is_main = self.is_main(started);
        let (is_known, wraps) = (self.is_known, self.wraps(args));
        let starts_main = self.starts_main(started);
        let Some(role) = self.members.get_mut(uid) else {
            return Begins::Nothing;
        };
        match (role, program) {
            // What an agent in a call starts is for that one to say.
            (Role::Inside(Inside { agent: Some(_), .. }), _) => Begins::Nothing,
            (Role::Inside(inside), Some(program)) => {
                inside.agent = Some(uid.into());
                Begins::Agent(program)
            }
            (Role::Inside(_), None) => Begins::Nothing,
            (role @ (Role::Child | Role::Helper), _) if is_main && is_known => {
                *role = Role::Helper;
                Begins::Nothing
            }
            (Role::Main | Role::Child | Role::Helper | Role::Around(_), _) if is_main => {
                self.settle(uid, program);
                Begins::Nothing
            }
            (role @ Role::Child, _) if !is_known && starts_main => {
                // It passes for the main program until that appears.
                *role = Role::Main;
                Begins::Nothing
            }
            (Role::Child | Role::Helper, _) if wraps => Begins::Nothing,
            (role @ (Role::Child | Role::Helper), program) => {
                *role = Role::Inside(Inside {
                    call: uid.into(),
                    agent: program.map(|_| uid.into()),
                });
                program.map_or(Begins::Call, Begins::AgentCall)
            }
            (Role::Main | Role::Around(_), _) => Begins::Nothing,
        }
    }

    /// Nobody is told of as an agent of its own by this process after all.
    pub(super) fn no_agent(&mut self, uid: &str) {
        if let Some(Role::Inside(inside)) = self.members.get_mut(uid) {
            inside.agent = None;
        }
    }

    /// Whether this program is the session's main one, or one of them.
    fn is_main(&self, started: &Started<'_>) -> bool {
        if self.mains.are_named() {
            let paths = started.paths.iter().copied();
            return self.mains.name(paths, started.program);
        }
        let is_it = |program: &Program| self.program.is_none_or(|main| std::ptr::eq(main, program));
        started.program.is_some_and(is_it)
    }

    /// Whether a command does nothing but start the main program, as far as its words tell.
    fn starts_main(&self, started: &Started<'_>) -> bool {
        if !self.mains.are_named() {
            return catalogue::starts_an_agent(started.args);
        }
        // Another agent program is one that was started.
        if started.program.is_some() {
            return false;
        }
        let mut words = started.args.iter();
        let starts = words
            .next()
            .is_some_and(|first| catalogue::starts_others(&first.0));
        let named = || self.mains.name(words.take(LOOKED_AT), None);
        catalogue::starts_an_agent(started.args) || starts && named()
    }

    /// Whether what is started only starts the command that was meant, in its own place.
    fn wraps(&self, args: &[Text]) -> bool {
        self.program.is_some_and(|program| program.wraps(args))
    }

    /// The main program is known as long as it runs; what passed for it is around it only.
    fn settle(&mut self, uid: &str, program: Option<&'static Program>) {
        if !std::mem::replace(&mut self.is_known, true) {
            self.program = program;
            return self.pass(uid);
        }
        self.members.insert(uid.to_owned(), Role::Main);
    }

    /// It passes for the main program from now on, in place of what did.
    pub(super) fn pass(&mut self, uid: &str) {
        for role in self.members.values_mut() {
            if matches!(role, Role::Main | Role::Child | Role::Helper) {
                *role = Role::Around(Box::new(role.clone()));
            }
        }
        self.members.insert(uid.to_owned(), Role::Main);
    }

    /// A process was forked: the call that it is born into, if any.
    pub(super) fn born(&mut self, parent: &str, child: &str) -> Option<Arc<str>> {
        let role = child_of(self.members.get(parent)?);
        let inside = inside(&role);
        self.members.insert(child.to_owned(), role);
        inside
    }

    /// It has ended. With the last process that runs the main program that has.
    pub(super) fn forget(&mut self, uid: &str) -> Option<Role> {
        let role = self.members.remove(uid)?;
        let runs_it = |role: &Role| matches!(role, Role::Main | Role::Helper);
        if self.is_known && runs_it(&role) && !self.members.values().any(runs_it) {
            self.hand_back();
        }
        Some(role)
    }

    /// Everybody is again what the main program that has ended took over from.
    fn hand_back(&mut self) {
        self.is_known = false;
        self.program = None;
        for role in self.members.values_mut() {
            if let Role::Around(before) = role {
                *role = (**before).clone();
            }
        }
    }

    /// Where in a call a process is, if it is in one.
    pub(super) fn place_of(&self, uid: &str) -> Option<Inside> {
        match self.members.get(uid)? {
            Role::Inside(inside) => Some(inside.clone()),
            Role::Main | Role::Child | Role::Helper | Role::Around(_) => None,
        }
    }

    /// A process is part of a call that a recorder before has seen begin.
    pub(super) fn put_inside(&mut self, uid: &str, call: &str) {
        let inside = Inside {
            call: call.into(),
            agent: None,
        };
        self.members.insert(uid.to_owned(), Role::Inside(inside));
    }

    /// Uids of a call's processes, in order.
    pub(super) fn inside(&self, call: &str) -> Vec<String> {
        let is_inside = |role: &Role| matches!(role, Role::Inside(inside) if &*inside.call == call);
        let members = self.members.iter();
        let mut uids: Vec<_> = members
            .filter(|(_, role)| is_inside(role))
            .map(|(uid, _)| uid.clone())
            .collect();
        uids.sort();
        uids
    }

    /// Uids of all, in order.
    pub(super) fn members(&self) -> Vec<String> {
        let mut uids: Vec<_> = self.members.keys().cloned().collect();
        uids.sort();
        uids
    }

    /// It begins with this process, which runs the main program.
    pub(super) fn of_program(uid: &str, program: &'static Program) -> Family {
        Family {
            members: HashMap::from_iter([(uid.to_owned(), Role::Main)]),
            is_known: true,
            program: Some(program),
            mains: Mains::default(),
        }
    }

    /// The main program will be one of these.
    pub(super) fn of_mains(mains: Mains) -> Family {
        Family {
            mains,
            ..Family::default()
        }
    }

    /// What the main program is known to start for itself is told as that.
    pub(super) fn class(&self, args: &[Text]) -> CallClass {
        match self.program {
            Some(program) if program.keeps_house(args) => CallClass::Housekeeping,
            Some(_) | None => CallClass::Tool,
        }
    }

    /// One that comes from outside, while the main program is known, is not it unless it proves to be.
    fn first(&self) -> Role {
        match self.is_known {
            false => Role::Main,
            true => Role::Around(Box::new(Role::Main)),
        }
    }
}

fn child_of(above: &Role) -> Role {
    match above {
        Role::Main | Role::Helper => Role::Child,
        Role::Around(before) => Role::Around(Box::new(child_of(before))),
        Role::Child | Role::Inside(_) => above.clone(),
    }
}

fn inside(role: &Role) -> Option<Arc<str>> {
    match role {
        Role::Inside(inside) => Some(inside.call.clone()),
        Role::Main | Role::Child | Role::Helper | Role::Around(_) => None,
    }
}
