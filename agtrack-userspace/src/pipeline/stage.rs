//! The one place where secrets are taken out, before anything is written.

mod content;

use std::collections::HashMap;
use std::sync::Arc;

use crate::record::{
    Action, Address, Object, Process, SessionChange, Shared, Tamper, Text, UringRequest,
};
use crate::redact::Redactor;

/// Processes whose redacted form is kept.
const MOST: usize = 8192;
/// Bytes of environments whose redacted names are kept, before and after.
const MOST_NAMES: usize = 4 * 1024 * 1024;
/// What a name takes beside its own bytes, and a list of names beside its own names.
const OVERHEAD: usize = 64;

/// Redacted names, and by which rules.
type Names = (Arc<Vec<Text>>, Vec<&'static str>);

/// Redacts drafts.
#[derive(Debug)]
pub(super) struct RedactStage {
    redactor: Redactor,
    /// A process is redacted once, not once per action: what it was, and what it became.
    processes: HashMap<u32, (Shared<Process>, Shared<Process>)>,
    /// Names of environments as they are, and what they became.
    names: HashMap<Arc<Vec<Text>>, Names>,
    /// Bytes that these take.
    names_bytes: usize,
}

impl RedactStage {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        RedactStage {
            redactor: Redactor::new(key),
            processes: HashMap::new(),
            names: HashMap::new(),
            names_bytes: 0,
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
        self.arguments(None, &mut change.command, &mut rules);
        let parent = change
            .bound
            .as_mut()
            .and_then(|bound| bound.parent.as_mut());
        for process in [change.process.as_mut(), parent].into_iter().flatten() {
            *process = self.redacted(process);
        }
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
                self.arguments(Some(exe), args, rules);
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

    fn redacted(&self, process: &Process) -> Process {
        let mut process = process.clone();
        let mut rules = Vec::new();
        let args = Arc::make_mut(&mut process.args);
        self.arguments(process.exe.as_ref(), args, &mut rules);
        for path in [&mut process.exe, &mut process.cwd, &mut process.cgroup]
            .into_iter()
            .flatten()
        {
            self.path(path, &mut rules);
        }
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

    /// The same ones come with each program that an agent starts.
    fn names(&mut self, names: &mut Arc<Vec<Text>>, rules: &mut Vec<&'static str>) {
        if let Some((after, found)) = self.names.get(&**names) {
            *names = Arc::clone(after);
            rules.extend(found);
            return;
        }
        let before = Arc::clone(names);
        let mut found = Vec::new();
        let mut after = Vec::clone(names);
        for name in &mut after {
            self.path(name, &mut found);
        }
        if !found.is_empty() {
            *names = Arc::new(after);
        }
        rules.extend(&found);
        self.keep(before, (Arc::clone(names), found));
    }

    fn keep(&mut self, before: Arc<Vec<Text>>, after: Names) {
        let mut bytes = size(&before);
        if !Arc::ptr_eq(&before, &after.0) {
            bytes += size(&after.0);
        }
        if bytes > MOST_NAMES {
            return;
        }
        if self.names_bytes + bytes > MOST_NAMES {
            self.names.clear();
            self.names_bytes = 0;
        }
        self.names_bytes += bytes;
        self.names.insert(before, after);
    }

    /// The arguments of a program that runs from `exe`, where that is known.
    fn arguments(
        &self,
        exe: Option<&Text>,
        arguments: &mut Vec<Text>,
        rules: &mut Vec<&'static str>,
    ) {
        let plain: Vec<Vec<u8>> = arguments
            .iter()
            .map(|argument| argument.0.clone())
            .collect();
        let found = self.redactor.command(exe.map(|exe| &exe.0[..]), &plain);
        if !found.rules.is_empty() {
            rules.extend(found.rules);
            *arguments = found.value.into_owned().into_iter().map(Text).collect();
        }
    }
}

/// Bytes that a list of names takes.
fn size(names: &[Text]) -> usize {
    let names = names.iter().map(|name| name.0.capacity() + OVERHEAD);
    names.sum::<usize>() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An environment of so many short names that are nobody else's.
    fn environment(number: u32, count: u32) -> Arc<Vec<Text>> {
        let names = (0..count).map(|name| Text::from(&*format!("{number}x{name}")));
        Arc::new(names.collect())
    }

    #[test]
    fn what_is_kept_of_environments_has_an_end() {
        let mut stage = RedactStage::new(&[7; 32]);
        let (mut most, mut rules) = (0, Vec::new());
        for number in 0..300 {
            stage.names(&mut environment(number, 2_000), &mut rules);
            let kept = stage.names.iter();
            let kept = kept.map(|(before, (after, _))| size(before) + size(after));
            most = most.max(kept.sum());
            assert!(stage.names_bytes <= MOST_NAMES);
        }
        assert!(most <= 2 * MOST_NAMES && most > MOST_NAMES, "{most}");
        let before = stage.names.len();
        stage.names(&mut environment(0, 100_000), &mut rules);
        assert_eq!(stage.names.len(), before, "it is too large");
        assert!(rules.is_empty());
    }

    #[test]
    fn names_are_redacted_once_and_the_same_each_time() {
        let mut stage = RedactStage::new(&[7; 32]);
        let plain = Arc::new(vec![Text::from("PATH")]);
        let token = format!("ghp_{}", "aB3dE6gH9jK2".repeat(3));
        let secret = Arc::new(vec![Text::from(&*token)]);
        let mut redacted = |names: &Arc<Vec<Text>>| {
            let (mut names, mut rules) = (Arc::clone(names), Vec::new());
            stage.names(&mut names, &mut rules);
            (names, rules)
        };
        for _ in 0..2 {
            let (names, rules) = redacted(&plain);
            assert!(Arc::ptr_eq(&names, &plain) && rules.is_empty());
            let (names, rules) = redacted(&secret);
            assert!(names != secret && !rules.is_empty());
        }
    }
}
