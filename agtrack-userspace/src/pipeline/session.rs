//! How sessions begin and end, and what is told of their processes then.

use crate::effect;
use crate::enrich::Session;
use crate::handoff::Handoffs;
use crate::input::{LeftOpen, NewSession, Resumed, RootProgram, Unended};
use crate::record::{
    Action, Agent, Binding, Body, Bound, BoundExe, Change, Draft, Gap, GapReason, Lifecycle,
    Process, ProcessKey, ProgramHash, SessionChange, Shared, Text, ToolCall, UnseenEnd, WhyOver,
};
use crate::toolcall::ToolCalls;

use super::Pipeline;
use super::ending::Ending;
use super::undecided::Held;

impl Pipeline {
    pub(super) fn begin_session(&mut self, session: NewSession, out: &mut Vec<Draft>) {
        // It began when what waits for it began.
        let waited = self.undecided.take(session.key);
        let time = waited
            .as_ref()
            .map_or(self.clock.boot, |waiting| waiting.since);
        // A cgroup that was given up and is watched again: what is on its way is of the time before.
        if self.endings.concern(session.key) {
            self.release(u64::MAX, out);
        }
        if let Some(before) = self.enricher.sessions().take(session.key) {
            self.end_session(before, time, out);
        }
        let key = session.key;
        let agent = self.tell_begin(session, None, time, out);
        if let Some(waiting) = waited {
            self.decided((key, agent), waiting, out);
        }
    }

    /// A session begins at `time` (boot clock, ns), in this tool call of the one around it.
    pub(super) fn tell_begin(
        &mut self,
        session: NewSession,
        tool_call: Option<Shared<ToolCall>>,
        time: u64,
        out: &mut Vec<Draft>,
    ) -> Shared<Agent> {
        let resumed = session.resumed.clone();
        let root = session.root;
        let program = session.program.clone();
        let (key, programs) = (session.key, session.programs.clone());
        let begun = self.enricher.begin_session(session).clone();
        self.tool_calls.begin_session(key, &begun.agent, &programs);
        let process = root.and_then(|key| self.enricher.processes().get(key));
        let mut change = SessionChange {
            process: process.map(|process| (**process).clone()),
            bound: self.bound(&begun, process.map(|process| &**process)),
            tool_call,
            still_running: self.known_again(resumed.as_ref()),
            ..told(
                &begun,
                if resumed.is_some() {
                    Change::Resume
                } else {
                    Change::Start
                },
            )
        };
        if let Some(program) = program {
            if self.effects.is_answered() {
                let pid = root.map_or(0, |root| root.pid);
                let wanted = effect::of_program(&program, pid, self.clock);
                self.effects.ask(out.len(), wanted);
            }
            change.bound.get_or_insert_default().exe = Some(told_program(program));
        }
        self.stage.session(&mut change);
        out.push(Draft {
            time,
            agent: Some(begun.agent.clone()),
            body: Body::Session(Box::new(change)),
        });
        if let Some(resumed) = resumed {
            if !resumed.kept {
                out.push(Draft {
                    time,
                    agent: Some(begun.agent.clone()),
                    body: Body::Gap(Box::new(not_recorded(&resumed, time))),
                });
            }
            let at = (&*self.start.host.boot_id, time);
            self.tool_calls
                .resume(key, &begun.agent, resumed.calls, at, out);
        }
        begun.agent
    }

    /// Uids of the processes that a recorder before knew.
    fn known_again(&self, resumed: Option<&Resumed>) -> Vec<String> {
        let known = resumed.into_iter().flat_map(|resumed| &resumed.processes);
        known.map(|key| key.uid(&self.start.host.boot_id)).collect()
    }

    /// What ties a session to its agent.
    fn bound(&self, session: &Session, process: Option<&Process>) -> Option<Bound> {
        let launched = process.filter(|_| !session.agent.binding.is_of_cgroup());
        let parent = launched.and_then(|process| self.enricher.processes().parent(process));
        let bound = Bound {
            cgroup_id: session.cgroup_id,
            container: session.container.clone(),
            user: launched.and_then(|process| process.user),
            parent: parent.map(|parent| (**parent).clone()),
            handoff: session.origin.clone(),
            request: session.request.clone(),
            exe: None,
        };
        (bound != Bound::default()).then_some(bound)
    }

    pub(super) fn end_session(&mut self, session: Session, time: u64, out: &mut Vec<Draft>) {
        let still_running = self.enricher.processes().running(session.key);
        self.tell(session, (Change::End, None, still_running), time, out);
    }

    /// The recorder stops: what it can be found again by goes on, the rest ends.
    pub(super) fn leave_session(&mut self, session: Session, time: u64, out: &mut Vec<Draft>) {
        // What a launched command asked for is its recorder's alone, and that looks for no others.
        let is_launched =
            session.agent.binding == Binding::Inferred && self.start.left_open.is_none();
        let goes_on = session.outlives_recorder() || was_asked_for(&session);
        let change = match goes_on && !is_launched {
            true => Change::Suspend,
            false => Change::End,
        };
        let still_running = self.enricher.processes().running(session.key);
        self.tell(session, (change, None, still_running), time, out);
    }

    fn tell(
        &mut self,
        mut session: Session,
        (what, why, still_running): (Change, Option<WhyOver>, Vec<String>),
        time: u64,
        out: &mut Vec<Draft>,
    ) {
        self.handoffs.forget(session.key);
        let at = (time, still_running.is_empty());
        session.totals.tool_calls += self.tool_calls.end_session(session.key, at, out);
        let suspends = what == Change::Suspend;
        let mut change = SessionChange {
            still_running,
            why,
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
            why: None,
            unseen: Some(unseen),
        };
        let agent = Shared::new(unended.agent);
        let over = (unended.why, self.clock.boot);
        ToolCalls::over(unended.calls, &agent, over, out);
        out.push(Draft {
            time: self.clock.boot,
            agent: Some(agent),
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
        let before = running.and_then(|found| found.before.as_ref());
        let before = before.filter(|(_, known)| known.contains(&key));
        let before = before.map(|(since, _)| *since);
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
            from: before.unwrap_or(key.start * crate::record::TICK),
            until: self.clock.boot,
            detail: format!(
                "process {} {}. Open then: {}",
                key.uid(&self.start.host.boot_id),
                match before {
                    Some(_) =>
                        "was recorded by the recorder before, until its last record; what it did from \
                         then until this recorder tagged it is not recorded",
                    None =>
                        "was running already when this recorder tagged it, which did not see what it \
                         did before",
                },
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
            if self.undecided.holds(ending.session()) {
                self.undecided
                    .put(ending.session(), Held::Ending { at, ending });
                continue;
            }
            match ending {
                Ending::Process { key, session } => self.gone(key, session, at, out),
                Ending::Session {
                    key,
                    dropped: false,
                    ..
                } => self.unbind(key, at, out),
                Ending::Session { key, why, .. } => self.drop(key, why, at, out),
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

    /// What bound a session is gone. Processes that had left the cgroup go on.
    fn unbind(&mut self, key: u64, at: u64, out: &mut Vec<Draft>) {
        self.enricher.sessions().unbind(key);
        if let Some(over) = self.enricher.sessions().take_if_over(key) {
            self.end_session(over, at, out);
        }
    }

    /// The processes of a session have lost their tags, and nothing of them arrives any more.
    fn drop(&mut self, key: u64, why: Option<WhyOver>, at: u64, out: &mut Vec<Draft>) {
        self.correlator.gone(None, key, &mut self.done);
        self.publish(out);
        if let Some((over, running)) = self.enricher.drop_session(key) {
            self.tell(over, (Change::End, why, running), at, out);
        }
    }
}

/// The action of a draft that counts for the session of the tags: an agent that was started in a
/// call has totals of its own.
pub(super) fn counted(draft: &Draft) -> Option<&Action> {
    let own = draft.agent.as_ref()?.program.is_none();
    draft.body.action().filter(|_| own)
}

/// What the action at a place hands to somebody else is a record of its own, behind it.
pub(super) fn hand_off(handoffs: &mut Handoffs, session: u64, place: usize, out: &mut Vec<Draft>) {
    let Some((draft, Body::Action(action))) = out.get(place).map(|draft| (draft, &draft.body))
    else {
        return;
    };
    let on_account = (draft.time, draft.agent.as_ref());
    if let Some(handoff) = handoffs.see(session, on_account, action) {
        let told = Draft {
            time: draft.time,
            agent: draft.agent.clone(),
            body: Body::Handoff(Box::new(handoff)),
        };
        out.insert(place + 1, told);
    }
}

/// Whether it began with a process because somebody asked a daemon for it: the next one knows it again by any
/// of its processes.
fn was_asked_for(session: &Session) -> bool {
    session.agent.binding == Binding::Launcher && session.request.is_some()
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
        why: None,
        unseen: None,
    }
}

fn told_program(program: RootProgram) -> BoundExe {
    BoundExe {
        path: program.exe,
        device: program.device,
        inode: program.inode,
        script: program.script,
        hash: ProgramHash::default(),
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
