//! What waits for the disk, between the pipeline's thread and the committer's. In: lines; out:
//! chunks of them, in order, when they are due. Bounded in bytes; what was taken in is never
//! dropped.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::Error;
use super::head::Committed;

/// Enough for one efficient write; small enough that half-filled ones cost little memory.
const CHUNK_BYTES: usize = 256 << 10;
/// So much news is committed at once, without waiting for the interval.
const COMMIT_BYTES: u64 = 1 << 20;
/// Empty buffers kept for reuse.
const SPARE_CHUNKS: usize = 8;

/// Lines of one segment, each with its newline.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    /// Records in it.
    pub(super) records: u64,
    /// Set where a new segment starts with this chunk: its first record.
    pub(super) opens_segment: Option<u64>,
}

/// How the journal is doing.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The last record on disk; 0 before the first.
    pub committed_seq: u64,
    /// Bytes accepted that are not on disk yet.
    pub queued_bytes: u64,
    /// Why the last attempt to write failed; `None` while all is well.
    pub error: Option<String>,
    /// When the first of the failed attempts since the last success was.
    pub since: Option<Instant>,
    /// The segment that was removed while it was written, and its last record: nothing is written any
    /// more.
    pub removed: Option<(PathBuf, u64)>,
    /// Since when something waits and nothing was committed; `None` while nothing waits.
    pub waiting: Option<Instant>,
    /// Bytes on disk, of all segments.
    pub bytes: u64,
}

/// Whether and how the committer should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Go on.
    No,
    /// Commit everything; if the disk refuses, keep trying until then.
    Drain(Instant),
}

#[derive(Debug)]
struct State {
    chunks: VecDeque<Chunk>,
    spare: Vec<Vec<u8>>,
    /// Bytes in `chunks`, not counting what the committer holds.
    waiting_bytes: u64,
    /// When the oldest of `chunks` came.
    since: Option<Instant>,
    sync_wanted: bool,
    stop: Stop,
    committed: Committed,
    failures: u64,
    status: Status,
    /// The committer is gone.
    ended: bool,
}

/// The queue; shared by reference between the two threads.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Something for the committer.
    news: Condvar,
    /// Something from the committer.
    answer: Condvar,
    limit: u64,
    interval: Duration,
}

impl Queue {
    pub(super) fn new(
        limit: u64,
        interval: Duration,
        (committed, bytes): (Committed, u64),
    ) -> Self {
        let status = Status {
            committed_seq: committed.seq,
            bytes,
            ..Status::default()
        };
        let state = State {
            chunks: VecDeque::new(),
            spare: Vec::new(),
            waiting_bytes: 0,
            since: None,
            sync_wanted: false,
            stop: Stop::No,
            committed,
            failures: 0,
            status,
            ended: false,
        };
        let (news, answer) = (Condvar::new(), Condvar::new());
        Self {
            state: Mutex::new(state),
            news,
            answer,
            limit,
            interval,
        }
    }

    /// Takes a line in, or refuses it when the queue is full. One line always fits.
    pub(super) fn push(&self, line: &[u8], opens_segment: Option<u64>) -> Result<(), Error> {
        let mut state = self.lock();
        let queued = state.status.queued_bytes;
        let bytes = line.len() as u64 + 1;
        if queued > 0 && queued + bytes > self.limit {
            return Err(Error::Backlog {
                queued,
                limit: self.limit,
            });
        }
        state.store(line, opens_segment);
        let before = state.waiting_bytes;
        state.waiting_bytes += bytes;
        state.status.queued_bytes += bytes;
        state.status.waiting.get_or_insert_with(Instant::now);
        // Wake only where something changes for the committer, not for every line.
        let enough = before < COMMIT_BYTES && state.waiting_bytes >= COMMIT_BYTES;
        if state.since.is_none() {
            state.since = Some(Instant::now());
            self.news.notify_one();
        } else if enough {
            self.news.notify_one();
        }
        Ok(())
    }

    /// Waits until everything taken in so far is on disk, or an attempt to put it there failed.
    pub(super) fn sync(&self, seq: u64) -> Result<Committed, Error> {
        let mut state = self.lock();
        let failures = state.failures;
        state.sync_wanted |= state.committed.seq < seq;
        self.news.notify_one();
        while state.committed.seq < seq {
            if state.failures > failures || state.ended {
                return Err(state.not_committed());
            }
            state = self
                .answer
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(state.committed)
    }

    pub(super) fn stop(&self, stop: Stop) {
        self.lock().stop = stop;
        self.news.notify_one();
    }

    pub(super) fn status(&self) -> Status {
        let state = self.lock();
        let mut status = state.status.clone();
        if state.ended && status.error.is_none() && state.stop == Stop::No {
            status.error = Some("the committer has ended".to_owned());
        }
        status
    }

    pub(super) fn is_crowded(&self) -> bool {
        let state = self.lock();
        state.status.error.is_none() && state.status.queued_bytes > self.limit / 2
    }

    /// Moves what waits into `batch` once it is due (or at once, to `hurry`).
    pub(super) fn collect(&self, batch: &mut VecDeque<Chunk>, hurry: bool) -> Stop {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let due = state.since.map(|since| since + self.interval);
            let enough = state.sync_wanted || state.waiting_bytes >= COMMIT_BYTES;
            let due_now = hurry || enough || state.stop != Stop::No;
            if due_now || due.is_some_and(|due| due <= now) {
                break;
            }
            state = match due {
                Some(due) => self.wait_until(state, due, now),
                None => self
                    .news
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
        state.since = None;
        state.sync_wanted = false;
        state.waiting_bytes = 0;
        batch.append(&mut state.chunks);
        state.stop
    }

    /// Waits for the next attempt after a failed one; a request to sync, or to stop other than
    /// the `known` one, ends it early.
    pub(super) fn pause(&self, time: Duration, known: Stop) {
        let mut state = self.lock();
        let mut end = Instant::now() + time;
        if let Stop::Drain(until) = known {
            end = end.min(until);
        }
        loop {
            let now = Instant::now();
            if now >= end || state.sync_wanted || state.stop != known {
                return;
            }
            state = self.wait_until(state, end, now);
        }
    }

    /// Chunks are on disk.
    pub(super) fn committed(&self, committed: Committed, chunks: impl Iterator<Item = Chunk>) {
        let mut state = self.lock();
        state.committed = committed;
        state.status.committed_seq = committed.seq;
        for mut chunk in chunks {
            let bytes = chunk.bytes.len() as u64;
            state.status.queued_bytes = state.status.queued_bytes.saturating_sub(bytes);
            state.status.bytes += bytes;
            if state.spare.len() < SPARE_CHUNKS && chunk.bytes.capacity() <= CHUNK_BYTES {
                chunk.bytes.clear();
                state.spare.push(chunk.bytes);
            }
        }
        let waits = state.status.queued_bytes > 0;
        state.status.waiting = waits.then(Instant::now);
        self.answer.notify_all();
    }

    /// An attempt succeeded.
    pub(super) fn well(&self) {
        let mut state = self.lock();
        state.status.error = None;
        state.status.since = None;
    }

    /// An attempt failed.
    pub(super) fn failed(&self, error: &Error) {
        let mut state = self.lock();
        state.failures += 1;
        state.status.error = Some(error.to_string());
        state.status.since.get_or_insert_with(Instant::now);
        self.answer.notify_all();
    }

    /// The journal is not there any more.
    pub(super) fn removed(&self, path: PathBuf, seq: u64) {
        self.lock().status.removed = Some((path, seq));
    }

    /// The committer is gone, for whatever reason.
    pub(super) fn ended(&self) {
        self.lock().ended = true;
        self.answer.notify_all();
    }

    /// The error for what still waits; `None` if nothing does.
    pub(super) fn unfinished(&self) -> Option<Error> {
        let state = self.lock();
        (state.status.queued_bytes > 0).then(|| state.not_committed())
    }

    /// A thread that panicked elsewhere leaves the state whole: no step in here can panic half way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until<'a>(
        &self,
        state: MutexGuard<'a, State>,
        end: Instant,
        now: Instant,
    ) -> MutexGuard<'a, State> {
        let result = self
            .news
            .wait_timeout(state, end.saturating_duration_since(now));
        result.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    fn store(&mut self, line: &[u8], opens_segment: Option<u64>) {
        let room = |chunk: &Chunk| chunk.bytes.len() + line.len() < CHUNK_BYTES;
        if opens_segment.is_some() || !self.chunks.back().is_some_and(room) {
            let bytes = self
                .spare
                .pop()
                .unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES));
            self.chunks.push_back(Chunk {
                bytes,
                records: 0,
                opens_segment,
            });
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.bytes.extend_from_slice(line);
            chunk.bytes.push(b'\n');
            chunk.records += 1;
        }
    }

    fn not_committed(&self) -> Error {
        let reason = self
            .status
            .error
            .clone()
            .unwrap_or_else(|| "the committer ended".to_owned());
        Error::NotCommitted {
            bytes: self.status.queued_bytes,
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_crowded_while_the_disk_is_well_and_slow() {
        let queue = Queue::new(100, Duration::from_secs(3600), (Committed::default(), 0));
        queue.push(&[b' '; 40], None).unwrap();
        assert!(!queue.is_crowded());
        queue.push(&[b' '; 40], None).unwrap();
        assert!(queue.is_crowded());
        // Nobody knows how long a disk refuses: then there is no point in waiting for it.
        let error = Error::Backlog {
            queued: 82,
            limit: 100,
        };
        queue.failed(&error);
        assert!(!queue.is_crowded());
    }
}
