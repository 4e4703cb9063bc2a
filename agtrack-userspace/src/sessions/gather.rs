//! From what blocks say to rows.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::line::{Heard, Note, Part, Place, Reach, Who};
use super::{Row, Sessions, State};
use crate::container;
use crate::record::{Change, SessionChange, printable};
use crate::report::{Attempts, CommonGap, Ended, Span};
use crate::terminal::{command, cut};

/// Sessions that are kept apart: the newest.
const MOST: usize = 20_000;
/// Findings that are told apart.
const FINDINGS: usize = 1 << 20;
/// Gaps of nobody in particular, and attempts on the recorder: each may concern every session.
const COMMON: usize = 10_000;
/// Characters of what bound a session.
const BOUND: usize = 200;

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Gather {
    sessions: BTreeMap<Uuid, Known>,
    is_cut: bool,
    seen: HashSet<(Uuid, u64)>,
    is_rough: bool,
    common: Vec<CommonGap>,
    tampers: Vec<Reach>,
    /// Records with which recorders began.
    starts: Vec<u64>,
}

/// Of a session.
#[derive(Debug)]
struct Known {
    who: Who,
    boot_id: String,
    first: Place,
    last: Place,
    began: Option<String>,
    ended: Option<String>,
    /// The last change says that it is recorded.
    is_open: bool,
    /// Its recorder stopped before it.
    is_suspended: bool,
    bound: String,
    /// As recorders counted them.
    calls: u64,
    totals: u64,
    /// As they stand here.
    calls_begun: u64,
    actions: u64,
    findings: u64,
    gaps: u64,
}

impl Gather {
    /// The next block.
    pub(super) fn add(&mut self, heard: Heard) {
        for (session, part) in heard.parts {
            self.part(session, part);
        }
        for note in heard.notes {
            self.note(note);
        }
    }

    fn part(&mut self, session: Uuid, part: Part) {
        let actions = part.actions;
        let last = part.last.clone();
        let known = self
            .sessions
            .entry(session)
            .or_insert_with(|| Known::new(part));
        known.actions = known.actions.saturating_add(actions);
        if last.seq > 0 {
            known.last = last;
        }
        // Ids begin with the time of the session.
        if self.sessions.len() > MOST {
            self.sessions.pop_first();
            self.is_cut = true;
        }
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Change(session, time, change) => {
                if let Some(known) = self.sessions.get_mut(&session) {
                    known.change(time, &change);
                }
            }
            Note::Call(session) => self.at(session, |known| known.calls_begun += 1),
            Note::Gap(session) => self.at(session, |known| known.gaps += 1),
            Note::Finding(session, hash) => {
                let is_new = match self.seen.len() < FINDINGS {
                    true => self.seen.insert((session, hash)),
                    false => !self.seen.contains(&(session, hash)),
                };
                self.is_rough |= self.seen.len() >= FINDINGS;
                if is_new {
                    self.at(session, |known| known.findings += 1);
                }
            }
            Note::Common(gap) if self.common.len() < COMMON => self.common.push(gap),
            Note::Tamper(reach) if self.tampers.len() < COMMON => self.tampers.push(reach),
            Note::Common(_) | Note::Tamper(_) => self.is_rough = true,
            Note::Start(seq) => self.starts.push(seq),
        }
    }

    fn at(&mut self, session: Uuid, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.sessions.get_mut(&session) {
            change(known);
        }
    }

    /// When the first began of those whose begin was not read.
    pub(super) fn begin_of_unbegun(&self) -> Option<Timestamp> {
        let mut unbegun = self
            .sessions
            .iter()
            .filter(|(_, known)| known.began.is_none());
        unbegun.find_map(|(session, _)| time_of(*session))
    }

    /// Forgets sessions that the other has not.
    pub(super) fn keep_those_of(&mut self, other: &Gather) {
        self.sessions
            .retain(|session, _| other.sessions.contains_key(session));
    }

    /// The rows; `is_recorded`: a recorder is writing the journal.
    pub(super) fn finish(mut self, is_recorded: bool) -> Sessions {
        let sessions = std::mem::take(&mut self.sessions);
        let rows = sessions
            .into_iter()
            .map(|(session, known)| self.row(session, known, is_recorded));
        Sessions {
            rows: rows.collect(),
            is_cut: self.is_cut,
            is_rough: self.is_rough,
        }
    }

    fn row(&self, session: Uuid, known: Known, is_recorded: bool) -> Row {
        let restarted = self.starts.last().is_some_and(|seq| *seq > known.last.seq);
        let (state, ended) = match (&known.ended, known.is_open && is_recorded && !restarted) {
            (Some(_), _) => (State::Ended, Ended::Yes),
            (None, true) => (State::Running, Ended::No),
            (None, false) if restarted => (State::NotTold, Ended::BrokenOff),
            (None, false) if known.is_suspended => (State::Suspended, Ended::No),
            (None, false) => (State::NotTold, Ended::No),
        };
        let span = Span {
            boot_id: known.boot_id,
            begin: known.first.boot_time,
            end: known.last.boot_time,
            first: known.first.seq,
            last: known.last.seq,
            ended,
        };
        let until = match ended {
            Ended::No => u64::MAX,
            Ended::Yes | Ended::BrokenOff => span.last,
        };
        let tampers = self.tampers.iter();
        let tampers = tampers.filter(|reach| match reach.session {
            Some(own) => own == session,
            None => (span.first..=until).contains(&reach.seq),
        });
        let mut deeds = Attempts::default();
        let tampers = tampers.filter(|reach| !deeds.goes_on(reach.deed.as_ref(), reach.at));
        let common = self.common.iter();
        let common = common.filter(|gap| gap.concerns(&span, self.has_restarted(&span, gap)));
        let began = known.began.or_else(|| Some(time_of(session)?.to_string()));
        Row {
            session,
            agent_id: known.who.id,
            agent: known.who.name,
            program: known.who.program,
            parent: known.who.parent,
            began: began.unwrap_or(known.first.time),
            ended: known.ended,
            last: known.last.time,
            state,
            binding: known.who.binding,
            bound: known.bound,
            tool_calls: known.calls.max(known.calls_begun),
            actions: known.totals.max(known.actions),
            findings: known.findings + tampers.count() as u64,
            gaps: known.gaps + common.count() as u64,
        }
    }

    /// Whether a recorder began between a session's last record and a gap.
    fn has_restarted(&self, span: &Span, gap: &CommonGap) -> bool {
        let next = self.starts.partition_point(|seq| *seq < span.last);
        self.starts.get(next).is_some_and(|seq| *seq < gap.seq())
    }
}

impl Known {
    fn new(part: Part) -> Known {
        Known {
            who: part.who,
            boot_id: part.boot_id,
            last: part.first.clone(),
            first: part.first,
            began: None,
            ended: None,
            is_open: true,
            is_suspended: false,
            bound: String::new(),
            calls: 0,
            totals: 0,
            calls_begun: 0,
            actions: 0,
            findings: 0,
            gaps: 0,
        }
    }

    fn change(&mut self, time: String, change: &SessionChange) {
        self.calls = self.calls.max(change.totals.tool_calls);
        self.totals = self.totals.max(change.totals.actions.values().sum());
        if self.bound.is_empty() {
            self.bound = bound(change);
        }
        match change.change {
            Change::Start => self.began = Some(time),
            Change::End if change.unseen.is_none() => self.ended = Some(time),
            Change::End => (self.is_open, self.is_suspended) = (false, false),
            Change::Suspend => (self.is_open, self.is_suspended) = (false, true),
            Change::Resume => (self.is_open, self.is_suspended) = (true, false),
            Change::Report
            | Change::Reload
            | Change::ReloadRefused
            | Change::CaptureStart
            | Change::CaptureEnd
            | Change::Tag
            | Change::Untag => {}
        }
    }
}

/// What bound a session, in a few words that are safe for a terminal.
fn bound(change: &SessionChange) -> String {
    let bound = change.bound.as_ref();
    let container = bound.and_then(|bound| bound.container.as_ref());
    let exe = bound.and_then(|bound| bound.exe.as_ref());
    if !change.command.is_empty() {
        return command(&change.command, BOUND);
    }
    if let Some(container) = container {
        return cut(&printable(&container::shown(container)), BOUND);
    }
    let process = change.process.as_ref();
    let path = exe.map(|exe| &exe.path).or(change.cgroup.as_ref());
    let path = path.or(process.and_then(|process| process.exe.as_ref()));
    path.map_or(String::new(), |path| cut(&path.printable(), BOUND))
}

/// When a session began, going by its id: a UUID of version 7 begins with the milliseconds.
fn time_of(session: Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) = session.get_timestamp()?.to_unix();
    Timestamp::new(
        i64::try_from(seconds).ok()?,
        i32::try_from(nanoseconds).ok()?,
    )
    .ok()
}
