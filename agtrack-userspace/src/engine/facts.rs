//! What /proc says of processes, for those that agtrack did not see begin.

use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use procfs::process::{FDTarget, Process, Stat};

use crate::cgroup::Hierarchy;
use crate::input::ProcessFacts;
use crate::record::{ProcessKey, Text};

/// Generations of parents that are looked up.
const ANCESTORS: usize = 32;
/// Descriptors of a process that are listed.
const OPEN_FILES: usize = 256;
/// Arguments longer than this are cut, bytes in all.
const ARGS_BYTES: usize = 32 * 1024;
/// The login user of a process without a login.
const NO_LOGIN: u32 = u32::MAX;

/// A process and its parents, parents first. Empty: it is gone.
pub(super) fn with_ancestors(
    pid: u32,
    session: u64,
    cgroups: Option<&Hierarchy>,
) -> Vec<ProcessFacts> {
    let mut found = Vec::new();
    let mut next = (pid, session);
    while found.len() < ANCESTORS {
        let Some(facts) = of(next.0, next.1, cgroups) else {
            break;
        };
        next = (facts.ppid, 0);
        found.push(facts);
        if next.0 == 0 {
            break;
        }
    }
    found.reverse();
    found
}

/// The facts found for a pid, if they are about this process: whoever asks later may meet another
/// one of the same number. The process itself comes last.
pub(super) fn only_of(process: ProcessKey, found: Vec<ProcessFacts>) -> Vec<ProcessFacts> {
    let meant = |facts: &ProcessFacts| facts.pid == process.pid && facts.start == process.start;
    if found.last().is_some_and(meant) {
        found
    } else {
        Vec::new()
    }
}

/// Start of a process in ticks since boot.
pub(super) fn start(pid: u32) -> Option<u64> {
    Some(stat(pid)?.starttime)
}

fn stat(pid: u32) -> Option<Stat> {
    Process::new(pid.try_into().ok()?).ok()?.stat().ok()
}

fn of(pid: u32, session: u64, cgroups: Option<&Hierarchy>) -> Option<ProcessFacts> {
    let process = Process::new(pid.try_into().ok()?).ok()?;
    let own = process.stat().ok()?;
    let ppid = own.ppid.try_into().ok()?;
    let status = process.status().ok();
    Some(ProcessFacts {
        pid,
        start: own.starttime,
        ppid,
        parent_start: stat(ppid).map_or(0, |parent| parent.starttime),
        exe: process.exe().ok().map(path_text),
        args: arguments(pid),
        cwd: process.cwd().ok().map(path_text),
        user: status.as_ref().map(|status| status.ruid),
        euser: status.as_ref().map(|status| status.euid),
        login_user: process.loginuid().ok().filter(|user| *user != NO_LOGIN),
        cgroup: cgroups
            .and_then(|all| all.of_pid(pid).ok())
            .map(|found| path_text(found.path)),
        session,
    })
}

/// The arguments of this very process; none: it is gone.
pub(super) fn arguments_of(process: ProcessKey) -> Option<Vec<Text>> {
    let args = arguments(process.pid);
    let is_there = start(process.pid) == Some(process.start) && !args.is_empty();
    is_there.then_some(args)
}

/// Read as bytes: procfs's own reader takes text only.
pub(super) fn arguments(pid: u32) -> Vec<Text> {
    let mut bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes.truncate(ARGS_BYTES);
    crate::enrich::arguments(&bytes).collect()
}

/// Files and sockets a process has open.
pub(super) fn open_files(pid: u32) -> Vec<Text> {
    let Some(process) = pid.try_into().ok().and_then(|pid| Process::new(pid).ok()) else {
        return Vec::new();
    };
    let Ok(descriptors) = process.fd() else {
        return Vec::new();
    };
    descriptors
        .filter_map(Result::ok)
        .take(OPEN_FILES)
        .map(|descriptor| match descriptor.target {
            FDTarget::Path(path) => path_text(path),
            FDTarget::Socket(inode) => Text::from(format!("socket:[{inode}]").into_bytes()),
            FDTarget::Pipe(inode) => Text::from(format!("pipe:[{inode}]").into_bytes()),
            other => Text::from(format!("{other:?}").into_bytes()),
        })
        .collect()
}

fn path_text(path: PathBuf) -> Text {
    Text(path.into_os_string().into_vec())
}

/// Path of a process's executable; empty where it is gone.
pub(super) fn exe(pid: u32) -> Vec<u8> {
    let Some(process) = pid.try_into().ok().and_then(|pid| Process::new(pid).ok()) else {
        return Vec::new();
    };
    process
        .exe()
        .map(|path| path_text(path).0)
        .unwrap_or_default()
}

/// Its real user.
pub(super) fn user(pid: u32) -> Option<u32> {
    let process = Process::new(pid.try_into().ok()?).ok()?;
    Some(process.status().ok()?.ruid)
}

/// Whether the process with this start (in ticks) runs. A leader that has ended is a zombie as long
/// as other threads of its process run.
pub(super) fn is_alive(pid: u32, start: u64) -> bool {
    stat(pid).is_some_and(|stat| {
        stat.starttime == start && (!matches!(stat.state, 'Z' | 'X') || stat.num_threads > 1)
    })
}

/// A process among all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kin {
    pub(super) pid: u32,
    /// Ticks since boot.
    pub(super) start: u64,
    pub(super) ppid: u32,
}

/// Every process and its parent.
pub(super) fn all() -> Vec<Kin> {
    let Ok(all) = procfs::process::all_processes() else {
        return Vec::new();
    };
    all.filter_map(Result::ok)
        .filter_map(|process| process.stat().ok())
        .filter_map(|stat| {
            Some(Kin {
                pid: stat.pid.try_into().ok()?,
                start: stat.starttime,
                ppid: stat.ppid.try_into().ok()?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_another_process_of_the_same_number_is_left_out() {
        let facts = |pid, start| ProcessFacts {
            pid,
            start,
            ..ProcessFacts::default()
        };
        let found = vec![facts(1, 1), facts(7, 30)];
        let count = |start| only_of(ProcessKey { pid: 7, start }, found.clone()).len();
        assert_eq!((count(30), count(20)), (2, 0));
    }
}
