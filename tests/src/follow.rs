//! Reads a journal, now or while it is written.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use agtrack::journal::{Reader, Start};
use serde_json::Value;

use crate::{here, kept, schema};

/// How often a reader that is not needed any more notices.
const LOOK: Duration = Duration::from_millis(200);

/// Runs of programs that the kernel skipped, as gap records told.
static SKIPPED: AtomicU64 = AtomicU64::new(0);

/// How many runs of programs the kernel skipped so far, going by all gap records read: an event may
/// be missing for each.
pub fn skipped() -> u64 {
    SKIPPED.load(Ordering::Relaxed)
}

/// Reads all that is in a journal and passes each record on.
///
/// # Panics
/// A record is not as it should be, or its number is not the next.
pub fn each(journal: &Path, mut take: impl FnMut(Value)) {
    let mut reader = Reader::open(journal, Start::Beginning).expect("the journal opens");
    let mut next = 1;
    while let Some(line) = reader.next_line().expect("the journal is whole") {
        assert_eq!(line.seq, next, "numbers in the journal have no gap");
        next += 1;
        match parse(line.seq, line.bytes) {
            Ok(record) => take(record),
            Err(mistake) => panic!("{mistake}"),
        }
    }
}

/// All records of a journal.
///
/// # Panics
/// As [`each`].
pub fn all(journal: &Path) -> Vec<Value> {
    let mut records = Vec::new();
    each(journal, |record| records.push(record));
    records
}

fn parse(seq: u64, bytes: &[u8]) -> Result<Value, String> {
    let record: Value = serde_json::from_slice(bytes)
        .map_err(|error| format!("record {seq} is not JSON: {error}"))?;
    if record["seq"] != seq {
        return Err(format!(
            "record {seq} says of itself that it is {}",
            record["seq"]
        ));
    }
    if record["kind"] == "gap" && record["reason"] == "skipped" {
        SKIPPED.fetch_add(
            record["count"].as_u64().unwrap_or_default(),
            Ordering::Relaxed,
        );
    }
    match schema::mistakes(&record) {
        Some(mistake) => Err(mistake),
        None => {
            kept::keep(&record);
            Ok(record)
        }
    }
}

/// Follows a journal while it is written.
#[derive(Debug)]
pub struct Follower {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    news: Condvar,
    over: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    records: Vec<Arc<Value>>,
    mistakes: Vec<String>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic of a test leaves the list whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower {
    /// Begins to follow; the journal must be there.
    pub fn new(journal: &Path) -> Follower {
        let shared = Arc::new(Shared::default());
        let (writer, journal) = (Arc::clone(&shared), journal.to_owned());
        let thread = std::thread::spawn(move || read(&journal, &writer));
        Follower {
            shared,
            thread: Some(thread),
        }
    }

    /// All records so far.
    pub fn records(&self) -> Vec<Arc<Value>> {
        self.shared.state().records.clone()
    }

    /// What was wrong with records so far.
    pub fn mistakes(&self) -> Vec<String> {
        self.shared.state().mistakes.clone()
    }

    /// Waits until `find` makes something of the records so far. `None`: patience is at its end.
    pub fn wait<T>(&self, mut find: impl FnMut(&[Arc<Value>]) -> Option<T>) -> Option<T> {
        let until = Instant::now() + here::patience();
        let mut state = self.shared.state();
        loop {
            if let Some(found) = find(&state.records) {
                return Some(found);
            }
            let left = until.checked_duration_since(Instant::now())?;
            let woken = self.shared.news.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(journal: &Path, shared: &Shared) {
    if let Err(error) = try_read(journal, shared) {
        shared
            .state()
            .mistakes
            .push(format!("the journal cannot be followed: {error}"));
        shared.news.notify_all();
    }
}

fn try_read(journal: &Path, shared: &Shared) -> Result<(), agtrack::journal::Error> {
    let mut reader = Reader::open(journal, Start::Beginning)?;
    while !shared.over.load(Ordering::Relaxed) {
        let mut news = Vec::new();
        let mut mistakes = Vec::new();
        while let Some(line) = reader.next_line()? {
            match parse(line.seq, line.bytes) {
                Ok(record) => news.push(Arc::new(record)),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        {
            let mut state = shared.state();
            state.records.append(&mut news);
            state.mistakes.append(&mut mistakes);
        }
        shared.news.notify_all();
        reader.wait(LOOK)?;
    }
    Ok(())
}
