//! Wakes a reader when the writer has committed more. In: the directory; out: one wake-up per
//! change of `head`, without polling and with read permission only.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::io::Errno;

use super::directory::Directory;
use super::error::Error;
use super::head;

/// An inotify watch on the head.
#[derive(Debug)]
pub(super) struct Watch {
    fd: OwnedFd,
    path: PathBuf,
}

impl Watch {
    pub(super) fn new(directory: &Directory) -> Result<Self, Error> {
        let path = directory.path_of(head::NAME);
        let failed = |errno| Error::system(&path, "watch", errno);
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let fd = inotify::init(flags).map_err(failed)?;
        match inotify::add_watch(&fd, &path, inotify::WatchFlags::MODIFY) {
            Ok(_) => {}
            // A copy without its head: a writer that takes it over will make one.
            Err(Errno::NOENT) => {
                let any = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE;
                inotify::add_watch(&fd, directory.path(), any).map_err(failed)?;
            }
            Err(errno) => return Err(failed(errno)),
        }
        Ok(Self { fd, path })
    }

    /// Forgets changes so far. To be called before looking, so that none falls in between.
    pub(super) fn clear(&self) -> Result<(), Error> {
        let mut events = [0u8; 4096];
        loop {
            match rustix::io::read(&self.fd, &mut events) {
                Ok(1..) | Err(Errno::INTR) => {}
                Ok(0) | Err(Errno::AGAIN) => return Ok(()),
                Err(errno) => return Err(Error::system(&self.path, "watch", errno)),
            }
        }
    }

    /// Waits for the next change, at most so long. May return early.
    pub(super) fn wait(&self, time: Duration) -> Result<(), Error> {
        let timeout = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(Error::system(&self.path, "watch", errno)),
        }
    }
}
