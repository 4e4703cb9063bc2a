//! Tool calls: what an agent's main program had done by others.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::note::Change;
use super::{Effects, Process, Shared, Text, WhyOver};

/// The tool call that an action belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolCall {
    /// The uid of its first process.
    pub id: String,
    /// What the main program started, after redaction; the first arguments only where they are long.
    pub command: Vec<Text>,
}

/// A tool call began, goes on, stopped being recorded, is recorded again, or ended.
///
/// A call begins where a child of the agent's main program starts a program, and ends with the last
/// process below it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ToolCallChange {
    /// Began (`start`), goes on (`report`), goes on without a recorder (`suspend`), is recorded again
    /// (`resume`), ended (`end`).
    pub change: Change,
    /// Which.
    pub tool_call: Shared<ToolCall>,
    /// What kind of call.
    pub class: CallClass,
    /// Its first process, as it was when it began.
    pub process: Shared<Process>,
    /// How long it took, or takes so far, ns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// How its first process ended; null as long as that runs, and where its end was not seen.
    pub exit: Option<CallExit>,
    /// Processes so far, the first one included.
    pub processes: u64,
    /// Of them, how many run.
    pub running: u64,
    /// Sessions of agents that were started in it, in their order; the first 64. What they did counts
    /// for the call too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub child_sessions: Vec<Uuid>,
    /// Its processes that run when it stops being recorded, and those of them that are known again when
    /// it is recorded again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still_running: Vec<String>,
    /// Actions and effects are counted from here (boot clock, ns) and not from its begin: a recorder
    /// before has told what came of it until it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals_since: Option<u64>,
    /// At an end that no recorder saw: why it is over. When that was is not known, so there is no
    /// `duration`; what came of it until the recorder before stopped stands in its last record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<UnseenCall>,
    /// Actions so far, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<String, u64>,
    /// What came of it so far; null at the start, and where too many calls run at a time to keep it.
    pub effects: Option<Effects>,
}

/// The end of a tool call that no recorder saw, or that nobody will see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnseenCall {
    /// Why it is recorded no further. `processes_gone`, `cgroup_gone` and `reboot` say that it is over;
    /// otherwise it may go on.
    pub why: WhyOver,
}

/// How a process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallExit {
    /// Exit code, where it ended by itself.
    pub code: Option<u8>,
    /// Name of the signal that ended it.
    pub signal: Option<String>,
}

/// What kind of call it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallClass {
    /// What the agent was after.
    #[default]
    Tool,
    /// What the agent's program is known to start for itself.
    Housekeeping,
    /// It waits for connections, or has been running for ten minutes.
    Service,
}
