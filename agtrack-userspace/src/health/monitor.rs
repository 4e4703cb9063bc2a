//! Puts the numbers together.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::watch;

use super::history::{History, time};
use super::{ConfigRead, ConfigRefused, Health, JournalHealth, part};
use crate::engine::Gauge;
use crate::journal::{self, Committed};
use crate::load::Pins;
use crate::record::GapReason;
use crate::sink::Board;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

/// What does not change while the daemon runs.
#[derive(Clone, Debug)]
pub struct About {
    /// The back end for file events.
    pub backend: String,
    /// The journal's directory.
    pub journal: PathBuf,
    /// The configuration's file.
    pub config: PathBuf,
    /// Why recording ends with the daemon; none: the kernel goes on without it.
    pub unpinned: Option<String>,
    /// Where the probes are pinned.
    pub pins: Option<Pins>,
}

impl About {
    /// Why recording ends with the daemon, as it is now.
    fn unpinned(&self) -> Option<String> {
        let gone = self.pins.as_ref().filter(|pins| !pins.are_there());
        let gone = gone.map(|pins| {
            format!(
                "somebody has removed {}; a restart pins them again",
                pins.links().display()
            )
        });
        self.unpinned.clone().or(gone)
    }
}

/// Tells how a daemon is doing.
#[derive(Clone, Debug)]
pub struct Monitor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    about: About,
    began: (Instant, Timestamp),
    gauge: Gauge,
    committed: watch::Receiver<Committed>,
    config: Mutex<ConfigRead>,
    board: Mutex<Option<Board>>,
    history: Mutex<History>,
}

impl Monitor {
    /// One for the recorder of this gauge, whose journal is followed by `committed`. It looks once a
    /// second, in a thread of its own.
    ///
    /// # Errors
    /// The kernel refuses a thread.
    pub fn start(
        about: About,
        gauge: Gauge,
        committed: watch::Receiver<Committed>,
    ) -> anyhow::Result<Monitor> {
        let inner = Arc::new(Inner {
            about,
            began: (Instant::now(), Timestamp::now()),
            gauge,
            committed,
            config: Mutex::default(),
            board: Mutex::default(),
            history: Mutex::default(),
        });
        let watched = Arc::downgrade(&inner);
        std::thread::Builder::new()
            .name("health".to_owned())
            .spawn(move || look(&watched))
            .context("cannot start the thread that looks after the others")?;
        Ok(Monitor(inner))
    }

    /// A configuration of this hash is in force from now on.
    pub fn config_read(&self, sha256: Option<String>) {
        *lock(&self.0.config) = ConfigRead {
            file: self.0.about.config.display().to_string(),
            read: time(Timestamp::now()),
            sha256,
            refused: None,
        };
    }

    /// The one in force stays: what was to take its place was refused.
    pub fn config_refused(&self, reason: String) {
        lock(&self.0.config).refused = Some(ConfigRefused {
            time: time(Timestamp::now()),
            reason,
        });
    }

    /// Where the sinks say how they are doing.
    pub fn watch_sinks(&self, board: Option<Board>) {
        *lock(&self.0.board) = board;
    }

    /// How the journal is doing.
    pub fn journal(&self) -> &journal::Gauge {
        self.0.gauge.journal()
    }

    /// How all of it is doing now.
    #[must_use]
    pub fn read(&self) -> Health {
        self.0.read()
    }
}

/// Until there is nobody to look for.
fn look(inner: &Weak<Inner>) {
    while let Some(inner) = inner.upgrade() {
        inner.note();
        drop(inner);
        std::thread::sleep(LOOK);
    }
}

/// Nothing in here can panic half way.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the event was lost between the kernel and the recording thread.
fn is_of_rings(reason: GapReason) -> bool {
    reason.is_loss() && reason != GapReason::JournalFull
}

impl Inner {
    fn note(&self) {
        let head = self.committed.borrow().seq;
        let losses = self.gauge.vitals().losses;
        let of_rings = losses.iter().filter(|(reason, _)| is_of_rings(**reason));
        let lost = of_rings.map(|(_, count)| count).sum();
        let sinks = lock(&self.board).as_ref().map(Board::read);
        let sinks = sinks.unwrap_or_default();
        lock(&self.history).note(Instant::now(), (head, lost), &sinks);
    }

    fn read(&self) -> Health {
        let now = Instant::now();
        let vitals = self.gauge.vitals();
        let committed = *self.committed.borrow();
        let status = self.gauge.journal().status();
        let is_crowded = self.gauge.journal().is_crowded();
        let sinks = lock(&self.board).as_ref().map(Board::read);
        let sinks = sinks.unwrap_or_default();
        let history = lock(&self.history);
        let of_rings = vitals
            .losses
            .iter()
            .filter(|(reason, _)| is_of_rings(**reason));
        let lost = history.lost(of_rings.map(|(_, count)| count).sum());
        let sink = |(name, posted)| history.sink(now, committed.seq, (name, posted));
        let (began, since) = self.began;
        Health {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            since: time(since),
            uptime_seconds: now.saturating_duration_since(began).as_secs(),
            backend: self.about.backend.clone(),
            unpinned: self.about.unpinned(),
            config: lock(&self.config).clone(),
            agents: vitals.agents,
            sessions: vitals.beat.sessions,
            processes: vitals.beat.processes,
            journal: JournalHealth {
                path: self.about.journal.display().to_string(),
                seq: committed.seq,
                bytes: status.bytes,
                segment: committed.segment,
                offset: committed.offset,
                waiting_bytes: status.queued_bytes,
                last_commit: history.last_commit().map(time),
            },
            losses: vitals.losses,
            skipped: vitals.skipped,
            parts: vec![
                part::rings(lost),
                part::pipeline(self.gauge.silence(), vitals.held),
                part::hasher(vitals.hasher),
                part::journal(&status, is_crowded, now),
            ],
            sinks: sinks
                .iter()
                .map(|(name, posted)| sink((name.as_str(), posted)))
                .collect(),
            hooks: vitals.beat.totals,
        }
    }
}
