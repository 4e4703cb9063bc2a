//! Who runs that could be an agent, for those who ask without a recorder: its tags are its own, so the
//! rules are compared with what /proc says.

use std::collections::HashMap;

use super::AgentRule;
use super::facts::{self, Kin};
use super::watch::Watch;
use crate::catalogue::{self, Program};
use crate::cgroup::Hierarchy;
use crate::input::ProcessFacts;
use crate::record::Text;

/// A process that runs a well-known agent program, and that none of its parents runs.
#[derive(Debug)]
pub struct Discovered {
    /// What /proc says of it. Not redacted.
    pub process: ProcessFacts,
    /// What started it runs.
    pub parent_exe: Option<Text>,
    /// The program.
    pub program: &'static Program,
    /// Who has it recorded: the agent's id by these rules, or `agtrack run`.
    pub recorded_as: Option<String>,
}

/// Looks at all processes that this one may look at, in order of their start.
///
/// # Errors
/// A rule cannot be used.
pub fn discover(rules: Vec<AgentRule>) -> anyhow::Result<Vec<Discovered>> {
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
            recorded_as: recorded_as(&watch, line),
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
fn recorded_as<'f>(watch: &Watch, line: impl Iterator<Item = &'f ProcessFacts>) -> Option<String> {
    for process in line {
        if is_launcher(process) {
            return Some("agtrack run".to_owned());
        }
        let by_cgroup = process.cgroup.as_ref().and_then(|cgroup| {
            use std::os::unix::ffi::OsStrExt;
            watch.agent_of(std::path::Path::new(std::ffi::OsStr::from_bytes(&cgroup.0)))
        });
        let agent = by_cgroup.or_else(|| watch.bound.agent_of(process.pid));
        if agent.is_some() {
            return agent.map(str::to_owned);
        }
    }
    None
}

/// What it starts is recorded by a recorder of its own.
fn is_launcher(process: &ProcessFacts) -> bool {
    let name = process.exe.as_ref().map(|exe| exe.0.as_slice());
    let is_agtrack = name.is_some_and(|exe| exe.ends_with(b"/agtrack"));
    is_agtrack && process.args.get(1).is_some_and(|word| word.0 == b"run")
}
