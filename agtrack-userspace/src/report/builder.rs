//! From records to a report.

use std::collections::BTreeMap;

use super::bounds::{HOSTS, NAMES};
use super::call::Timeline;
use super::completeness::Numbers;
use super::file::Files;
use super::finding::Findings;
use super::host::Hosts;
use super::model::{Ended, Report, Session};
use super::notes::{Notes, Span};
use super::process::{Processes, first};
use crate::deed::Deeds;
use crate::journal::Hole;
use crate::record::{
    Action, Agent, Body, Change, Container, Host, Record, SessionChange, Shared, Tamper, Text,
    WhyOver, is_outsiders,
};

/// What is to be said of the journal that the records are from.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// What is wrong with the numbers between the session's first and last record.
    pub broken: Option<String>,
    /// Records that are not there any more.
    pub holes: Vec<Hole>,
    /// A recorder writes it.
    pub is_written: bool,
    /// Lines that may be the session's and were no records.
    pub unreadable: u64,
}

/// Takes a session's records in order, then those that name no session, and makes a report.
#[derive(Debug)]
pub struct Builder {
    agent: Shared<Agent>,
    host: Option<Shared<Host>>,
    span: Span,
    times: [String; 2],
    command: Vec<Text>,
    cgroup: Option<Text>,
    container: Option<Container>,
    begin_seen: bool,
    why: Option<WhyOver>,
    still_running: u64,
    actions: BTreeMap<String, u64>,
    deeds: Deeds,
    timeline: Timeline,
    files: Files,
    hosts: Hosts,
    processes: Processes,
    findings: Findings,
    notes: Notes,
}

impl Builder {
    /// For the session of this agent.
    #[must_use]
    pub fn new(agent: Shared<Agent>) -> Builder {
        Builder {
            agent,
            host: None,
            span: Span::default(),
            times: [String::new(), String::new()],
            command: Vec::new(),
            cgroup: None,
            container: None,
            begin_seen: false,
            why: None,
            still_running: 0,
            actions: BTreeMap::new(),
            deeds: Deeds::default(),
            timeline: Timeline::default(),
            files: Files::default(),
            hosts: Hosts::new(HOSTS),
            processes: Processes::default(),
            findings: Findings::default(),
            notes: Notes::default(),
        }
    }

    /// The next record of the session.
    pub fn add(&mut self, record: &Record) {
        if let Body::Session(change) = &record.body
            && change.unseen.is_some()
        {
            return self.broke_off(record.seq);
        }
        self.place(record);
        let at = record.boot_time.saturating_sub(self.span.begin);
        match &record.body {
            Body::Action(action) => {
                self.act(action, at, &record.time);
                let number = self.timeline.number(action.tool_call.as_ref());
                self.findings.mode(action, record, number);
            }
            Body::Session(change) => self.session(change, at),
            Body::ToolCall(change) => {
                self.timeline.change(change, at, &record.time);
                let number = self.timeline.number(Some(&change.tool_call));
                self.processes.see(&change.process, at, Some(number));
            }
            Body::Handoff(handoff) => {
                let number = self.timeline.number(handoff.tool_call.as_ref());
                self.findings.handoff(handoff, record, number);
            }
            Body::Tamper(tamper) => self.tamper(tamper, record),
            Body::Gap(gap) => self.notes.own(gap, record),
            Body::Lifecycle(_) | Body::Heartbeat(_) => {}
        }
    }

    /// No recorder saw its end: when this was found out is no time of the session.
    fn broke_off(&mut self, seq: u64) {
        self.span.ended = Ended::BrokenOff;
        self.span.last = seq;
        self.notes.broke_off();
    }

    /// When and where.
    fn place(&mut self, record: &Record) {
        let [begin, end] = &mut self.times;
        if self.host.is_none() {
            self.host = Some(record.host.clone());
            self.span.boot_id = record.host.boot_id.clone();
            self.span.begin = record.boot_time;
            self.span.first = record.seq;
            *begin = record.time.clone();
        }
        // Records may come a little later than what they tell.
        if record.boot_time >= self.span.end {
            self.span.end = record.boot_time;
            *end = record.time.clone();
        }
        self.span.last = record.seq;
    }

    fn act(&mut self, action: &Action, at: u64, time: &str) {
        if is_outsiders(action) {
            return;
        }
        if let Some(count) = self.actions.get_mut(&action.action) {
            *count += 1;
        } else if self.actions.len() < NAMES {
            self.actions.insert(action.action.clone(), 1);
        }
        self.deeds.add(action);
        self.timeline.act(action, at, time);
        let number = self.timeline.number(action.tool_call.as_ref());
        self.files.add(action, number);
        self.hosts.add(action, Some(number));
        self.processes
            .add(action, at, Some(number).filter(|number| *number > 0));
    }

    fn session(&mut self, change: &SessionChange, at: u64) {
        match change.change {
            Change::Start => self.begin_seen = true,
            Change::End => {
                self.span.ended = Ended::Yes;
                self.still_running = change.still_running.len() as u64;
                self.why = change.why;
            }
            Change::Suspend
            | Change::Resume
            | Change::Report
            | Change::Reload
            | Change::ReloadRefused
            | Change::CaptureStart
            | Change::CaptureEnd
            | Change::Tag
            | Change::Untag => {}
        }
        if self.command.is_empty() {
            self.command = first(&change.command);
        }
        self.cgroup = self.cgroup.take().or_else(|| change.cgroup.clone());
        if let Some(bound) = &change.bound {
            self.container = self.container.take().or_else(|| bound.container.clone());
        }
        if let Some(process) = &change.process {
            self.processes.see(process, at, None);
        }
    }

    fn tamper(&mut self, tamper: &Tamper, record: &Record) {
        self.findings.tamper(tamper, record, Vec::new());
    }

    /// The next record that names no session: gaps, attempts on the recorder, its own life. To be
    /// called in their order, after all of [`Builder::add`].
    pub fn note(&mut self, record: &Record) {
        if record.agent.is_some() {
            return;
        }
        match &record.body {
            Body::Lifecycle(change) => {
                self.notes.lifecycle(change, record, &mut self.span);
            }
            Body::Gap(gap) => self.notes.common(gap, record, &self.span),
            Body::Tamper(tamper) => {
                let from = self.span.first;
                let until = match self.span.ended {
                    Ended::No => u64::MAX,
                    Ended::Yes | Ended::BrokenOff => self.span.last,
                };
                if (from..=until).contains(&record.seq) {
                    self.tamper(tamper, record);
                }
            }
            Body::Action(_)
            | Body::Session(_)
            | Body::ToolCall(_)
            | Body::Handoff(_)
            | Body::Heartbeat(_) => {}
        }
    }

    /// Whether records of the session may be among those that are missing.
    fn may_be_in(&self, hole: &Hole) -> bool {
        let behind_begin = hole.last > self.span.first || !self.begin_seen;
        let before_end = hole.first < self.span.last || self.span.ended != Ended::Yes;
        behind_begin && before_end
    }

    /// The numbers of the session's first and last record, where there is any.
    #[must_use]
    pub fn numbers(&self) -> Option<(u64, u64)> {
        (self.span.first > 0).then_some((self.span.first, self.span.last))
    }

    /// The report, of a journal of which this is to be said.
    #[must_use]
    pub fn finish(mut self, source: Source) -> Report {
        if self.span.ended == Ended::No && !source.is_written {
            self.span.ended = Ended::BrokenOff;
            self.notes.unwatched();
        }
        if let Some(order) = self.why.filter(|why| why.is_order()) {
            self.notes.ordered(order);
        }
        let mut holes = source.holes;
        holes.retain(|hole| self.may_be_in(hole));
        let effects = self.deeds.effects(NAMES);
        let (timeline, _) = self.timeline.finish();
        let processes = self.processes.finish();
        let findings = self
            .findings
            .finish(&effects, &timeline.items, &processes.items);
        let numbers = Numbers {
            first: self.span.first,
            last: self.span.last,
            broken: source.broken,
        };
        let [begin, end] = self.times;
        let session = Session {
            agent: (*self.agent).clone(),
            host: self.host.map(|host| (*host).clone()).unwrap_or_default(),
            command: self.command,
            cgroup: self.cgroup,
            container: self.container,
            begin,
            end,
            duration: self.span.end.saturating_sub(self.span.begin),
            ended: self.span.ended,
            why: self.why,
            still_running: self.still_running,
            begin_missing: !self.begin_seen,
        };
        Report {
            session,
            actions: self.actions,
            effects,
            findings,
            timeline,
            files: self.files.finish(),
            hosts: self.hosts.finish(),
            processes,
            completeness: self.notes.finish(numbers, holes, source.unreadable),
        }
    }
}
