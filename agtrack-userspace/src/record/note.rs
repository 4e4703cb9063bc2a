//! Records about the recording itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Began.
    Start,
    /// Ended.
    End,
    /// Goes on: a tool call that takes long.
    Report,
    /// Recording stops, and what is told of goes on without it: a session.
    Suspend,
    /// It is recorded again by another recorder: a session.
    Resume,
    /// The configuration was read again.
    Reload,
    /// The configuration was read again and refused; the old one is in force.
    ReloadRefused,
    /// Packets of an agent are written to a file from now on; `detail` says whose, and who asked.
    CaptureStart,
    /// No more; `detail` says what it came to.
    CaptureEnd,
    /// Somebody asked at the control socket to record a process, a cgroup, a unit or a container as an
    /// agent's; `detail` says which, and who asked.
    Tag,
    /// Somebody asked to record a session no more; `detail` says who.
    Untag,
}

/// Something was not seen, or was seen and lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// Which hook, as `program (target)`; null where it concerns all.
    pub hook: Option<String>,
    /// Action the hook feeds.
    pub action: Option<String>,
    /// How many; null where nobody can know.
    pub count: Option<u64>,
    /// Begin, boot clock, ns.
    pub from: u64,
    /// End, boot clock, ns.
    pub until: u64,
    /// In words.
    pub detail: String,
}

/// Why something is missing.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// A ring had no room.
    RingFull,
    /// A map had no room.
    MapFull,
    /// A session flooded a ring: while more than half of a ring waits to be read, each session has a
    /// share of the rest, so that it cannot displace the events of others.
    SessionBudget,
    /// Too large for a message.
    Oversized,
    /// Parts of events were lost; the events arrived without them.
    PartsLost,
    /// The kernel skipped runs of a program: an upper bound, for the whole host.
    Skipped,
    /// The kernel handed over fewer events than it counted.
    Unaccounted,
    /// Bytes from the ring are not an event.
    Undecodable,
    /// The journal could not take more.
    JournalFull,
    /// Files of agtrack itself were changed faster than the kernel keeps in mind by whom.
    TouchesLost,
    /// A process was tagged when it was already running.
    LateTag,
    /// Whether a container is an agent's is not known: its runtime did not say in time what the rules ask
    /// for. It is nobody's.
    ContainerUnknown,
    /// More was done in a container before that was known than could be kept.
    UndecidedFull,
    /// The journal that was here before was removed while it was written: its records are gone, and this one
    /// began anew.
    JournalRemoved,
    /// A session went on while no recorder ran.
    NotRecording,
    /// A unit or container appeared that several sessions may have asked for; it is recorded as
    /// nobody's.
    AmbiguousHandoff,
    /// The last recorder did not end cleanly; what it had not written is lost.
    UncleanStop,
    /// The journal's end was torn and has been removed: a line without its end, or zero bytes that a
    /// power cut left, with what stood behind them.
    TornLine,
}

impl GapReason {
    /// Whether `count` says how many events are missing. Of runs that the kernel skipped it is only
    /// an upper bound, for the whole host.
    #[must_use]
    pub fn is_loss(self) -> bool {
        match self {
            GapReason::RingFull
            | GapReason::MapFull
            | GapReason::SessionBudget
            | GapReason::Oversized
            | GapReason::PartsLost
            | GapReason::Unaccounted
            | GapReason::Undecodable
            | GapReason::UndecidedFull
            | GapReason::JournalFull => true,
            GapReason::Skipped
            | GapReason::LateTag
            | GapReason::ContainerUnknown
            | GapReason::JournalRemoved
            | GapReason::NotRecording
            | GapReason::AmbiguousHandoff
            | GapReason::TouchesLost
            | GapReason::UncleanStop
            | GapReason::TornLine => false,
        }
    }
}

/// The recorder started, stopped or changed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Lifecycle {
    /// Started, stopped, reloaded.
    pub change: Change,
    /// agtrack's version.
    pub version: String,
    /// The back end for file events.
    pub backend: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Every hook and what it got; at the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookReport>,
    /// Back ends that were passed over, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<String>,
    /// Hash of the configuration in force.
    pub config_sha256: Option<String>,
    /// In words, where something went wrong.
    pub detail: Option<String>,
    /// What a reload has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<ConfigChange>,
    /// Sessions that recorders before left without an end; at the start of a recorder that looked
    /// for them. As many `session` records follow: each is resumed or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_open: Option<u64>,
    /// What the kernel has recorded since the recorder before, which this one goes on from; at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<KernelKept>,
    /// Counters of every hook; at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub totals: Vec<HookTotals>,
}

/// What the kernel has recorded while no recorder ran. What it had no room for are gaps, as ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KernelKept {
    /// When the recorder before wrote its last record, boot clock, ns; 0 where its journal is not there
    /// any more.
    pub since: u64,
    /// Events that waited in the rings.
    pub events: u64,
}

/// What is another in a configuration than in the one before: names, no values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigChange {
    /// Ids of agents that were not in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents_added: Vec<String>,
    /// Ids of agents that are not in it any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents_removed: Vec<String>,
    /// Ids of agents of which something is another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents_changed: Vec<String>,
    /// Keys with another value: `agents.ID.KEY`, `sinks.NAME.KEY`, `sinks.NAME` of one that came or went,
    /// and `TABLE.KEY`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Names that are left out here: each list has 64 at most.
    #[serde(default)]
    pub more: u64,
}

/// What a hook got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HookReport {
    /// The action it feeds.
    pub action: String,
    /// The program.
    pub program: String,
    /// What it is attached to.
    pub target: String,
    /// Whether it is attached.
    pub attached: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// Counters of a hook: `seen = submitted + filtered + coalesced + lost`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HookTotals {
    /// The action it feeds.
    pub action: String,
    /// The program and what it is attached to.
    pub hook: String,
    /// Counters.
    #[serde(flatten)]
    pub counts: Totals,
}

/// The counters themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// Runs for tagged processes.
    pub seen: u64,
    /// Handed to the ring.
    pub submitted: u64,
    /// Left out by a documented rule.
    pub filtered: u64,
    /// Counted into another event.
    pub coalesced: u64,
    /// Lost.
    pub lost: u64,
    /// Arrived in user space.
    pub arrived: u64,
    /// Arrived, and recorded nowhere: nobody's action. A cgroup that is made where agents' cgroups
    /// are is watched from its first moment, until it proves to be nobody's.
    #[serde(default)]
    pub dismissed: u64,
    /// Runs the kernel skipped, for the whole host.
    pub skipped: u64,
}

/// The recorder is alive.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Heartbeat {
    /// Counters so far.
    pub totals: Vec<HookTotals>,
    /// Tagged processes.
    pub processes: u64,
    /// Running sessions.
    pub sessions: u64,
    /// How the sinks are doing, as of some seconds ago.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sinks: Vec<SinkHealth>,
}

/// How a sink is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SinkHealth {
    /// Its name in the configuration.
    pub name: String,
    /// All records up to this one are delivered, refused, or not meant for it.
    pub delivered_seq: u64,
    /// Records that are in the journal and not among those.
    pub behind: u64,
    /// Records that the receiver refused for good, since there is the sink.
    pub refused: u64,
    /// What is wrong now; null while it delivers.
    pub error: Option<String>,
    /// In a word. Of records before there was this word: `ok`.
    #[serde(default)]
    pub state: Condition,
    /// How long the oldest of the records that are behind has been in the journal, ms.
    #[serde(default)]
    pub behind_ms: u64,
    /// Records that the receiver acknowledged within the last minute.
    #[serde(default)]
    pub last_minute: u64,
    /// When it is tried again, RFC 3339; null while nothing failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try: Option<String>,
}

/// How a part of the recorder is doing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It does what it should.
    #[default]
    Ok,
    /// It does, and has fallen behind.
    Slow,
    /// It tries, and fails: records are lost, or wait.
    Failing,
    /// It has not come back from what it does.
    Hung,
}

impl Condition {
    /// Whether somebody has to look.
    #[must_use]
    pub fn is_bad(self) -> bool {
        match self {
            Condition::Ok | Condition::Slow => false,
            Condition::Failing | Condition::Hung => true,
        }
    }

    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Condition::Ok => "ok",
            Condition::Slow => "slow",
            Condition::Failing => "failing",
            Condition::Hung => "hung",
        }
    }
}
