//! Units and containers that appear as the result of a handoff: each is a session of whoever asked.
//!
//! It is decided when the turn comes of the event that tells of the cgroup: all that happened before has
//! been told by then, also who reached systemd or a runtime, and all that happens in it comes after.

use agtrack_common::event::Payload;

use crate::decode::{Event, Segments, What};
use crate::enrich::derived_id;
use crate::handoff::{Asked, Claim};
use crate::input::NewSession;
use crate::record::{Agent, Binding, Body, Draft, Gap, GapReason, Shared, Text};

use super::{HOLD, Pipeline};

/// So many sessions that may have asked are told of.
const CANDIDATES: usize = 16;

impl Pipeline {
    /// Whether results of handoffs may appear directly in the cgroup at a path.
    pub fn expects(&self, parent: &[u8]) -> bool {
        self.handoffs.expects(parent)
    }

    /// Another number whenever [`Pipeline::expects`] says something else.
    pub fn expected_version(&self) -> u64 {
        self.handoffs.version()
    }

    /// Whether all has been told that came until then, boot clock, ns.
    pub fn has_told(&self, time: u64) -> bool {
        time < self.clock.boot.saturating_sub(HOLD)
    }

    /// The agent's id of a running session.
    pub fn agent_id(&self, session: u64) -> Option<String> {
        Some(self.enricher.agent(session)?.id.clone())
    }

    /// A cgroup was made. One of an agent's own processes is none of anybody else's, and one that a rule
    /// names has a session by now.
    pub(super) fn appeared(&mut self, event: &Event, out: &mut Vec<Draft>) {
        let What::Happened(Payload::CgroupCreate(body)) = &event.what else {
            return;
        };
        let is_free = event.header.session == 0 && [0, body.id].contains(&body.session);
        if !is_free || self.enricher.knows(body.id) {
            return;
        }
        let path = Text(Segments::new(&event.data).bytes(body.path).to_vec());
        if self.enricher.is_in_session(&path) {
            return;
        }
        let time = event.header.time;
        match self.handoffs.claim(&path.0, time) {
            Claim::Nobody => {}
            Claim::One(asked) => self.infer(*asked, (body.id, path), time, out),
            Claim::Several(agents) => self.ambiguous(&agents, &path, time, out),
        }
    }

    fn infer(&mut self, asked: Asked, (id, path): (u64, Text), time: u64, out: &mut Vec<Draft>) {
        let agent = asked.agent;
        self.enricher.learn_cgroup(id, path.clone());
        let begun = NewSession {
            key: id,
            id: derived_id(agent.session, &format!("cgroup {id}"), time, self.clock),
            agent_id: agent.id.clone(),
            agent_name: agent.name.clone(),
            owner: agent.owner.clone(),
            version: agent.version.clone(),
            labels: agent.labels.clone(),
            binding: Binding::Inferred,
            root: None,
            command: Vec::new(),
            cgroup: Some(path),
            cgroup_id: Some(id),
            container: None,
            resumed: None,
            parent: Some(agent.session),
            request: None,
            origin: Some(asked.origin),
            program: None,
            programs: Vec::new(),
        };
        self.tell_begin(begun, asked.tool_call, time, out);
    }

    /// Each that may have asked is told of it.
    fn ambiguous(
        &mut self,
        agents: &[Shared<Agent>],
        path: &Text,
        time: u64,
        out: &mut Vec<Draft>,
    ) {
        let some = agents.iter().take(CANDIDATES);
        let ids: Vec<_> = some
            .clone()
            .map(|agent| agent.session.to_string())
            .collect();
        for agent in some {
            let gap = Gap {
                reason: GapReason::AmbiguousHandoff,
                hook: None,
                action: None,
                count: None,
                from: time,
                until: time,
                detail: format!(
                    "the cgroup {} appeared, which any of {} sessions may have asked for, so that what \
                     is done in it is recorded as nobody's: {}",
                    self.stage.shown(path),
                    agents.len(),
                    ids.join(", ")
                ),
            };
            out.push(Draft {
                time,
                agent: Some(agent.clone()),
                body: Body::Gap(Box::new(gap)),
            });
        }
    }
}

#[cfg(test)]
mod tests;
