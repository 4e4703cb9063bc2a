//! The journal's directory, held by descriptor. In: a path and an owner; out: files in it, opened
//! so that no link, pipe or foreign file can be slipped in. Never opens by full path after that.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::error::Error;
use super::vet::{self, Facts};

const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o750);
/// For directories above: others may pass through and see what there is; each journal says itself
/// who may read it.
const ABOVE_MODE: Mode = Mode::from_raw_mode(0o755);
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);
/// Below this the first commits would fail anyhow; better to say so before recording starts.
const LEAST_FREE_BYTES: u64 = 1 << 20;

/// An open directory whose files belong to one user.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    fd: OwnedFd,
    uid: u32,
    /// Set where new files must be handed to someone else than the effective user.
    give_to: Option<(u32, u32)>,
}

impl Directory {
    /// Opens the directory for writing, making it and its parents where they are missing.
    pub(super) fn for_writing(path: &Path, owner: Option<(u32, u32)>) -> Result<Self, Error> {
        let path = absolute(path)?;
        let me = rustix::process::geteuid().as_raw();
        let give_to = owner.filter(|(uid, _)| *uid != me);
        make(&path, DIRECTORY_MODE, give_to)?;
        Self::open_own(path, owner)
    }

    /// Opens the directory for writing if it is the one with this device and inode.
    pub(super) fn just_this(
        path: &Path,
        id: (u64, u64),
        owner: Option<(u32, u32)>,
    ) -> Result<Self, Error> {
        let directory = Self::open_own(absolute(path)?, owner)?;
        let stat = fs::fstat(&directory.fd)
            .map_err(|errno| Error::system(&directory.path, "look at", errno))?;
        if (stat.st_dev, stat.st_ino) != id {
            return Err(Error::NotPlain {
                path: directory.path,
                found: "not the directory that was there a moment ago".to_owned(),
                expected: "that one",
            });
        }
        Ok(directory)
    }

    fn open_own(path: PathBuf, owner: Option<(u32, u32)>) -> Result<Self, Error> {
        let me = rustix::process::geteuid().as_raw();
        let give_to = owner.filter(|(uid, _)| *uid != me);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(CWD, &path, flags, Mode::empty())
            .map_err(|errno| not_plain(&path, "a directory", errno))?;
        let uid = owner.map_or(me, |(uid, _)| uid);
        vet::directory(&path, facts(&path, &fd)?, uid)?;
        Ok(Self {
            path,
            fd,
            uid,
            give_to,
        })
    }

    /// Opens the directory for reading only; anyone with permission may.
    pub(super) fn for_reading(path: &Path) -> Result<Self, Error> {
        let path = absolute(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = fs::openat(CWD, &path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT => no_journal(&path, "it is not there"),
            Errno::NOTDIR => no_journal(&path, "it is not a directory"),
            errno => Error::system(&path, "open", errno),
        })?;
        Ok(Self {
            path,
            fd,
            uid: 0,
            give_to: None,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The full path of a file in here, for messages.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether its path leads to it still; also where that cannot be found out.
    pub(super) fn is_in_place(&self) -> bool {
        let there = fs::statat(CWD, &self.path, AtFlags::SYMLINK_NOFOLLOW);
        match (fs::fstat(&self.fd), there) {
            (Ok(own), Ok(there)) => (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino),
            (_, Err(Errno::NOENT)) => false,
            _ => true,
        }
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Refuses a file system with nearly no space or no inodes left.
    pub(super) fn check_space(&self) -> Result<(), Error> {
        let stat = fs::fstatvfs(&self.fd)
            .map_err(|errno| Error::system(&self.path, "ask the free space of", errno))?;
        let root = rustix::process::geteuid().is_root();
        let blocks = if root { stat.f_bfree } else { stat.f_bavail };
        let no_inodes = stat.f_files > 0 && stat.f_ffree == 0;
        if no_inodes || blocks.saturating_mul(stat.f_frsize) < LEAST_FREE_BYTES {
            return Err(Error::Full {
                path: self.path.clone(),
            });
        }
        Ok(())
    }

    /// Makes a file that must not exist yet.
    pub(super) fn create(&self, name: &str) -> Result<File, Error> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let file = self
            .open(name, flags)
            .map_err(|e| self.failed(name, "create", e))?;
        self.hand_over(name, &file)?;
        Ok(file)
    }

    /// Opens a file of ours for reading and writing; `None` where it is missing.
    pub(super) fn open_for_writing(&self, name: &str) -> Result<Option<File>, Error> {
        let file = match self.open(name, OFlags::RDWR) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.failed(name, "open", errno)),
        };
        let path = self.path_of(name);
        vet::file(&path, facts(&path, &file)?, self.uid)?;
        Ok(Some(file))
    }

    /// Opens a file of ours for reading and writing, making it where it is missing.
    pub(super) fn open_or_create(&self, name: &str) -> Result<File, Error> {
        loop {
            if let Some(file) = self.open_for_writing(name)? {
                return Ok(file);
            }
            match self.create(name) {
                Err(Error::Io { cause, .. })
                    if Errno::from_io_error(&cause) == Some(Errno::EXIST) => {}
                result => return result,
            }
        }
    }

    /// Opens a file for reading; `None` where it is missing.
    pub(super) fn open_for_reading(&self, name: &str) -> Result<Option<File>, Error> {
        let file = match self.open(name, OFlags::RDONLY) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.failed(name, "open", errno)),
        };
        let path = self.path_of(name);
        vet::regular(&path, facts(&path, &file)?)?;
        Ok(Some(file))
    }

    /// The first `limit` bytes of a small file; `None` where it is missing.
    pub(super) fn read_small(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(file) = self.open_for_reading(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::system(&self.path_of(name), "read", error))?;
        Ok(Some(bytes))
    }

    /// Puts a whole small file in place, durably: all of it or nothing.
    pub(super) fn write_whole(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let draft = format!("{name}.new");
        self.remove(&draft)?;
        let result = self.write_draft(&draft, bytes).and_then(|()| {
            fs::renameat(&self.fd, &draft, &self.fd, name)
                .map_err(|errno| self.failed(name, "put in place", errno))
        });
        if result.is_err() {
            // The first error is the one worth telling.
            let _ = self.remove(&draft);
        }
        result.and_then(|()| self.sync())
    }

    fn write_draft(&self, draft: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut file = self.create(draft)?;
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(|error| Error::system(&self.path_of(draft), "write", error))
    }

    /// Removes a file; a missing one is fine.
    pub(super) fn remove(&self, name: &str) -> Result<(), Error> {
        match fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.failed(name, "remove", errno)),
        }
    }

    /// Makes created, renamed and removed names durable.
    pub(super) fn sync(&self) -> Result<(), Error> {
        fs::fsync(&self.fd).map_err(|errno| Error::system(&self.path, "sync", errno))
    }

    /// `NONBLOCK`: a pipe put in a file's place must not hang us before we can refuse it.
    fn open(&self, name: &str, flags: OFlags) -> rustix::io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        fs::openat(&self.fd, name, flags, FILE_MODE).map(File::from)
    }

    fn failed(&self, name: &str, doing: &'static str, errno: Errno) -> Error {
        match errno {
            Errno::LOOP => not_plain(&self.path_of(name), "a regular file", errno),
            errno => Error::system(&self.path_of(name), doing, errno),
        }
    }

    /// The exact mode whatever the umask, and the right owner.
    fn hand_over(&self, name: &str, file: &File) -> Result<(), Error> {
        fs::fchmod(file, FILE_MODE).map_err(|e| self.failed(name, "set the mode of", e))?;
        give(file, self.give_to).map_err(|e| self.failed(name, "set the owner of", e))
    }
}

/// Without trailing slashes: with one, the kernel follows a link in the last place.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path)
        .map(|path| path.components().collect())
        .map_err(|error| Error::system(path, "resolve", error))
}

fn facts(path: &Path, fd: impl std::os::fd::AsFd) -> Result<Facts, Error> {
    let stat = fs::fstat(fd).map_err(|errno| Error::system(path, "look at", errno))?;
    Ok(Facts::of(&stat))
}

fn no_journal(path: &Path, what: &'static str) -> Error {
    let dir = path.to_path_buf();
    Error::NotAJournal { dir, what }
}

/// What stands where it was refused, for the message alone.
fn in_the_way(path: &Path) -> String {
    if path.is_symlink() {
        let directory = std::fs::canonicalize(path)
            .ok()
            .filter(|path| path.is_dir());
        let instead = match directory {
            Some(directory) => format!("; {} can be named itself", directory.display()),
            None => String::new(),
        };
        return format!(
            "a symbolic link (not followed, since who can change it could send the records \
             elsewhere{instead})"
        );
    }
    match fs::lstat(path) {
        Ok(stat) => Facts::of(&stat).called(),
        Err(_) => "something else".to_owned(),
    }
}

fn not_plain(path: &Path, expected: &'static str, errno: Errno) -> Error {
    match errno {
        Errno::LOOP | Errno::NOTDIR => Error::NotPlain {
            path: path.to_path_buf(),
            found: in_the_way(path),
            expected,
        },
        errno => Error::system(path, "open", errno),
    }
}

fn give(fd: impl std::os::fd::AsFd, to: Option<(u32, u32)>) -> rustix::io::Result<()> {
    let Some((uid, gid)) = to else { return Ok(()) };
    fs::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
}

/// Makes a directory that journals and keys are kept below, and what is missing above it: this
/// user's own, and everybody may pass through.
///
/// # Errors
/// It cannot be made, or somebody else could change what is in it.
pub fn make_state(path: &Path) -> Result<(), Error> {
    make(path, ABOVE_MODE, None)?;
    let me = rustix::process::geteuid().as_raw();
    let stat = fs::stat(path).map_err(|errno| Error::system(path, "look at", errno))?;
    vet::directory(path, Facts::of(&stat), me)
}

/// Makes the directory and what is missing above it.
fn make(path: &Path, mode: Mode, give_to: Option<(u32, u32)>) -> Result<(), Error> {
    if std::fs::symlink_metadata(path).is_ok() {
        return Ok(());
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    if std::fs::metadata(parent).is_err() {
        make(parent, ABOVE_MODE, give_to)?;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let above = fs::openat(CWD, parent, flags, Mode::empty())
        .map_err(|errno| not_plain(parent, "a directory", errno))?;
    if let Some(owner) = give_to {
        vet::may_create_in(parent, facts(parent, &above)?, owner)?;
    }
    let failed = |errno| Error::system(path, "create", errno);
    match fs::mkdirat(&above, name, mode) {
        Err(Errno::EXIST) => return Ok(()),
        result => result.map_err(failed)?,
    }
    let flags = flags | OFlags::NOFOLLOW;
    let made = fs::openat(&above, name, flags, Mode::empty()).map_err(failed)?;
    fs::fchmod(&made, mode).map_err(failed)?;
    give(&made, give_to).map_err(failed)?;
    fs::fsync(&above).map_err(failed)
}

#[cfg(test)]
#[path = "directory/tests.rs"]
mod tests;
