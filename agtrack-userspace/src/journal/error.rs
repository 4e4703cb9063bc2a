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
        "{} belongs to user {found}, and user {expected} keeps this journal: choose another journal \
         directory (one that does not exist yet is made), or `chown {expected}` it if nobody else \
         needs it", .path.display()
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
        "{} can be written by its group or by everyone (mode {mode:o}), who could change the \
         records: choose another journal directory (one that does not exist yet is made), or \
         `chmod go-w` it if nobody else needs it", .path.display()
    )]
    Writable {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A symbolic link, hard link, pipe or the like stands where a plain thing must be.
    #[error(
        "{} is {found}, and {expected} must be there: choose another journal directory, or move it \
         away", .path.display()
    )]
    NotPlain {
        /// Where it is.
        path: PathBuf,
        /// What was found in the way.
        found: String,
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
        "no permission to {doing} {}; run it with sudo or as the journal's owner, or choose another \
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
    /// The directory holds other things, and no journal (writers only).
    #[error(
        "{} is no journal and not empty (it holds {}): name an empty directory, or one that does \
         not exist yet",
        .dir.display(), .entry
    )]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
        /// One of the things in it.
        entry: String,
    },
    /// There is no journal here (readers only; a writer makes one).
    #[error(
        "{} holds no journal: {}; check the path; without --journal the newest recording is read",
        .dir.display(), .what
    )]
    NotAJournal {
        /// The directory looked at.
        dir: PathBuf,
        /// What is there instead, as in "it is not a directory".
        what: &'static str,
    },
    /// A file beside the segments cannot be understood.
    #[error("{}: {reason}: restore it from a copy, or move the directory away", .path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Recorded evidence is not what was written. It is left as it is.
    #[error(
        "{}, line {line}: {reason}: somebody changed the file, and agtrack leaves it so; keep a copy \
         as evidence, then restore it or move the directory away", .segment.display()
    )]
    Damaged {
        /// The segment file.
        segment: PathBuf,
        /// The line in it, from 1.
        line: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The wanted record was removed.
    #[error(
        "record {wanted} is not there any more: the next one that is kept is {first}; start there"
    )]
    Gone {
        /// The record asked for.
        wanted: u64,
        /// The next one that is kept.
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
    #[error(
        "the journal queue is full ({queued} of {limit} bytes): the disk is too slow or full; free \
         space, or choose a journal directory on a faster disk"
    )]
    Backlog {
        /// Bytes waiting.
        queued: u64,
        /// Bytes allowed to wait.
        limit: u64,
    },
    /// Records are still only in memory.
    #[error(
        "{bytes} bytes of records did not get to the disk: {reason}; what is missing is recorded as \
         a gap at the next start"
    )]
    NotCommitted {
        /// Bytes waiting.
        bytes: u64,
        /// Why.
        reason: String,
    },
    /// The file that is written has no name any more: somebody has removed the journal. What is written to
    /// it now nobody will read.
    #[error(
        "{} was removed or moved while it was written: the journal is gone from there, with all records up to \
         {seq}; restore it from a copy or from a sink, and find out who removed it",
        .path.display()
    )]
    Removed {
        /// The segment.
        path: PathBuf,
        /// The last record in it.
        seq: u64,
    },
    /// Anything else the operating system said.
    #[error("cannot {doing} {}: {cause}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The system's answer. Not called `source`: the message has it already.
        cause: std::io::Error,
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
        cause: impl Into<std::io::Error>,
    ) -> Self {
        let cause = cause.into();
        let path = path.to_path_buf();
        match Errno::from_io_error(&cause) {
            Some(Errno::ROFS) => Self::ReadOnly { path },
            Some(Errno::ACCESS | Errno::PERM) => Self::Denied { path, doing },
            Some(Errno::NOSPC | Errno::DQUOT) => Self::Full { path },
            _ => Self::Io { path, doing, cause },
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
        let text = error.to_string();
        let (choose, change) = (text.find("choose another"), text.find("`chmod go-w`"));
        // Of a directory that others need, as /tmp, the mode had better stay.
        assert!(choose.is_some() && choose < change, "{text}");
        assert!(text.contains("(mode 777)"), "{text}");
    }

    #[test]
    fn of_a_directory_of_others_another_is_advised_first() {
        let error = Error::Owner {
            path: "/home/me".into(),
            found: 1000,
            expected: 0,
        };
        let text = error.to_string();
        let (choose, change) = (text.find("choose another"), text.find("`chown 0`"));
        assert!(choose.is_some() && choose < change, "{text}");
    }

    #[test]
    fn the_systems_answer_is_told_once() {
        let error = anyhow::Error::from(Error::system(Path::new("/j"), "open", Errno::IO));
        let text = format!("{error:#}");
        assert_eq!(text.matches("Input/output error").count(), 1, "{text}");
    }
}
