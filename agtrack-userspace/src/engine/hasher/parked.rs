//! Questions about files that were not there: editors and tools write beside and rename over, and
//! who is asked about the write hears of the new name a moment later.

use std::time::{Duration, Instant};

use super::desk::Desk;
use super::leaving::Leaving;
use crate::input::{Deed, HashWanted, Hashed};
use crate::record::{Effect, Text, Unhashed};

/// A new name that a file gets so long after it was written is heard of by then, on a loaded machine
/// too; the record of the write waits no longer for it.
const PATIENCE: Duration = Duration::from_millis(100);

/// Questions that wait for a new name, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Parked(Vec<Waiting>);

/// A file that was written, and was not there by the name it had last.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    /// The write, by that name.
    wanted: HashWanted,
    /// What there is to say if it is not found.
    answer: Hashed,
    /// What there is to say so far of its renames, which want what it holds.
    renames: Vec<Hashed>,
}

impl Parked {
    /// How long until somebody has waited long enough; `None`: nobody waits.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        let first = self.0.first()?;
        Some(PATIENCE.saturating_sub(now.duration_since(first.since)))
    }

    /// Answers a question, and those that waited for it; what is to wait stays.
    pub(super) fn answer(
        &mut self,
        desk: &mut Desk,
        wanted: HashWanted,
        leaving: &Leaving,
        now: Instant,
    ) -> Vec<Hashed> {
        let (mut answers, moved) = match &wanted.deed {
            Deed::Renamed { to, .. } => self.renamed(desk, &wanted, to),
            Deed::Removed => (self.removed(&wanted), None),
            Deed::Written { .. } | Deed::Executed { .. } => (Vec::new(), None),
        };
        let answer = match &wanted.deed {
            Deed::Written { .. } if leaving.has(&wanted) => gone(&wanted),
            _ => desk.answer(&wanted),
        };
        if let Some(waiting) = moved.and_then(|place| self.0.get_mut(place)) {
            waiting.renames.push(answer);
            return answers;
        }
        let reason = answer.file.as_ref().and_then(|file| file.unhashed);
        match &wanted.deed {
            Deed::Written { .. } if reason == Some(Unhashed::Gone) => self.0.push(Waiting {
                since: now,
                wanted,
                answer,
                renames: Vec::new(),
            }),
            _ => answers.push(answer),
        }
        answers
    }

    /// The file of those that wait by this name has got another one. One that is not there either was
    /// renamed again: it waits on by its new name, and so does the rename, for the one that is in this
    /// place.
    fn renamed(
        &mut self,
        desk: &mut Desk,
        wanted: &HashWanted,
        to: &Text,
    ) -> (Vec<Hashed>, Option<usize>) {
        let (mut answers, mut moved) = (Vec::new(), None);
        let mut kept = Vec::new();
        for mut waiting in std::mem::take(&mut self.0) {
            if waiting.wanted.path != wanted.path {
                kept.push(waiting);
                continue;
            }
            let answer = desk.answer_moved(&waiting.wanted, to, wanted.at);
            let file = answer.file.as_ref();
            if file.is_some_and(|file| file.unhashed == Some(Unhashed::Gone)) {
                waiting.wanted.path = to.clone();
                moved = Some(kept.len());
                kept.push(waiting);
                continue;
            }
            let renames = waiting.renames.into_iter();
            answers.extend(renames.map(|rename| with_content(rename, file)));
            answers.push(answer);
        }
        self.0 = kept;
        (answers, moved)
    }

    /// The file of those that wait by this name has none any more.
    fn removed(&mut self, wanted: &HashWanted) -> Vec<Hashed> {
        let is_of = |waiting: &mut Waiting| waiting.wanted.path == wanted.path;
        let found = self.0.extract_if(.., is_of);
        found.flat_map(Waiting::give_up).collect()
    }

    /// Those that have waited long enough: their files are gone.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Hashed> {
        let is_due = |waiting: &&Waiting| now.duration_since(waiting.since) >= PATIENCE;
        let count = self.0.iter().take_while(is_due).count();
        self.0.drain(..count).flat_map(Waiting::give_up).collect()
    }
}

impl Waiting {
    fn give_up(self) -> Vec<Hashed> {
        let gone = Effect::without(None, Unhashed::Gone);
        let renames = self.renames.into_iter();
        let renames = renames.map(|rename| with_content(rename, Some(&gone)));
        renames.chain([self.answer]).collect()
    }
}

/// What a rename says, with what the file holds that was found later, or why that is not known.
fn with_content(rename: Hashed, found: Option<&Effect>) -> Hashed {
    let Some(found) = found else {
        return rename;
    };
    let before = rename.file.unwrap_or_default();
    Hashed {
        file: Some(Effect {
            size: found.size,
            sha256: found.sha256,
            changed_since: found.changed_since,
            unhashed: found.unhashed,
            ..before
        }),
        ..rename
    }
}

/// There is no file by that name any more.
fn gone(wanted: &HashWanted) -> Hashed {
    Hashed {
        ticket: wanted.ticket,
        file: Some(Effect::without(wanted.size, Unhashed::Gone)),
        script: None,
    }
}
