//! The ordered input log: everything that comes from outside.
//!
//! From here on there is no kernel, no clock, no randomness. What the live recorder got (ring
//! bytes in drain order, counters, facts from /proc, ids, requests) is a sequence of [`Input`]s,
//! and the same sequence read back from a file gives the same records.

mod capture;
mod counters;
mod hash;
mod log;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use capture::{CaptureAsker, CaptureChange, CaptureEnd};
pub use counters::{FloodCount, HookCounters};
pub use hash::{Deed, HashWanted, Hashed};
pub use log::{InputReader, InputWriter, ReadError};

use crate::record::{Agent, Binding, HookReport, Host, ProcessKey, SessionTotals, Text, WhyOver};

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
    /// Packets of an agent are written to a file from now on, or no more.
    Capture(Box<CaptureChange>),
    /// The recorder stops: everything has been handed over.
    Stop,
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
}

/// Another process changed a file of the recorder's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// When this was known, boot clock, ns: all that came before is told before.
    pub at: u64,
    /// The process.
    pub pid: u32,
    /// Its start, ticks since boot; 0: it has ended already.
    pub start: u64,
    /// Session key from its tag; 0: it has none, or has ended.
    pub session: u64,
    /// The file.
    pub path: Text,
    /// What became of it.
    pub changes: Vec<FileTouch>,
    /// How often that was seen.
    pub count: u64,
}

/// What became of a file, in the kernel's words (fanotify(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileTouch {
    /// It is gone.
    Delete,
    /// It had this name.
    MovedFrom,
    /// It got this name.
    MovedTo,
    /// It was made.
    Create,
    /// Its bytes or its length changed.
    Write,
    /// It was closed after it had been open for writing.
    CloseAfterWrite,
    /// Its permissions, owner, times, links or extended attributes changed.
    Attribute,
}

/// How the journal was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalState {
    /// The last recorder did not close it.
    pub unclean: bool,
    /// Bytes of a torn last line that were cut off.
    pub torn: u64,
}

/// The time, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Boot clock, ns.
    pub boot: u64,
    /// Wall clock, ns since 1970.
    pub wall: u64,
}

/// What stands in a journal of sessions that have no end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOpen {
    /// How many: each is resumed or ended next.
    pub sessions: u64,
    /// Bytes of the journal's end that were searched, where that was not enough to be sure.
    pub searched: Option<u64>,
}

/// A session that begins is one of a recorder before, of the same boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// When the last record was made, boot clock, ns: from then until now nothing is recorded.
    pub since: u64,
    /// What it had done then; none where the recorder did not end in order.
    pub totals: Option<SessionTotals>,
    /// Where these totals begin, if not with the session, boot clock, ns.
    pub totals_since: Option<u64>,
}

/// A session of a recorder before, as its last record tells it, that cannot go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unended {
    /// The agent.
    pub agent: Agent,
    /// What was launched, after redaction.
    pub command: Vec<Text>,
    /// Its cgroup.
    pub cgroup: Option<Text>,
    /// What it had done, where that is known.
    pub totals: Option<SessionTotals>,
    /// Where these totals begin, if not with the session, boot clock, ns.
    pub totals_since: Option<u64>,
    /// Why it is over.
    pub why: WhyOver,
    /// When the last record was made, RFC 3339.
    pub last_recorded: String,
    /// The boot of that.
    pub boot_id: String,
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
    /// It began before this recorder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resumed>,
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
