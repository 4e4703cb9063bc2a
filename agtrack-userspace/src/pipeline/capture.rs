//! Who takes an agent's packets is a thing to be told; the packets themselves do not come this way.

use super::Pipeline;
use crate::input::CaptureChange;
use crate::record::{Agent, Body, Change, Draft, Process, ProcessKey, Shared, printable};

impl Pipeline {
    /// All that happened before, boot clock, ns, has been told, unless it comes late.
    pub fn told(&self) -> u64 {
        self.clock.boot.saturating_sub(super::HOLD)
    }

    /// The agents of all running sessions, with the sessions' keys.
    pub fn sessions(&self) -> impl Iterator<Item = (u64, &Agent)> {
        let known = |(key, _): &(u64, _)| !self.endings.drop(*key);
        self.enricher
            .agents()
            .filter(known)
            .map(|(key, agent)| (key, &**agent))
    }

    /// The agent of a running session.
    pub fn session(&self, key: u64) -> Option<&Agent> {
        self.enricher.agent(key).map(|agent| &**agent)
    }

    /// Whose a process is that did something for a session, as both are known now.
    pub fn whose(&self, session: u64, key: ProcessKey) -> Option<(Shared<Process>, Shared<Agent>)> {
        self.enricher.whose(session, key)
    }

    pub(super) fn captured(&self, capture: &CaptureChange, out: &mut Vec<Draft>) {
        let change = match capture.end {
            None => Change::CaptureStart,
            Some(_) => Change::CaptureEnd,
        };
        let mut note = self.lifecycle(change);
        note.hooks.clear();
        note.passed_over.clear();
        note.detail = Some(self.told_of(capture));
        self.note(out, Body::Lifecycle(Box::new(note)));
    }

    fn told_of(&self, capture: &CaptureChange) -> String {
        let sessions: Vec<_> = capture.sessions.iter().map(ToString::to_string).collect();
        let sessions = match sessions.is_empty() {
            true => "no session".to_owned(),
            false => format!("session {}", sessions.join(", ")),
        };
        let whose = match &capture.agent {
            Some(agent) => format!("agent {} ({sessions})", printable(agent)),
            None => sessions,
        };
        let asker = &capture.asker;
        let program = asker.program.as_ref().map(|path| self.stage.shown(path));
        let mut told = format!(
            "packets of {whose}, at most {} bytes of each, for process {} ({}) of user {}",
            capture.longest,
            asker.pid,
            program.as_deref().unwrap_or("program not known"),
            asker.uid
        );
        if let Some(end) = &capture.end {
            told.push_str(&format!(
                ": {} packets with {} bytes, {} lost",
                end.packets, end.bytes, end.lost
            ));
            if end.refused > 0 {
                told.push_str(&format!("; no room for {} sessions", end.refused));
            }
        }
        told
    }
}
