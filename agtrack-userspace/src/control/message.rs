//! What is said on the control socket: one JSON object a line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use agtrack_common::packet;
use anyhow::{bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::engine::{CaptureDone, Identity, Of, Target};
use crate::query::{Glob, Query, named_action};
use crate::record::Text;

/// Bytes kept of a packet where nothing is said.
pub const LONGEST_PACKET: u32 = packet::LONGEST;
/// The longest id, name, owner, version, label or name of one, bytes.
const LONGEST_WORD: usize = 256;
/// Labels of a session.
const MOST_LABELS: usize = 64;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Packets of an agent or of a session, written to the file whose descriptor comes along, until the
    /// peer shuts its side down.
    Capture {
        /// Id or name of an agent: all its sessions, also those that begin later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
        /// Id of one session, or how it begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
        /// Bytes kept of each packet, from 1 on.
        #[serde(default = "longest_packet")]
        longest: u32,
    },
    /// How the daemon is doing.
    Status {},
    /// The agents that are known.
    Agents {},
    /// The sessions that run.
    Sessions {},
    /// Records somebody as an agent's.
    Tag(Box<TagWords>),
    /// Records a session no more that was tagged by request.
    Untag(TargetWords),
    /// Records as they are committed, until the peer shuts its side down.
    Subscribe(Filter),
}

fn longest_packet() -> u32 {
    LONGEST_PACKET
}

impl Request {
    /// Whether it changes what is recorded, or takes what is not.
    pub(super) fn is_deed(&self) -> bool {
        match self {
            Request::Capture { .. } | Request::Tag(_) | Request::Untag(_) => true,
            Request::Status {}
            | Request::Agents {}
            | Request::Sessions {}
            | Request::Subscribe(_) => false,
        }
    }
}

/// Whom a request means: one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetWords {
    /// A process, with all its descendants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// A cgroup, by its path below the cgroup2 mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<PathBuf>,
    /// A unit of systemd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// A container, by how its id begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// A session, by how its id begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

impl TargetWords {
    pub(super) fn target(self) -> anyhow::Result<Target> {
        match (
            self.pid,
            self.cgroup,
            self.unit,
            self.container,
            self.session,
        ) {
            (Some(pid), None, None, None, None) => Ok(Target::Process(pid)),
            (None, Some(path), None, None, None) => Ok(Target::Cgroup(path)),
            (None, None, Some(name), None, None) => Ok(Target::Unit(name)),
            (None, None, None, Some(id), None) => Ok(Target::Container(id)),
            (None, None, None, None, Some(id)) => Ok(Target::Session(id)),
            _ => bail!("name one `pid`, `cgroup`, `unit`, `container` or `session`"),
        }
    }
}

/// Whom to record, and whose work it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TagWords {
    /// A process, with all its descendants; with `cgroup` one that waits to become a command there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// A cgroup, by its path below the cgroup2 mount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<PathBuf>,
    /// A unit of systemd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// A container, by how its id begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// What a process that waits is about to become.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<Text>,
    /// Id or name of an agent of the configuration, or the id of another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// A session that runs, to join, by how its id begins; in the place of `agent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The agent's name, where the configuration does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who answers for it, where the configuration does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Its version, where the configuration does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What else is known of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl TagWords {
    pub(super) fn target(&self) -> anyhow::Result<Target> {
        if let (Some(pid), Some(path)) = (self.pid, &self.cgroup)
            && !self.command.is_empty()
        {
            return Ok(Target::Command(pid, path.clone(), self.command.clone()));
        }
        ensure!(
            self.command.is_empty(),
            "`command` goes with a `pid` and its own `cgroup`"
        );
        let target = TargetWords {
            pid: self.pid,
            cgroup: self.cgroup.clone(),
            unit: self.unit.clone(),
            container: self.container.clone(),
            session: None,
        };
        target
            .target()
            .map_err(|_| anyhow::anyhow!("name one `pid`, `cgroup`, `unit` or `container`"))
    }

    pub(super) fn of(self) -> anyhow::Result<Of> {
        let alone = self.name.is_none()
            && self.owner.is_none()
            && self.version.is_none()
            && self.labels.is_empty();
        let agent = match (self.agent, self.session) {
            (None, Some(session)) => {
                ensure!(
                    alone,
                    "who joins a session is that session's agent: leave `name`, `owner`, `version` and `labels` out"
                );
                return Ok(Of::Session(session));
            }
            (Some(agent), None) => agent,
            _ => bail!("name either an `agent` or a `session` to join"),
        };
        let words = [
            Some(&agent),
            self.name.as_ref(),
            self.owner.as_ref(),
            self.version.as_ref(),
        ];
        let labels = self.labels.iter().flat_map(|(key, value)| [key, value]);
        for word in words.into_iter().flatten().chain(labels) {
            ensure!(
                (1..=LONGEST_WORD).contains(&word.len()) && !word.chars().any(char::is_control),
                "names, owners, versions and labels have 1 to {LONGEST_WORD} bytes and no control characters"
            );
        }
        ensure!(
            self.labels.len() <= MOST_LABELS,
            "there are at most {MOST_LABELS} labels"
        );
        Ok(Of::New(Identity {
            agent,
            name: self.name,
            owner: self.owner,
            version: self.version,
            labels: self.labels,
        }))
    }
}

/// Which records: each list is met by one of its values, one that is empty by all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Globs on the agent's id or name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agent: Vec<String>,
    /// How the session's id begins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub session: Vec<String>,
    /// Globs on the action.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub action: Vec<String>,
    /// Kinds of records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<String>,
    /// What the policy decided.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decision: Vec<String>,
}

impl Filter {
    pub(super) fn query(&self) -> anyhow::Result<Query> {
        for kind in &self.kind {
            ensure!(
                crate::query::KINDS.contains(&kind.as_str()),
                "no kind of records is called {:?}; kinds: {}",
                kind,
                crate::query::KINDS.join(", ")
            );
        }
        let agents = self.agent.iter().map(|glob| Glob::word(glob.as_bytes()));
        let actions = self.action.iter().map(|glob| named_action(glob.as_bytes()));
        Ok(Query {
            agents: agents.collect::<Result<_, _>>()?,
            sessions: self
                .session
                .iter()
                .map(|id| id.to_ascii_lowercase())
                .collect(),
            actions: actions.collect::<Result<_, _>>()?,
            kinds: self.kind.clone(),
            decisions: self.decision.clone(),
            ..Query::default()
        })
    }
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done, or has begun: what there is to say of it.
    Ok(Value),
    /// It is refused: why, and what to do.
    Error(String),
    /// What a capture came to: the last line.
    Done(CaptureDone),
}

/// A capture that has begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The sessions that are captured now.
    pub sessions: Vec<Uuid>,
}
