//! A cgroup of its own for a launched command.
//!
//! Comes in: the cgroup to create it below, and its name. Goes out: the cgroup. When it is
//! dissolved or dropped, what is still in it moves back to the parent and nothing is left behind.

use std::io;
use std::path::Path;

use super::{Cgroup, Error, owner, refused};

/// How often moving processes out is tried again while they fork.
const ROUNDS: u32 = 200;

/// A cgroup that was created here and goes away with this value.
#[derive(Debug)]
pub struct OwnCgroup {
    cgroup: Cgroup,
    parent: Cgroup,
    dissolved: bool,
}

impl OwnCgroup {
    /// Creates `name` below `parent`.
    ///
    /// # Errors
    /// The kernel refuses: read-only mount, no permission, a limit on cgroups, or the name is
    /// taken.
    pub fn create(parent: &Cgroup, name: &str) -> Result<OwnCgroup, Error> {
        use std::os::unix::fs::MetadataExt;
        let dir = parent.dir.join(name);
        std::fs::create_dir(&dir).map_err(refused("create the cgroup", &dir))?;
        // From here on the directory is removed again whatever happens.
        let cgroup = Cgroup {
            path: parent.path.join(name),
            dir,
            id: 0,
        };
        let mut own = OwnCgroup {
            cgroup,
            parent: parent.clone(),
            dissolved: false,
        };
        let dir = &own.cgroup.dir;
        // And where nothing happens any more here, by the next recorder.
        owner::note(dir);
        own.cgroup.id = std::fs::metadata(dir)
            .map_err(refused("look at", dir))?
            .ino();
        Ok(own)
    }

    /// The cgroup.
    pub fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// Moves what is left in it, and in cgroups made below it, to the parent and removes it.
    ///
    /// # Errors
    /// The kernel refuses to move a process or to remove a directory; names which.
    pub fn dissolve(mut self) -> Result<(), Error> {
        self.empty_and_remove()
    }

    fn empty_and_remove(&mut self) -> Result<(), Error> {
        if self.dissolved {
            return Ok(());
        }
        self.dissolved = true;
        let mut round = 0;
        loop {
            let cgroups = self.cgroup.subtree()?;
            for cgroup in &cgroups {
                self.move_out(cgroup)?;
            }
            match remove_all(&cgroups) {
                Ok(()) => return Ok(()),
                // A process forked, or has ended and is not yet reaped by the kernel.
                Err(error) if round < ROUNDS && is_busy(&error) => round += 1,
                Err(error) => return Err(error),
            }
            // Busy means that a process is on its way out; the kernel says when it has gone only
            // through a file of the directory that is being removed.
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    fn move_out(&self, cgroup: &Cgroup) -> Result<(), Error> {
        let pids = match cgroup.pids() {
            Err(error) if error.is_gone() => return Ok(()),
            pids => pids?,
        };
        for pid in pids {
            match self.parent.adopt(pid) {
                Err(error) if !error.is_gone() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for OwnCgroup {
    fn drop(&mut self) {
        // Nobody is left who could be told; `dissolve` is the way that reports.
        let _ = self.empty_and_remove();
    }
}

/// Children come after their parents in the list, so it is walked from its end.
pub(super) fn remove_all(cgroups: &[Cgroup]) -> Result<(), Error> {
    cgroups
        .iter()
        .rev()
        .try_for_each(|cgroup| remove(&cgroup.dir))
}

fn remove(dir: &Path) -> Result<(), Error> {
    match std::fs::remove_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(refused("remove the cgroup", dir)),
    }
}

fn is_busy(error: &Error) -> bool {
    matches!(error, Error::Io { cause, .. } if cause.kind() == io::ErrorKind::ResourceBusy)
}

// What needs a writable cgroup2 is tested end to end (tests/e2e/own.rs), where a test that cannot be
// done says so.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_is_refused_and_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        let parent = Cgroup {
            path: "/".into(),
            dir: temp.path().into(),
            id: 1,
        };
        std::fs::create_dir(temp.path().join("taken")).unwrap();
        let error = OwnCgroup::create(&parent, "taken").unwrap_err().to_string();
        assert!(error.contains("cannot create the cgroup"), "{error}");
        assert!(temp.path().join("taken").is_dir());
    }
}
