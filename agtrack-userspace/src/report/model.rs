//! What a report holds. With `--json` it is printed as it stands here.
//!
//! Times are RFC 3339 in UTC; `at` and `duration` are nanoseconds, `at` since the session began.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use super::completeness::Completeness;
use super::touch::Touch;
use crate::record::{
    Agent, CallClass, CallExit, Container, Effects, Host, Sha256, Text, Unhashed, WhyOver,
};

/// All that is told of a session.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whose, where and when.
    pub session: Session,
    /// Records of each action.
    pub actions: BTreeMap<String, u64>,
    /// What came of them.
    pub effects: Effects,
    /// What somebody should look at, the gravest first.
    pub findings: Capped<Finding>,
    /// Tool calls, and what the main program did itself between them.
    pub timeline: Capped<Step>,
    /// Files that were changed, by their paths.
    pub files: Capped<FileDone>,
    /// Whom it talked to.
    pub hosts: Capped<HostDone>,
    /// Processes in the order in which they were first seen.
    pub processes: Capped<ProcessDone>,
    /// What is known to be missing.
    pub completeness: Completeness,
}

/// The first of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Capped<T> {
    /// Those that are told.
    pub items: Vec<T>,
    /// How many more there are; of names, how often there was one more.
    pub more: u64,
}

impl<T> Default for Capped<T> {
    fn default() -> Self {
        Capped {
            items: Vec::new(),
            more: 0,
        }
    }
}

impl<T> Capped<T> {
    /// Takes one in, or counts it.
    pub(super) fn push(&mut self, item: T, most: usize) {
        if self.items.len() < most {
            self.items.push(item);
        } else {
            self.more += 1;
        }
    }

    /// How many there are, told or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.items.len() as u64 + self.more
    }
}

/// Whose session, where and when.
#[derive(Clone, Debug, Serialize)]
pub struct Session {
    /// The agent, its session and how the work is tied to it.
    pub agent: Agent,
    /// The machine.
    pub host: Host,
    /// The command that was launched; empty for sessions of a cgroup.
    pub command: Vec<Text>,
    /// The cgroup that binds it.
    pub cgroup: Option<Text>,
    /// The container that binds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
    /// When it began; where its beginning is no longer kept, its first record.
    pub begin: String,
    /// When it ended; otherwise its last record so far.
    pub end: String,
    /// Time between the two, ns.
    pub duration: u64,
    /// Whether it is over.
    pub ended: Ended,
    /// Why, where that is not that its last process or its cgroup is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<WhyOver>,
    /// Processes that still ran when it was recorded no more.
    pub still_running: u64,
    /// Its beginning is no longer kept in the journal.
    pub begin_missing: bool,
}

/// Whether a session is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Its end is on record.
    Yes,
    /// Not as far as the journal goes.
    #[default]
    No,
    /// The recorder stopped without recording the end.
    BrokenOff,
}

/// One thing after the other.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Step {
    /// The main program had it done.
    Call(Box<Call>),
    /// The main program did it itself.
    Direct(Box<Direct>),
}

/// A tool call.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Call {
    /// Counted from 1.
    pub number: u64,
    /// As in the records.
    pub id: String,
    /// What was started.
    pub command: Vec<Text>,
    /// What kind.
    pub class: CallClass,
    /// Its first process.
    pub pid: u32,
    /// Where.
    pub cwd: Option<Text>,
    /// When.
    pub time: String,
    /// The same, ns since the session began.
    pub at: u64,
    /// How long it took, or takes so far, ns.
    pub duration: Option<u64>,
    /// Its end is on record.
    pub ended: bool,
    /// How its first process ended.
    pub exit: Option<CallExit>,
    /// Processes.
    pub processes: u64,
    /// Actions.
    pub actions: u64,
    /// What came of it.
    pub effects: Effects,
    /// Whom it talked to.
    pub hosts: Capped<HostDone>,
    /// Sessions of agents that were started in it: each has a report of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub child_sessions: Vec<Uuid>,
}

impl Call {
    /// Its first process ended with a code other than 0, or by a signal.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.exit
            .as_ref()
            .is_some_and(|exit| exit.signal.is_some() || exit.code.is_some_and(|code| code != 0))
    }

    /// The same of what was asked for: programs look around by commands that are to fail.
    #[must_use]
    pub fn failed_at_work(&self) -> bool {
        self.has_failed() && self.class != CallClass::Housekeeping
    }
}

/// What the main program did itself, between two tool calls.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Direct {
    /// When it began.
    pub time: String,
    /// The same, ns since the session began.
    pub at: u64,
    /// From the first action to the last, ns.
    pub duration: u64,
    /// Actions.
    pub actions: u64,
    /// What came of it.
    pub effects: Effects,
    /// Whom it talked to.
    pub hosts: Capped<HostDone>,
}

/// A file that was changed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FileDone {
    /// Its path.
    pub path: Text,
    /// What was done to it, each once, in order.
    pub what: Vec<Touch>,
    /// It has this name no more.
    pub gone: bool,
    /// It lies in a folder that is a tool's own business, as `.git` or `node_modules`.
    pub of_tool: bool,
    /// The other name of a rename or link.
    pub other: Option<Text>,
    /// Length when it was hashed last, bytes.
    pub size: Option<u64>,
    /// Its content then; of a file that is gone the last one known.
    pub sha256: Option<Sha256>,
    /// Its content before the session's first change, as far as that was known.
    pub previous_sha256: Option<Sha256>,
    /// It was changed while it was hashed.
    pub changed_since: bool,
    /// Why there is no hash.
    pub unhashed: Option<Unhashed>,
    /// Which calls did it; 0 is the main program.
    pub calls: Vec<u64>,
}

impl FileDone {
    /// What was done to it, in words.
    #[must_use]
    pub fn told(&self) -> String {
        let words: Vec<_> = self.what.iter().map(Touch::to_string).collect();
        words.join(", ")
    }

    /// It was not there before and is not there now.
    #[must_use]
    pub fn came_and_went(&self) -> bool {
        self.gone && self.what.first() == Some(&Touch::Created)
    }
}

/// A host, or a socket of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HostDone {
    /// Names that the session had for it.
    pub names: Vec<String>,
    /// Address and port, or the socket's path.
    pub address: Text,
    /// `tcp`, `udp`, `unix` …
    pub proto: String,
    /// Connections that were asked for, and datagrams' peers.
    pub connections: u64,
    /// Of them, how many failed.
    pub failed: u64,
    /// Of them, how many the call did not wait for.
    pub begun: u64,
    /// Connections to it that have ended: they were there.
    pub over: u64,
    /// Payload sent, bytes, of what has ended.
    pub bytes_out: u64,
    /// Payload that came.
    pub bytes_in: u64,
    /// What was said in the open, each once.
    pub said: Vec<String>,
    /// It connected to the session.
    pub inbound: bool,
    /// It is an address of this machine, where the session waited for others to connect.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub listens: bool,
    /// Which calls; 0 is the main program.
    pub calls: Vec<u64>,
}

impl HostDone {
    /// Connects of which no connection was seen: nobody waited for them, and nothing was said.
    #[must_use]
    pub fn unseen(&self) -> u64 {
        match self.said.is_empty() {
            true => self.begun.saturating_sub(self.over),
            false => 0,
        }
    }

    /// Whether there was any contact, as far as that was seen.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.connections == 0 || self.connections > self.failed + self.unseen()
    }
}

/// A process.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProcessDone {
    /// Unique.
    pub uid: String,
    /// Process id.
    pub pid: u32,
    /// Who made it.
    pub parent_uid: Option<String>,
    /// Programs that it ran before, the first of them.
    pub before: Vec<Text>,
    /// Its last program.
    pub exe: Option<Text>,
    /// Its arguments.
    pub args: Vec<Text>,
    /// When it was first seen, ns since the session began.
    pub at: u64,
    /// Until its end, ns.
    pub duration: Option<u64>,
    /// How it ended.
    pub exit: Option<CallExit>,
    /// The call it belongs to; none for the main program.
    pub call: Option<u64>,
    /// It ran a program of its own since its fork.
    pub has_run: bool,
    /// `fileless`, `deleted`, variables that bring other code into it.
    pub marks: Vec<String>,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Wrong.
    Bad,
    /// To be looked at.
    Warning,
    /// To be known.
    Note,
}

/// Something to look at.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// How grave.
    pub weight: Weight,
    /// What kind, in a word or two.
    pub what: String,
    /// What it is about.
    pub name: Text,
    /// How, by whom.
    pub detail: String,
    /// When, where it was one moment.
    pub time: Option<String>,
    /// The record, where it is one.
    pub seq: Option<u64>,
    /// Which calls; 0 is the main program.
    pub calls: Vec<u64>,
}
