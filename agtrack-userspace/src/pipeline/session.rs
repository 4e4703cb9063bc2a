//! How sessions begin and end, and what is told of their processes then.

use crate::enrich::Session;
use crate::input::NewSession;
use crate::record::{Body, Change, Draft, Gap, GapReason, ProcessKey, SessionChange, Text};

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
        let root = session.root;
        let (agent, command, cgroup) = {
            let begun = self.enricher.begin_session(session);
            (
                begun.agent.clone(),
                begun.command.clone(),
                begun.cgroup.clone(),
            )
        };
        let process = root.and_then(|key| self.enricher.processes().get(key));
        let mut change = SessionChange {
            change: Change::Start,
            command,
            process: process.map(|process| (**process).clone()),
            cgroup,
            actions: Default::default(),
            bytes_out: 0,
            bytes_in: 0,
            counted_opens: Default::default(),
            tool_calls: 0,
            still_running: Vec::new(),
        };
        self.stage.session(&mut change);
        out.push(Draft {
            time,
            agent: Some(agent),
            body: Body::Session(Box::new(change)),
        });
    }

    pub(super) fn end_session(&mut self, session: Session, time: u64, out: &mut Vec<Draft>) {
        let still_running = self.enricher.processes().running(session.key);
        self.tell_end(session, still_running, time, out);
    }

    fn tell_end(
        &mut self,
        session: Session,
        still_running: Vec<String>,
        time: u64,
        out: &mut Vec<Draft>,
    ) {
        let tool_calls = self.tool_calls.end_session(session.key, time, out);
        let [bytes_out, bytes_in] = session.bytes;
        let mut change = SessionChange {
            change: Change::End,
            command: session.command,
            process: None,
            cgroup: session.cgroup,
            actions: session.actions,
            bytes_out,
            bytes_in,
            counted_opens: session.counted_opens,
            tool_calls,
            still_running,
        };
        self.stage.session(&mut change);
        let agent = Some(session.agent);
        out.push(Draft {
            time,
            agent,
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
        let agent = self
            .enricher
            .sessions()
            .get(session)
            .map(|found| found.agent.clone());
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
                self.tell_end(over, running, at, out);
            }
            return;
        }
        self.enricher.sessions().unbind(key);
        if let Some(over) = self.enricher.sessions().take_if_over(key) {
            self.end_session(over, at, out);
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
