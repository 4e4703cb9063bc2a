//! Whose a cgroup is: which recorder made it, and whether that one still lives.
//!
//! Comes in: cgroups. Goes out: a note of this process on one that it made; the removal of what
//! recorders left that were killed. Never: removes a cgroup that holds a process, or one without a
//! note, or the cgroup of a process that lives.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use procfs::process::Process;
use rustix::fs::{XattrFlags, getxattr, setxattr};

use super::{Cgroup, Hierarchy, own};

/// What the note is called: only root can write or read it.
const NOTE: &str = "trusted.agtrack.recorder";

/// Room for three numbers.
const LONGEST: usize = 64;

/// A process for as long as the machine runs: numbers of processes are given again, and mean
/// another process elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    namespace: u64,
    pid: u32,
    /// In clock ticks since boot.
    start: u64,
}

impl Owner {
    fn this() -> Option<Owner> {
        let pid = std::process::id();
        Some(Owner {
            namespace: namespace()?,
            pid,
            start: start(pid)?,
        })
    }

    fn of(cgroup: &Cgroup) -> Option<Owner> {
        let mut note = [0; LONGEST];
        let length = getxattr(&cgroup.dir, NOTE, &mut note).ok()?;
        Owner::read(note.get(..length)?)
    }

    fn read(note: &[u8]) -> Option<Owner> {
        let mut words = std::str::from_utf8(note).ok()?.split(':');
        let owner = Owner {
            namespace: words.next()?.parse().ok()?,
            pid: words.next()?.parse().ok()?,
            start: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(owner)
    }

    fn note(self) -> String {
        format!("{}:{}:{}", self.namespace, self.pid, self.start)
    }

    /// Whether it has certainly ended. Of a process elsewhere nothing is known.
    fn is_gone(self) -> bool {
        namespace() == Some(self.namespace) && start(self.pid) != Some(self.start)
    }
}

/// Which processes the numbers here mean.
fn namespace() -> Option<u64> {
    Some(std::fs::metadata("/proc/self/ns/pid").ok()?.ino())
}

/// When it started; none for one that has ended, though nobody may have asked for its status yet.
fn start(pid: u32) -> Option<u64> {
    let pid = i32::try_from(pid).ok()?;
    let stat = Process::new(pid).ok()?.stat().ok()?;
    (!matches!(stat.state, 'Z' | 'X')).then_some(stat.starttime)
}

/// Notes on a cgroup that this process made it. Where the kernel refuses, nobody will remove it in
/// this process's stead, which is all that the note is for.
pub(super) fn note(dir: &Path) {
    if let Some(owner) = Owner::this() {
        let _ = setxattr(dir, NOTE, owner.note().as_bytes(), XattrFlags::empty());
    }
}

impl Hierarchy {
    /// Removes what recorders left behind that ended without removing it, where no process is in
    /// it any more. What cannot be removed stays.
    pub fn remove_abandoned(&self) {
        for cgroup in self.all().unwrap_or_default() {
            if Owner::of(&cgroup).is_some_and(Owner::is_gone) {
                remove_empty(&cgroup);
            }
        }
    }
}

/// The kernel refuses to remove one that a process came into meanwhile.
fn remove_empty(cgroup: &Cgroup) {
    if cgroup.subtree_pids().is_ok_and(|pids| pids.is_empty())
        && let Ok(subtree) = cgroup.subtree()
    {
        let _ = own::remove_all(&subtree);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_ended_is_gone_though_nobody_has_asked_for_its_status() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let pid = child.id();
        let namespace = namespace().unwrap();
        let owner = Owner {
            namespace,
            pid,
            start: start(pid).unwrap(),
        };
        assert!(!owner.is_gone());
        child.kill().unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !owner.is_gone() {
            assert!(
                std::time::Instant::now() < until,
                "a zombie passes for one that runs"
            );
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }

    #[test]
    fn a_note_reads_back_and_nothing_else_does() {
        let owner = Owner::this().unwrap();
        assert_eq!(Owner::read(owner.note().as_bytes()), Some(owner));
        for note in ["", "1:2", "1:2:3:4", "1:x:3", "-1:2:3", "1:2:3\0"] {
            assert_eq!(Owner::read(note.as_bytes()), None, "{note}");
        }
        assert_eq!(Owner::read(b"\xff:1:2"), None);
    }

    #[test]
    fn only_what_certainly_ended_is_gone() {
        let this = Owner::this().unwrap();
        assert!(!this.is_gone());
        let later = Owner {
            start: this.start + 1,
            ..this
        };
        assert!(later.is_gone(), "the number was given to another process");
        let elsewhere = Owner {
            namespace: 1,
            ..later
        };
        assert!(!elsewhere.is_gone(), "nobody here can know");
        // Above the greatest number that the kernel gives.
        let never = Owner {
            pid: 1 << 30,
            ..this
        };
        assert!(never.is_gone());
    }
}
