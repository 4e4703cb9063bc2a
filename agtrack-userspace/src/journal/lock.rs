//! One writer at a time. The writer holds an exclusive lock on the file `lock` and writes there
//! who it is, so that others can say so and readers can see whether it lives without ever
//! touching the lock.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::directory::Directory;
use super::error::Error;

pub(super) const NAME: &str = "lock";
/// More than a process id and a start time ever need.
const LONGEST: u64 = 64;

/// The held lock; released when dropped, and by the kernel when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

/// A process, told apart from a later one with the same id by its start time (clock ticks since
/// boot).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holder {
    pid: u32,
    start: u64,
    /// The file in which it says so: in a copy of a journal it is another one.
    inode: u64,
}

impl Lock {
    /// Takes the lock or names its holder.
    pub(super) fn take(directory: &Directory) -> Result<Self, Error> {
        // Opening it for writing would be told as an attempt on the recorder that has it.
        if let Some(holder) = holder(directory)?
            && lives(holder)
        {
            return Err(in_use(directory, Some(holder)));
        }
        let file = directory.open_or_create(NAME)?;
        let failed = |error| Error::system(&directory.path_of(NAME), "lock", error);
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(in_use(directory, holder(directory)?));
            }
            Err(errno) => return Err(failed(errno.into())),
        }
        let pid = std::process::id();
        let start = start_of(pid).unwrap_or_default();
        let inode = file.metadata().map_err(failed)?.ino();
        let text = format!("{pid} {start} {inode}\n");
        file.set_len(0)
            .and_then(|()| file.write_all_at(text.as_bytes(), 0))
            .map_err(failed)?;
        Ok(Self { file })
    }
}

fn in_use(directory: &Directory, holder: Option<Holder>) -> Error {
    Error::InUse {
        dir: directory.path().to_path_buf(),
        pid: holder.map(|holder| holder.pid),
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // This process may live on; readers must not take it for a writer. If it fails they only
        // read less.
        let _ = self.file.set_len(0);
        // Closing is not enough: a child between fork and exec holds a copy of the descriptor.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Does the last process that took the lock still run?
///
/// Asked by readers, who must not take the lock even for a moment: a writer starting just then
/// would be turned away.
pub(super) fn writer_lives(directory: &Directory) -> Result<bool, Error> {
    Ok(holder(directory)?.is_some_and(lives))
}

/// Whether somebody writes the journal in `dir`, if there is one.
///
/// # Errors
/// The directory is there, and cannot be read.
pub fn is_written(dir: &Path) -> Result<bool, Error> {
    match dir.exists() {
        true => writer_lives(&Directory::for_reading(dir)?),
        false => Ok(false),
    }
}

fn holder(directory: &Directory) -> Result<Option<Holder>, Error> {
    let Some(file) = directory.open_for_reading(NAME)? else {
        return Ok(None);
    };
    let failed = |error| Error::system(&directory.path_of(NAME), "read", error);
    let inode = file.metadata().map_err(failed)?.ino();
    let mut text = Vec::new();
    file.take(LONGEST).read_to_end(&mut text).map_err(failed)?;
    Ok(parse(&text).filter(|holder| holder.inode == inode))
}

fn parse(text: &[u8]) -> Option<Holder> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
    let mut words = text.split(' ').map(str::parse::<u64>);
    let mut next = || words.next()?.ok();
    let holder = Holder {
        pid: u32::try_from(next()?).ok()?,
        start: next()?,
        inode: next()?,
    };
    words.next().is_none().then_some(holder)
}

fn lives(holder: Holder) -> bool {
    match start_of(holder.pid) {
        Some(start) => start == holder.start,
        // Hidden from us (`hidepid`) or gone: a signal test tells which.
        None => i32::try_from(holder.pid)
            .ok()
            .and_then(Pid::from_raw)
            .is_some_and(|pid| matches!(test_kill_process(pid), Ok(()) | Err(Errno::PERM))),
    }
}

fn start_of(pid: u32) -> Option<u64> {
    start_in(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Field 22, counted after the command name, which may itself hold spaces and brackets. A zombie
/// (state Z or X) no longer writes.
fn start_in(stat: &[u8]) -> Option<u64> {
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let mut fields = std::str::from_utf8(stat.get(after_name..)?)
        .ok()?
        .split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => Some(u64::MAX),
        _ => fields.nth(18)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_lock_is_free_though_a_copy_of_its_descriptor_lives() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::for_writing(dir.path(), None).unwrap();
        let lock = Lock::take(&directory).unwrap();
        let _copy = lock.file.try_clone().unwrap();
        assert!(writer_lives(&directory).unwrap());
        assert!(matches!(Lock::take(&directory), Err(Error::InUse { .. })));
        drop(lock);
        assert!(!writer_lives(&directory).unwrap());
        assert!(Lock::take(&directory).is_ok());
    }

    #[test]
    fn nobody_writes_a_copy() {
        let parent = tempfile::tempdir().unwrap();
        let [own, copy] = ["own", "copy"].map(|name| parent.path().join(name));
        let directory = Directory::for_writing(&own, None).unwrap();
        let _lock = Lock::take(&directory).unwrap();
        let copied = Directory::for_writing(&copy, None).unwrap();
        std::fs::copy(own.join(NAME), copy.join(NAME)).unwrap();
        assert!(writer_lives(&directory).unwrap());
        assert!(!writer_lives(&copied).unwrap());
    }

    #[test]
    fn this_process_lives_and_one_with_another_start_does_not() {
        let pid = std::process::id();
        let start = start_of(pid).unwrap();
        assert!(start > 0);
        let inode = 0;
        assert!(lives(Holder { pid, start, inode }));
        let start = start - 1;
        assert!(!lives(Holder { pid, start, inode }));
    }

    #[test]
    fn start_is_found_behind_any_command_name() {
        let stat = b"7 (a) b (c) S 1 7 7 0 -1 4 1 0 0 0 1 2 0 0 20 0 1 0 4242 9 9";
        assert_eq!(start_in(stat), Some(4242));
        assert_eq!(start_in(b"7 (a) Z 1 7 7"), Some(u64::MAX));
        assert_eq!(start_in(b"7 (a) S 1"), None);
        assert_eq!(start_in(b""), None);
    }

    #[test]
    fn holder_text_is_read_whole_or_not_at_all() {
        let (pid, start, inode) = (12, 34, 56);
        assert_eq!(parse(b"12 34 56\n"), Some(Holder { pid, start, inode }));
        for text in [
            "",
            "12",
            "12 3",
            "12 34 5",
            "12 34\n",
            "1 2 3 4\n",
            "-1 3 4\n",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
