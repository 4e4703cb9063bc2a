//! Sessions: one run of one agent, from its begin to its end.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::note::Change;
use super::{
    Action, Container, Object, Origin, Process, ProgramHash, REPEATED, Requester, Shared, Text,
    ToolCall,
};

/// The note of what somebody did who is none of the agent's processes.
pub const OUTSIDER: &str = "outsider";

/// A session began, stopped being recorded, is recorded again, or ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SessionChange {
    /// Began (`start`), goes on without a recorder (`suspend`), is recorded again (`resume`), ended
    /// (`end`).
    pub change: Change,
    /// The command that was launched, after redaction; empty for sessions of a cgroup.
    pub command: Vec<Text>,
    /// Its first process, where there is one.
    pub process: Option<Process>,
    /// Path of the cgroup that binds it.
    pub cgroup: Option<Text>,
    /// What tied it to its agent, when it begins or is resumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// The tool call of the session around it in which it began or was asked for, when it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call: Option<Shared<ToolCall>>,
    /// What it did until now; nothing at the start.
    #[serde(flatten)]
    pub totals: SessionTotals,
    /// The totals begin here (boot clock, ns) and not with the session: what a recorder that was
    /// killed had counted is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals_since: Option<u64>,
    /// Processes that still run at the end of recording; of a session that is resumed those that the
    /// recorder before has recorded and that run still.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still_running: Vec<String>,
    /// Why it ended, where that is not that its last process or its cgroup is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<WhyOver>,
    /// That no recorder saw its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<UnseenEnd>,
}

/// What a session did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionTotals {
    /// Actions by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<String, u64>,
    /// Bytes of payload that its flows (`net.flow`) carried out: of those that had ended by then.
    #[serde(default)]
    pub bytes_out: u64,
    /// Bytes that came in.
    #[serde(default)]
    pub bytes_in: u64,
    /// Opens for reading that were counted and not recorded one by one, by class; see
    /// `counted_opens` of `process.exit`. Those that the kernel counted (`repeated`) are told with the
    /// end of each process.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counted_opens: BTreeMap<String, u64>,
    /// Tool calls that it had.
    #[serde(default)]
    pub tool_calls: u64,
}

impl SessionTotals {
    /// Counts an action.
    pub fn add(&mut self, action: &Action) {
        if is_outsiders(action) {
            return;
        }
        let count = action.completeness.count;
        add(&mut self.actions, &action.action, count);
        if let Object::Flow(flow) = &action.object {
            self.bytes_out = self.bytes_out.saturating_add(flow.bytes_out);
            self.bytes_in = self.bytes_in.saturating_add(flow.bytes_in);
        }
        if let Object::Exit { counted_opens, .. } = &action.object
            && let Some(count) = counted_opens.get(REPEATED)
        {
            self.add_opens(REPEATED, *count);
        }
    }

    /// Counts opens of a class that are not recorded.
    pub fn add_opens(&mut self, class: &str, count: u64) {
        add(&mut self.counted_opens, class, count);
    }
}

/// Whether somebody else did it, to what is the agent's.
#[must_use]
pub fn is_outsiders(action: &Action) -> bool {
    action
        .completeness
        .notes
        .iter()
        .any(|note| note == OUTSIDER)
}

fn add(sums: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    match sums.get_mut(name) {
        Some(sum) => *sum += count,
        None => {
            sums.insert(name.to_owned(), count);
        }
    }
}

/// What tied a session to its agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bound {
    /// The kernel's id of its cgroup, never that of another one within a boot.
    pub cgroup_id: Option<u64>,
    /// The container that a rule named, as its runtime described it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// Real user id that a launched process had when it was tagged: whoever the command runs as.
    pub user: Option<u32>,
    /// The process that launched it: of `agtrack run` the launcher, not the command.
    pub parent: Option<Process>,
    /// The handoff that it is the result of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff: Option<Origin>,
    /// Who asked for it at the control socket, where no rule of the configuration has bound it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Requester>,
    /// The program of its first process, where a rule has bound it by program or user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<BoundExe>,
}

/// The program that a session began with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BoundExe {
    /// The executable; of a script its interpreter.
    pub path: Text,
    /// Device of its file, `major:minor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Inode number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
    /// The script, as it was named, where the exec was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Text>,
    /// What was in these files.
    #[serde(flatten)]
    pub hash: ProgramHash,
}

/// The end of a session that was found out afterwards. Its totals are those of its last `suspend`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnseenEnd {
    /// Why it is over.
    pub why: WhyOver,
    /// Whether the totals are known; else they are 0, because the recorder was killed.
    pub totals_known: bool,
    /// Time of the last record of the recorder before: the session was there then, RFC 3339.
    pub last_recorded: String,
    /// The kernel's id of the boot in which that was.
    pub boot_id: String,
}

/// Why a session or a tool call is over, where no event told its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyOver {
    /// Its cgroup is not there any more, or it is another one.
    CgroupGone,
    /// No agent of this id is configured for its cgroup any more.
    NotConfigured,
    /// None of its processes that are known runs any more.
    ProcessesGone,
    /// The machine was started anew.
    Reboot,
    /// It was bound to the recorder, which did not end in order.
    RecorderGone,
    /// Ended by reload of the configuration: its agent was removed or changed. Its processes go on, and
    /// are nobody's.
    Reload,
    /// Untagged by request: somebody asked at the control socket to record it no more. The `lifecycle`
    /// record `untag` before says who.
    UntaggedByRequest,
}

impl WhyOver {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            WhyOver::CgroupGone => "its cgroup is gone",
            WhyOver::NotConfigured => "no agent is configured for it any more",
            WhyOver::ProcessesGone => "none of its processes that are known of runs any more",
            WhyOver::Reboot => "the machine was started anew",
            WhyOver::RecorderGone => "its recorder did not end in order",
            WhyOver::Reload => "ended by reload of the configuration",
            WhyOver::UntaggedByRequest => "untagged by request",
        }
    }

    /// Whether somebody ended the recording and not the session: its processes may go on unrecorded.
    #[must_use]
    pub fn is_order(self) -> bool {
        matches!(
            self,
            WhyOver::NotConfigured | WhyOver::Reload | WhyOver::UntaggedByRequest
        )
    }
}
