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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// A session went on while no recorder ran.
    NotRecording,
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
            | GapReason::JournalFull => true,
            GapReason::Skipped
            | GapReason::LateTag
            | GapReason::NotRecording
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
    /// Sessions that recorders before left without an end; at the start of a recorder that looked
    /// for them. As many `session` records follow: each is resumed or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_open: Option<u64>,
    /// Counters of every hook; at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub totals: Vec<HookTotals>,
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
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Heartbeat {
    /// Counters so far.
    pub totals: Vec<HookTotals>,
    /// Tagged processes.
    pub processes: u64,
    /// Running sessions.
    pub sessions: u64,
}
