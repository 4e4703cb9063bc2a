//! The committer: the one thread that writes segments. In: chunks from the queue; out: durable
//! bytes, then the position for readers. Never gives up a record: on an error it goes back to the
//! last good end and tries again.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use tokio::sync::watch;

use super::directory::Directory;
use super::error::Error;
use super::head::{Committed, Head};
use super::queue::{Chunk, Queue, Stop};
use super::segment;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Committer {
    pub(super) directory: Arc<Directory>,
    pub(super) queue: Arc<Queue>,
    /// The current segment; `None` before the first.
    pub(super) file: Option<File>,
    /// The last good end. What lies behind it in the file may be the rest of a failed write.
    pub(super) end: Committed,
    pub(super) head: Head,
    pub(super) watchers: watch::Sender<Committed>,
    /// Taken from the queue, not on disk yet.
    pub(super) batch: VecDeque<Chunk>,
    /// The head does not show `end` yet.
    pub(super) unpublished: bool,
}

impl Committer {
    /// Commits until told to stop.
    pub(super) fn run(mut self) {
        let _ended = Ended(Arc::clone(&self.queue));
        let mut pause = FIRST_PAUSE;
        let mut failing = false;
        loop {
            let stop = self.queue.collect(&mut self.batch, failing);
            match self.attempt() {
                Ok(()) => {
                    failing = false;
                    pause = FIRST_PAUSE;
                    self.queue.well();
                    // After the request to stop nothing more can come in.
                    if stop != Stop::No {
                        return;
                    }
                }
                Err(error) => {
                    failing = true;
                    self.queue.failed(&error);
                    // Trying again would not bring it back.
                    if let Error::Removed { path, seq } = error {
                        self.queue.removed(path, seq);
                        return;
                    }
                    if let Stop::Drain(until) = stop
                        && Instant::now() >= until
                    {
                        return;
                    }
                    self.queue.pause(pause, stop);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Puts the whole batch on disk; what succeeded before an error stays done.
    fn attempt(&mut self) -> Result<(), Error> {
        if self.unpublished {
            self.publish()?;
        }
        while let Some(chunk) = self.batch.front() {
            if let Some(first) = chunk.opens_segment
                && first != self.end.segment
            {
                self.open_segment(first)?;
            }
            self.write_run()?;
        }
        Ok(())
    }

    /// Begins a new segment; the one before is durable already.
    fn open_segment(&mut self, first: u64) -> Result<(), Error> {
        let name = segment::name(first);
        let file = match self.directory.create(&name) {
            // Made by an earlier attempt that failed behind it: nothing can be in it.
            Err(Error::Io { cause, .. }) if Errno::from_io_error(&cause) == Some(Errno::EXIST) => {
                self.reuse_empty(&name)?
            }
            result => result?,
        };
        self.directory.sync()?;
        self.file = Some(file);
        self.end = Committed {
            segment: first,
            offset: 0,
            ..self.end
        };
        Ok(())
    }

    fn reuse_empty(&self, name: &str) -> Result<File, Error> {
        let path = self.directory.path_of(name);
        let taken = || Error::NotPlain {
            path: path.clone(),
            found: "there with something in it".to_owned(),
            expected: "an empty new segment",
        };
        let file = self.directory.open_for_writing(name)?.ok_or_else(taken)?;
        let metadata = file
            .metadata()
            .map_err(|error| Error::system(&path, "look at", error))?;
        if metadata.len() > 0 {
            Err(taken())
        } else {
            Ok(file)
        }
    }

    /// Writes the chunks that belong to the current segment, syncs once, and tells.
    fn write_run(&mut self) -> Result<(), Error> {
        let later = self.batch.iter().skip(1);
        let run = 1 + later
            .take_while(|chunk| chunk.opens_segment.is_none())
            .count();
        let path = self.directory.path_of(&segment::name(self.end.segment));
        let Some(file) = &self.file else {
            return Err(Error::system(&path, "write", std::io::ErrorKind::NotFound));
        };
        let end = write_and_sync(file, self.end, self.batch.iter().take(run)).map_err(|error| {
            // A sync that failed once may lie the next time about the same pages, so everything
            // behind the last good end is written anew. Cutting it now is only tidiness.
            let _ = file.set_len(self.end.offset);
            Error::system(&path, "write", error)
        })?;
        // Its bytes are on disk, where nobody can find them.
        let is_removed = rustix::fs::fstat(file).is_ok_and(|stat| stat.st_nlink == 0)
            || !self.directory.is_in_place();
        if is_removed {
            let seq = end.seq;
            return Err(Error::Removed { path, seq });
        }
        self.end = end;
        self.unpublished = true;
        let published = self.publish();
        self.queue.committed(self.end, self.batch.drain(..run));
        self.watchers.send_replace(self.end);
        published
    }

    fn publish(&mut self) -> Result<(), Error> {
        self.head.publish(self.end)?;
        self.unpublished = false;
        Ok(())
    }
}

fn write_and_sync<'a>(
    file: &File,
    mut end: Committed,
    chunks: impl Iterator<Item = &'a Chunk>,
) -> std::io::Result<Committed> {
    for chunk in chunks {
        file.write_all_at(&chunk.bytes, end.offset)?;
        end.offset += chunk.bytes.len() as u64;
        end.seq += chunk.records;
    }
    file.sync_data()?;
    Ok(end)
}

/// Tells those who wait, even if the thread panics, that nobody will answer any more.
struct Ended(Arc<Queue>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended();
    }
}
