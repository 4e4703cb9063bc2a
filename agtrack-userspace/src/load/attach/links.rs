//! What is attached, and for how long.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;

use agtrack_common::event::{HOOKS, Hook, Kind};
use anyhow::{Context, bail};
use aya::Ebpf;
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::{CgroupAttachMode, Program};

use super::program;
use crate::cgroup;
use crate::load::HookState;

/// Attached programs, by name.
#[derive(Default)]
pub(in crate::load) struct Links {
    attached: HashMap<&'static str, Attached>,
    /// Where they are pinned.
    pins: Option<PathBuf>,
}

/// What attaches a program.
enum Attached {
    /// As long as this is held.
    Held(FdLink),
    /// As long as a file stands for it.
    Pinned(PinnedLink),
}

impl Attached {
    fn pin(self, path: PathBuf) -> anyhow::Result<Attached> {
        match self {
            Attached::Held(link) => {
                let pinned = link.pin(&path);
                let pinned = pinned.with_context(|| format!("cannot pin {}", path.display()))?;
                Ok(Attached::Pinned(pinned))
            }
            Attached::Pinned(_) => Ok(self),
        }
    }

    /// What cannot be removed any more is somebody else's doing, and gone.
    fn detach(self) {
        if let Attached::Pinned(link) = self {
            let _ = link.unpin();
        }
    }
}

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
            if self.attached.contains_key(state.hook.program) {
                continue;
            }
            if let Err(error) = self.link(ebpf, state.hook) {
                self.detach_if(|_| true);
                return Err(error.context(format!("cannot attach {} again", state.hook.program)));
            }
        }
        Ok(())
    }

    /// Pins them, and what is attached from now on, as files of this directory.
    ///
    /// # Errors
    /// The file system refuses one; that one is detached, others may be pinned.
    pub(in crate::load) fn pin(&mut self, pins: PathBuf) -> anyhow::Result<()> {
        for (program, link) in std::mem::take(&mut self.attached) {
            self.attached.insert(program, link.pin(pins.join(program))?);
        }
        self.pins = Some(pins);
        Ok(())
    }

    /// Detaches all but those that guard the recorder itself, which others hardly ever run.
    pub(in crate::load) fn detach(&mut self) {
        self.detach_if(|program| !is_guard(program));
    }

    fn detach_if(&mut self, unwanted: impl Fn(&str) -> bool) {
        let gone = self.attached.extract_if(|program, _| unwanted(program));
        gone.for_each(|(_, link)| link.detach());
    }

    /// Whether anything but those is attached.
    pub(in crate::load) fn is_empty(&self) -> bool {
        self.attached.keys().all(|program| is_guard(program))
    }

    /// Attaches one loaded program.
    pub(super) fn link(&mut self, ebpf: &mut Ebpf, hook: &Hook) -> anyhow::Result<()> {
        let mut link = Attached::Held(link(program(ebpf, hook)?)?);
        if let Some(pins) = &self.pins {
            link = link.pin(pins.join(hook.program))?;
        }
        self.attached.insert(hook.program, link);
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
fn link(program: &mut Program) -> anyhow::Result<FdLink> {
    Ok(match program {
        Program::BtfTracePoint(program) => {
            let id = program.attach()?;
            program.take_link(id)?.into()
        }
        Program::Lsm(program) => {
            let id = program.attach()?;
            program.take_link(id)?.into()
        }
        Program::FEntry(program) => {
            let id = program.attach()?;
            program.take_link(id)?.into()
        }
        Program::FExit(program) => {
            let id = program.attach()?;
            program.take_link(id)?.into()
        }
        Program::CgroupSockAddr(program) => {
            let id = program.attach(cgroup_root()?, CgroupAttachMode::Single)?;
            program.take_link(id)?.try_into()?
        }
        Program::CgroupSock(program) => {
            let id = program.attach(cgroup_root()?, CgroupAttachMode::Single)?;
            program.take_link(id)?.try_into()?
        }
        Program::SockOps(program) => {
            let id = program.attach(cgroup_root()?, CgroupAttachMode::Single)?;
            program.take_link(id)?.try_into()?
        }
        Program::CgroupSkb(program) => {
            let way = program.expected_attach_type().as_ref().copied();
            let way = way.context("the object does not say which way its packets go")?;
            let id = program.attach(cgroup_root()?, way, CgroupAttachMode::Single)?;
            program.take_link(id)?.try_into()?
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
