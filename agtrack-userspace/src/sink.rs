//! Sinks: records on their way out, each sink from a cursor of its own.
//!
//! Comes in: committed records, read from the journal. Goes out: the same records to files, sockets and
//! servers, at least once each, with `id` to know them by; beside the journal a cursor and the records
//! that a receiver refused. Never: holds up the journal or another sink, keeps more than a batch in
//! memory, or moves a cursor before what it stands behind was acknowledged.
//!
//! Each sink is a task on one thread; what may wait for a disk is done on others. Each transport is one
//! file and one row in `table.rs`.

mod backoff;
mod batch;
mod board;
mod choice;
mod cursor;
mod delivery;
mod elasticsearch;
mod encode;
mod file;
mod http;
mod journald;
mod kafka;
mod nats;
pub mod ocsf;
mod otlp;
mod peer;
mod protocol;
mod refused;
mod secret;
mod settings;
mod source;
mod splunk;
mod start;
mod state;
mod stdout;
mod syslog;
mod table;
mod task;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
mod trial;
mod unix;
mod url;
mod window;

use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::{mpsc, watch};

pub use board::{Board, Posted};
pub(crate) use choice::glob;
pub use cursor::{Cursor, Fault};
pub use kafka::{Mechanism, wrong_brokers};
pub use otlp::Signal;
pub use protocol::{Protocol, wrong_protocol};
pub use secret::Secret;
pub use settings::{Encoding, Framing, RecordKind, Settings, SocketKind, Start};
pub use state::directory;
pub use syslog::{Facility, wrong_address};
pub use table::{Kind, Row, TABLE, row};
pub use trial::{Trial, attempt};
pub use url::wrong_url;

use crate::journal::Committed;
use task::Place;

/// How long a sink has for what is committed when it is told to stop.
pub const GRACE: Duration = Duration::from_secs(5);
/// How long a thread may hang at the end in a file system that does not answer.
const LAST: Duration = Duration::from_millis(500);

/// How a person is told.
pub type Tell = fn(&str);

/// What the thread is asked.
enum Order {
    Reload(Vec<Settings>, u64),
    Stop,
}

/// Sinks at work. Dropped without [`Sinks::stop`] they end as if killed.
#[derive(Debug)]
pub struct Sinks {
    orders: mpsc::UnboundedSender<Order>,
    thread: JoinHandle<()>,
    board: Board,
}

impl Sinks {
    /// Begins to send what is committed to the journal in `journal`, which `news` tells of. For sinks that
    /// begin with what is recorded now, `now` is the number of the next record.
    ///
    /// # Errors
    /// The directory of cursors cannot be made, or the kernel refuses a thread.
    pub fn start(
        journal: &Path,
        settings: &[Settings],
        now: u64,
        news: watch::Receiver<Committed>,
        tell: Tell,
    ) -> anyhow::Result<Sinks> {
        let state = state::make(journal).context("cannot keep cursors of sinks")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("sink")
            .build()
            .context("cannot begin to serve sinks")?;
        let place = Place {
            journal: journal.to_owned(),
            state,
            now,
            news,
            board: Board::default(),
            tell,
        };
        let board = place.board.clone();
        let (orders, inbox) = mpsc::unbounded_channel();
        let settings = settings.to_vec();
        let thread = std::thread::Builder::new()
            .name("sinks".to_owned())
            .spawn(move || {
                runtime.block_on(supervise(settings, place, inbox));
                runtime.shutdown_timeout(LAST);
            })
            .context("cannot start the thread of the sinks")?;
        Ok(Sinks {
            orders,
            thread,
            board,
        })
    }

    /// Puts other settings in force: sinks that changed go on from their cursors, those that are gone
    /// stop, and the others notice nothing.
    pub fn reload(&self, settings: &[Settings], now: u64) {
        // Where the thread is gone there is nothing to reload.
        let _ = self.orders.send(Order::Reload(settings.to_vec(), now));
    }

    /// Where each says how it is doing.
    #[must_use]
    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// Has all sinks deliver what is committed, at most for [`GRACE`].
    pub fn stop(self) {
        let _ = self.orders.send(Order::Stop);
        // A panic there was told by itself.
        let _ = self.thread.join();
    }
}

/// A sink that runs.
struct Running {
    settings: Settings,
    stop: watch::Sender<Option<Instant>>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn begin(settings: Settings, place: Place) -> Running {
        let (stop, stopped) = watch::channel(None);
        place.board.enter(&settings.name);
        let task = tokio::spawn(task::run(settings.clone(), place, stopped));
        Running {
            settings,
            stop,
            task,
        }
    }

    fn stop(&self) {
        self.stop.send_replace(Some(Instant::now() + GRACE));
    }

    async fn ended(self, tell: Tell) {
        if self.task.await.is_err_and(|error| error.is_panic()) {
            tell(&format!(
                "sink {} ended by a fault of agtrack: please report the message above; its cursor is kept",
                self.settings.name
            ));
        }
    }
}

/// Begins and ends sinks as it is asked.
async fn supervise(
    settings: Vec<Settings>,
    place: Place,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let begin = |settings| Running::begin(settings, place.clone());
    let mut running: Vec<_> = settings.into_iter().map(begin).collect();
    while let Some(Order::Reload(settings, now)) = orders.recv().await {
        running = reload(running, settings, &place, now).await;
    }
    running.iter().for_each(Running::stop);
    for sink in running {
        sink.ended(place.tell).await;
    }
}

async fn reload(
    running: Vec<Running>,
    settings: Vec<Settings>,
    place: &Place,
    now: u64,
) -> Vec<Running> {
    let stays = |sink: &Running| settings.contains(&sink.settings);
    let (mut kept, gone): (Vec<_>, Vec<_>) = running.into_iter().partition(stays);
    gone.iter().for_each(Running::stop);
    for sink in gone {
        let name = sink.settings.name.clone();
        // Two of one name would move one cursor.
        sink.ended(place.tell).await;
        place.board.remove(&name);
    }
    for settings in settings {
        if !kept.iter().any(|sink| sink.settings == settings) {
            let place = Place {
                now,
                ..place.clone()
            };
            kept.push(Running::begin(settings, place));
        }
    }
    kept
}
