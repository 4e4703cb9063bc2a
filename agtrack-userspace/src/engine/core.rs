//! Pipeline, journal and input log together: every input passes through [`Core::feed`].

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

use anyhow::Context;
use uuid::Uuid;

use super::Begun;
use super::container::Asker;
use super::hasher::Hasher;
use super::summary::Tally;
use super::wait::Ended;
use crate::input::{Input, InputWriter};
use crate::journal::{self, Journal};
use crate::pipeline::Pipeline;
use crate::record::{Binding, Body, Change, Draft, Stamper};

/// Room that is kept for so many drafts: what a storm needed is given back.
const KEPT: usize = 1024;

/// Who was the last that was seen to take a file away from the journal.
#[derive(Clone, Debug, thiserror::Error)]
#[error("somebody took the journal's files away ({0})")]
pub struct RemovedBy(pub String);

/// What stands between inputs and the disk.
pub(super) struct Core {
    pub(super) pipeline: Pipeline,
    pub(super) journal: Journal,
    pub(super) stamper: Stamper,
    pub(super) tally: Tally,
    pub(super) ended: Arc<Ended>,
    pub(super) hasher: Option<Hasher>,
    pub(super) asker: Asker,
    pub(super) input_log: Option<InputWriter<BufWriter<File>>>,
    pub(super) drafts: Vec<Draft>,
    pub(super) refused: u64,
    pub(super) keys: HashMap<Uuid, u64>,
    /// What became of sessions of recorders before, until it is asked for.
    pub(super) begun: Begun,
}

impl Core {
    /// Takes one input all the way to the journal.
    ///
    /// # Errors
    /// The journal or the input log is broken. A full disk is not an error: records that cannot
    /// be kept are counted and told when it is over.
    pub(super) fn feed(&mut self, input: Input<'_>) -> anyhow::Result<()> {
        if let Some(log) = &mut self.input_log {
            log.write(&input).context("cannot write the input log")?;
        }
        match &input {
            Input::Session(session) if session.resumed.is_some() => {
                self.begun.resumed.push(session.id);
            }
            Input::Unended(_) => self.begun.over += 1,
            _ => {}
        }
        self.pipeline.accept(input, &mut self.drafts);
        if let Some(hasher) = &mut self.hasher {
            hasher.ask(self.pipeline.take_wanted());
        }
        for wanted in self.pipeline.take_unknown() {
            self.asker.ask(wanted, true);
        }
        self.write()
    }

    /// Takes the hashes that have come.
    pub(super) fn take_hashes(&mut self) -> anyhow::Result<()> {
        let answers = self.hasher.as_mut().map(Hasher::answers);
        for hashed in answers.unwrap_or_default() {
            self.feed(Input::Hashed(Box::new(hashed)))?;
        }
        Ok(())
    }

    /// Hands waiting drafts to the journal.
    pub(super) fn write(&mut self) -> anyhow::Result<()> {
        if self.drafts.is_empty() {
            return Ok(());
        }
        let clock = self.pipeline.time();
        let mut drafts = std::mem::take(&mut self.drafts);
        for draft in drafts.drain(..) {
            self.tally.add(&draft);
            if let (Body::Session(change), Some(agent)) = (&draft.body, &draft.agent)
                && change.change == Change::End
                && agent.binding == Binding::Launcher
                && agent.parent.is_none()
                && self.keys.remove(&agent.session).is_some()
            {
                self.ended.add(agent.session);
            }
            // A gap that is refused takes its count along: what it told of stays missing.
            let weight = match &draft.body {
                Body::Gap(gap) => gap.count.unwrap_or(1).max(1),
                _ => 1,
            };
            let line = self.stamper.line(draft, self.journal.next_seq(), clock)?;
            match self.journal.append(line) {
                Ok(_) => {}
                Err(journal::Error::Backlog { .. }) => self.refused += weight,
                Err(error) => return Err(error).context("cannot write the journal"),
            }
        }
        drafts.shrink_to(KEPT);
        self.drafts = drafts;
        Ok(())
    }

    /// Whether the journal can still be written at all.
    ///
    /// # Errors
    /// Somebody has removed it: with [`RemovedBy`], where that was seen.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let Err(error) = self.journal.check() else {
            return Ok(());
        };
        let error = anyhow::Error::new(error);
        Err(match self.tally.removed_by() {
            Some(who) => error.context(RemovedBy(who.to_owned())),
            None => error,
        })
    }

    /// Tells what the journal refused, once it takes records again.
    pub(super) fn tell_refused(&mut self) -> anyhow::Result<()> {
        if self.refused == 0 || self.journal.status().error.is_some() {
            return Ok(());
        }
        let count = std::mem::take(&mut self.refused);
        self.feed(Input::JournalFull { count })
    }

    /// Remembers the key of a session that was launched.
    pub(super) fn remember(&mut self, session: Uuid, key: u64) {
        self.keys.insert(session, key);
    }

    /// The key of a launched session that has not ended.
    pub(super) fn key_of(&self, session: Uuid) -> Option<u64> {
        self.keys.get(&session).copied()
    }

    /// Writes what is buffered in the input log.
    pub(super) fn flush_log(&mut self) -> anyhow::Result<()> {
        match &mut self.input_log {
            Some(log) => log.flush().context("cannot write the input log"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::input::Start;

    use super::*;

    fn core(directory: &std::path::Path, queue_bytes: u64) -> Core {
        let options = journal::Options {
            queue_bytes,
            sync_interval: std::time::Duration::from_secs(3600),
            ..journal::Options::default()
        };
        let (journal, opened) = Journal::open(directory, options).unwrap();
        let mut drafts = Vec::new();
        Core {
            pipeline: Pipeline::new(Start::default(), &mut drafts),
            journal,
            stamper: Stamper::new(Default::default(), opened.log_id),
            tally: Tally::default(),
            ended: Arc::default(),
            hasher: None,
            asker: Asker::new(Vec::new()),
            input_log: None,
            drafts: Vec::new(),
            refused: 0,
            keys: HashMap::new(),
            begun: Begun::default(),
        }
    }

    #[test]
    fn a_refused_gap_takes_its_count_along() {
        let directory = tempfile::tempdir().unwrap();
        let mut core = core(&directory.path().join("journal"), 1);
        // One is always taken in; it waits for its sync, and there is no room beside it.
        core.feed(Input::JournalFull { count: 1 }).unwrap();
        assert_eq!(core.refused, 0);
        core.feed(Input::JournalFull { count: 40 }).unwrap();
        assert_eq!(core.refused, 40);
        // Told again, and refused again: nothing is forgotten, nothing counted twice.
        core.tell_refused().unwrap();
        assert_eq!(core.refused, 40);
    }

    /// A daemon sees many sessions come and go, and nobody asks for them.
    #[test]
    fn only_a_launched_session_is_kept_for_who_waits() {
        use crate::input::NewSession;
        let directory = tempfile::tempdir().unwrap();
        let mut core = core(&directory.path().join("journal"), 1 << 20);
        let session = |key: u64, binding| NewSession {
            key,
            id: Uuid::from_u128(key.into()),
            agent_id: String::new(),
            agent_name: String::new(),
            owner: None,
            version: None,
            labels: Default::default(),
            binding,
            root: None,
            command: Vec::new(),
            cgroup: None,
            cgroup_id: None,
            container: None,
            resumed: None,
            parent: None,
            origin: None,
            request: None,
            program: None,
            programs: Vec::new(),
        };
        for (key, binding) in [(7, Binding::Cgroup), (8, Binding::Launcher)] {
            core.feed(Input::Session(Box::new(session(key, binding))))
                .unwrap();
        }
        core.remember(Uuid::from_u128(8), 8);
        core.feed(Input::Stop).unwrap();
        let waited = |id| core.ended.wait(Uuid::from_u128(id), Default::default());
        assert_eq!((waited(7), waited(8)), (false, true));
        assert_eq!(core.key_of(Uuid::from_u128(8)), None);
    }

    #[test]
    fn a_gap_that_is_taken_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut core = core(&directory.path().join("journal"), 1 << 20);
        core.refused = 40;
        core.tell_refused().unwrap();
        assert_eq!(core.refused, 0);
        assert_eq!(core.journal.next_seq(), 2, "one record more");
    }
}
