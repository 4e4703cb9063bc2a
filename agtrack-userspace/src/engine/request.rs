//! What somebody outside asks the recording thread for: to record others, or no more, and who runs.
//!
//! In: a [`Tag`] or an [`Untag`]. Out: the session that it is about, and [`Input`]s, so that the input
//! log replays it: `Session` with who asked, `Asked`, `SessionOver`. Never: changes what the
//! configuration binds.

mod family;
mod find;
mod list;
mod tag;
mod untag;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::AgentRule;
use super::clock;
use super::guard::{News, Touch};
use super::live::Live;
use crate::input::{Asked, AskedFor, FileTouch, Input};
use crate::record::{Requester, Text};

pub use list::{AgentEntry, SessionEntry};

/// Whom a request means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A process and all its descendants.
    Process(u32),
    /// A process that waits to become a command, in this cgroup of its own.
    Command(u32, PathBuf, Vec<Text>),
    /// A cgroup, by its path below the cgroup2 mount, and everything below it.
    Cgroup(PathBuf),
    /// The cgroup of a unit of systemd.
    Unit(String),
    /// The cgroup of a container, by how its id begins.
    Container(String),
    /// A session that runs, by how its id begins. Not to be tagged.
    Session(String),
}

/// Whose work it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Id or name of an agent of the configuration; or the id of one that is in none.
    pub agent: String,
    /// Its name, where it is in no configuration.
    pub name: Option<String>,
    /// Who answers for it, where it is in no configuration.
    pub owner: Option<String>,
    /// Which version of it this is.
    pub version: Option<String>,
    /// What else is known of it, or of this session of it.
    pub labels: BTreeMap<String, String>,
}

impl Identity {
    /// As a rule that recognises nobody.
    pub(super) fn rule(&self) -> AgentRule {
        AgentRule {
            id: self.agent.clone(),
            name: self.name.clone().unwrap_or_else(|| self.agent.clone()),
            owner: self.owner.clone(),
            version: self.version.clone(),
            labels: self.labels.clone(),
            cgroups: Vec::new(),
            executables: Vec::new(),
            users: Vec::new(),
            programs: Vec::new(),
            containers: Vec::new(),
        }
    }
}

/// To record somebody as an agent's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Whom.
    pub target: Target,
    /// Whose work it is.
    pub of: Of,
    /// Who asks.
    pub by: Requester,
}

/// Whose work is tagged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// An agent's, in a session of its own.
    New(Identity),
    /// That of a session that runs, by how its id begins.
    Session(String),
}

/// Somebody is recorded from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tagged {
    /// The session.
    pub session: Uuid,
    /// The agent's id.
    pub agent: String,
    /// The agent's name.
    pub name: String,
    /// Whether the configuration has it.
    pub configured: bool,
    /// Processes that ran already: what they did before is not recorded, which a gap says of each.
    pub late: u64,
    /// The recorder itself is in that cgroup: what it does is nobody's, and not recorded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recorder: bool,
    /// The cgroup that is watched from now on.
    pub cgroup: Option<Text>,
}

/// To record a session no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untag {
    /// Whose session.
    pub target: Target,
    /// Who asks.
    pub by: Requester,
}

/// A session is recorded no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untagged {
    /// The session.
    pub session: Uuid,
    /// Processes that go on without being recorded.
    pub processes: u64,
}

/// Requests that were refused for who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRequests {
    /// The process.
    pub pid: u32,
    /// The socket.
    pub socket: PathBuf,
    /// How many there were.
    pub count: u64,
}

impl Live {
    /// Has it recorded that something was asked for, by whom, and is done.
    fn tell_asked(
        &mut self,
        by: Requester,
        what: AskedFor,
        (session, target): (u64, String),
    ) -> anyhow::Result<()> {
        self.hands.core.feed(Input::Asked(Box::new(Asked {
            by,
            what,
            session,
            target: target.as_str().into(),
        })))
    }

    /// Who may not ask has reached for the recorder.
    pub(super) fn refused_requests(&mut self, refused: RefusedRequests) -> anyhow::Result<()> {
        let touch = Touch {
            pid: refused.pid,
            path: refused.socket,
            changes: vec![FileTouch::Request],
            count: refused.count,
        };
        self.hands.touched(News {
            touches: vec![touch],
            lost: false,
        })
    }

    fn now(&self) -> u64 {
        clock::now().boot
    }
}

impl Target {
    /// In the words of who asked.
    fn shown(&self) -> String {
        match self {
            Target::Process(pid) | Target::Command(pid, ..) => format!("process {pid}"),
            Target::Cgroup(path) => format!("cgroup {}", path.display()),
            Target::Unit(name) => format!("unit {name}"),
            Target::Container(id) => format!("container {id}"),
            Target::Session(id) => format!("session {id}"),
        }
    }
}
