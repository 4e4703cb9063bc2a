//! The recorder at work: one thread that owns probes, pipeline and journal.
//!
//! In: requests from the daemon or the launcher. Out: records in the journal. The thread drains
//! the rings on a clock, feeds the pipeline and hands its drafts to the journal; everything from
//! outside passes through one place (`core`), so that it can be logged and replayed.

mod attempt;
mod bound;
mod capture;
pub(crate) mod clock;
mod container;
mod core;
mod discover;
mod facts;
mod full;
mod groups;
mod guard;
mod handover;
mod hands;
mod hasher;
mod inferred;
mod key;
mod live;
mod packets;
mod past;
mod pulse;
mod request;
mod requests;
mod roots;
mod start;
mod stop;
mod stray;
mod summary;
mod suspect;
mod sweep;
mod trouble;
mod vitals;
mod wait;
mod watch;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, anyhow};
use uuid::Uuid;

use crate::cgroup::Cgroup;
use crate::input::{RemovedJournal, Requester};
use crate::journal;
use crate::load::{BackendChoice, Inventory, Reads, Sizes};
use crate::noise;
use crate::record::{ConfigChange, SinkHealth};

pub use capture::{CaptureBegun, CaptureDone, CaptureRequest, Named, Whose};
pub use core::RemovedBy;
pub use discover::{Discovered, discover};
pub use hasher::HasherLoad;
pub use key::known_key;
pub use request::{
    AgentEntry, Identity, Of, RefusedRequests, SessionEntry, Tag, Tagged, Target, Untag, Untagged,
};
pub use requests::Requests;
pub use summary::{Asked, Started, Summary};
pub use vitals::{Gauge, Vitals};

use wait::Ended;

/// How to record.
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory of the journal.
    pub journal: PathBuf,
    /// User and group its files belong to; `None`: the effective user.
    pub owner: Option<(u32, u32)>,
    /// Which hooks see file events.
    pub backend: BackendChoice,
    /// Which opens for reading are told one by one.
    pub reads: Reads,
    /// Classes of reads that are counted.
    pub noise: noise::Globs,
    /// Files of more bytes are not hashed; 0: none is.
    pub hash_max_bytes: u64,
    /// How long a record waits for a hash.
    pub hash_wait: Duration,
    /// Sockets, beside the usual ones, at which somebody tells of containers as Docker does.
    pub container_sockets: Vec<PathBuf>,
    /// Sizes of what the kernel keeps.
    pub sizes: Sizes,
    /// Whether the probes outlive the recorder, where there is a BPF file system, for the next one to go on.
    pub pin: bool,
    /// How to keep the journal; its owner is taken from above.
    pub journal_options: journal::Options,
    /// Agents recognised by cgroup, program or user.
    pub agents: Vec<AgentRule>,
    /// A command is about to be launched, so the probes are needed without a rule.
    pub launching: bool,
    /// The configuration's file, where there is one.
    pub config_file: Option<PathBuf>,
    /// Hash of the configuration.
    pub config_sha256: Option<String>,
    /// The journal before was removed while it was written.
    pub removed: Option<RemovedJournal>,
    /// Write everything that comes from outside to this file, for replay.
    pub input_log: Option<PathBuf>,
}

/// An agent and what it is recognised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRule {
    /// Stable id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Which version of it this is.
    pub version: Option<String>,
    /// What else is known of it.
    pub labels: BTreeMap<String, String>,
    /// Globs on the cgroup path.
    pub cgroups: Vec<String>,
    /// Programs and scripts, absolute.
    pub executables: Vec<PathBuf>,
    /// Real users, by number.
    pub users: Vec<u32>,
    /// Its main programs: names from the catalogue, globs of file names or of paths.
    pub programs: Vec<String>,
    /// Containers.
    pub containers: Vec<crate::container::Rule>,
}

impl AgentRule {
    /// An agent of this id, which is its name too, that is recognised by nothing.
    #[must_use]
    pub fn of_nobody(id: &str) -> AgentRule {
        Identity::from(id).rule()
    }
}

/// A process to be tagged by its launcher.
#[derive(Clone, Debug)]
pub struct TagRequest {
    /// The process.
    pub pid: u32,
    /// The agent.
    pub agent: AgentRule,
    /// A cgroup of its own, with the process in it.
    pub cgroup: Option<Cgroup>,
    /// What it is about to run.
    pub command: Vec<Vec<u8>>,
    /// Where its packets go, from the first on.
    pub packets: Option<PacketFile>,
    /// Who asked for it; none: the recorder is this launcher's own.
    pub request: Option<Requester>,
}

/// Where the packets of a session go.
#[derive(Clone, Debug)]
pub struct PacketFile {
    /// The file, empty.
    pub file: Arc<OwnedFd>,
    /// Bytes kept of each packet.
    pub longest: u32,
    /// Who asks.
    pub asker: Requester,
    /// Gets what it came to.
    pub done: mpsc::Sender<CaptureDone>,
}

/// A tagged process that is alive.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Running {
    /// Process id.
    pub pid: u32,
    /// Path of its executable.
    pub exe: Vec<u8>,
}

/// A configuration that was read again.
#[derive(Clone, Debug, Default)]
pub struct Reloaded {
    /// Hash of it.
    pub sha256: Option<String>,
    /// What is another than before.
    pub changed: ConfigChange,
}

/// What a recorder found when it began.
#[derive(Clone, Debug, Default)]
pub struct Begun {
    /// The recorder before did not end in order.
    pub unclean: bool,
    /// Events that the kernel has recorded since then; none: it has not.
    pub kept: Option<u64>,
    /// Sessions of recorders before that go on, in the order in which they were found.
    pub resumed: Vec<Uuid>,
    /// How many of recorders before had no end and were over.
    pub over: u64,
}

/// What the thread is asked to do.
#[derive(Debug)]
enum Request {
    Tag(TagRequest, mpsc::Sender<anyhow::Result<Uuid>>),
    Running(Uuid, mpsc::Sender<Vec<Running>>),
    Reload(Vec<AgentRule>, Reloaded, mpsc::Sender<anyhow::Result<()>>),
    ReloadRefused(String),
    Capture(CaptureRequest, mpsc::Sender<anyhow::Result<CaptureBegun>>),
    EndCapture(u64),
    Sinks(Vec<SinkHealth>),
    IsTagged(u32, mpsc::Sender<bool>),
    Record(Tag, mpsc::Sender<anyhow::Result<Tagged>>),
    Leave(Untag, mpsc::Sender<anyhow::Result<Untagged>>),
    Sessions(mpsc::Sender<Vec<SessionEntry>>),
    Agents(mpsc::Sender<Vec<AgentEntry>>),
    Refused(RefusedRequests),
    Stop(Option<Uuid>),
}

/// A running recorder. Dropped without [`Engine::stop`] it ends as if killed.
pub struct Engine {
    requests: Requests,
    ended: Arc<Ended>,
    gauge: Gauge,
    inventory: Inventory,
    begun: Begun,
    committed: tokio::sync::watch::Receiver<journal::Committed>,
    thread: JoinHandle<anyhow::Result<Summary>>,
}

impl Engine {
    /// Opens the journal, loads and checks the probes, and begins to record.
    ///
    /// # Errors
    /// The journal cannot be written, or the kernel allows no recording: says which and why.
    pub fn start(options: Options) -> anyhow::Result<Engine> {
        let (requests, inbox) = mpsc::channel();
        let waker = Arc::new(wait::waker()?);
        let ended = Arc::new(Ended::default());
        let mut live = start::start(options, inbox, Arc::clone(&waker), Arc::clone(&ended))?;
        let inventory = live.inventory().clone();
        let begun = live.begun();
        let committed = live.committed();
        let gauge = live.gauge(Arc::default());
        let beating = gauge.clone();
        let thread = std::thread::Builder::new()
            .name("pipeline".to_owned())
            .spawn(move || live.run(&beating))
            .context("cannot start the recording thread")?;
        Ok(Engine {
            requests: Requests::new(requests, waker),
            ended,
            gauge,
            inventory,
            begun,
            committed,
            thread,
        })
    }

    /// Follows how far the journal is committed, until it is closed.
    pub fn committed(&self) -> tokio::sync::watch::Receiver<journal::Committed> {
        self.committed.clone()
    }

    /// What it found when it began.
    pub fn begun(&self) -> &Begun {
        &self.begun
    }

    /// What each hook got.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// Tags a process; in force on return. Gives the session it begins.
    ///
    /// # Errors
    /// The process is gone, or the kernel's map is full.
    pub fn tag(&self, request: TagRequest) -> anyhow::Result<Uuid> {
        self.requests.ask(|answer| Request::Tag(request, answer))?
    }

    /// Tagged processes of a session that are alive.
    pub fn running(&self, session: Uuid) -> Vec<Running> {
        self.requests
            .ask(|answer| Request::Running(session, answer))
            .unwrap_or_default()
    }

    /// Waits until the last process of a session has ended; false if it has not.
    pub fn wait_session_end(&self, session: Uuid, timeout: Duration) -> bool {
        self.ended.wait(session, timeout)
    }

    /// Watches other agents from now on.
    ///
    /// # Errors
    /// A glob is malformed; the rules before stay in force.
    pub fn reload(&self, agents: Vec<AgentRule>, told: Reloaded) -> anyhow::Result<()> {
        self.requests
            .ask(|answer| Request::Reload(agents, told, answer))?
    }

    /// Records that a new configuration was refused.
    pub fn reload_refused(&self, reason: String) {
        let _ = self.requests.send(Request::ReloadRefused(reason));
    }

    /// Has the next heartbeat say how the sinks are doing.
    pub fn sinks(&self, sinks: Vec<SinkHealth>) {
        let _ = self.requests.send(Request::Sinks(sinks));
    }

    /// A way to ask it for more, which ends with it.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// True while the thread records.
    pub fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    /// How many rounds the thread has begun: it begins ten a second at least, and more than none in a
    /// minute means that it records.
    pub fn rounds(&self) -> u64 {
        self.gauge.pulse.rounds()
    }

    /// Tells how it is doing, whatever hangs in it.
    pub fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    /// Writes what is in flight, closes the journal and says what it came to: of one session, or
    /// of all.
    ///
    /// # Errors
    /// What ended the thread before, or the journal could not be closed.
    pub fn stop(self, session: Option<Uuid>) -> anyhow::Result<Summary> {
        // Where the thread has ended already, its own error says why.
        let _ = self.requests.send(Request::Stop(session));
        self.thread.join().map_err(|_| {
            anyhow!(
                "the recording thread panicked, which is a fault of agtrack: please report the \
                     message above; what was recorded until then is in the journal"
            )
        })?
    }
}
