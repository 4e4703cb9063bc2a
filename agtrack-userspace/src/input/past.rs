//! What recorders before have left, as the journal tells.

use serde::{Deserialize, Serialize};

use crate::record::{
    Agent, CallClass, CallExit, Process, ProcessKey, SessionTotals, Text, ToolCall, WhyOver,
};

/// What stands in a journal of sessions that have no end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOpen {
    /// How many: each is resumed or ended next.
    pub sessions: u64,
    /// Bytes of the journal's end that were searched, where that was not enough to be sure.
    pub searched: Option<u64>,
}

/// A session that begins is one of a recorder before, of the same boot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// When the last record was made, boot clock, ns: from then until now nothing is recorded.
    pub since: u64,
    /// What it had done then; none where the recorder did not end in order.
    pub totals: Option<SessionTotals>,
    /// Where these totals begin, if not with the session, boot clock, ns.
    pub totals_since: Option<u64>,
    /// Its processes that were recorded then and run still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<ProcessKey>,
    /// Its tool calls without an end, in order of their begin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<LeftCall>,
    /// The kernel recorded it meanwhile: nothing is missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

/// A tool call of a recorder before that has no end, as it was told last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftCall {
    /// Which.
    pub tool_call: ToolCall,
    /// What kind.
    pub class: CallClass,
    /// Its first process, as it was when it began.
    pub process: Process,
    /// When it began, boot clock, ns.
    pub began: u64,
    /// How its first process ended, where that was seen.
    pub exit: Option<CallExit>,
    /// Processes it had.
    pub processes: u64,
    /// Those of them that are known; where it may go on, that run still.
    pub running: Vec<ProcessKey>,
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
    /// Its tool calls without an end, in order of their begin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<LeftCall>,
    /// Why it is over.
    pub why: WhyOver,
    /// When the last record was made, RFC 3339.
    pub last_recorded: String,
    /// The boot of that.
    pub boot_id: String,
}
