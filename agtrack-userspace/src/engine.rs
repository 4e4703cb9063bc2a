//! The recorder at work: one thread that owns probes, pipeline and journal.
//!
//! In: requests from the daemon or the launcher. Out: records in the journal. The thread drains
//! the rings on a clock, feeds the pipeline and hands its drafts to the journal; everything from
//! outside passes through one place (`core`), so that it can be logged and replayed.

mod attempt;
mod bound;
mod capture;
mod clock;
mod core;
mod discover;
mod facts;
mod full;
mod groups;
mod guard;
mod hands;
mod hasher;
mod key;
mod live;
mod packets;
mod past;
mod roots;
mod start;
mod stray;
mod summary;
mod sweep;
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
use crate::input::CaptureAsker;
use crate::journal;
use crate::load::{BackendChoice, Inventory, Reads, Sizes};
use crate::noise;

pub use capture::{CaptureBegun, CaptureDone, CaptureRequest, Named, Whose};
pub use discover::{Discovered, discover};
pub use summary::{Started, Summary};

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
    /// Sizes of what the kernel keeps.
    pub sizes: Sizes,
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
}

/// A process to be tagged by its launcher.
#[derive(Clone, Debug)]
pub struct TagRequest {
    /// The process.
    pub pid: u32,
    /// Name of the agent.
    pub agent: String,
    /// A cgroup of its own, with the process in it.
    pub cgroup: Option<Cgroup>,
    /// What it is about to run.
    pub command: Vec<Vec<u8>>,
    /// Where its packets go, from the first on.
    pub packets: Option<PacketFile>,
}

/// Where the packets of a session go.
#[derive(Clone, Debug)]
pub struct PacketFile {
    /// The file, empty.
    pub file: Arc<OwnedFd>,
    /// Bytes kept of each packet.
    pub longest: u32,
    /// Who asks.
    pub asker: CaptureAsker,
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

/// What the thread is asked to do.
enum Request {
    Tag(TagRequest, mpsc::Sender<anyhow::Result<Uuid>>),
    Running(Uuid, mpsc::Sender<Vec<Running>>),
    Reload(
        Vec<AgentRule>,
        Option<String>,
        mpsc::Sender<anyhow::Result<()>>,
    ),
    ReloadRefused(String),
    Capture(CaptureRequest, mpsc::Sender<anyhow::Result<CaptureBegun>>),
    EndCapture(u64),
    IsTagged(u32, mpsc::Sender<bool>),
    Stop(Option<Uuid>),
}

/// A running recorder. Dropped without [`Engine::stop`] it ends as if killed.
pub struct Engine {
    requests: Requests,
    ended: Arc<Ended>,
    inventory: Inventory,
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
        let live = start::start(options, inbox, Arc::clone(&waker), Arc::clone(&ended))?;
        let inventory = live.inventory().clone();
        let thread = std::thread::Builder::new()
            .name("pipeline".to_owned())
            .spawn(move || live.run())
            .context("cannot start the recording thread")?;
        Ok(Engine {
            requests: Requests { requests, waker },
            ended,
            inventory,
            thread,
        })
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
    pub fn reload(&self, agents: Vec<AgentRule>, hash: Option<String>) -> anyhow::Result<()> {
        self.requests
            .ask(|answer| Request::Reload(agents, hash, answer))?
    }

    /// Records that a new configuration was refused.
    pub fn reload_refused(&self, reason: String) {
        let _ = self.requests.send(Request::ReloadRefused(reason));
    }

    /// A way to ask it for more, which ends with it.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// True while the thread records.
    pub fn is_running(&self) -> bool {
        !self.thread.is_finished()
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

/// A way to ask a recorder; answers that it has ended once it has.
#[derive(Clone)]
pub struct Requests {
    requests: mpsc::Sender<Request>,
    waker: Arc<OwnedFd>,
}

impl Requests {
    /// Begins to write packets; in force on return.
    ///
    /// # Errors
    /// Nobody of that name is known, or as many captures run as can.
    pub fn capture(&self, request: CaptureRequest) -> anyhow::Result<CaptureBegun> {
        self.ask(|answer| Request::Capture(request, answer))?
    }

    /// Ends a capture: what it came to is told to who waits for that.
    pub fn end_capture(&self, id: u64) {
        let _ = self.send(Request::EndCapture(id));
    }

    /// Whether a process is an agent's.
    ///
    /// # Errors
    /// The recorder has ended.
    pub fn is_tagged(&self, pid: u32) -> anyhow::Result<bool> {
        self.ask(|answer| Request::IsTagged(pid, answer))
    }

    fn ask<T>(&self, request: impl FnOnce(mpsc::Sender<T>) -> Request) -> anyhow::Result<T> {
        let (answer, answered) = mpsc::channel();
        self.send(request(answer))?;
        answered.recv().map_err(|_| ended())
    }

    fn send(&self, request: Request) -> anyhow::Result<()> {
        self.requests.send(request).map_err(|_| ended())?;
        wait::wake(&self.waker)
    }
}

fn ended() -> anyhow::Error {
    anyhow!("recording has ended before this could be done; the recorder says why when it ends")
}
