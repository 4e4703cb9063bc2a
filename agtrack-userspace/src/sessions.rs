//! The sessions of a journal, a row each.
//!
//! Comes in: a journal's committed lines. Goes out: who, when, what bound it, and how much there is of
//! it. Never: takes the journal's lock, or grows with the journal: of each line a few fields are read,
//! and as a whole only what may be worth a look.

mod gather;
mod line;

use std::ops::ControlFlow;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::journal::{Error, Extent};
use crate::query::{Glob, Period, Told, sweep};
use crate::record::Binding;
use gather::Gather;
use line::Heard;

/// By how much a session may begin before its id was made.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// Which sessions are listed: those that meet all of it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Id or name of the agent: one of these, where there are any.
    pub agents: Vec<Glob>,
    /// Something of it was recorded then or later.
    pub since: Option<Timestamp>,
}

/// Whether a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its end is on record.
    Ended,
    /// A recorder is writing this journal, and has told no end.
    Running,
    /// Its recorder stopped in order, and it goes on without one.
    Suspended,
    /// No recorder saw its end, or none has told it so far.
    NotTold,
}

/// A session.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its id.
    pub session: Uuid,
    /// Id of the agent.
    pub agent_id: String,
    /// Name of the agent.
    pub agent: String,
    /// Of an agent that another one started the catalogue's name of its program.
    pub program: Option<String>,
    /// The session around it, or that asked for it.
    pub parent: Option<Uuid>,
    /// When it began, RFC 3339; where that record is no longer kept, going by its id.
    pub began: String,
    /// When it ended.
    pub ended: Option<String>,
    /// Its last record so far.
    pub last: String,
    /// Whether it is over.
    pub state: State,
    /// What tied it to its agent.
    pub binding: Binding,
    /// Its command, container, program or cgroup: safe for a terminal.
    pub bound: String,
    /// Tool calls.
    pub tool_calls: u64,
    /// Actions.
    pub actions: u64,
    /// What a report of it has under `to look at`.
    pub findings: u64,
    /// Gaps of it or of the time it ran, but for runs that the kernel skipped.
    pub gaps: u64,
}

/// Rows, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// Those that are wanted.
    pub rows: Vec<Row>,
    /// There are older ones than can be kept apart.
    pub is_cut: bool,
    /// Findings were counted as different that may be the same: there are too many to compare.
    pub is_rough: bool,
}

/// The sessions of a journal.
///
/// # Errors
/// A segment cannot be read.
pub fn list(extent: &Extent, wanted: &Wanted) -> Result<(Sessions, Told), Error> {
    let (mut found, mut told) = gather(extent, wanted.since)?;
    // What is recorded since then may be the end of what began long before.
    if let (Some(since), Some(begin)) = (wanted.since, found.begin_of_unbegun()) {
        // An id may be older than its session; one that is too young was made by another clock.
        let begin = begin.checked_sub(MARGIN).ok();
        let (mut whole, again) = gather(extent, begin.filter(|begin| *begin < since))?;
        whole.keep_those_of(&found);
        (found, told) = (whole, again);
    }
    let mut sessions = found.finish(extent.has_writer());
    sessions.rows.retain(|row| {
        let is = |glob: &Glob| {
            glob.matches(row.agent.as_bytes()) || glob.matches(row.agent_id.as_bytes())
        };
        wanted.agents.is_empty() || wanted.agents.iter().any(is)
    });
    Ok((sessions, told))
}

fn gather(extent: &Extent, since: Option<Timestamp>) -> Result<(Gather, Told), Error> {
    let period = Period { since, until: None };
    let mut found = Gather::default();
    let told = sweep(
        extent,
        &period,
        |block| Heard::of(block, &period),
        |blocks| {
            blocks.into_iter().for_each(|heard| found.add(heard));
            ControlFlow::Continue(())
        },
    )?;
    Ok((found, told))
}
