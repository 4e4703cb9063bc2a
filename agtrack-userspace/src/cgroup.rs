//! cgroup2 from user space.
//!
//! Comes in: `/proc/self/mountinfo`, `/proc/<pid>/cgroup`, the mounted tree. Goes out: cgroups by
//! path, id or glob, the pids in a subtree, and a cgroup of its own for a launched command, which the
//! next recorder removes where this one was killed.
//! Never: touches controllers or limits, or removes a cgroup that agtrack did not create (save those
//! that were created below one of its own).

mod globs;
mod hierarchy;
mod own;
mod owner;

pub use globs::{GlobError, Globs, Weight};
pub use hierarchy::Hierarchy;
pub use own::OwnCgroup;

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One cgroup of the unified hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Path as in `/proc/<pid>/cgroup`, with a leading slash. Any bytes but NUL may occur in it.
    pub path: PathBuf,
    /// The directory that stands for it.
    pub dir: PathBuf,
    /// The kernel's 64-bit cgroup id.
    pub id: u64,
}

/// Why something could not be done with cgroups.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no cgroup2 mount.
    #[error(
        "cgroup2 is not mounted; mount it (`mount -t cgroup2 none /sys/fs/cgroup`) to tag by cgroup"
    )]
    NotMounted,
    /// The cgroup cannot be seen from here.
    #[error(
        "the cgroup {} lies outside of what is mounted at {}; \
         run agtrack in the host's cgroup namespace",
        path.display(),
        mount.display()
    )]
    Outside {
        /// The cgroup as the kernel names it.
        path: PathBuf,
        /// Where cgroup2 is mounted.
        mount: PathBuf,
    },
    /// The process has ended, or never was.
    #[error("process {pid} is gone")]
    NoProcess {
        /// The process.
        pid: u32,
    },
    /// The kernel refused.
    #[error("cannot {verb} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the kernel said. Not called `source`: the message has it already.
        cause: io::Error,
    },
}

impl Error {
    /// True where the cgroup or process had ended by the time it was asked for.
    pub fn is_gone(&self) -> bool {
        match self {
            Error::NoProcess { .. } => true,
            Error::Io { cause, .. } => is_gone(cause),
            Error::NotMounted | Error::Outside { .. } => false,
        }
    }
}

/// Adds verb and path to an I/O error.
fn refused(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_path_buf();
    move |cause| Error::Io { verb, path, cause }
}

/// A cgroup file that is read after its cgroup was removed says ENODEV.
fn is_gone(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(
        errno,
        Some(rustix::io::Errno::NOENT | rustix::io::Errno::NODEV)
    ) || matches!(errno, Some(rustix::io::Errno::SRCH))
}

impl Cgroup {
    /// The processes in this cgroup itself.
    ///
    /// # Errors
    /// `cgroup.procs` cannot be read, or the cgroup is gone ([`Error::is_gone`]).
    pub fn pids(&self) -> Result<Vec<u32>, Error> {
        let file = self.dir.join("cgroup.procs");
        let text = std::fs::read_to_string(&file).map_err(refused("read", &file))?;
        Ok(text
            .lines()
            .filter_map(|line| line.trim().parse().ok())
            .filter(|&p| p != 0)
            .collect())
    }

    /// The processes in this cgroup and everything below it. Cgroups that go away meanwhile are
    /// passed over.
    ///
    /// # Errors
    /// A directory or its `cgroup.procs` cannot be read.
    pub fn subtree_pids(&self) -> Result<Vec<u32>, Error> {
        let mut pids = Vec::new();
        for cgroup in self.subtree()? {
            match cgroup.pids() {
                Ok(more) => pids.extend(more),
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(pids)
    }

    /// This cgroup and everything below it, each parent before its children.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn subtree(&self) -> Result<Vec<Cgroup>, Error> {
        let mut found = vec![self.clone()];
        let mut next = 0;
        while let Some(parent) = found.get(next).cloned() {
            next += 1;
            match parent.children() {
                Ok(children) => found.extend(children),
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The cgroups directly below.
    fn children(&self) -> Result<Vec<Cgroup>, Error> {
        let mut children = Vec::new();
        for entry in std::fs::read_dir(&self.dir).map_err(refused("list", &self.dir))? {
            let entry = entry.map_err(refused("list", &self.dir))?;
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            // On cgroup2 the inode number of the directory is the cgroup id.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let path = self.path.join(entry.file_name());
            children.push(Cgroup {
                path,
                dir: entry.path(),
                id: metadata.ino(),
            });
        }
        children.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(children)
    }

    /// Moves a process, with all its threads, into this cgroup.
    ///
    /// # Errors
    /// The kernel refuses: the process is gone ([`Error::is_gone`]), or the cgroup is threaded or
    /// has controllers enabled for its children.
    pub fn adopt(&self, pid: u32) -> Result<(), Error> {
        let file = self.dir.join("cgroup.procs");
        std::fs::write(&file, pid.to_string()).map_err(refused("move a process into", &file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, Cgroup) {
        let temp = tempfile::tempdir().unwrap();
        for (dir, pids) in [
            ("", "1\n"),
            ("a", "10\n11\n"),
            ("a/deep", "12\n"),
            ("b", ""),
        ] {
            std::fs::create_dir_all(temp.path().join(dir)).unwrap();
            std::fs::write(temp.path().join(dir).join("cgroup.procs"), pids).unwrap();
        }
        let root = Cgroup {
            path: "/".into(),
            dir: temp.path().into(),
            id: 1,
        };
        (temp, root)
    }

    #[test]
    fn subtree_lists_parents_before_children() {
        let (_temp, root) = tree();
        let paths: Vec<_> = root
            .subtree()
            .unwrap()
            .into_iter()
            .map(|c| c.path)
            .collect();
        assert_eq!(paths, ["/", "/a", "/b", "/a/deep"].map(PathBuf::from));
    }

    #[test]
    fn subtree_pids_come_from_every_level() {
        let (_temp, root) = tree();
        let mut pids = root.subtree_pids().unwrap();
        pids.sort_unstable();
        assert_eq!(pids, [1, 10, 11, 12]);
    }

    #[test]
    fn a_pid_from_outside_the_namespace_reads_as_zero_and_is_left_out() {
        let (temp, root) = tree();
        std::fs::write(temp.path().join("cgroup.procs"), "0\n7\n").unwrap();
        assert_eq!(root.pids().unwrap(), [7]);
    }

    #[test]
    fn a_cgroup_that_went_away_is_gone_not_an_error() {
        let (temp, root) = tree();
        let child = root.subtree().unwrap().pop().unwrap();
        std::fs::remove_dir_all(temp.path().join("a/deep")).unwrap();
        assert!(child.pids().unwrap_err().is_gone());
        assert!(child.subtree_pids().unwrap().is_empty());
    }
}
