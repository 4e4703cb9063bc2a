//! Cgroups of containers that may be an agent's, until their runtimes have said what they are.
//!
//! Where containers appear the kernel tags each new cgroup, as for globs (`stray.rs`). One that is a
//! container's keeps that tag while its runtime is asked, and what is done in it waits in the pipeline:
//! so its first process is recorded if it is an agent's, and nothing if it is not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::clock;
use super::container::{Answer, for_records};
use super::hands::{Hands, path_text, session};
use super::watch::{Suspected, Watch};
use crate::cgroup::Cgroup;
use crate::input::{ContainerTold, ContainerWanted, Input};
use crate::record::Container;

/// So many at a time; of more nobody is asked, which is told, and they are nobody's.
const MOST: usize = 1024;
/// Without an answer by then it is nobody's.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a start or a reload waits for what is said of the containers that run: those of which it is
/// said later are recorded from then on.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A cgroup that may be an agent's container.
#[derive(Debug)]
pub(super) struct Suspect {
    cgroup: Cgroup,
    container: Container,
    since: Instant,
    /// The kernel tagged it from its first moment, and what was done in it waits.
    tagged: bool,
    /// When it was removed, boot clock, ns.
    removed: Option<u64>,
}

/// All of them, by id of their cgroup.
#[derive(Debug, Default)]
pub(super) struct Suspects(BTreeMap<u64, Suspect>);

impl Suspects {
    /// Whether what is done for a session waits.
    pub(super) fn hold(&self, session: u64) -> bool {
        self.0.get(&session).is_some_and(|suspect| suspect.tagged)
    }

    /// Whether a runtime is being asked of this cgroup.
    pub(super) fn asks(&self, id: u64) -> bool {
        self.0.contains_key(&id)
    }

    /// A cgroup was removed at this time (boot clock, ns).
    pub(super) fn removed(&mut self, id: u64, at: u64) {
        if let Some(suspect) = self.0.get_mut(&id) {
            suspect.removed = Some(at);
        }
    }

    fn of(&self, id: &str) -> Vec<u64> {
        let own = self.0.iter();
        let own = own.filter(|(_, suspect)| suspect.container.id == id);
        own.map(|(key, _)| *key).collect()
    }
}

impl Hands {
    /// Asks what a container is. `tagged`: the kernel has tagged its cgroup as a session of its own.
    pub(super) fn suspect(&mut self, suspected: Suspected, tagged: bool) -> anyhow::Result<()> {
        let Suspected { cgroup, container } = suspected;
        let key = cgroup.id;
        if self.suspects.0.len() >= MOST {
            let reason = format!("more than {MOST} containers are asked of at a time");
            self.unanswered(container, reason)?;
            if tagged {
                let untagged = self.untag_session(key);
                self.homeless.extend(untagged);
            }
            return Ok(());
        }
        if tagged && !self.suspects.hold(key) {
            let container = container.clone();
            self.core.feed(Input::Undecided { key, container })?;
        }
        let wanted = ContainerWanted {
            container: container.clone(),
            cgroup: path_text(&cgroup.path),
        };
        let suspect = self.suspects.0.entry(key).or_insert(Suspect {
            cgroup,
            container,
            since: Instant::now(),
            tagged,
            removed: None,
        });
        suspect.tagged |= tagged;
        self.core.asker.ask(wanted, false);
        Ok(())
    }

    /// As [`Hands::suspect`] of one that appeared where containers are not looked for: it is tagged now, and
    /// what got in meanwhile is late. `session` is what the kernel gave it.
    pub(super) fn suspect_late(
        &mut self,
        watch: &Watch,
        suspected: Suspected,
        session: u64,
    ) -> anyhow::Result<()> {
        self.untag_stray(watch, session)?;
        // Of one within another that is suspected the outer one is told first.
        if self.suspects.hold(session) {
            return self.suspect(suspected, false);
        }
        let cgroup = suspected.cgroup.clone();
        self.suspect(suspected, true)?;
        match self.suspects.hold(cgroup.id) {
            true => self.tag_tree(&cgroup, cgroup.id),
            false => Ok(()),
        }
    }

    /// Takes what runtimes have said.
    pub(super) fn take_containers(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        for answer in self.core.asker.answers() {
            self.answered(watch, answer)?;
        }
        Ok(())
    }

    /// As [`Hands::take_containers`], and waits for those that come soon.
    pub(super) fn await_containers(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        let until = Instant::now() + AT_ONCE;
        while !self.suspects.0.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let Some(answer) = self.core.asker.wait(left) else {
                return Ok(());
            };
            self.answered(watch, answer)?;
        }
        Ok(())
    }

    /// Those of which nobody has said anything for too long are nobody's.
    pub(super) fn sweep_suspects(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        let all = self.suspects.0.iter();
        let late = all.filter(|(_, suspect)| suspect.since.elapsed() >= PATIENCE);
        let late: Vec<_> = late.map(|(key, _)| *key).collect();
        for key in late {
            if let Some(suspect) = self.suspects.0.remove(&key) {
                let reason = "its runtime did not answer in 5 s".to_owned();
                self.unanswered(suspect.container.clone(), reason)?;
                self.clear(watch, suspect)?;
            }
        }
        Ok(())
    }

    fn answered(&mut self, watch: &mut Watch, answer: Answer) -> anyhow::Result<()> {
        let id = match &answer.found {
            Ok(container) | Err((container, _)) => container.id.clone(),
        };
        let suspects = self.suspects.of(&id);
        match answer.found {
            Ok(container) => {
                let wanted = suspects.is_empty() || watch.names(&container);
                if answer.for_records || wanted {
                    self.told(ContainerTold {
                        container: for_records(container.clone()),
                        ..ContainerTold::default()
                    })?;
                }
                for key in suspects {
                    self.decide(watch, key, &container)?;
                }
            }
            Err((container, reason)) => {
                for key in &suspects {
                    if let Some(suspect) = self.suspects.0.remove(key) {
                        self.clear(watch, suspect)?;
                    }
                }
                match suspects.is_empty() {
                    false => self.unanswered(container, reason)?,
                    true => self.told(ContainerTold {
                        container,
                        unanswered: Some(reason),
                        ruled: false,
                    })?,
                }
            }
        }
        Ok(())
    }

    /// It is known what a container is, and so whose.
    fn decide(&mut self, watch: &mut Watch, key: u64, container: &Container) -> anyhow::Result<()> {
        let Some(suspect) = self.suspects.0.remove(&key) else {
            return Ok(());
        };
        let Some(root) = watch.bind(&suspect.cgroup, container) else {
            return self.clear(watch, suspect);
        };
        if !suspect.tagged {
            return self.begin_root(watch, root);
        }
        self.core.feed(session(root.session))?;
        self.tag_homeless(watch)?;
        match suspect.removed {
            Some(at) => self.root_gone(watch, key, at),
            // It may have been removed before it was tagged, of which nobody tells.
            None => self.forget_gone(watch, &[key]),
        }
    }

    /// No rule names it: unless it is the result of a handoff, everything that got its tag loses it again,
    /// and what waited is dismissed.
    fn clear(&mut self, watch: &mut Watch, suspect: Suspect) -> anyhow::Result<()> {
        let key = suspect.cgroup.id;
        if !suspect.tagged || self.core.pipeline.knows(key) {
            return Ok(());
        }
        self.core.feed(Input::Nobodys { key })?;
        // It may be the result of a handoff.
        if self.await_result(suspect.cgroup, clock::now().boot) {
            return Ok(());
        }
        let untagged = self.untag_session(key);
        let any = !untagged.is_empty();
        self.tag_again(watch, untagged)?;
        // While they had a tag nobody looked at what they execute.
        match any {
            true => self.find_running(watch),
            false => Ok(()),
        }
    }

    fn unanswered(&mut self, container: Container, reason: String) -> anyhow::Result<()> {
        self.told(ContainerTold {
            container,
            unanswered: Some(reason),
            ruled: true,
        })
    }

    fn told(&mut self, told: ContainerTold) -> anyhow::Result<()> {
        self.core.feed(Input::Container(Box::new(told)))
    }
}
