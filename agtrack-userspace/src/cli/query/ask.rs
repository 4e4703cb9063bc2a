//! The options that say what is asked for.

use std::os::unix::ffi::OsStrExt;

use anyhow::bail;
use clap::ValueEnum;
use clap::builder::{OsStringValueParser, TypedValueParser};
use jiff::{Timestamp, Zoned};

use crate::query::{BadTime, Glob, Host, KINDS, Period, Query, moment};
use crate::record::{OutcomeResult, ProcessKey, printable};

const DEED: &str = "What was done";
const WHO: &str = "Who did it";

/// All optional.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Ask {
    /// Any path of the record: opened, written, deleted, both names of a rename, what a link leads
    /// to, the program and script of an exec, a socket
    #[arg(long, value_name = "GLOB", value_parser = path(), help_heading = DEED)]
    path: Vec<Glob>,
    /// Whom was talked to, or asked for: NAME, `.NAME` (and all below it), an address or a network
    /// (`10.0.0.0/8`), each also with `:PORT`; IPv6 with a port as `[::1]:PORT`
    ///
    /// Found as the peer of a connection, by address and by the name that the session had asked for;
    /// in questions and answers of the domain name system (never with a port, which they do not
    /// have); as the name in a TLS hello; as the host of a request of HTTP.
    #[arg(long, value_name = "HOST", help_heading = DEED)]
    host: Vec<Host>,
    /// The action, as in `agtrack events`: `file.unlink`, `net.*`
    #[arg(long, value_name = "GLOB", value_parser = action(), help_heading = DEED)]
    action: Vec<Glob>,
    /// Only what changes something that outlives it, and did not fail
    ///
    /// Files created, opened for writing, written, deleted, renamed, linked, mapped for writing, or
    /// with other attributes; directories; mounts; signals to and tracing of other processes; BPF,
    /// modules and keys of the kernel; cgroups; requests to io_uring that do any of this. Not reads,
    /// connections, forks, execs and exits, nor writes to files that the kernel makes and that keep
    /// nothing: /dev/null and its like, /proc/PID, cgroup.procs.
    #[arg(long, help_heading = DEED)]
    changes: bool,
    /// How it ended
    #[arg(long, value_name = "OUTCOME", help_heading = DEED)]
    outcome: Vec<Outcome>,
    /// What the policy decided; nothing matches while records have no decisions
    #[arg(long, value_name = "EFFECT", value_parser = ["allow", "flag", "deny"], help_heading = DEED)]
    decision: Vec<String>,
    /// Kind of record
    #[arg(long, value_name = "KIND", value_parser = KINDS, help_heading = DEED)]
    kind: Vec<String>,
    /// At this time or later
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = DEED)]
    since: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = DEED)]
    until: Option<Timestamp>,
    /// Id or name of the agent
    #[arg(long, value_name = "GLOB", value_parser = word(), help_heading = WHO)]
    agent: Vec<Glob>,
    /// Id of the session, or how it begins
    #[arg(long, value_name = "ID", value_parser = session, help_heading = WHO)]
    session: Vec<String>,
    /// Id of the tool call: the uid of its first process
    #[arg(long, value_name = "ID", value_parser = tool_call, help_heading = WHO)]
    tool_call: Vec<String>,
    /// Process id
    #[arg(long, value_parser = pid, help_heading = WHO)]
    pid: Vec<u32>,
    /// Path of the program that did it
    #[arg(long, value_name = "GLOB", value_parser = path(), help_heading = WHO)]
    exe: Vec<Glob>,
}

/// How it ended, as records have it.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Outcome {
    Success,
    Failure,
    InProgress,
    Unknown,
}

impl From<Outcome> for OutcomeResult {
    fn from(outcome: Outcome) -> OutcomeResult {
        match outcome {
            Outcome::Success => OutcomeResult::Success,
            Outcome::Failure => OutcomeResult::Failure,
            Outcome::InProgress => OutcomeResult::InProgress,
            Outcome::Unknown => OutcomeResult::Unknown,
        }
    }
}

impl Ask {
    /// The question.
    pub(super) fn query(&self) -> anyhow::Result<Query> {
        let period = Period {
            since: self.since,
            until: self.until,
        };
        if let (Some(since), Some(until)) = (period.since, period.until)
            && since >= until
        {
            bail!("--since {since} is not before --until {until}, so that nothing can match");
        }
        Ok(Query {
            agents: self.agent.clone(),
            sessions: self.session.clone(),
            tool_calls: self.tool_call.clone(),
            actions: self.action.clone(),
            paths: self.path.clone(),
            hosts: self.host.clone(),
            pids: self.pid.clone(),
            exes: self.exe.clone(),
            decisions: self.decision.clone(),
            outcomes: self
                .outcome
                .iter()
                .map(|outcome| (*outcome).into())
                .collect(),
            kinds: self.kind.clone(),
            changes: self.changes,
            period,
        })
    }
}

/// Names of files are bytes.
fn path() -> impl TypedValueParser<Value = Glob> {
    OsStringValueParser::new().try_map(|text| Glob::path(text.as_bytes()))
}

fn action() -> impl TypedValueParser<Value = Glob> {
    OsStringValueParser::new().try_map(|text| crate::query::named_action(text.as_bytes()))
}

pub(in crate::cli) fn word() -> impl TypedValueParser<Value = Glob> {
    OsStringValueParser::new().try_map(|text| Glob::word(text.as_bytes()))
}

pub(in crate::cli) fn time(text: &str) -> Result<Timestamp, BadTime> {
    moment(text, &Zoned::now())
}

/// As the host counts them.
pub(in crate::cli) fn pid(text: &str) -> Result<u32, String> {
    let wrong = |_| format!("`{}` is no process id; it is a number", printable(text));
    text.parse().map_err(wrong)
}

/// Ids are not shortened, as those of sessions may be: the last number of a process is its start.
fn tool_call(text: &str) -> Result<String, String> {
    let id = text.to_ascii_lowercase();
    match ProcessKey::of_uid(&id) {
        Some(_) => Ok(id),
        None => Err(
            "a tool call's id is like edcc300c-756-692580; `agtrack query --kind tool_call` ends \
             its lines with them"
                .to_owned(),
        ),
    }
}

/// Ids are written with small letters.
pub(in crate::cli) fn session(text: &str) -> Result<String, String> {
    let begin = text.to_ascii_lowercase();
    let known = begin
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    match known && !begin.is_empty() {
        true => Ok(begin),
        false => Err(
            "a session's id is like 01a20a26-3de0-73cf-be28-e8d0e3408978; give it, or \
                      how it begins"
                .to_owned(),
        ),
    }
}
