//! The journal: the only durable state, segmented JSONL.
//!
//! In: records as lines of JSON, numbered from 1 without gaps. Out: files that survive a crash
//! with everything that was committed, and readers that see only that. Never: waits for the disk
//! in the pipeline's thread, drops what it took in while the process lives, or writes through a
//! link or into a file that is not its own.
//!
//! In the directory: `<first record, 20 digits>.jsonl` (the segments), `journal.json` (which log
//! this is), `head` (how far it is on disk, for readers), `lock` (who writes), and `clean` (there
//! only after an orderly close).

mod commit;
mod directory;
mod error;
mod extent;
mod head;
mod hole;
mod identity;
mod line;
mod lines;
mod lock;
mod queue;
mod reader;
mod recover;
mod segment;
mod vet;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use uuid::Uuid;

pub use directory::make_state;
pub use error::Error;
pub use extent::{Extent, LONGEST_LINE, Part};
pub use head::Committed;
pub use hole::Hole;
pub use lock::is_written;
pub use queue::Status;
pub use reader::{Line, Reader, Start};
pub use recover::Cut;

use commit::Committer;
use directory::Directory;
use head::Head;
use lock::Lock;
use queue::{Queue, Stop};
use recover::{Claims, Tail};

/// The marker of an orderly close; holds the last position.
const CLEAN: &str = "clean";

/// Whether a file of this name in a journal's directory is the journal's.
pub fn is_file_name(name: &str) -> bool {
    // A draft that was not put in place has its name with an ending.
    let name = name.strip_suffix(".new").unwrap_or(name);
    [CLEAN, head::NAME, lock::NAME, identity::NAME].contains(&name)
        || segment::first(name).is_some()
}

/// Whether a path may be one of a journal's files.
pub fn is_file(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next();
    is_file_name(&String::from_utf8_lossy(name.unwrap_or_default()))
}

/// How to keep the journal.
#[derive(Clone, Debug)]
pub struct Options {
    /// A segment that would grow beyond this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// The longest a record waits for its sync while the disk is well.
    pub sync_interval: Duration,
    /// Bytes that may wait for the disk; beyond, [`Journal::append`] refuses.
    pub queue_bytes: u64,
    /// Device and inode of the directory, which must be there then: who owns a directory above can
    /// make the path lead elsewhere at any moment.
    pub directory: Option<(u64, u64)>,
    /// User and group the files belong to; `None`: the effective user.
    pub owner: Option<(u32, u32)>,
    /// The id of a log made anew; `None`: a random one. An existing log keeps its own.
    pub log_id: Option<Uuid>,
    /// How long [`Journal::close`] keeps trying while the disk refuses.
    pub close_wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            sync_interval: Duration::from_millis(100),
            queue_bytes: 64 << 20,
            directory: None,
            owner: None,
            log_id: None,
            close_wait: Duration::from_secs(5),
        }
    }
}

/// What was found when the journal was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The log's id, in every record's `id`.
    pub log_id: Uuid,
    /// The number of the next record.
    pub next_seq: u64,
    /// How the last writer left it.
    pub previous: Previous,
}

/// How the last writer left the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Previous {
    /// There was none.
    Fresh,
    /// It closed the journal in order.
    Clean,
    /// It was killed, or the machine went down: what it had not committed is lost.
    Unclean {
        /// The torn end, if there was one.
        cut: Option<Cut>,
    },
}

/// Tells how a journal is doing, from any thread.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<Queue>);

impl Gauge {
    /// How it is doing now; waits for no disk.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status()
    }

    /// As [`Journal::is_crowded`].
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.0.is_crowded()
    }
}

/// The writer's end of a journal. Dropped without [`Journal::close`], it counts as unclean.
#[derive(Debug)]
pub struct Journal {
    directory: Arc<Directory>,
    queue: Arc<Queue>,
    committer: Option<JoinHandle<()>>,
    watcher: tokio::sync::watch::Receiver<Committed>,
    next_seq: u64,
    /// Bytes in the segment that the next line would go to, with what is still queued.
    segment_len: u64,
    segment_bytes: u64,
    close_wait: Duration,
    /// Last, so that it is released last.
    _lock: Lock,
}

impl Journal {
    /// Opens the journal in `dir`, making it if there is none.
    ///
    /// # Errors
    /// In use, not ours, unsafe, read-only, full or damaged: see [`Error`]. Files are changed
    /// only to cut what a crash tore behind the last place known to be on disk.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Opened), Error> {
        let directory = match options.directory {
            Some(id) => Directory::just_this(dir, id, options.owner)?,
            None => Directory::for_writing(dir, options.owner)?,
        };
        directory.check_space()?;
        // Before the first file is made or emptied.
        identity::check_ours(&directory)?;
        let lock = Lock::take(&directory)?;
        let firsts = segment::list(&directory)?;
        let known = identity::read(&directory)?;
        if known.is_none() && !firsts.is_empty() {
            return Err(identity::missing(&directory));
        }
        let clean = head::read(&directory, CLEAN)?;
        let claims = Claims {
            clean,
            head: head::read(&directory, head::NAME)?,
        };
        let tail = match firsts.last() {
            Some(first) => Some(recover::last_segment(&directory, *first, claims)?),
            None => recover::no_segment(&directory, claims).map(|()| None)?,
        };
        let previous = match (known, clean) {
            (None, _) => Previous::Fresh,
            (Some(_), Some(_)) => Previous::Clean,
            (Some(_), None) => Previous::Unclean {
                cut: tail.as_ref().and_then(|tail| tail.cut.clone()),
            },
        };
        let log_id = known.or(options.log_id).unwrap_or_else(Uuid::new_v4);
        if known.is_none() {
            identity::create(&directory, log_id)?;
        }
        let older = firsts.iter().rev().skip(1).map(|first| {
            let path = directory.path_of(&segment::name(*first));
            std::fs::metadata(path).map_or(0, |found| found.len())
        });
        let older = older.sum();
        let journal = Self::start(directory, tail, (lock, older), &options)?;
        let opened = Opened {
            log_id,
            next_seq: journal.next_seq,
            previous,
        };
        Ok((journal, opened))
    }

    /// From here on the journal is open: the marker goes, the head shows the recovered end.
    fn start(
        directory: Directory,
        tail: Option<Tail>,
        (lock, older): (Lock, u64),
        options: &Options,
    ) -> Result<Self, Error> {
        directory.remove(CLEAN)?;
        let head = Head::open(&directory)?;
        directory.sync()?;
        let (file, end) = match tail {
            Some(tail) => (Some(tail.file), tail.end),
            None => (None, Committed::default()),
        };
        head.begin(end)?;
        let directory = Arc::new(directory);
        let queue = Arc::new(Queue::new(
            options.queue_bytes,
            options.sync_interval,
            (end, older + end.offset),
        ));
        let (watchers, watcher) = tokio::sync::watch::channel(end);
        let committer = Committer {
            directory: Arc::clone(&directory),
            queue: Arc::clone(&queue),
            file,
            end,
            head,
            watchers,
            batch: VecDeque::new(),
            unpublished: false,
        };
        let committer = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || committer.run())
            .map_err(|error| Error::system(directory.path(), "start the committer of", error))?;
        Ok(Self {
            directory,
            queue,
            committer: Some(committer),
            watcher,
            next_seq: end.seq + 1,
            segment_len: end.offset,
            segment_bytes: options.segment_bytes,
            close_wait: options.close_wait,
            _lock: lock,
        })
    }

    /// How far the journal in `dir` is committed; for readers, without taking the lock.
    ///
    /// # Errors
    /// [`Error::NotAJournal`] where there is none, and whatever the system answers.
    pub fn committed(dir: &Path) -> Result<Committed, Error> {
        let directory = Directory::for_reading(dir)?;
        Ok(head::read(&directory, head::NAME)?.unwrap_or_default())
    }

    /// Whether the disk is well but slower than what comes: half of what may wait for it waits.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.queue.is_crowded()
    }

    /// The number that the next record must carry in its `seq` field.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Takes one record in, without waiting for the disk: one JSON object, no newline, numbered
    /// [`Journal::next_seq`]. Returns its number.
    ///
    /// # Errors
    /// [`Error::Line`] if it is not such an object, [`Error::Backlog`] if too much waits for the
    /// disk. The number is not used up then.
    pub fn append(&mut self, line: &[u8]) -> Result<u64, Error> {
        let seq = self.next_seq;
        line::accept(line, seq).map_err(|reason| Error::Line { seq, reason })?;
        let bytes = line.len() as u64 + 1;
        let full = self.segment_len > 0 && self.segment_len + bytes > self.segment_bytes;
        // The very first record opens the first segment.
        let opens = full || seq == 1;
        self.queue.push(line, opens.then_some(seq))?;
        self.segment_len = if opens {
            bytes
        } else {
            self.segment_len + bytes
        };
        self.next_seq += 1;
        Ok(seq)
    }

    /// Waits until everything taken in so far is on disk.
    ///
    /// # Errors
    /// [`Error::NotCommitted`] after a failed attempt. Nothing is lost by that: the committer
    /// keeps the records and goes on trying.
    pub fn sync(&self) -> Result<Committed, Error> {
        self.queue.sync(self.next_seq - 1)
    }

    /// Whether it can still be written at all.
    ///
    /// # Errors
    /// [`Error::Removed`]: somebody has removed it.
    pub fn check(&self) -> Result<(), Error> {
        match self.status().removed {
            Some((path, seq)) => Err(Error::Removed { path, seq }),
            None => Ok(()),
        }
    }

    /// How the journal is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.queue.status()
    }

    /// How the journal is doing, for who must not wait for the one who writes it.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        Gauge(Arc::clone(&self.queue))
    }

    /// Follows the committed position from within this process.
    #[must_use]
    pub fn subscribe(&self) -> tokio::sync::watch::Receiver<Committed> {
        self.watcher.clone()
    }

    /// Commits everything, marks the journal as clean and lets go of it.
    ///
    /// # Errors
    /// [`Error::NotCommitted`] if the disk refused for all of [`Options::close_wait`]: the
    /// records counted there are lost when the process ends. Any other error is about the marker
    /// alone: everything is on disk, but the next open will call it unclean.
    pub fn close(mut self) -> Result<Committed, Error> {
        self.finish(self.close_wait);
        if let Some(error) = self.queue.unfinished() {
            return Err(error);
        }
        let committed = self.queue.sync(self.next_seq - 1)?;
        self.directory.write_whole(CLEAN, &committed.encode())?;
        Ok(committed)
    }

    /// Lets go of it as it was found, where nothing was recorded after all. What was not closed in
    /// order stays so, for the next one to say it.
    pub fn put_back(self, previous: &Previous) {
        match previous {
            // An error is about the marker alone, and the journal is as good without it.
            Previous::Fresh | Previous::Clean => drop(self.close()),
            Previous::Unclean { .. } => drop(self),
        }
    }

    fn finish(&mut self, wait: Duration) {
        self.queue.stop(Stop::Drain(Instant::now() + wait));
        if let Some(committer) = self.committer.take() {
            // A panic there was told by the queue as "ended"; what it had not written, too.
            let _ = committer.join();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.finish(Duration::ZERO);
    }
}
