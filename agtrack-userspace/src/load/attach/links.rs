//! What is attached, and for how long.

use std::any::Any;
use std::collections::HashMap;
use std::fs::File;

use agtrack_common::event::{HOOKS, Hook, Kind};
use anyhow::{Context, bail};
use aya::Ebpf;
use aya::programs::{CgroupAttachMode, Program};

use super::program;
use crate::cgroup;
use crate::load::HookState;

/// Attached programs, by name. What is taken out of it is detached.
#[derive(Default)]
pub(in crate::load) struct Links(HashMap<&'static str, Box<dyn Any + Send>>);

impl Links {
    /// Attaches loaded programs again.
    ///
    /// # Errors
    /// The kernel refuses one; none is attached then.
    pub(in crate::load) fn attach(
        &mut self,
        ebpf: &mut Ebpf,
        hooks: &[HookState],
    ) -> anyhow::Result<()> {
        for state in hooks.iter().filter(|state| state.missing.is_none()) {
            if self.0.contains_key(state.hook.program) {
                continue;
            }
            if let Err(error) = self.link(ebpf, state.hook) {
                self.0.clear();
                return Err(error.context(format!("cannot attach {} again", state.hook.program)));
            }
        }
        Ok(())
    }

    /// Detaches all but those that guard the recorder itself, which others hardly ever run.
    pub(in crate::load) fn detach(&mut self) {
        self.0.retain(|program, _| is_guard(program));
    }

    /// Whether anything but those is attached.
    pub(in crate::load) fn is_empty(&self) -> bool {
        self.0.keys().all(|program| is_guard(program))
    }

    /// Attaches one loaded program.
    pub(super) fn link(&mut self, ebpf: &mut Ebpf, hook: &Hook) -> anyhow::Result<()> {
        let link = link(program(ebpf, hook)?)?;
        self.0.insert(hook.program, link);
        Ok(())
    }
}

/// Whether a program sees attempts on the recorder and is not at every system call.
fn is_guard(program: &str) -> bool {
    let guards = |hook: &&Hook| {
        hook.program == program
            && matches!(
                hook.kind,
                Kind::TrackerSignal | Kind::TrackerPtrace | Kind::TrackerCgroup
            )
    };
    HOOKS
        .iter()
        .find(guards)
        .is_some_and(|hook| hook.program != "sys_exit")
}

/// Attaches a loaded program until the link is dropped.
fn link(program: &mut Program) -> anyhow::Result<Box<dyn Any + Send>> {
    Ok(match program {
        Program::BtfTracePoint(program) => {
            let id = program.attach()?;
            Box::new(program.take_link(id)?)
        }
        Program::Lsm(program) => {
            let id = program.attach()?;
            Box::new(program.take_link(id)?)
        }
        Program::FEntry(program) => {
            let id = program.attach()?;
            Box::new(program.take_link(id)?)
        }
        Program::FExit(program) => {
            let id = program.attach()?;
            Box::new(program.take_link(id)?)
        }
        Program::CgroupSockAddr(program) => {
            let id = program.attach(cgroup_root()?, CgroupAttachMode::Single)?;
            Box::new(program.take_link(id)?)
        }
        Program::CgroupSock(program) => {
            let id = program.attach(cgroup_root()?, CgroupAttachMode::Single)?;
            Box::new(program.take_link(id)?)
        }
        Program::SockOps(program) => {
            let id = program.attach(cgroup_root()?, CgroupAttachMode::Single)?;
            Box::new(program.take_link(id)?)
        }
        Program::CgroupSkb(program) => {
            let way = program.expected_attach_type().as_ref().copied();
            let way = way.context("the object does not say which way its packets go")?;
            let id = program.attach(cgroup_root()?, way, CgroupAttachMode::Single)?;
            Box::new(program.take_link(id)?)
        }
        other => bail!(
            "agtrack attaches no programs of type {:?}",
            other.prog_type()
        ),
    })
}

fn cgroup_root() -> anyhow::Result<File> {
    let hierarchy = cgroup::Hierarchy::find()?;
    let mount = hierarchy.mount();
    File::open(mount).with_context(|| format!("cannot open {}", mount.display()))
}
