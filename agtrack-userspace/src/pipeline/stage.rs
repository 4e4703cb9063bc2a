//! The one place where secrets are taken out, before anything is written.

mod content;

use std::sync::Arc;

use foldhash::HashMap;

use super::memo::Memo;
use crate::record::{
    Action, Address, Ancestor, Container, EnvNames, Object, Process, SessionChange, Shared, Tamper,
    Text, UringRequest,
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
    /// Names of environments.
    names: Memo<EnvNames>,
    /// Parents: those of one process are those of its siblings.
    ancestries: Memo<Vec<Ancestor>>,
}

impl RedactStage {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        RedactStage {
            redactor: Redactor::new(key),
            processes: HashMap::default(),
            names: Memo::default(),
            ancestries: Memo::default(),
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
        self.command(None, &mut change.command, &mut rules);
        if let Some(bound) = &mut change.bound
            && let Some(container) = &mut bound.container
        {
            self.container(container);
        }
        let bound = change.bound.as_mut();
        let request = bound.and_then(|bound| bound.request.as_mut());
        if let Some(program) = request.and_then(|request| request.program.as_mut()) {
            self.path(program, &mut rules);
        }
        let parent = change
            .bound
            .as_mut()
            .and_then(|bound| bound.parent.as_mut());
        for process in [change.process.as_mut(), parent].into_iter().flatten() {
            *process = self.redacted(process);
        }
        let bound = change.bound.as_mut();
        if let Some(exe) = bound.and_then(|bound| bound.exe.as_mut()) {
            for path in [Some(&mut exe.path), exe.script.as_mut()]
                .into_iter()
                .flatten()
            {
                self.path(path, &mut rules);
            }
        }
    }

    /// What a runtime says of a container.
    pub(super) fn container(&self, container: &mut Container) {
        let names = [
            &mut container.name,
            &mut container.image,
            &mut container.pod,
            &mut container.namespace,
        ];
        for name in names.into_iter().flatten() {
            let found = self.redactor.text(name.as_bytes());
            *name = String::from_utf8_lossy(&found.value).into_owned();
        }
        let label = |(key, value): (&String, &String)| {
            // As it would stand among arguments, where the name says what the value is.
            let pair = [format!("{key}={value}").into_bytes()];
            let found = self.redactor.args(&pair);
            let text = found
                .value
                .first()
                .map(|pair| String::from_utf8_lossy(pair));
            let text = text.unwrap_or_default();
            let (key, value) = match text.strip_prefix(&format!("{key}=")) {
                Some(value) => (key.as_str(), value),
                None => text.split_once('=').unwrap_or((&text, "")),
            };
            (key.to_owned(), value.to_owned())
        };
        container.labels = Arc::new(container.labels.iter().map(label).collect());
    }

    /// A path as it may stand in a sentence.
    pub(super) fn shown(&self, path: &Text) -> String {
        let mut path = path.clone();
        self.path(&mut path, &mut Vec::new());
        path.escaped().into_owned()
    }

    fn object(&mut self, object: &mut Object, rules: &mut Vec<&'static str>) {
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
                brought,
                ..
            } => {
                self.command(Some(exe), args, rules);
                self.path(exe, rules);
                self.path(cwd, rules);
                for script in [script, &mut brought.script_file].into_iter().flatten() {
                    self.path(script, rules);
                }
                self.names(&mut brought.env_names, rules);
            }
            Object::Connect(address) => self.address(address, rules),
            Object::Dns(dns) => self.dns(dns, rules),
            Object::Tls(hello) => self.tls(hello, rules),
            Object::Http(request) => self.http(request, rules),
            Object::Quic(hello) => self.address(&mut hello.peer, rules),
            Object::Flow(flow) => {
                for address in [Some(&mut flow.local), flow.peer.as_mut()]
                    .into_iter()
                    .flatten()
                {
                    self.address(address, rules);
                }
            }
            Object::Endpoint {
                local: Address::Unix { socket },
                ..
            } => self.path(socket, rules),
            Object::Cgroup { cgroup, .. } => self.path(cgroup, rules),
            Object::Uring(request) => self.request(request, rules),
            Object::Endpoint { .. }
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
        if let Some(address) = &mut request.address {
            self.address(address, rules);
        }
    }

    fn address(&self, address: &mut Address, rules: &mut Vec<&'static str>) {
        match address {
            Address::Unix { socket } => self.path(socket, rules),
            Address::Ip {
                domain: Some(domain),
                ..
            } => self.name(domain, rules),
            Address::Ip { domain: None, .. } | Address::Other { .. } => {}
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

    fn redacted(&mut self, process: &Process) -> Process {
        let mut process = process.clone();
        let mut rules = Vec::new();
        if let Some(after) = self.arguments(process.exe.as_ref(), &process.args, &mut rules) {
            process.args = Arc::new(after);
        }
        for path in [&mut process.exe, &mut process.cwd, &mut process.cgroup]
            .into_iter()
            .flatten()
        {
            self.path(path, &mut rules);
        }
        let redactor = &self.redactor;
        let ancestry = self.ancestries.redacted(&process.ancestry, |ancestry| {
            let mut rules = Vec::new();
            let mut after = ancestry.clone();
            for ancestor in &mut after {
                path(redactor, &mut ancestor.name, &mut rules);
            }
            (after, rules)
        });
        process.ancestry = ancestry.0;
        process
    }

    fn path(&self, path: &mut Text, rules: &mut Vec<&'static str>) {
        self::path(&self.redactor, path, rules);
    }

    fn names(&mut self, names: &mut Shared<EnvNames>, rules: &mut Vec<&'static str>) {
        let redactor = &self.redactor;
        let (after, found) = self.names.redacted(names, |names| {
            let mut rules = Vec::new();
            let mut after = names.to_vec();
            for name in &mut after {
                path(redactor, name, &mut rules);
            }
            (after.into(), rules)
        });
        *names = after;
        rules.extend(found);
    }

    /// A command as it stands in records.
    pub(super) fn shown_command(&self, command: &[Text]) -> Vec<Text> {
        let mut command = command.to_vec();
        self.command(None, &mut command, &mut Vec::new());
        command
    }

    /// As [`RedactStage::arguments`], in place.
    fn command(&self, exe: Option<&Text>, command: &mut Vec<Text>, rules: &mut Vec<&'static str>) {
        if let Some(after) = self.arguments(exe, command, rules) {
            *command = after;
        }
    }

    /// What becomes of the arguments of a program that runs from `exe`, where that is known; `None`:
    /// nothing.
    fn arguments(
        &self,
        exe: Option<&Text>,
        arguments: &[Text],
        rules: &mut Vec<&'static str>,
    ) -> Option<Vec<Text>> {
        let exe = exe.map(|exe| &exe.0[..]);
        let found = self.redactor.command(exe, arguments);
        if found.rules.is_empty() {
            return None;
        }
        rules.extend(found.rules);
        Some(found.value.into_owned())
    }
}

fn path(redactor: &Redactor, path: &mut Text, rules: &mut Vec<&'static str>) {
    let found = redactor.path(&path.0);
    if !found.rules.is_empty() {
        rules.extend(found.rules);
        path.0 = found.value.into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_redacted_once_and_the_same_each_time() {
        let mut stage = RedactStage::new(&[7; 32]);
        let plain = Shared::new(vec![Text::from("PATH")].into());
        let token = format!("ghp_{}", "aB3dE6gH9jK2".repeat(3));
        let secret = Shared::new(vec![Text::from(&*token)].into());
        let mut redacted = |names: &Shared<EnvNames>| {
            let (mut names, mut rules) = (names.clone(), Vec::new());
            stage.names(&mut names, &mut rules);
            (names, rules)
        };
        for _ in 0..2 {
            let (names, rules) = redacted(&plain);
            assert!(names.is(&plain) && rules.is_empty());
            let (names, rules) = redacted(&secret);
            assert!(names != secret && !rules.is_empty());
        }
    }
}
