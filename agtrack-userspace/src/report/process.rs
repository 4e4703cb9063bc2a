//! Processes of a session, from their forks, execs and exits.

use std::collections::HashMap;

use super::bounds::{CALLS, COMMAND, PROCESSES};
use super::model::{Capped, ProcessDone};
use crate::record::{Action, CallExit, Object, OutcomeResult, Process, Text};

/// Processes by their uids.
#[derive(Debug, Default)]
pub(super) struct Processes {
    places: HashMap<String, usize>,
    processes: Capped<ProcessDone>,
}

impl Processes {
    /// Takes the next action; `at` is ns since the session began.
    pub(super) fn add(&mut self, action: &Action, at: u64, call: Option<u64>) {
        self.see(&action.process, at, call);
        let failed = action.outcome.result == OutcomeResult::Failure;
        match &action.object {
            Object::Fork {
                child_uid,
                child_pid,
                ..
            } if !failed => self.forked(&action.process, (child_uid, *child_pid), at, call),
            Object::Exec {
                exe, args, brought, ..
            } if !failed => {
                if let Some(process) = self.find(&action.process.uid) {
                    let before = process.exe.replace(exe.clone());
                    // What it runs from its fork on is its parent's program, not its own.
                    if let Some(before) = before.filter(|_| process.has_run)
                        && process.before.len() < CALLS
                    {
                        process.before.push(before);
                    }
                    process.has_run = true;
                    process.args = first(args);
                    process.marks = brought.marks();
                    // What is a call is known at its exec, after the fork.
                    process.call = call.or(process.call);
                }
            }
            Object::Exit { code, signal, .. } => {
                if let Some(process) = self.find(&action.process.uid) {
                    process.duration = Some(at.saturating_sub(process.at));
                    process.exit = Some(CallExit {
                        code: *code,
                        signal: signal.clone(),
                    });
                }
            }
            _ => {}
        }
    }

    /// A process that is there, whatever it does.
    pub(super) fn see(&mut self, process: &Process, at: u64, call: Option<u64>) {
        self.at(&process.uid, || ProcessDone {
            uid: process.uid.clone(),
            pid: process.pid,
            parent_uid: process.parent_uid.clone(),
            exe: process.exe.clone(),
            args: first(&process.args),
            at,
            call,
            ..ProcessDone::default()
        });
    }

    /// A child, which runs what its parent runs until its exec.
    fn forked(&mut self, parent: &Process, child: (&String, u32), at: u64, call: Option<u64>) {
        self.at(child.0, || ProcessDone {
            uid: child.0.clone(),
            pid: child.1,
            parent_uid: Some(parent.uid.clone()),
            exe: parent.exe.clone(),
            args: first(&parent.args),
            at,
            call,
            ..ProcessDone::default()
        });
    }

    fn at(&mut self, uid: &str, new: impl FnOnce() -> ProcessDone) {
        if self.places.contains_key(uid) {
            return;
        }
        if self.processes.items.len() < PROCESSES {
            self.places
                .insert(uid.to_owned(), self.processes.items.len());
            self.processes.items.push(new());
        } else {
            self.processes.more += 1;
        }
    }

    fn find(&mut self, uid: &str) -> Option<&mut ProcessDone> {
        self.processes.items.get_mut(*self.places.get(uid)?)
    }

    pub(super) fn finish(self) -> Capped<ProcessDone> {
        self.processes
    }
}

/// As many arguments as a line can hold.
pub(super) fn first(args: &[Text]) -> Vec<Text> {
    let mut left = COMMAND;
    let mut kept = Vec::new();
    for arg in args {
        let Some(rest) = left.checked_sub(arg.0.len()) else {
            let mut cut = arg.0.get(..left).unwrap_or_default().to_vec();
            cut.extend_from_slice("…".as_bytes());
            kept.push(Text(cut));
            break;
        };
        left = rest;
        kept.push(arg.clone());
    }
    kept
}
