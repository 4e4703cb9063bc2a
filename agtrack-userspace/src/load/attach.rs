//! Attaching programs to their hooks.

use std::collections::HashMap;
use std::fs::File;

use agtrack_common::event::{Attach, HOOKS, Hook, Kind};
use anyhow::{Context, bail};
use aya::Ebpf;
use aya::programs::{
    BtfTracePoint, CgroupAttachMode, CgroupSockAddr, FEntry, FExit, Lsm, Program, ProgramError,
};

use super::backend::Backend;
use super::{HookState, Types, stats};
use crate::cgroup;

/// Attaches every hook of `backend`.
///
/// # Errors
/// A hook without which the back end makes no sense: process events, or the first hook of a file
/// event. What else is missing is in the result.
pub(super) fn attach(
    ebpf: &mut Ebpf,
    backend: Backend,
    types: &Types,
) -> anyhow::Result<Vec<HookState>> {
    each(ebpf, backend, types)
        .map(|state| match blinding(&state) {
            Some(reason) => bail!("{reason}"),
            None => Ok(state),
        })
        .collect()
}

/// Attaches the hooks of `backend` one by one, whatever the others got.
pub(super) fn each(
    ebpf: &mut Ebpf,
    backend: Backend,
    types: &Types,
) -> impl Iterator<Item = HookState> {
    // Several hooks may share a program, which is attached once.
    let mut programs: HashMap<&str, Result<String, String>> = HashMap::new();
    HOOKS
        .iter()
        .filter(move |hook| hook.backends & backend.bit() != 0)
        .map(move |hook| {
            let attached = programs
                .entry(hook.program)
                .or_insert_with(|| attach_one(ebpf, hook, types).map_err(|error| reason(&error)));
            HookState {
                hook,
                target: attached.clone().unwrap_or_else(|_| hook.attach.to_string()),
                missing: attached.clone().err(),
                instructions: stats::program(ebpf, hook.program).verified_instructions,
            }
        })
}

/// Why the back end would be blind, where a hook is missing that it cannot do without.
pub(super) fn blinding(state: &HookState) -> Option<String> {
    let reason = state
        .missing
        .as_ref()
        .filter(|_| is_essential(state.hook))?;
    Some(format!(
        "{} ({}): {reason}",
        state.hook.program, state.target
    ))
}

/// Without these the back end would be blind.
fn is_essential(hook: &Hook) -> bool {
    match hook.kind {
        Kind::Fork | Kind::Exec | Kind::Exit | Kind::Open | Kind::Unlink | Kind::Rename => true,
        Kind::Connect | Kind::CgroupCreate | Kind::CgroupAttach | Kind::CgroupRemove => false,
    }
}

/// Lines of the verifier's last words that are kept.
const LAST_WORDS: usize = 3;

/// Why a program is not attached, in one line.
fn reason(error: &anyhow::Error) -> String {
    let Some(ProgramError::LoadError {
        io_error,
        verifier_log,
    }) = error.downcast_ref()
    else {
        return format!("{error:#}");
    };
    let log = verifier_log.to_string();
    let lines: Vec<_> = log
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(LAST_WORDS)..].join("; ");
    let last = if last.is_empty() {
        last
    } else {
        format!(": {last}")
    };
    format!("the kernel refuses to load it: {io_error}{last}")
}

fn attach_one(ebpf: &mut Ebpf, hook: &Hook, types: &Types) -> anyhow::Result<String> {
    let program = ebpf
        .program_mut(hook.program)
        .with_context(|| format!("the object has no program {}", hook.program))?;
    match hook.attach {
        Attach::TpBtf(name) => attach_tracepoint(program.try_into()?, name, types)?,
        Attach::Lsm(name) => attach_lsm(program.try_into()?, name, types)?,
        Attach::Fentry(names) => return attach_fentry(program.try_into()?, names, types),
        Attach::Fexit(names, arguments) => {
            return attach_fexit(program.try_into()?, names, arguments, types);
        }
        Attach::CgroupConnect4 | Attach::CgroupConnect6 => attach_cgroup(program)?,
    }
    Ok(hook.attach.to_string())
}

fn attach_tracepoint(program: &mut BtfTracePoint, name: &str, types: &Types) -> anyhow::Result<()> {
    program.load(name, &types.loader)?;
    program.attach()?;
    Ok(())
}

fn attach_lsm(program: &mut Lsm, name: &str, types: &Types) -> anyhow::Result<()> {
    program.load(name, &types.loader)?;
    program.attach()?;
    Ok(())
}

fn attach_fentry(program: &mut FEntry, names: &[&str], types: &Types) -> anyhow::Result<String> {
    let name = first_function(names, types)?;
    program.load(name, &types.loader)?;
    program.attach()?;
    Ok(format!("fentry {name}"))
}

fn attach_fexit(
    program: &mut FExit,
    names: &[&str],
    arguments: usize,
    types: &Types,
) -> anyhow::Result<String> {
    let name = first_function(names, types)?;
    // The result lies behind the arguments, so a wrong number would make it nonsense.
    if let Some(count) = types.kernel.function_args(name)
        && count != arguments
    {
        bail!(
            "{name} takes {count} arguments on this kernel, and agtrack knows it with {arguments}"
        );
    }
    program.load(name, &types.loader)?;
    program.attach()?;
    Ok(format!("fexit {name}"))
}

/// The first of the alternative names that this kernel has.
fn first_function<'a>(names: &[&'a str], types: &Types) -> anyhow::Result<&'a str> {
    names
        .iter()
        .copied()
        .find(|name| types.kernel.has_function(name))
        .with_context(|| format!("this kernel has no function {}", names.join(" or ")))
}

fn attach_cgroup(program: &mut Program) -> anyhow::Result<()> {
    let program: &mut CgroupSockAddr = program.try_into()?;
    program.load()?;
    let hierarchy = cgroup::Hierarchy::find()?;
    let mount = hierarchy.mount();
    let root = File::open(mount).with_context(|| format!("cannot open {}", mount.display()))?;
    program.attach(root, CgroupAttachMode::Single)?;
    Ok(())
}
