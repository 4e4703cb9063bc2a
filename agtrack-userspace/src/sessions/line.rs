//! What the lines of a block say of sessions.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use serde::Deserialize;
use serde::de::IgnoredAny;
use uuid::Uuid;

use crate::credential;
use crate::deed::{Deeds, sets_user_id};
use crate::query::{Found, Period};
use crate::record::{
    Action, Binding, Body, Change, GapReason, Object, OutcomeResult, Record, SessionChange, Text,
};
use crate::report::{CommonGap, Deed};

/// Names that one action touches.
const NAMES: usize = 8;

/// What a block says.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Of each session that it has records of.
    pub(super) parts: HashMap<Uuid, Part>,
    /// What is told one by one, in its order.
    pub(super) notes: Vec<Note>,
}

/// Of one session.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) who: Who,
    pub(super) boot_id: String,
    pub(super) first: Place,
    /// Nothing where it is over and nobody saw its end.
    pub(super) last: Place,
    pub(super) actions: u64,
}

/// Whose it is.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) program: Option<String>,
    pub(super) parent: Option<Uuid>,
    pub(super) binding: Binding,
}

/// Where a record stands and when it was.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) seq: u64,
    pub(super) time: String,
    pub(super) boot_time: u64,
}

/// What is told one by one.
#[derive(Debug)]
pub(super) enum Note {
    /// A session began, was suspended or resumed, or ended.
    Change(Uuid, String, Box<SessionChange>),
    /// A tool call began.
    Call(Uuid),
    /// Something to be looked at, by a hash of what it is.
    Finding(Uuid, u64),
    /// A gap of a session.
    Gap(Uuid),
    /// One of nobody in particular.
    Common(CommonGap),
    /// An attempt on the recorder.
    Tamper(Reach),
    /// A recorder began.
    Start(u64),
}

/// An attempt on the recorder.
#[derive(Debug)]
pub(super) struct Reach {
    /// Whose it was, if an agent's.
    pub(super) session: Option<Uuid>,
    pub(super) seq: u64,
    /// On the boot clock, ns.
    pub(super) at: u64,
    /// What it is a part of.
    pub(super) deed: Option<Deed>,
}

/// What is read of each line.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    seq: u64,
    #[serde(borrow)]
    time: Cow<'a, str>,
    boot_time: u64,
    #[serde(borrow)]
    host: Host<'a>,
    #[serde(borrow)]
    agent: Option<Account<'a>>,
    #[serde(borrow, default)]
    action: Option<Cow<'a, str>>,
    #[serde(default)]
    outcome: Option<Ended>,
    #[serde(default)]
    object: Option<Touched>,
    #[serde(default)]
    completeness: Option<Times>,
}

#[derive(Deserialize)]
struct Host<'a> {
    #[serde(borrow)]
    boot_id: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Account<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    session: Uuid,
    #[serde(default)]
    parent: Option<Uuid>,
    #[serde(borrow, default)]
    program: Option<Cow<'a, str>>,
    binding: Binding,
}

#[derive(Deserialize)]
struct Ended {
    result: OutcomeResult,
}

#[derive(Deserialize)]
struct Times {
    count: u64,
}

/// Of an object what may make it worth a look.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Touched {
    path: Option<Text>,
    from: Option<Text>,
    to: Option<Text>,
    target: Option<Text>,
    signal: Option<IgnoredAny>,
}

impl Heard {
    /// Reads a block of whole lines; what is not of this period is left out.
    pub(super) fn of(block: &[u8], period: &Period) -> Found<Heard> {
        let mut heard = Heard::default();
        let mut found = Found::default();
        for line in block.split(|byte| *byte == b'\n') {
            if !line.is_empty() && heard.line(line, period).is_err() {
                found.unknown += 1;
            }
        }
        found.told.push(heard);
        found
    }

    fn line(&mut self, bytes: &[u8], period: &Period) -> serde_json::Result<()> {
        let line: Line<'_> = serde_json::from_slice(bytes)?;
        if line.kind == "heartbeat" || !period.has(&line.time) {
            return Ok(());
        }
        if line.kind == "action" && !line.may_be_a_finding() {
            self.count(&line, true);
            return Ok(());
        }
        let record: Record = serde_json::from_slice(bytes)?;
        // When it was found out that a session is over is no time of the session.
        let unseen = |change: &SessionChange| change.unseen.is_some();
        let is_its_time = !matches!(&record.body, Body::Session(change) if unseen(change));
        self.count(&line, is_its_time);
        self.whole(&record);
        Ok(())
    }

    fn count(&mut self, line: &Line<'_>, is_its_time: bool) {
        let Some(agent) = &line.agent else { return };
        let place = |place: &mut Place| {
            (place.seq, place.boot_time) = (line.seq, line.boot_time);
            place.time.clear();
            place.time.push_str(&line.time);
        };
        let part = self.parts.entry(agent.session).or_insert_with(|| {
            let mut first = Place::default();
            place(&mut first);
            Part {
                who: agent.who(),
                boot_id: line.host.boot_id.clone().into_owned(),
                last: Place::default(),
                first,
                actions: 0,
            }
        });
        if is_its_time {
            place(&mut part.last);
        }
        if line.kind == "action" {
            let count = line.completeness.as_ref().map_or(1, |times| times.count);
            part.actions = part.actions.saturating_add(count);
        }
    }

    fn whole(&mut self, record: &Record) {
        let session = record.agent.as_deref().map(|agent| agent.session);
        let note = match (&record.body, session) {
            (Body::Action(action), Some(session)) => return self.findings(session, action),
            (Body::Session(change), Some(session)) => {
                Note::Change(session, record.time.clone(), change.clone())
            }
            (Body::ToolCall(change), Some(session)) if change.change == Change::Start => {
                Note::Call(session)
            }
            (Body::Handoff(_), Some(session)) => Note::Finding(session, record.seq),
            (Body::Tamper(tamper), session) if !tamper.expected => Note::Tamper(Reach {
                session,
                seq: record.seq,
                at: record.boot_time,
                deed: Deed::of(tamper),
            }),
            (Body::Gap(gap), _) if gap.reason == GapReason::Skipped => return,
            (Body::Gap(_), Some(session)) => Note::Gap(session),
            (Body::Gap(gap), None) => Note::Common(CommonGap::of(gap, record)),
            (Body::Lifecycle(change), _) if change.change == Change::Start => {
                Note::Start(record.seq)
            }
            (
                Body::Action(_)
                | Body::Session(_)
                | Body::ToolCall(_)
                | Body::Handoff(_)
                | Body::Tamper(_)
                | Body::Lifecycle(_)
                | Body::Heartbeat(_),
                _,
            ) => return,
        };
        self.notes.push(note);
    }

    /// As a report finds them.
    fn findings(&mut self, session: Uuid, action: &Action) {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let mut deeds = Deeds::of_call();
        deeds.add(action);
        let effects = deeds.effects(NAMES);
        let lists = [&effects.credentials, &effects.refused, &effects.killed];
        for (which, list) in lists.into_iter().enumerate() {
            for item in &list.items {
                let hash = hasher.hash_one((which, &item.name.0));
                self.notes.push(Note::Finding(session, hash));
            }
        }
        if let Some((path, _)) = sets_user_id(action) {
            let hash = hasher.hash_one(("mode", &path.0));
            self.notes.push(Note::Finding(session, hash));
        }
        if let Object::Exec { brought, .. } = &action.object
            && action.outcome.result != OutcomeResult::Failure
            && !brought.marks().is_empty()
        {
            let hash = hasher.hash_one(&action.process.uid);
            self.notes.push(Note::Finding(session, hash));
        }
    }
}

impl Account<'_> {
    fn who(&self) -> Who {
        let program = self.program.as_ref();
        Who {
            id: self.id.clone().into_owned(),
            name: self.name.clone().into_owned(),
            program: program.map(|program| program.clone().into_owned()),
            parent: self.parent,
            binding: self.binding,
        }
    }
}

impl Line<'_> {
    /// Whether the whole of it has to be read: what failed, who was reached, what ran or was killed,
    /// and paths of credentials.
    fn may_be_a_finding(&self) -> bool {
        let action = self.action.as_deref().unwrap_or_default();
        let failed = self
            .outcome
            .as_ref()
            .is_none_or(|outcome| outcome.result == OutcomeResult::Failure);
        let whole = [
            "net.connect",
            "net.send",
            "process.exec",
            "kernel.io_uring",
            "file.chmod",
        ];
        failed
            || whole.contains(&action)
            || self.object.as_ref().is_none_or(|object| {
                object.signal.is_some()
                    || [&object.path, &object.from, &object.to, &object.target]
                        .into_iter()
                        .flatten()
                        .any(|path| credential::at(&path.0).is_some())
            })
    }
}
