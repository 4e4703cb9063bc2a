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
        let mut told = format!(
            "packets of {whose}, at most {} bytes of each, for {}",
            capture.longest,
            self.who(&capture.asker)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{CaptureEnd, Input, InputReader, InputWriter, Requester, Start};
    use crate::record::{Lifecycle, Text};

    /// What is recorded of it, also where it comes from an input log.
    fn recorded(capture: CaptureChange) -> Lifecycle {
        let mut log = Vec::new();
        let input = Input::Capture(Box::new(capture));
        InputWriter::new(&mut log).write(&input).unwrap();
        let mut pipeline = Pipeline::new(Start::default(), &mut Vec::new());
        let mut drafts = Vec::new();
        for input in InputReader::new(&log[..]) {
            pipeline.accept(input.unwrap(), &mut drafts);
        }
        match drafts.pop().unwrap().body {
            Body::Lifecycle(note) => *note,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whose_packets_and_who_asked_is_told_and_no_secret() {
        let mut capture = CaptureChange {
            agent: Some("builder\u{1b}".to_owned()),
            sessions: vec![uuid::Uuid::nil()],
            longest: 96,
            asker: Requester {
                pid: 4711,
                uid: 0,
                program: Some(Text(
                    b"/opt/token=ghp_0123456789abcdefghijklmnopqrstuvwxyz/x".to_vec(),
                )),
            },
            end: None,
        };
        let begun = recorded(capture.clone());
        assert_eq!(begun.change, Change::CaptureStart);
        let told = begun.detail.unwrap();
        let session = "session 00000000-0000-0000-0000-000000000000";
        for part in [session, "at most 96 bytes", "process 4711 (/opt/", "user 0"] {
            assert!(told.contains(part), "{told}");
        }
        assert!(!told.contains("ghp_") && !told.contains('\u{1b}'), "{told}");
        capture.end = Some(CaptureEnd {
            packets: 3,
            bytes: 180,
            lost: 1,
            refused: 2,
        });
        let ended = recorded(capture);
        assert_eq!(ended.change, Change::CaptureEnd);
        let told = ended.detail.unwrap();
        let sums = ": 3 packets with 180 bytes, 1 lost; no room for 2 sessions";
        assert!(told.ends_with(sums), "{told}");
    }
}
