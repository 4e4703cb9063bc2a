//! What somebody asked for at the control socket, and what is told to who asks.

use super::Pipeline;
use crate::enrich::Session;
use crate::input::{Asked, AskedFor};
use crate::record::{Body, Change, Draft, Requester, Text};

impl Pipeline {
    /// The sessions that run, in order of key, each with the tool calls that it has had.
    pub fn running(&self) -> Vec<(&Session, u64)> {
        let runs = |session: &&Session| !self.endings.drop(session.key);
        let calls =
            |session: &Session| session.totals.tool_calls + self.tool_calls.calls(session.key);
        let mut all: Vec<_> = self
            .enricher
            .running()
            .filter(runs)
            .map(|session| (session, calls(session)))
            .collect();
        all.sort_by_key(|(session, _)| session.key);
        all
    }

    /// A command as it stands in records.
    pub fn shown_command(&self, command: &[Text]) -> Vec<Text> {
        self.stage.shown_command(command)
    }

    pub(super) fn asked(&self, asked: &Asked, out: &mut Vec<Draft>) {
        let change = match asked.what {
            AskedFor::Tag => Change::Tag,
            AskedFor::Untag => Change::Untag,
        };
        let mut note = self.lifecycle(change);
        note.hooks.clear();
        note.passed_over.clear();
        let target = self.stage.shown(&asked.target);
        note.detail = Some(format!("{target}, by {}", self.who(&asked.by)));
        out.push(Draft {
            time: self.clock.boot,
            agent: self.enricher.agent(asked.session).cloned(),
            body: Body::Lifecycle(Box::new(note)),
        });
    }

    /// Who asked, in words.
    pub(super) fn who(&self, by: &Requester) -> String {
        let program = by.program.as_ref().map(|path| self.stage.shown(path));
        let program = program.as_deref().unwrap_or("program not known");
        format!("process {} ({program}) of user {}", by.pid, by.uid)
    }
}
