//! The ordered input log: everything that comes from outside.
//!
//! From here on there is no kernel, no clock, no randomness. What the live recorder got (ring
//! bytes in drain order, counters, facts from /proc, ids, requests) is a sequence of [`Input`]s,
//! and the same sequence read back from a file gives the same records.

mod asked;
mod capture;
mod container;
mod counters;
mod hash;
mod log;
mod past;
mod touched;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use crate::record::Requester;
pub use asked::{Asked, AskedFor};
pub use capture::{CaptureChange, CaptureEnd};
pub use container::{ContainerTold, ContainerWanted};
pub use counters::{FloodCount, HookCounters};
pub use hash::{Deed, HashWanted, Hashed};
pub use log::{InputReader, InputWriter, ReadError};
pub use past::{LeftCall, LeftOpen, Resumed, Unended};
pub use touched::{FileTouch, Touched};

use crate::record::{
    Binding, ConfigChange, Container, HookReport, Host, Origin, ProcessKey, SinkHealth, Text,
    WhyOver,
};

/// One thing from outside.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum Input<'a> {
    /// The recorder started. Comes first.
    Start(Box<Start>),
    /// A message from a ring.
    Message {
        /// Its bytes.
        #[serde(with = "log::hex")]
        bytes: Cow<'a, [u8]>,
    },
    /// All that happened before `boot`, minus what is still being written, has been handed over.
    Clock(Clock),
    /// Counters of every attached hook.
    Counters {
        /// One set a hook.
        counters: Vec<HookCounters>,
        /// Sessions that flooded a ring.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        floods: Vec<FloodCount>,
    },
    /// A session begins, or goes on.
    Session(Box<NewSession>),
    /// A session of a recorder before has no end in the journal, and cannot go on.
    Unended(Box<Unended>),
    /// What /proc says of a process.
    Process(Box<ProcessFacts>),
    /// The path of a cgroup.
    Cgroup {
        /// The kernel's id.
        id: u64,
        /// Path within the hierarchy.
        path: Text,
    },
    /// What a runtime says of a container, or that none said anything.
    Container(Box<ContainerTold>),
    /// What is done for this session waits: it is a container's, and whether that is an agent's is known
    /// when its runtime has answered. A session of this key begins then, or it is nobody's.
    Undecided {
        /// The session's key.
        key: u64,
        /// The container, as its cgroup names it.
        container: Container,
    },
    /// What waited for this session is nobody's.
    Nobodys {
        /// The session's key.
        key: u64,
    },
    /// A process was already running when it was tagged.
    LateTag {
        /// The process.
        key: ProcessKey,
        /// Its session.
        session: u64,
        /// Files and sockets it had open, as /proc names them.
        open: Vec<Text>,
    },
    /// A tagged process has ended, and the kernel skipped telling it.
    Gone {
        /// When this was known, boot clock, ns: all that came before is told before.
        at: u64,
        /// The process.
        key: ProcessKey,
        /// Its session.
        session: u64,
    },
    /// The cgroup that a session was bound to is gone.
    SessionOver {
        /// When, boot clock, ns: all that came before is told before.
        at: u64,
        /// The session's key.
        key: u64,
        /// Its processes have lost their tags: no rule wants them any more.
        #[serde(default)]
        dropped: bool,
        /// Why, where that is not that the cgroup is gone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<WhyOver>,
    },
    /// The kernel's maps had no room for tags that running processes and cgroups should have got.
    TagsFull {
        /// Processes that are not recorded.
        processes: u64,
        /// Cgroups that are not watched.
        cgroups: u64,
    },
    /// The configuration was read again.
    Reload {
        /// Hash of what is in force now.
        config_sha256: Option<String>,
        /// Why it was refused.
        refused: Option<String>,
        /// What changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changed: Option<ConfigChange>,
    },
    /// The journal refused records while it could not be written.
    JournalFull {
        /// How many.
        count: u64,
    },
    /// Another process changed a file of the recorder's own.
    Touched(Box<Touched>),
    /// Changes to the recorder's own files came faster than the kernel keeps them.
    TouchesLost,
    /// A file was hashed, or why not.
    Hashed(Box<Hashed>),
    /// How the sinks are doing now.
    Sinks {
        /// In order of name.
        sinks: Vec<SinkHealth>,
    },
    /// Packets of an agent are written to a file from now on, or no more.
    Capture(Box<CaptureChange>),
    /// Somebody asked for something that changes what is recorded, and it is done.
    Asked(Box<Asked>),
    /// The recorder stops: everything has been handed over.
    Stop,
    /// It stops, and what it has not read waits for the next one.
    Leave,
}

/// What is known at the start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Start {
    /// The machine.
    pub host: Host,
    /// Kernel release.
    pub kernel: String,
    /// agtrack's version.
    pub version: String,
    /// Back end for file events.
    pub backend: String,
    /// What each hook got.
    pub hooks: Vec<HookReport>,
    /// Ids of the attached hooks.
    pub attached: Vec<u16>,
    /// Back ends passed over, and why.
    pub passed_over: Vec<String>,
    /// Hash of the configuration.
    pub config_sha256: Option<String>,
    /// Globs of files by class: reads of them are counted where the process could not write them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub noise: BTreeMap<String, Vec<String>>,
    /// Whether somebody answers what files are to be hashed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hashes: bool,
    /// How long a record waits for a hash, ns.
    #[serde(default = "hash_wait")]
    pub hash_wait: u64,
    /// Key for the tags of redacted values.
    #[serde(with = "log::key")]
    pub redaction_key: [u8; 32],
    /// The recorder's own process.
    #[serde(default)]
    pub tracker: Option<Tracker>,
    /// How the journal was left by the recorder before.
    pub journal: JournalState,
    /// What the kernel has recorded since a recorder before, which this one goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
    /// Why the probes end with the recorder, where they were to outlive it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpinned: Option<String>,
    /// What stands in it of sessions that have no end; none: nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_open: Option<LeftOpen>,
    /// The time.
    pub clock: Clock,
}

/// As long as records waited before logs said so, ns.
fn hash_wait() -> u64 {
    500_000_000
}

/// The recorder as a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tracker {
    /// Itself.
    pub key: ProcessKey,
    /// Who started it.
    pub parent: Option<ProcessKey>,
    /// Its cgroup2 path.
    pub cgroup: Option<Text>,
    /// The kernel's id of that.
    #[serde(default)]
    pub cgroup_id: Option<u64>,
    /// Its executable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<Text>,
}

/// What the kernel has recorded while no recorder read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// When the recorder before wrote its last record, boot clock, ns.
    pub since: u64,
    /// Events that wait in the rings.
    pub events: u64,
    /// Events that the recorder before had read and may not have written.
    pub untold: u64,
    /// When the first of those that wait happened, or now, boot clock, ns: what is missing was before.
    #[serde(default)]
    pub until: u64,
}

/// A journal that was here before and was removed while this recorder wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedJournal {
    /// Its last record.
    pub last: u64,
    /// Who was the last that was seen to take a file away from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// How the journal was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalState {
    /// The last recorder did not close it.
    pub unclean: bool,
    /// Bytes of a torn last line that were cut off.
    pub torn: u64,
    /// The one before was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<RemovedJournal>,
}

/// The time, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Boot clock, ns.
    pub boot: u64,
    /// Wall clock, ns since 1970.
    pub wall: u64,
}

/// A session as it begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewSession {
    /// Session key in the kernel's tags.
    pub key: u64,
    /// Its id in records.
    pub id: Uuid,
    /// Agent id.
    pub agent_id: String,
    /// Agent name.
    pub agent_name: String,
    /// Agent owner.
    pub owner: Option<String>,
    /// Agent version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Agent labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What ties it to the agent.
    pub binding: Binding,
    /// Its first process.
    pub root: Option<ProcessKey>,
    /// What was launched.
    pub command: Vec<Text>,
    /// Its cgroup.
    pub cgroup: Option<Text>,
    /// The kernel's id of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup_id: Option<u64>,
    /// The container that it is in, as its rule knows it; not redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// It began before this recorder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resumed>,
    /// The session that handed its work off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Uuid>,
    /// The handoff that it is the result of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Who asked for it at the control socket, where somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Requester>,
    /// The program that its first process runs, where that has bound it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<RootProgram>,
    /// The agent's main programs, where they are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
}

/// The program that a session begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootProgram {
    /// The executable.
    pub exe: Text,
    /// Device of its file, `major:minor`.
    pub device: Option<String>,
    /// Inode number.
    pub inode: Option<u64>,
    /// The script that it interprets, absolute.
    pub script: Option<Text>,
    /// When it was seen, boot clock, ns.
    pub seen: u64,
}

/// What /proc says of a process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProcessFacts {
    /// Process id.
    pub pid: u32,
    /// Start, ticks since boot.
    pub start: u64,
    /// Parent process id.
    pub ppid: u32,
    /// Parent's start in ticks; 0 where it is gone.
    pub parent_start: u64,
    /// Executable.
    pub exe: Option<Text>,
    /// Arguments.
    pub args: Vec<Text>,
    /// Working directory.
    pub cwd: Option<Text>,
    /// Real user.
    pub user: Option<u32>,
    /// Effective user.
    pub euser: Option<u32>,
    /// User at login.
    pub login_user: Option<u32>,
    /// cgroup2 path.
    pub cgroup: Option<Text>,
    /// Session key, 0 for one that is only somebody's parent.
    pub session: u64,
}
