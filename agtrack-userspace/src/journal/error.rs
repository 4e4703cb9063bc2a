//! What can go wrong in the journal: each case names the thing, the reason and the next step.

use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// Why the journal refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process writes this journal.
    #[error(
        "{} is in use by {}: stop it, or choose another journal directory",
        .dir.display(), holder(*.pid)
    )]
    InUse {
        /// The journal directory.
        dir: PathBuf,
        /// The holder, where it has written its id already.
        pid: Option<u32>,
    },
    /// A file or directory belongs to someone else.
    #[error(
        "{} belongs to user {found}, not to user {expected}: run `chown {expected}` on it, or \
         choose another journal directory", .path.display()
    )]
    Owner {
        /// The file or directory.
        path: PathBuf,
        /// Its owner.
        found: u32,
        /// The owner it should have.
        expected: u32,
    },
    /// Others than the owner could change the evidence.
    #[error(
        "{} can be written by its group or by everyone (mode {mode:o}): run `chmod go-w` on it",
        .path.display()
    )]
    Writable {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A symbolic link, hard link, pipe or the like stands where a plain thing must be.
    #[error("{} is not {expected}: remove it, or choose another journal directory", .path.display())]
    NotPlain {
        /// What was found in the way.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
    },
    /// The file system is mounted read-only.
    #[error(
        "{} is on a read-only file system: remount it writable, or choose another journal \
         directory", .path.display()
    )]
    ReadOnly {
        /// The file or directory.
        path: PathBuf,
    },
    /// The kernel refused access.
    #[error(
        "no permission to {doing} {}: run as the journal's owner or as root, or choose another \
         journal directory", .path.display()
    )]
    Denied {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
    },
    /// No space, no inodes or no quota left.
    #[error(
        "no space left for {}: free some on that file system, or choose another journal \
         directory", .path.display()
    )]
    Full {
        /// The file or directory.
        path: PathBuf,
    },
    /// There is no journal here (readers only; a writer makes one).
    #[error("{} holds no journal: check the path, or start a recording there", .dir.display())]
    NotAJournal {
        /// The directory looked at.
        dir: PathBuf,
    },
    /// A file beside the segments cannot be understood.
    #[error("{}: {reason}: restore it from a copy, or move the directory away", .path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Recorded evidence is not what was written. Nothing was changed.
    #[error(
        "{}, line {line}: {reason}: nothing was changed; keep a copy as evidence, then restore \
         the file or move the directory away", .segment.display()
    )]
    Damaged {
        /// The segment file.
        segment: PathBuf,
        /// The line in it, from 1.
        line: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The wanted record was removed by retention.
    #[error("record {wanted} is no longer kept: the oldest is {first}; start there")]
    Gone {
        /// The record asked for.
        wanted: u64,
        /// The oldest one kept.
        first: u64,
    },
    /// The caller handed over something that is not one record.
    #[error("record {seq} was not accepted: {reason}")]
    Line {
        /// The sequence number the record would have had.
        seq: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk is slower than the records, and the queue is full. Nothing was taken.
    #[error("the journal queue is full ({queued} of {limit} bytes): the disk is too slow or full")]
    Backlog {
        /// Bytes waiting.
        queued: u64,
        /// Bytes allowed to wait.
        limit: u64,
    },
    /// Records are still only in memory.
    #[error("{bytes} bytes of records are not on disk yet: {reason}")]
    NotCommitted {
        /// Bytes waiting.
        bytes: u64,
        /// Why.
        reason: String,
    },
    /// Anything else the operating system said.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

impl Error {
    /// The error for a failed system call, told apart where the next step differs.
    pub(super) fn system(
        path: &Path,
        doing: &'static str,
        source: impl Into<std::io::Error>,
    ) -> Self {
        let source = source.into();
        let path = path.to_path_buf();
        match Errno::from_io_error(&source) {
            Some(Errno::ROFS) => Self::ReadOnly { path },
            Some(Errno::ACCESS | Errno::PERM) => Self::Denied { path, doing },
            Some(Errno::NOSPC | Errno::DQUOT) => Self::Full { path },
            _ => Self::Io {
                path,
                doing,
                source,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_with_different_next_steps_are_told_apart() {
        let of = |errno| Error::system(Path::new("/j"), "open", errno);
        assert!(matches!(of(Errno::ROFS), Error::ReadOnly { .. }));
        assert!(matches!(of(Errno::ACCESS), Error::Denied { .. }));
        assert!(matches!(of(Errno::NOSPC), Error::Full { .. }));
        assert!(matches!(of(Errno::DQUOT), Error::Full { .. }));
        assert!(matches!(of(Errno::IO), Error::Io { .. }));
    }

    #[test]
    fn messages_name_thing_reason_and_next_step() {
        let error = Error::InUse {
            dir: "/j".into(),
            pid: Some(7),
        };
        assert_eq!(
            error.to_string(),
            "/j is in use by process 7: stop it, or choose another journal directory"
        );
        let error = Error::Writable {
            path: "/j".into(),
            mode: 0o777,
        };
        assert!(
            error.to_string().contains("(mode 777): run `chmod go-w`"),
            "{error}"
        );
    }
}
