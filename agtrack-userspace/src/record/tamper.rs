//! Somebody reached for agtrack itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Completeness, Object, Outcome, Process, Shared, Text};

/// Somebody, an agent or not, sent a signal to the recorder, traced it, moved it to another cgroup,
/// or changed its journal or its configuration.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Tamper {
    /// What: `tracker.signal`, `tracker.ptrace`, `tracker.cgroup`; of its files `tracker.write`,
    /// `tracker.create`, `tracker.unlink`, `tracker.rename`, `tracker.attribute`; `tracker.request`: it
    /// asked for something at the control socket, and was refused for who it is.
    pub action: String,
    /// Who did it.
    pub process: Shared<Process>,
    /// What that process is to the recorder.
    pub by: By,
    /// Nobody need worry: whoever started the recorder, or init, sent it a signal or moved it, as
    /// `systemctl stop` does and a launcher that ends.
    pub expected: bool,
    /// To what: the signal or the request and the recorder, the cgroup, or the file.
    pub object: Object,
    /// What became of a file, all that was seen at a time: `write`, `close_after_write`,
    /// `attribute` (permissions, owner, times …), `create`, `delete`, `moved_from`, `moved_to`; of the
    /// control socket `request`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Names of the redaction rules that replaced something in this record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redacted: Vec<String>,
    /// How far this record can be trusted to be whole. `count` says how many attempts it stands for:
    /// repeated ones are counted. The note `gone` says that the process had ended before it could be
    /// looked at, so that little or nothing but its id is known; `unknown` that the kernel does not
    /// say who it was.
    pub completeness: Completeness,
}

impl Tamper {
    /// Who did it, for people: what the process is to the recorder, program, id, user and parent.
    #[must_use]
    pub fn who(&self) -> String {
        let by = match self.by {
            By::Agent => "an agent's process",
            By::Parent => "whoever started the recorder",
            By::Init => "init",
            By::Own => "agtrack itself",
            By::Other => "another process",
        };
        let exe = self.process.exe.as_ref();
        let exe = exe.map_or("?".into(), Text::escaped);
        let (pid, origin) = (self.process.pid, self.process.origin());
        format!("by {by}, {exe} [{pid}]{origin}")
    }
}

/// What the process that reached for the recorder is to it; the first that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// An agent's process.
    Agent,
    /// The process that started it (systemd, sudo, `agtrack run`, a shell), or one that this has
    /// started in the recorder's own cgroup (`ExecReload=` of its unit).
    Parent,
    /// The first process of the machine, on whoever's behalf.
    Init,
    /// A process of agtrack: it runs the recorder's own executable.
    Own,
    /// Any other.
    Other,
}
