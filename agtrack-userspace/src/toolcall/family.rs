//! Which process of a session is what: the main program, a child of it, or part of a call.

use std::collections::HashMap;
use std::sync::Arc;

use crate::catalogue::{self, Program};
use crate::record::{CallClass, Process, Text};

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
    /// It was there before the main program, or around it.
    Around,
    /// It is part of the call with this id.
    Inside(Arc<str>),
}

/// The processes of a session that are alive.
#[derive(Debug, Default)]
pub(super) struct Family {
    members: HashMap<String, Role>,
    /// The main program, where the catalogue knows it.
    program: Option<&'static Program>,
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

    /// Whether a call begins with the program that this process has started.
    pub(super) fn runs(
        &mut self,
        uid: &str,
        program: Option<&'static Program>,
        args: &[Text],
    ) -> bool {
        match (self.members.get(uid), program) {
            (None | Some(Role::Inside(_)), _) => false,
            (Some(role), Some(program)) if self.is_main(program) => {
                let again = matches!(role, Role::Child | Role::Helper) && self.program.is_some();
                match again {
                    true => _ = self.members.insert(uid.to_owned(), Role::Helper),
                    false => self.settle(uid, program),
                }
                false
            }
            (Some(Role::Child), _)
                if self.program.is_none() && catalogue::starts_an_agent(args) =>
            {
                // It passes for the main program until that appears.
                self.members.insert(uid.to_owned(), Role::Main);
                false
            }
            (Some(Role::Child | Role::Helper), _) if self.wraps(args) => false,
            (Some(Role::Child | Role::Helper), _) => {
                let call = Role::Inside(uid.into());
                self.members.insert(uid.to_owned(), call);
                true
            }
            (Some(Role::Main | Role::Around), _) => false,
        }
    }

    /// Whether this program is the session's main one.
    fn is_main(&self, program: &'static Program) -> bool {
        self.program.is_none_or(|main| std::ptr::eq(main, program))
    }

    /// Whether what is started only starts the command that was meant, in its own place.
    fn wraps(&self, args: &[Text]) -> bool {
        self.program.is_some_and(|program| program.wraps(args))
    }

    /// The main program is known from now on; what passed for it was around it only.
    fn settle(&mut self, uid: &str, program: &'static Program) {
        if self.program.is_none() {
            self.program = Some(program);
            for role in self.members.values_mut() {
                if matches!(role, Role::Main | Role::Child | Role::Helper) {
                    *role = Role::Around;
                }
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

    pub(super) fn forget(&mut self, uid: &str) -> Option<Role> {
        self.members.remove(uid)
    }

    pub(super) fn call_of(&self, uid: &str) -> Option<Arc<str>> {
        inside(self.members.get(uid)?)
    }

    /// What the main program is known to start for itself is told as that.
    pub(super) fn class(&self, args: &[Text]) -> CallClass {
        match self.program {
            Some(program) if program.keeps_house(args) => CallClass::Housekeeping,
            Some(_) | None => CallClass::Tool,
        }
    }

    /// One that comes from outside, when the main program is known, is not it unless it proves to be.
    fn first(&self) -> Role {
        match self.program {
            None => Role::Main,
            Some(_) => Role::Around,
        }
    }
}

fn child_of(above: &Role) -> Role {
    match above {
        Role::Main | Role::Helper => Role::Child,
        other => other.clone(),
    }
}

fn inside(role: &Role) -> Option<Arc<str>> {
    match role {
        Role::Inside(id) => Some(id.clone()),
        Role::Main | Role::Child | Role::Helper | Role::Around => None,
    }
}
