//! Attaching programs to their hooks.

mod links;

use std::collections::HashMap;

use agtrack_common::event::{Attach, HOOKS, Hook, Kind, hook};
use anyhow::{Context, bail};
use aya::Ebpf;
use aya::programs::{
    BtfTracePoint, CgroupSkb, CgroupSock, CgroupSockAddr, FEntry, FExit, Lsm, Program,
    ProgramError, SockOps,
};
use procfs::KernelVersion;

pub(super) use self::links::Links;
use super::backend::Backend;
use super::{HookState, Types, stats, uring};

/// Whether a function can have a program at its begin and one at its end: before 5.12 attaching the
/// second overwrites code that is running (e21aa341785c, "bpf: Fix fexit trampoline").
pub(super) fn keeps_names() -> bool {
    kernel_since((5, 12))
}

/// Whether programs can be attached where those of another recorder are, and run: those with trampolines
/// since 5.12, as for [`keeps_names`].
pub(super) fn can_overlap(backend: Backend) -> bool {
    backend == Backend::Tracepoint || kernel_since((5, 12))
}

/// Why the probes end with their recorder where they cannot overlap.
pub(super) const OVERLAPS: &str = "before Linux 5.12 the programs of two recorders at one function of \
                                   the kernel are a danger to it";

/// Whether functions take the id mapping of a mount as their first argument: since 5.12 (549c7297717c,
/// "fs: make helpers idmap mount aware").
pub(super) fn takes_mapping() -> bool {
    kernel_since((5, 12))
}

/// Whether programs that were detached can be attached again: those with trampolines since 5.13
/// (kernel/bpf/syscall.c, `bpf_tracing_prog_attach`).
pub(super) fn again(backend: Backend) -> bool {
    backend == Backend::Tracepoint || kernel_since((5, 13))
}

fn kernel_since(version: (u8, u8)) -> bool {
    let name = rustix::system::uname();
    since(&name.release().to_string_lossy(), version)
}

/// Whether a kernel release, as in `6.1.0-56-cloud-amd64`, is this version or a newer one. One that
/// cannot be read passes for an old one.
fn since(release: &str, (major, minor): (u8, u8)) -> bool {
    release
        .parse::<KernelVersion>()
        .is_ok_and(|release| release >= KernelVersion::new(major, minor, 0))
}

/// Attaches every hook of `backend`.
///
/// # Errors
/// A hook without which the back end makes no sense: process events, or the first hook of a file
/// event. What else is missing is in the result.
pub(super) fn attach(
    ebpf: &mut Ebpf,
    backend: Backend,
    types: &Types,
    links: &mut Links,
) -> anyhow::Result<Vec<HookState>> {
    each(ebpf, backend, types, links)
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
    links: &mut Links,
) -> impl Iterator<Item = HookState> {
    let keeps_names = keeps_names();
    // Several hooks may share a program, which is attached once.
    let mut programs: HashMap<&str, Result<String, String>> = HashMap::new();
    HOOKS
        .iter()
        .filter(move |hook| hook.backends & backend.bit() != 0)
        .filter(|hook| hook.id != hook::URING_RESULT || uring::tells_results(&types.kernel))
        .filter(|hook| is_of_this_kernel(hook))
        .filter(move |hook| {
            keeps_names || !matches!(hook.id, hook::UNLINK_NAME | hook::RENAME_NAMES)
        })
        .map(move |hook| {
            let attached = programs.entry(hook.program).or_insert_with(|| {
                let target = load(ebpf, hook, types);
                let linked = target.and_then(|target| {
                    links.link(ebpf, hook)?;
                    Ok(target)
                });
                linked.map_err(|error| reason(&error))
            });
            HookState {
                hook,
                target: attached.clone().unwrap_or_else(|_| hook.attach.to_string()),
                missing: attached.clone().err(),
                instructions: stats::program(ebpf, hook.program).verified_instructions,
            }
        })
}

/// The function that installs a received file is told into which descriptor before 5.11 (42eb0d54c08a,
/// "fs: split receive_fd_replace from __receive_fd"), and has a program of its own there.
fn is_of_this_kernel(hook: &Hook) -> bool {
    match hook.id {
        hook::RECEIVE_RESULT => kernel_since((5, 11)),
        hook::RECEIVE_RESULT_INTO => !kernel_since((5, 11)),
        _ => true,
    }
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
        Kind::Connect
        | Kind::ExecFailed
        | Kind::CgroupCreate
        | Kind::CgroupAttach
        | Kind::CgroupRemove
        | Kind::Mkdir
        | Kind::Rmdir
        | Kind::Mknod
        | Kind::Link
        | Kind::Symlink
        | Kind::Truncate
        | Kind::Chmod
        | Kind::Chown
        | Kind::Chroot
        | Kind::PivotRoot
        | Kind::Mount
        | Kind::Umount
        | Kind::SetXattr
        | Kind::RemoveXattr
        | Kind::SetId
        | Kind::Signal
        | Kind::Unshare
        | Kind::Setns
        | Kind::Ptrace
        | Kind::Bpf
        | Kind::ModuleLoad
        | Kind::ModuleUnload
        | Kind::IoUringSetup
        | Kind::PerfEventOpen
        | Kind::Key
        | Kind::Uring
        | Kind::Close
        | Kind::Mmap
        | Kind::ReceiveFile
        | Kind::Flow
        | Kind::Excerpt
        | Kind::Socket
        | Kind::Send
        | Kind::Receive
        | Kind::Bind
        | Kind::Listen
        | Kind::Accept
        | Kind::TrackerSignal
        | Kind::TrackerPtrace
        | Kind::TrackerCgroup => false,
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
        .filter(|line| !line.is_empty() && !is_statistics(line))
        .collect();
    let last = lines[lines.len().saturating_sub(LAST_WORDS)..].join("; ");
    let last = if last.is_empty() {
        last
    } else {
        format!(": {last}")
    };
    format!("the kernel refuses to load it: {io_error}{last}")
}

/// What the verifier says behind its reason.
fn is_statistics(line: &str) -> bool {
    let starts = ["verification time", "stack depth", "processed"];
    starts.iter().any(|start| line.starts_with(start))
}

fn program<'a>(ebpf: &'a mut Ebpf, hook: &Hook) -> anyhow::Result<&'a mut Program> {
    ebpf.program_mut(hook.program)
        .with_context(|| format!("the object has no program {}", hook.program))
}

/// Loads a hook's program. Returns what it will be attached to.
fn load(ebpf: &mut Ebpf, hook: &Hook, types: &Types) -> anyhow::Result<String> {
    let program = program(ebpf, hook)?;
    match hook.attach {
        Attach::TpBtf(name) => {
            TryInto::<&mut BtfTracePoint>::try_into(program)?.load(name, &types.loader)?;
        }
        Attach::Submission(names) => {
            let name = uring::submission(names, &types.kernel)?;
            TryInto::<&mut BtfTracePoint>::try_into(program)?.load(name, &types.loader)?;
            return Ok(format!("tp_btf {name}"));
        }
        Attach::Lsm(name) => TryInto::<&mut Lsm>::try_into(program)?.load(name, &types.loader)?,
        Attach::Fentry(names) => {
            let name = first_function(names, types)?;
            TryInto::<&mut FEntry>::try_into(program)?.load(name, &types.loader)?;
            return Ok(format!("fentry {name}"));
        }
        Attach::Fexit(names, arguments) => {
            let name = first_function(names, types)?;
            check_arguments(name, arguments, types)?;
            TryInto::<&mut FExit>::try_into(program)?.load(name, &types.loader)?;
            return Ok(format!("fexit {name}"));
        }
        Attach::FexitMapped(name, arguments) => {
            let first = usize::from(takes_mapping());
            check_arguments(name, arguments - 1 + first, types)?;
            TryInto::<&mut FExit>::try_into(program)?.load(name, &types.loader)?;
        }
        Attach::CgroupConnect4
        | Attach::CgroupConnect6
        | Attach::CgroupSendmsg4
        | Attach::CgroupSendmsg6
        | Attach::CgroupRecvmsg4
        | Attach::CgroupRecvmsg6 => {
            TryInto::<&mut CgroupSockAddr>::try_into(program)?.load()?;
        }
        Attach::CgroupSockCreate | Attach::CgroupSockRelease => {
            TryInto::<&mut CgroupSock>::try_into(program)?.load()?;
        }
        Attach::CgroupSockOps => TryInto::<&mut SockOps>::try_into(program)?.load()?,
        Attach::CgroupEgress | Attach::CgroupIngress => {
            TryInto::<&mut CgroupSkb>::try_into(program)?.load()?;
        }
    }
    Ok(hook.attach.to_string())
}

/// The result lies behind the arguments, so a wrong number would make it nonsense.
fn check_arguments(name: &str, arguments: usize, types: &Types) -> anyhow::Result<()> {
    match types.kernel.function_args(name) {
        Some(count) if count != arguments => bail!(
            "{name} takes {count} arguments on this kernel, and agtrack knows it with {arguments}"
        ),
        _ => Ok(()),
    }
}

/// The first of the alternative names that this kernel has.
fn first_function<'a>(names: &[&'a str], types: &Types) -> anyhow::Result<&'a str> {
    names
        .iter()
        .copied()
        .find(|name| types.kernel.has_function(name))
        .with_context(|| format!("this kernel has no function {}", names.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_compare_as_numbers() {
        assert!(since("5.13.0", (5, 13)));
        assert!(since("6.1.0-56-cloud-amd64", (5, 13)));
        assert!(!since("5.10.0-32-cloud-amd64", (5, 13)));
        assert!(!since("5.9", (5, 13)));
        assert!(!since("", (5, 13)));
    }
}
