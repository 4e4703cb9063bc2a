//! A sink at work: reads, delivers, remembers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{sleep, sleep_until, timeout};

use super::backoff::Backoff;
use super::batch::Batch;
use super::board::Board;
use super::cursor::{Cursor, Fault};
use super::delivery::Delivered;
use super::refused::{self, Letter};
use super::settings::Settings;
use super::source::{Read, Source};
use super::transport::{Transport, Trouble, apart};
use super::window::Window;
use super::{Tell, start};
use crate::journal::Committed;

/// How often a cursor is put on disk at most.
const SAVE: Duration = Duration::from_secs(1);
/// How long to wait before the journal is tried again that could not be read.
const UNREADABLE: Duration = Duration::from_secs(10);

/// Where a sink finds and keeps its things.
#[derive(Clone)]
pub(super) struct Place {
    /// The journal's directory.
    pub(super) journal: PathBuf,
    /// Where cursors are.
    pub(super) state: PathBuf,
    /// The next record when the sink was asked for.
    pub(super) now: u64,
    /// How far the journal is committed; ended with its writer.
    pub(super) news: watch::Receiver<Committed>,
    /// Where it says how it is doing.
    pub(super) board: Board,
    /// Tells a person.
    pub(super) tell: Tell,
}

/// A sink at work.
pub(super) struct Task {
    pub(super) settings: Settings,
    pub(super) place: Place,
    /// When it has to be done; none while it goes on.
    pub(super) stop: watch::Receiver<Option<Instant>>,
    pub(super) transport: Option<Box<dyn Transport>>,
    /// Where reading goes on.
    pub(super) next: u64,
    pub(super) cursor: Cursor,
    pub(super) window: Window,
    pub(super) backoff: Backoff,
    /// What was told to people last.
    pub(super) told: Option<String>,
    saved: Option<(Instant, Cursor)>,
}

/// Runs a sink until it is told to stop, or until the journal is closed and all of it delivered.
pub(super) async fn run(settings: Settings, place: Place, stop: watch::Receiver<Option<Instant>>) {
    let expired = expired(stop.clone());
    let mut task = tokio::select! {
        task = Task::begin(settings, place, stop) => task,
        () = expired => return,
    };
    let expired = self::expired(task.stop.clone());
    tokio::select! {
        () = task.work() => {}
        () = expired => {}
    }
    // A file system that does not answer must not hold up the end; some records come twice then.
    let _ = timeout(SAVE, task.save()).await;
}

/// Ends when a sink that was told to stop has to be done.
async fn expired(mut stop: watch::Receiver<Option<Instant>>) {
    loop {
        let deadline = *stop.borrow_and_update();
        if let Some(deadline) = deadline {
            return sleep_until(deadline.into()).await;
        }
        if stop.changed().await.is_err() {
            return;
        }
    }
}

impl Task {
    pub(super) async fn begin(
        settings: Settings,
        place: Place,
        stop: watch::Receiver<Option<Instant>>,
    ) -> Task {
        let mut backoff = Backoff::default();
        let cursor = loop {
            match start::cursor(&settings, &place).await {
                Ok(cursor) => break cursor,
                Err(reason) => {
                    (place.tell)(&format!("sink {}: {reason}", settings.name));
                    sleep(backoff.wait(Some(UNREADABLE), dice())).await;
                }
            }
        };
        backoff.reset();
        let mut task = Task {
            next: cursor.next_seq,
            cursor,
            settings,
            place,
            stop,
            transport: None,
            window: Window::new(Duration::ZERO),
            backoff,
            told: None,
            saved: None,
        };
        // From here on a sink knows its place, whatever ends the daemon.
        task.save().await;
        task.place.board.post(&task.settings.name, &task.cursor);
        task
    }

    async fn work(&mut self) {
        let mut source = match Source::new(self.place.journal.clone(), &self.settings) {
            Ok(source) => Some(source),
            Err(error) => return self.tell(&format!("cannot begin: {error}")),
        };
        loop {
            let Some((reading, batch, ends)) = self.collect(source.take()).await else {
                return;
            };
            source = reading;
            match self.deliver(batch).await {
                Delivered::All => {}
                Delivered::Back(seq) => {
                    self.next = seq;
                    if let Some(source) = &mut source {
                        source.go_to(seq);
                    }
                    continue;
                }
            }
            self.remember().await;
            if ends {
                return;
            }
        }
    }

    /// Reads a batch, waiting for what it needs. None once there is nothing more to do; true with the
    /// last one.
    async fn collect(&mut self, source: Option<Source>) -> Option<(Option<Source>, Batch, bool)> {
        let mut source = source?;
        let mut batch = Batch::new(self.next);
        let mut since = None;
        source.go_on(self.next);
        loop {
            self.place.news.borrow_and_update();
            let closed = self.place.news.has_changed().is_err();
            let stopping = closed || self.stop.borrow().is_some();
            let (back, filled, read) = fill(source, batch).await?;
            (source, batch) = (back, filled);
            self.next = batch.next;
            let letters = std::mem::take(&mut source.unfit);
            if !letters.is_empty() {
                self.bury(letters).await;
            }
            match read {
                Ok(Read::Full) => return Some((Some(source), batch, false)),
                Ok(Read::Passed) if batch.items.is_empty() => self.pass(batch.next).await,
                Ok(Read::Passed) => return Some((Some(source), batch, false)),
                Ok(Read::Missed(count)) => self.miss(count),
                Ok(Read::End) if stopping => return Some((Some(source), batch, true)),
                Ok(Read::End) if batch.items.is_empty() => {
                    self.pass(batch.next).await;
                    if let Err(trouble) = self.wait().await {
                        let seq = self.fail_idle(trouble).await;
                        self.next = seq;
                        source.go_to(seq);
                        batch = Batch::new(seq);
                    }
                }
                Ok(Read::End) => {
                    let wait = Duration::from_millis(self.settings.batch_ms);
                    let until = *since.get_or_insert_with(Instant::now) + wait;
                    if !self.more_until(until).await {
                        return Some((Some(source), batch, false));
                    }
                }
                Err(error) => {
                    self.fail(&Trouble::later(format!("cannot read the journal: {error}")));
                    source.go_to(self.next);
                    if stopping {
                        return Some((Some(source), batch, true));
                    }
                    sleep(UNREADABLE).await;
                }
            }
        }
    }

    /// Waits for news, for the request to stop, or for something to become sure.
    ///
    /// # Errors
    /// The connection does not hold.
    async fn wait(&mut self) -> Result<(), Trouble> {
        loop {
            let due = self.window.due();
            let unsaved = self.is_unsaved();
            tokio::select! {
                changed = self.place.news.changed() => {
                    drop(changed);
                    return Ok(());
                }
                stopped = self.stop.changed() => {
                    drop(stopped);
                    return Ok(());
                }
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                    self.settle().await?;
                    if self.window.due().is_none() {
                        // Behind the last of them stands what was passed over since.
                        self.cursor.next_seq = self.next;
                    }
                    // Nothing else may come for long, and who looks is to see it.
                    self.remember().await;
                }
                () = sleep(SAVE), if unsaved => self.save().await,
            }
        }
    }

    /// Whether more came before this moment.
    async fn more_until(&mut self, until: Instant) -> bool {
        tokio::select! {
            changed = self.place.news.changed() => { drop(changed); true }
            stopped = self.stop.changed() => { drop(stopped); true }
            () = sleep_until(until.into()) => false,
        }
    }

    /// Records were passed over that the sink is not for.
    async fn pass(&mut self, next: u64) {
        if self.window.due().is_none() {
            self.cursor.next_seq = next;
        }
        self.remember().await;
    }

    fn miss(&mut self, count: u64) {
        self.cursor.missed += count;
        self.tell(&format!(
            "{count} records are not kept any more and were not sent; `agtrack sink list` counts them"
        ));
    }

    /// What was taken long enough ago is sure, if the connection still holds.
    ///
    /// # Errors
    /// It does not.
    pub(super) async fn settle(&mut self) -> Result<(), Trouble> {
        let now = Instant::now();
        if self.window.due().is_none_or(|due| due > now) {
            return Ok(());
        }
        if let Some(transport) = &mut self.transport {
            transport.holds().await?;
        }
        if let Some(sure) = self.window.settle(now) {
            self.cursor.next_seq = sure;
        }
        Ok(())
    }

    /// Keeps records that nobody takes, however long that takes.
    pub(super) async fn bury(&mut self, letters: Vec<Letter>) {
        self.cursor.refused += letters.len() as u64;
        loop {
            let (state, name) = (self.place.state.clone(), self.settings.name.clone());
            let letters = letters.clone();
            let kept = apart(move || {
                refused::write(&state, &name, &letters).map_err(|error| {
                    let path = refused::path(&state, &name);
                    Trouble::later(format!("cannot write {}: {error}", path.display()))
                })
            });
            match kept.await {
                Ok(()) => return,
                Err(trouble) => {
                    self.fail(&trouble);
                    sleep(self.backoff.wait(None, dice())).await;
                }
            }
        }
    }

    /// Notes what is wrong, and tells it where it is news.
    pub(super) fn fail(&mut self, trouble: &Trouble) {
        let reason = trouble.reason();
        match &mut self.cursor.error {
            Some(fault) => fault.reason.clone_from(&reason),
            none => *none = Some(Fault::new(reason.clone())),
        }
        if self.told.as_ref() != Some(&reason) {
            let next = match trouble {
                Trouble::Misconfigured(_) => "; nothing is sent until that is put right",
                Trouble::Later { .. } | Trouble::Refused(_) => "; it is tried again",
            };
            self.tell(&format!("{reason}{next}"));
            self.told = Some(reason);
        }
    }

    /// It works again.
    pub(super) fn recover(&mut self) {
        self.backoff.reset();
        if self.cursor.error.take().is_some() && self.told.take().is_some() {
            self.tell("delivers again");
        }
    }

    pub(super) fn tell(&self, what: &str) {
        (self.place.tell)(&format!("sink {}: {what}", self.settings.name));
    }

    fn is_unsaved(&self) -> bool {
        let saved = self.saved.as_ref();
        saved.is_none_or(|(_, cursor)| *cursor != self.cursor)
    }

    /// Puts the cursor on disk, if that was not done just now.
    pub(super) async fn remember(&mut self) {
        self.place.board.post(&self.settings.name, &self.cursor);
        let is_due = |(when, _): &(Instant, Cursor)| when.elapsed() >= SAVE;
        if self.saved.as_ref().is_none_or(is_due) {
            self.save().await;
        }
    }

    /// Puts the cursor on disk.
    pub(super) async fn save(&mut self) {
        if !self.is_unsaved() {
            return;
        }
        let (state, name) = (self.place.state.clone(), self.settings.name.clone());
        let cursor = self.cursor.clone();
        let saved = apart(move || {
            cursor.write(&state, &name).map_err(|error| {
                let path = Cursor::path(&state, &name, cursor.log_id);
                let path = path.display();
                Trouble::later(format!(
                    "cannot write {path} ({error}), so that records will be sent again after a restart"
                ))
            })
        });
        let result = saved.await;
        self.saved = Some((Instant::now(), self.cursor.clone()));
        if let Err(trouble) = result
            && self.told.as_ref() != Some(&trouble.reason())
        {
            self.tell(&trouble.reason());
            self.told = Some(trouble.reason());
        }
    }
}

/// Reads on a thread of its own. None where that is gone, which is told by itself.
async fn fill(
    mut source: Source,
    mut batch: Batch,
) -> Option<(Source, Batch, Result<Read, crate::journal::Error>)> {
    let read = tokio::task::spawn_blocking(move || {
        let read = source.fill(&mut batch);
        (source, batch, read)
    });
    read.await.ok()
}

/// Something that is different each time.
pub(super) fn dice() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    high ^ low
}
