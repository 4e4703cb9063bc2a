//! Work that is handed to somebody outside of the session.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Process, Shared, Text, ToolCall};

/// An agent's process reached somebody who can act on its account: a daemon that starts containers or
/// units, a table of jobs, an agent that holds keys, a program that changes who one is.
///
/// It stands right behind the action by which that happened, once for each process and channel; all
/// such actions are in the journal. It does not say that anything was asked for: what goes through a
/// socket is not read.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Handoff {
    /// Through what, in a word: `docker`, `systemd`, `dbus`, `cron`, `ssh-agent`, `tmux`, `sudo` …
    pub channel: String,
    /// What this channel can do, in words.
    pub can: String,
    /// Whether what comes of it is recorded as the session's own, because its processes stay below the
    /// agent's (`sudo`). Else others do the work.
    pub recorded: bool,
    /// Whether a unit or a container that appears as its result is looked for, and recorded as a session
    /// of its own with the binding `inferred`.
    #[serde(default)]
    pub followed: bool,
    /// The action by which it was reached: `net.connect`, `process.exec`, `file.open` …
    pub via: String,
    /// The socket, the program or the file.
    pub reached: Text,
    /// The tool call that did it; null where the main program did.
    pub tool_call: Option<Shared<ToolCall>>,
    /// Who did it.
    pub process: Shared<Process>,
}

impl Handoff {
    /// The end of a sentence about it: nothing where what comes of it is recorded.
    #[must_use]
    pub fn caveat(&self) -> &'static str {
        match (self.recorded, self.followed) {
            (true, _) => "",
            (false, true) => "; what it starts is recorded where it can be matched (inferred)",
            (false, false) => "; what it does is not recorded here",
        }
    }
}

/// The handoff that a session with the binding `inferred` is the result of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The channel, as in the `handoff` record.
    pub channel: String,
    /// What says that it came of that.
    pub matched_by: MatchedBy,
    /// The socket, the program or the file that was reached.
    pub reached: Text,
    /// Who reached it: `process.uid` of the `handoff` record.
    pub process_uid: String,
    /// When it did so last before the result appeared, boot clock, ns.
    pub reached_at: u64,
}

/// What says that something is the result of a handoff, the stronger first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// The name of the unit or the id of the container stands in the arguments of the process that
    /// reached the channel, in the command of its tool call, or is that of the file that it wrote.
    Name,
    /// It appeared within 10 s after, and no other session had reached such a channel in that time.
    Time,
}
