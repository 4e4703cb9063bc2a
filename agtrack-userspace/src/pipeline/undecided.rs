//! Sessions of containers of which it is not known yet whether they are an agent's.
//!
//! What is done for them waits, in its order. When the runtime has answered the session begins, at the
//! time when its cgroup was made, and all of it is told; or it is nobody's, and all of it is dismissed.

use std::collections::BTreeMap;

use agtrack_common::event::Payload;

use crate::decode::{Event, What};
use crate::input::{ContainerTold, ProcessFacts};
use crate::record::{
    Agent, Body, Container, Draft, Gap, GapReason, ProcessKey, Shared, Text, printable,
};

use super::Pipeline;
use super::ending::Ending;

/// What may wait, bytes, of all sessions together.
const MOST: usize = 16 << 20;

/// Something that waits.
#[derive(Debug)]
pub(super) enum Held {
    Event(Box<Event>),
    Facts(Box<ProcessFacts>),
    Late { key: ProcessKey, open: Vec<Text> },
    Ending { at: u64, ending: Ending },
}

impl Held {
    fn size(&self) -> usize {
        let text = |text: &Text| size_of::<Text>() + text.0.len();
        let more = match self {
            Held::Event(event) => size_of::<Event>() + event.data.len(),
            Held::Facts(facts) => {
                size_of::<ProcessFacts>() + facts.args.iter().map(text).sum::<usize>()
            }
            Held::Late { open, .. } => open.iter().map(text).sum(),
            Held::Ending { .. } => 0,
        };
        size_of::<Held>() + more
    }
}

/// A session that nobody knows yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// When it was met, boot clock, ns.
    pub(super) since: u64,
    container: Container,
    held: Vec<Held>,
    bytes: usize,
    /// Events that there was no room for.
    refused: u64,
}

impl Waiting {
    /// The event that its cgroup was made.
    fn made(&self, key: u64) -> Option<Event> {
        self.held.iter().find_map(|held| match held {
            Held::Event(event) => match &event.what {
                What::Happened(Payload::CgroupCreate(body)) if body.id == key => {
                    Some((**event).clone())
                }
                What::Happened(_) | What::Ended(_) => None,
            },
            Held::Facts(_) | Held::Late { .. } | Held::Ending { .. } => None,
        })
    }
}

/// All of them, by key.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    sessions: BTreeMap<u64, Waiting>,
    bytes: usize,
}

impl Undecided {
    pub(super) fn holds(&self, key: u64) -> bool {
        self.sessions.contains_key(&key)
    }

    fn begin(&mut self, key: u64, container: Container, since: u64) {
        let fresh = || Waiting {
            since,
            container,
            ..Waiting::default()
        };
        self.sessions.entry(key).or_insert_with(fresh);
    }

    /// False: there is no room.
    pub(super) fn put(&mut self, key: u64, held: Held) -> bool {
        let Some(waiting) = self.sessions.get_mut(&key) else {
            return false;
        };
        let size = held.size();
        if self.bytes + size > MOST {
            waiting.refused += 1;
            return false;
        }
        self.bytes += size;
        waiting.bytes += size;
        waiting.held.push(held);
        true
    }

    pub(super) fn take(&mut self, key: u64) -> Option<Waiting> {
        let waiting = self.sessions.remove(&key)?;
        self.bytes -= waiting.bytes.min(self.bytes);
        Some(waiting)
    }

    fn take_all(&mut self) -> BTreeMap<u64, Waiting> {
        self.bytes = 0;
        std::mem::take(&mut self.sessions)
    }
}

impl Pipeline {
    /// From now on what is done for this session waits.
    pub(super) fn suspect(&mut self, key: u64, container: Container) {
        if !self.enricher.knows(key) {
            self.undecided.begin(key, container, self.clock.boot);
        }
    }

    /// An event of such a session.
    pub(super) fn hold(&mut self, key: u64, event: Event) {
        let hook = event.header.hook;
        if !self.undecided.put(key, Held::Event(Box::new(event))) {
            self.reconciler.dismissed(hook);
        }
    }

    /// It has begun: what waited is told.
    pub(super) fn decided(
        &mut self,
        (key, agent): (u64, Shared<Agent>),
        waiting: Waiting,
        out: &mut Vec<Draft>,
    ) {
        for held in waiting.held {
            match held {
                Held::Event(event) => self.happened(*event, out),
                Held::Facts(facts) => self.enricher.learn_process(*facts),
                Held::Late { key: process, open } => self.late_tag(process, key, &open, out),
                Held::Ending { at, ending } => self.endings.put(at, ending),
            }
        }
        if waiting.refused > 0 {
            let gap = Gap {
                from: waiting.since,
                ..self.gap(
                    GapReason::UndecidedFull,
                    Some(waiting.refused),
                    "so much was done in the container before its runtime said whose it is that not \
                     all of it could be kept"
                        .to_owned(),
                )
            };
            out.push(Draft {
                time: self.clock.boot,
                agent: Some(agent),
                body: Body::Gap(Box::new(gap)),
            });
        }
    }

    /// It is no agent's by a rule; it may be the result of a handoff, which is told when its turn comes
    /// where the event that made it has not come yet.
    pub(super) fn nobodys(&mut self, key: u64, out: &mut Vec<Draft>) {
        let Some(waiting) = self.undecided.take(key) else {
            return;
        };
        if let Some(event) = waiting.made(key) {
            self.appeared(&event, out);
        }
        match self.enricher.agent(key).cloned() {
            Some(agent) => self.decided((key, agent), waiting, out),
            None => self.dismiss(waiting),
        }
    }

    fn dismiss(&mut self, waiting: Waiting) {
        for held in waiting.held {
            if let Held::Event(event) = held {
                self.reconciler.dismissed(event.header.hook);
            }
        }
    }

    /// Recording ends, and nobody has answered.
    pub(super) fn leave_undecided(&mut self, out: &mut Vec<Draft>) {
        for waiting in self.undecided.take_all().into_values() {
            let reason = "recording ended before anybody had said it";
            let gap = Gap {
                from: waiting.since,
                ..self.unknown(&waiting.container, reason)
            };
            self.dismiss(waiting);
            self.note(out, Body::Gap(Box::new(gap)));
        }
    }

    /// A runtime has answered, or none has.
    pub(super) fn container_told(&mut self, told: ContainerTold, out: &mut Vec<Draft>) {
        let ContainerTold {
            mut container,
            unanswered,
            ruled,
        } = told;
        let Some(reason) = unanswered else {
            self.stage.container(&mut container);
            self.enricher.learn_container(container);
            return;
        };
        if ruled {
            let reason = self.stage.shown(&Text(reason.into_bytes()));
            let reason = printable(&reason);
            let gap = self.unknown(&container, &reason);
            self.note(out, Body::Gap(Box::new(gap)));
        }
    }

    fn unknown(&self, container: &Container, reason: &str) -> Gap {
        let runtime = container.runtime.as_deref().unwrap_or("unknown runtime");
        let detail = format!(
            "what container {} ({runtime}) is could not be learned, so no rule of an agent could be \
             compared with it, and what is done in it is not recorded: {reason}",
            container.id
        );
        self.gap(GapReason::ContainerUnknown, None, detail)
    }
}

#[cfg(test)]
mod tests;
