//! How sessions begin and end, and what is told of their processes then.

use crate::enrich::Session;
use crate::input::NewSession;
use crate::record::{Body, Change, Draft, Gap, GapReason, ProcessKey, SessionChange, Text};

use super::Pipeline;

impl Pipeline {
    pub(super) fn begin_session(&mut self, session: NewSession, out: &mut Vec<Draft>) {
        let time = self.clock.boot;
        // A cgroup that was given up and is watched again.
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
        let mut change = SessionChange {
            change: Change::End,
            command: session.command,
            process: None,
            cgroup: session.cgroup,
            actions: session.actions,
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

    /// What came before is told first.
    pub(super) fn gone(&mut self, key: ProcessKey, session: u64, out: &mut Vec<Draft>) {
        self.release(u64::MAX, out);
        self.enricher.forget_process(key);
        if let Some(over) = self.enricher.sessions().take_if_over(session) {
            self.end_session(over, self.clock.boot, out);
        }
    }

    /// Processes that had left the cgroup go on; without their tags nothing of them arrives.
    pub(super) fn session_over(&mut self, key: u64, dropped: bool, out: &mut Vec<Draft>) {
        self.release(u64::MAX, out);
        let time = self.clock.boot;
        if dropped {
            if let Some((over, running)) = self.enricher.drop_session(key) {
                self.tell_end(over, running, time, out);
            }
            return;
        }
        self.enricher.sessions().unbind(key);
        if let Some(over) = self.enricher.sessions().take_if_over(key) {
            self.end_session(over, time, out);
        }
    }
}
