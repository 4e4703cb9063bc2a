//! A thread beside the recording one that reads files and hashes them.
//!
//! In: [`HashWanted`], as the pipeline asks. Out: one [`Hashed`] each, unless the thread is stuck. It
//! never holds up the recording thread: what it has no room for is answered `busy` at once, and a
//! file system that does not answer (somebody's own may choose not to) costs the thread, which is
//! then left behind and replaced.

mod budget;
mod desk;
mod file;
mod known;
mod leaving;
mod parked;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel,
};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::input::{Deed, HashWanted, Hashed};
use crate::record::{Effect, Unhashed};
use desk::Desk;
pub(super) use file::mounted;
use leaving::Leaving;
use parked::Parked;

/// Questions that may wait.
const MOST: usize = 4096;
/// A file that takes longer does not come any more.
const STUCK: Duration = Duration::from_secs(5);
/// So many threads may be stuck at a time; then everything is answered `busy`.
const MOST_STUCK: usize = 4;
/// Below what people and agents do.
const NICE: i32 = 10;

/// Asks, and collects the answers.
pub(super) struct Hasher {
    max_bytes: u64,
    began: Instant,
    worker: Option<Worker>,
    /// One for each thread that lives, and one.
    alive: Arc<()>,
    /// Answers that no thread had to give.
    refused: Vec<Hashed>,
}

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HasherLoad {
    /// Files that wait.
    pub waiting: u64,
    /// Threads that a file system keeps.
    pub hung: u64,
    /// All of them hang: nothing is hashed.
    pub is_full: bool,
}

/// A thread.
struct Worker {
    questions: SyncSender<Vec<HashWanted>>,
    answers: Receiver<Hashed>,
    /// Since when it has been at one file, ms after `began`, and one; 0: it is at none.
    since: Arc<AtomicU64>,
    /// Questions that it has not answered.
    open: usize,
}

impl Hasher {
    /// Hashes files of at most `max_bytes`.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn new(max_bytes: u64) -> anyhow::Result<Hasher> {
        let mut hasher = Hasher {
            max_bytes,
            began: Instant::now(),
            worker: None,
            alive: Arc::default(),
            refused: Vec::new(),
        };
        let worker = hasher
            .begin()
            .context("cannot start the thread that hashes files")?;
        hasher.worker = Some(worker);
        Ok(hasher)
    }

    fn begin(&self) -> std::io::Result<Worker> {
        let (questions, inbox) = sync_channel(MOST);
        let (outbox, answers) = channel();
        let since = Arc::new(AtomicU64::new(0));
        let shift = Shift {
            since: Arc::clone(&since),
            began: self.began,
            _alive: Arc::clone(&self.alive),
        };
        let desk = Desk::new(self.max_bytes);
        std::thread::Builder::new()
            .name("hasher".to_owned())
            .spawn(move || work(&inbox, &outbox, desk, &shift))?;
        Ok(Worker {
            questions,
            answers,
            since,
            open: 0,
        })
    }

    /// Asks all that came up at one moment, which wakes the thread once; does not wait.
    pub(super) fn ask(&mut self, mut wanted: Vec<HashWanted>) {
        if wanted.is_empty() {
            return;
        }
        let room = self
            .worker
            .as_ref()
            .map_or(0, |worker| MOST.saturating_sub(worker.open));
        self.refuse(wanted.split_off(room.min(wanted.len())));
        let Some(worker) = &mut self.worker else {
            return;
        };
        let count = wanted.len();
        match worker.questions.try_send(wanted) {
            Ok(()) => worker.open += count,
            Err(TrySendError::Full(wanted) | TrySendError::Disconnected(wanted)) => {
                self.refuse(wanted);
            }
        }
    }

    /// How many files wait to be hashed, and how many threads hang at one.
    pub(super) fn load(&self) -> HasherLoad {
        let own = usize::from(self.worker.is_some());
        HasherLoad {
            waiting: self.worker.as_ref().map_or(0, |worker| worker.open) as u64,
            // The count has one for this owner.
            hung: Arc::strong_count(&self.alive).saturating_sub(1 + own) as u64,
            is_full: self.worker.is_none(),
        }
    }

    fn refuse(&mut self, wanted: Vec<HashWanted>) {
        self.refused.extend(wanted.into_iter().map(busy));
    }

    /// The answers that have come.
    pub(super) fn answers(&mut self) -> Vec<Hashed> {
        let mut all = std::mem::take(&mut self.refused);
        let before = all.len();
        if let Some(worker) = &mut self.worker {
            all.extend(worker.answers.try_iter());
            worker.open -= (all.len() - before).min(worker.open);
        }
        self.replace_stuck();
        all
    }

    /// What the stuck one was asked is not answered any more: whoever asked has given up by now.
    fn replace_stuck(&mut self) {
        let is_stuck = |worker: &Worker| {
            let since = worker.since.load(Ordering::Relaxed);
            since > 0 && self.began.elapsed() > Duration::from_millis(since - 1) + STUCK
        };
        if self.worker.as_ref().is_some_and(is_stuck) {
            self.worker = None;
        }
        // The count has one for this owner.
        if self.worker.is_none() && Arc::strong_count(&self.alive) <= MOST_STUCK {
            self.worker = self.begin().ok();
        }
    }
}

/// More is asked than can be done.
fn busy(wanted: HashWanted) -> Hashed {
    let script = match &wanted.deed {
        Deed::Executed { script } => script.is_some(),
        Deed::Written { .. } | Deed::Removed | Deed::Renamed { .. } => false,
    };
    Hashed {
        ticket: wanted.ticket,
        file: Some(Effect::without(wanted.size, Unhashed::Busy)),
        script: script.then(|| Effect::without(None, Unhashed::Busy)),
    }
}

/// What a thread tells while it works.
struct Shift {
    since: Arc<AtomicU64>,
    began: Instant,
    _alive: Arc<()>,
}

impl Shift {
    fn begins(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.since.store(now + 1, Ordering::Relaxed);
    }

    fn rests(&self) {
        self.since.store(0, Ordering::Relaxed);
    }
}

/// Until nobody asks any more.
fn work(inbox: &Receiver<Vec<HashWanted>>, outbox: &Sender<Hashed>, mut desk: Desk, shift: &Shift) {
    // Without it the same is done, only less politely.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
    let mut parked = Parked::default();
    loop {
        shift.rests();
        let asked = match parked.rest(Instant::now()) {
            Some(rest) => inbox.recv_timeout(rest),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let wanted = match asked {
            Ok(wanted) => wanted,
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let tell = |answers: Vec<Hashed>| answers.into_iter().all(|it| outbox.send(it).is_ok());
        let mut is_heard = tell(parked.due(Instant::now()));
        let mut leaving = Leaving::new(&wanted);
        for wanted in wanted {
            shift.begins();
            leaving.pass(&wanted);
            is_heard &= tell(parked.answer(&mut desk, wanted, &leaving, Instant::now()));
        }
        if !is_heard {
            return;
        }
    }
}
