//! The action record: what is written, streamed and read.
//!
//! One JSON object a line. The shape is documented in `docs/record.md` and `docs/record.schema.json`,
//! both made from these types. Nothing here decides; the rooms before fill it in.

mod action;
mod bytes;
mod content;
mod draft;
mod effect;
mod effects;
mod field;
mod flow;
mod handoff;
mod note;
mod process;
mod program;
mod requester;
mod session;
mod shared;
mod stamp;
mod tamper;
mod time;
mod toolcall;
mod uring;
mod written;
pub(crate) mod zone;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use action::{
    Access, Action, Address, Completeness, FileChange, Object, Outcome, OutcomeResult, PathSource,
    REPEATED, Usage,
};
pub use bytes::{Text, printable};
pub use content::{Answer, Direction, Dns, HttpRequest, Question, QuicHello, Side, TlsHello};
pub use draft::Draft;
pub use effect::{Effect, ProgramHash, Sha256, Unhashed};
pub use effects::{Effects, Item, Listed};
pub use flow::Flow;
pub use handoff::{Handoff, MatchedBy, Origin};
pub use note::{
    Change, Condition, ConfigChange, Gap, GapReason, Heartbeat, HookReport, HookTotals, KernelKept,
    Lifecycle, SinkHealth, Totals,
};
pub use process::{Ancestor, Container, Process, ProcessKey, TICK};
pub use program::{Brought, EnvNames};
pub use requester::Requester;
pub use session::{
    Bound, BoundExe, OUTSIDER, SessionChange, SessionTotals, UnseenEnd, WhyOver, is_outsiders,
};
pub use shared::Shared;
pub use stamp::Stamper;
pub use tamper::{By, Tamper};
pub use time::timestamp;
pub use toolcall::{CallClass, CallExit, ToolCall, ToolCallChange, UnseenCall};
pub use uring::UringRequest;
pub use written::Written;

/// Version of the record's shape.
pub const VERSION: u32 = 1;

/// One line of the journal.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Version of this shape: 1.
    pub v: u32,
    /// Place in the journal, from 1, without gaps.
    pub seq: u64,
    /// Unique everywhere: the journal's id and `seq`. Receivers deduplicate by it.
    pub id: String,
    /// When it happened, RFC 3339 in UTC with nanoseconds.
    pub time: String,
    /// When it happened on the boot clock, which nobody can set: nanoseconds since boot,
    /// suspended time included.
    pub boot_time: u64,
    /// The machine.
    pub host: Shared<Host>,
    /// The agent on whose account it happened; null for notes about the recorder itself, and where
    /// somebody else reached for it.
    pub agent: Option<Shared<Agent>>,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// The kinds of record.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// An agent's process did something.
    Action(Box<Action>),
    /// A session began, was suspended or resumed, or ended.
    Session(Box<SessionChange>),
    /// A tool call began, goes on, or ended.
    ToolCall(Box<ToolCallChange>),
    /// An agent reached somebody who can act on its account.
    Handoff(Box<Handoff>),
    /// Somebody reached for agtrack itself.
    Tamper(Box<Tamper>),
    /// Something was not seen, or was seen and lost.
    Gap(Box<Gap>),
    /// The recorder started, stopped, or changed its configuration.
    Lifecycle(Box<Lifecycle>),
    /// The recorder is alive, with its counters so far.
    Heartbeat(Box<Heartbeat>),
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// Stable id: a hash of the machine id, which itself is to be kept secret (machine-id(5)).
    pub id: String,
    /// Host name.
    pub name: String,
    /// The kernel's id of this boot.
    pub boot_id: String,
}

/// An agent in one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Agent {
    /// Stable id: a SPIFFE id or a plain name.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Which version of it this is, in its owner's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What else the configuration says of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// This run of it.
    pub session: Uuid,
    /// The session around this one: an agent that another one started; or the one that handed off the
    /// work that this one does (`binding` is `inferred`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Uuid>,
    /// The agent program that such a session is the run of, as the catalogue calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// How strongly the work is tied to the agent.
    pub binding: Binding,
}

/// How a process was recognised as the agent's, strongest first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// `agtrack run` started it.
    Launcher,
    /// It is in the agent's cgroup.
    Cgroup,
    /// It is in one of the agent's containers.
    Container,
    /// It, or a process that it descends from, executed one of the agent's programs.
    Executable,
    /// It, or a process that it descends from, executed something as one of the agent's users.
    User,
    /// It is in a unit or container that appeared as the result of a handoff.
    Inferred,
}

impl Body {
    /// What an agent's process did; none where the record tells something else.
    pub fn action(&self) -> Option<&Action> {
        match self {
            Body::Action(action) => Some(action),
            Body::Session(_)
            | Body::ToolCall(_)
            | Body::Handoff(_)
            | Body::Tamper(_)
            | Body::Gap(_)
            | Body::Lifecycle(_)
            | Body::Heartbeat(_) => None,
        }
    }
}

impl Binding {
    /// Whether it is that of a cgroup, which lives on without a recorder.
    pub fn is_of_cgroup(self) -> bool {
        match self {
            Binding::Cgroup | Binding::Container | Binding::Inferred => true,
            Binding::Launcher | Binding::Executable | Binding::User => false,
        }
    }
}

/// Whether any record may have this field: names joined with dots, those of lists' elements too.
pub fn has_field(path: &str) -> bool {
    let schema = schema();
    let parts: Vec<_> = path.split('.').collect();
    field::is_in(&schema, &schema, &parts)
}

/// The JSON Schema of [`Record`].
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Record).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_names_every_kind() {
        let schema = schema().to_string();
        for kind in [
            "action",
            "session",
            "tool_call",
            "handoff",
            "tamper",
            "gap",
            "lifecycle",
            "heartbeat",
        ] {
            assert!(
                schema.contains(&format!("\"const\":\"{kind}\"")),
                "{kind}: {schema}"
            );
        }
    }
}
