//! The one place where secrets are taken out, before anything is written.

use std::collections::HashMap;
use std::sync::Arc;

use crate::record::{
    Action, Address, Object, Process, SessionChange, Shared, Tamper, Text, UringRequest,
};
use crate::redact::Redactor;

/// Processes whose redacted form is kept.
const MOST: usize = 8192;

/// Redacts drafts.
#[derive(Debug)]
pub(super) struct RedactStage {
    redactor: Redactor,
    /// A process is redacted once, not once per action: what it was, and what it became.
    processes: HashMap<u32, (Shared<Process>, Shared<Process>)>,
}

impl RedactStage {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        RedactStage {
            redactor: Redactor::new(key),
            processes: HashMap::new(),
        }
    }

    pub(super) fn action(&mut self, action: &mut Action) {
        let mut rules = Vec::new();
        action.process = self.process(&action.process);
        self.object(&mut action.object, &mut rules);
        rules.sort_unstable();
        rules.dedup();
        action.redacted = rules.into_iter().map(str::to_owned).collect();
    }

    pub(super) fn tamper(&mut self, tamper: &mut Tamper) {
        let mut rules = Vec::new();
        tamper.process = self.process(&tamper.process);
        self.object(&mut tamper.object, &mut rules);
        rules.sort_unstable();
        rules.dedup();
        tamper.redacted = rules.into_iter().map(str::to_owned).collect();
    }

    pub(super) fn session(&mut self, change: &mut SessionChange) {
        let mut rules = Vec::new();
        self.arguments(&mut change.command, &mut rules);
        if let Some(process) = &change.process {
            change.process = Some(self.redacted(process));
        }
    }

    /// A path as it may stand in a sentence.
    pub(super) fn shown(&self, path: &Text) -> String {
        let mut path = path.clone();
        self.path(&mut path, &mut Vec::new());
        path.escaped().into_owned()
    }

    fn object(&self, object: &mut Object, rules: &mut Vec<&'static str>) {
        match object {
            Object::Rename { from, to, .. } => {
                self.path(from, rules);
                self.path(to, rules);
            }
            Object::Open { path, .. } | Object::Program { exe: path } => self.path(path, rules),
            Object::File { path, change, .. } => {
                self.path(path, rules);
                for text in [&mut change.target, &mut change.source]
                    .into_iter()
                    .flatten()
                {
                    self.path(text, rules);
                }
            }
            Object::Exec {
                exe,
                args,
                cwd,
                script,
                ..
            } => {
                self.path(exe, rules);
                self.path(cwd, rules);
                if let Some(script) = script {
                    self.path(script, rules);
                }
                self.arguments(args, rules);
            }
            Object::Connect(Address::Unix { socket }) => self.path(socket, rules),
            Object::Endpoint {
                local: Address::Unix { socket },
                ..
            } => self.path(socket, rules),
            Object::Cgroup { cgroup, .. } => self.path(cgroup, rules),
            Object::Uring(request) => self.request(request, rules),
            Object::Connect(Address::Ip { .. } | Address::Other { .. })
            | Object::Endpoint { .. }
            | Object::Ids { .. }
            | Object::Socket { .. }
            | Object::Request { .. }
            | Object::Fork { .. }
            | Object::Exit { .. } => {}
        }
    }

    fn request(&self, request: &mut UringRequest, rules: &mut Vec<&'static str>) {
        let names = [&mut request.path, &mut request.target];
        for path in names.into_iter().flatten() {
            self.path(path, rules);
        }
        if let Some(Address::Unix { socket }) = &mut request.address {
            self.path(socket, rules);
        }
    }

    fn process(&mut self, process: &Shared<Process>) -> Shared<Process> {
        if let Some((before, after)) = self.processes.get(&process.pid)
            && before.is(process)
        {
            return after.clone();
        }
        let after = Shared::new(self.redacted(process));
        if self.processes.len() >= MOST {
            self.processes.clear();
        }
        self.processes
            .insert(process.pid, (process.clone(), after.clone()));
        after
    }

    fn redacted(&self, process: &Process) -> Process {
        let mut process = process.clone();
        let mut rules = Vec::new();
        for path in [&mut process.exe, &mut process.cwd, &mut process.cgroup]
            .into_iter()
            .flatten()
        {
            self.path(path, &mut rules);
        }
        self.arguments(Arc::make_mut(&mut process.args), &mut rules);
        for ancestor in Arc::make_mut(&mut process.ancestry) {
            self.path(&mut ancestor.name, &mut rules);
        }
        process
    }

    fn path(&self, path: &mut Text, rules: &mut Vec<&'static str>) {
        let found = self.redactor.path(&path.0);
        if !found.rules.is_empty() {
            rules.extend(found.rules);
            path.0 = found.value.into_owned();
        }
    }

    fn arguments(&self, arguments: &mut Vec<Text>, rules: &mut Vec<&'static str>) {
        let plain: Vec<Vec<u8>> = arguments
            .iter()
            .map(|argument| argument.0.clone())
            .collect();
        let found = self.redactor.args(&plain);
        if !found.rules.is_empty() {
            rules.extend(found.rules);
            *arguments = found.value.into_owned().into_iter().map(Text).collect();
        }
    }
}
