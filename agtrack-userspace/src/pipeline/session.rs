//! How sessions begin and end, and what is told of their processes then.

use crate::enrich::Session;
use crate::handoff::Handoffs;
use crate::input::{LeftOpen, NewSession, Resumed, Unended};
use crate::record::{
    Action, Binding, Body, Bound, Change, Draft, Gap, GapReason, Lifecycle, Process, ProcessKey,
    SessionChange, Shared, Text, UnseenEnd,
};

use super::Pipeline;
use super::ending::Ending;

impl Pipeline {
    pub(super) fn begin_session(&mut self, session: NewSession, out: &mut Vec<Draft>) {
        let time = self.clock.boot;
        // A cgroup that was given up and is watched again: what is on its way is of the time before.
        if self.endings.concern(session.key) {
            self.release(u64::MAX, out);
        }
        if let Some(before) = self.enricher.sessions().take(session.key) {
            self.end_session(before, time, out);
        }
        let resumed = session.resumed.clone();
        let root = session.root;
        let begun = self.enricher.begin_session(session).clone();
        let process = root.and_then(|key| self.enricher.processes().get(key));
        let mut change = SessionChange {
            process: process.map(|process| (**process).clone()),
            bound: self.bound(&begun, process.map(|process| &**process)),
            ..told(
                &begun,
                if resumed.is_some() {
                    Change::Resume
                } else {
                    Change::Start
                },
            )
        };
        self.stage.session(&mut change);
        out.push(Draft {
            time,
            agent: Some(begun.agent.clone()),
            body: Body::Session(Box::new(change)),
        });
        if let Some(resumed) = resumed {
            out.push(Draft {
                time,
                agent: Some(begun.agent),
                body: Body::Gap(Box::new(not_recorded(&resumed, time))),
            });
        }
    }

    /// What ties a session to its agent.
    fn bound(&self, session: &Session, process: Option<&Process>) -> Option<Bound> {
        let launched = process.filter(|_| session.agent.binding != Binding::Cgroup);
        let parent = launched.and_then(|process| self.enricher.processes().parent(process));
        let bound = Bound {
            cgroup_id: session.cgroup_id,
            user: launched.and_then(|process| process.user),
            parent: parent.map(|parent| (**parent).clone()),
        };
        (bound != Bound::default()).then_some(bound)
    }

    pub(super) fn end_session(&mut self, session: Session, time: u64, out: &mut Vec<Draft>) {
        let still_running = self.enricher.processes().running(session.key);
        self.tell(session, (Change::End, still_running), time, out);
    }

    /// The recorder stops: what it can be found again by goes on, the rest ends.
    pub(super) fn leave_session(&mut self, session: Session, time: u64, out: &mut Vec<Draft>) {
        let change = match session.outlives_recorder() {
            true => Change::Suspend,
            false => Change::End,
        };
        let still_running = self.enricher.processes().running(session.key);
        self.tell(session, (change, still_running), time, out);
    }

    fn tell(
        &mut self,
        mut session: Session,
        (what, still_running): (Change, Vec<String>),
        time: u64,
        out: &mut Vec<Draft>,
    ) {
        self.handoffs.forget(session.key);
        session.totals.tool_calls += self.tool_calls.end_session(session.key, time, out);
        let suspends = what == Change::Suspend;
        let mut change = SessionChange {
            still_running,
            bound: suspends.then(|| self.bound(&session, None)).flatten(),
            ..told(&session, what)
        };
        self.stage.session(&mut change);
        out.push(Draft {
            time,
            agent: Some(session.agent),
            body: Body::Session(Box::new(change)),
        });
    }

    /// One of a recorder before that cannot go on: what is known of it was redacted then.
    pub(super) fn end_unended(&mut self, unended: Unended, out: &mut Vec<Draft>) {
        let unseen = UnseenEnd {
            why: unended.why,
            totals_known: unended.totals.is_some(),
            last_recorded: unended.last_recorded,
            boot_id: unended.boot_id,
        };
        let change = SessionChange {
            change: Change::End,
            command: unended.command,
            process: None,
            cgroup: unended.cgroup,
            bound: None,
            tool_call: None,
            totals: unended.totals.unwrap_or_default(),
            totals_since: unended.totals_since,
            still_running: Vec::new(),
            unseen: Some(unseen),
        };
        out.push(Draft {
            time: self.clock.boot,
            agent: Some(Shared::new(unended.agent)),
            body: Body::Session(Box::new(change)),
        });
    }

    pub(super) fn late_tag(
        &mut self,
        key: ProcessKey,
        session: u64,
        open: &[Text],
        out: &mut Vec<Draft>,
    ) {
        let running = self.enricher.sessions().get(session);
        let agent = running.map(|found| found.agent.clone());
        let process = self.enricher.processes().get(key);
        if let (Some(agent), Some(process)) = (&agent, process) {
            self.tool_calls.found(session, agent, process);
        }
        let open: Vec<_> = open.iter().map(|file| self.stage.shown(file)).collect();
        let gap = Gap {
            reason: GapReason::LateTag,
            hook: None,
            action: None,
            count: None,
            from: key.start * crate::record::TICK,
            until: self.clock.boot,
            detail: format!(
                "process {} was running already when it was tagged; what it did before is not \
                 recorded. Open then: {}",
                key.uid(&self.start.host.boot_id),
                if open.is_empty() {
                    "nothing".to_owned()
                } else {
                    open.join(", ")
                }
            ),
        };
        let body = Body::Gap(Box::new(gap));
        out.push(Draft {
            time: self.clock.boot,
            agent,
            body,
        });
    }

    /// Tells the ends that came before `time`, boot clock, ns.
    pub(super) fn end_before(&mut self, time: u64, out: &mut Vec<Draft>) {
        self.touched_before(time, out);
        while let Some((at, ending)) = self.endings.take_before(time) {
            match ending {
                Ending::Process { key, session } => self.gone(key, session, at, out),
                Ending::Session { key, dropped } => self.session_over(key, dropped, at, out),
            }
        }
    }

    fn gone(&mut self, key: ProcessKey, session: u64, at: u64, out: &mut Vec<Draft>) {
        self.correlator.gone(Some(key.pid), session, &mut self.done);
        self.publish(out);
        self.enricher.forget_process(key);
        let uid = key.uid(&self.start.host.boot_id);
        self.noise.forget(&uid);
        self.tool_calls.gone(session, &uid, at, out);
        if let Some(over) = self.enricher.sessions().take_if_over(session) {
            self.end_session(over, at, out);
        }
    }

    /// Processes that had left the cgroup go on; without their tags nothing of them arrives.
    fn session_over(&mut self, key: u64, dropped: bool, at: u64, out: &mut Vec<Draft>) {
        if dropped {
            self.correlator.gone(None, key, &mut self.done);
            self.publish(out);
            if let Some((over, running)) = self.enricher.drop_session(key) {
                self.tell(over, (Change::End, running), at, out);
            }
            return;
        }
        self.enricher.sessions().unbind(key);
        if let Some(over) = self.enricher.sessions().take_if_over(key) {
            self.end_session(over, at, out);
        }
    }
}

/// The action of a draft that counts for the session of the tags: an agent that was started in a
/// call has totals of its own.
pub(super) fn counted(draft: &Draft) -> Option<&Action> {
    let own = draft.agent.as_ref()?.parent.is_none();
    match &draft.body {
        Body::Action(action) if own => Some(action),
        Body::Action(_)
        | Body::Session(_)
        | Body::ToolCall(_)
        | Body::Handoff(_)
        | Body::Tamper(_)
        | Body::Gap(_)
        | Body::Lifecycle(_)
        | Body::Heartbeat(_) => None,
    }
}

/// What the action at a place hands to somebody else is a record of its own, behind it.
pub(super) fn hand_off(handoffs: &mut Handoffs, session: u64, place: usize, out: &mut Vec<Draft>) {
    let Some((draft, Body::Action(action))) = out.get(place).map(|draft| (draft, &draft.body))
    else {
        return;
    };
    if let Some(handoff) = handoffs.see(session, action) {
        let told = Draft {
            time: draft.time,
            agent: draft.agent.clone(),
            body: Body::Handoff(Box::new(handoff)),
        };
        out.insert(place + 1, told);
    }
}

/// What the start of recording says of sessions of recorders before.
pub(super) fn left_open(left: Option<LeftOpen>, started: &mut Lifecycle) {
    started.left_open = left.map(|left| left.sessions);
    started.detail = left.and_then(|left| left.searched).map(|searched| {
        format!(
            "only the last {searched} bytes of the journal were searched for sessions without an \
             end: one whose records all stand before has none, and begins anew if it goes on"
        )
    });
}

/// What is told of a session whenever it changes.
fn told(session: &Session, change: Change) -> SessionChange {
    SessionChange {
        change,
        command: session.command.clone(),
        process: None,
        cgroup: session.cgroup.clone(),
        bound: None,
        tool_call: None,
        totals: session.totals.clone(),
        totals_since: session.totals_since,
        still_running: Vec::new(),
        unseen: None,
    }
}

/// From the last record of the recorder before until now.
fn not_recorded(resumed: &Resumed, now: u64) -> Gap {
    let before = match resumed.totals {
        Some(_) => "That one stopped in order",
        None => {
            "That one did not end in order, and what it had counted of the session is not known"
        }
    };
    Gap {
        reason: GapReason::NotRecording,
        hook: None,
        action: None,
        count: None,
        from: resumed.since,
        until: now,
        detail: format!(
            "the session went on while no recorder ran: what it did between the last record of the \
             recorder before and now is not recorded. {before}. Its processes are tagged anew, so \
             each that runs is a late_tag gap as well, with what it has open"
        ),
    }
}

#[cfg(test)]
pub(super) mod tests;
