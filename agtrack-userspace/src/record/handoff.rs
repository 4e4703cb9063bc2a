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
    /// agent's (`sudo`). Else others do the work, and nothing of it is recorded as the agent's.
    pub recorded: bool,
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
        match self.recorded {
            true => "",
            false => "; what it does is not recorded here",
        }
    }
}
