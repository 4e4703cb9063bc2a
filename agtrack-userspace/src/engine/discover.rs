//! Who runs that could be an agent, for those who ask without a recorder: its tags are its own, so the
//! rules are compared with what /proc says.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::AgentRule;
use super::container::{for_records, look};
use super::facts::{self, Kin};
use super::watch::Watch;
use crate::catalogue::{self, Program};
use crate::cgroup::Hierarchy;
use crate::container;
use crate::input::{ContainerWanted, ProcessFacts};
use crate::record::{Container, Text};

/// A process that runs a well-known agent program, and that none of its parents runs.
#[derive(Debug)]
pub struct Discovered {
    /// What /proc says of it. Not redacted.
    pub process: ProcessFacts,
    /// What started it runs.
    pub parent_exe: Option<Text>,
    /// The container that it runs in, with what its runtime says of that. Not redacted.
    pub container: Option<Container>,
    /// The program.
    pub program: &'static Program,
    /// Who has it recorded: the agent's id by these rules, or `agtrack run`.
    pub recorded_as: Option<String>,
}

/// Looks at all processes that this one may look at, in order of their start. What containers are is asked
/// of their runtimes, also at these sockets.
///
/// # Errors
/// A rule cannot be used.
pub fn discover(rules: Vec<AgentRule>, sockets: &[PathBuf]) -> anyhow::Result<Vec<Discovered>> {
    let mut watch = Watch::new(rules)?;
    watch.bound.look();
    let hierarchy = Hierarchy::find().ok();
    let mut all = facts::all();
    all.sort_by_key(|kin| (kin.start, kin.pid));
    let by_pid: HashMap<u32, Kin> = all.iter().map(|kin| (kin.pid, *kin)).collect();
    let programs: HashMap<u32, &'static Program> = all
        .iter()
        .filter_map(|kin| Some((kin.pid, program(kin.pid)?)))
        .collect();
    let runs = |pid: u32, program: &Program| {
        let its = programs.get(&pid);
        its.is_some_and(|its| std::ptr::eq(*its, program))
    };
    let mut containers = Containers::new(sockets);
    let mut found = Vec::new();
    for kin in &all {
        let Some(program) = programs.get(&kin.pid).copied() else {
            continue;
        };
        let mut family = facts::with_ancestors(kin.pid, 0, hierarchy.as_ref());
        let Some(process) = family.pop() else {
            continue;
        };
        let is_below = family.iter().any(|parent| runs(parent.pid, program));
        if is_below
            || by_pid
                .get(&process.pid)
                .is_none_or(|kin| kin.start != process.start)
        {
            continue;
        }
        let line = std::iter::once(&process).chain(family.iter().rev());
        found.push(Discovered {
            recorded_as: recorded_as(&watch, &mut containers, line),
            container: containers.of(&process).map(for_records),
            parent_exe: family.pop().and_then(|parent| parent.exe),
            process,
            program,
        });
    }
    Ok(found)
}

fn program(pid: u32) -> Option<&'static Program> {
    let mut exe = facts::exe(pid);
    if let Some(path) = exe.strip_suffix(b" (deleted)") {
        exe.truncate(path.len());
    }
    catalogue::program(&Text(exe), None, &facts::arguments(pid))
}

/// Who records a process: by itself, or because of a parent.
fn recorded_as<'f>(
    watch: &Watch,
    containers: &mut Containers<'_>,
    line: impl Iterator<Item = &'f ProcessFacts>,
) -> Option<String> {
    for process in line {
        if is_launcher(process) {
            return Some("agtrack run".to_owned());
        }
        let by_cgroup = process
            .cgroup
            .as_ref()
            .and_then(|cgroup| watch.agent_of(Path::new(std::ffi::OsStr::from_bytes(&cgroup.0))));
        let by_container = || {
            let container = watch.has_containers().then(|| containers.of(process))??;
            watch.agent_of_container(&container)
        };
        let agent = by_cgroup.or_else(by_container);
        let agent = agent.or_else(|| watch.bound.agent_of(process.pid));
        if agent.is_some() {
            return agent.map(str::to_owned);
        }
    }
    None
}

/// What runtimes said of containers: each is asked of once.
struct Containers<'s> {
    sockets: &'s [PathBuf],
    known: HashMap<String, Container>,
}

impl<'s> Containers<'s> {
    fn new(sockets: &'s [PathBuf]) -> Self {
        let known = HashMap::new();
        Containers { sockets, known }
    }

    /// The container of a process; where nobody says more of it, as its cgroup names it.
    fn of(&mut self, process: &ProcessFacts) -> Option<Container> {
        let cgroup = process.cgroup.clone()?;
        let container = container::around(&cgroup.0)?;
        let wanted = ContainerWanted {
            container: container.clone(),
            cgroup,
        };
        let ask = || look(&wanted, self.sockets).unwrap_or_else(|_| container.clone());
        let known = self.known.entry(container.id.clone());
        Some(known.or_insert_with(ask).clone())
    }
}

/// What it starts is recorded by a recorder of its own.
fn is_launcher(process: &ProcessFacts) -> bool {
    let name = process.exe.as_ref().map(|exe| exe.0.as_slice());
    let is_agtrack = name.is_some_and(|exe| exe.ends_with(b"/agtrack"));
    is_agtrack && process.args.get(1).is_some_and(|word| word.0 == b"run")
}
