//! Questions about files that were not there: editors and tools write beside and rename over, and
//! who is asked about the write hears of the new name a moment later.

use std::time::{Duration, Instant};

use super::desk::Desk;
use crate::input::{Deed, HashWanted, Hashed};
use crate::record::{Text, Unhashed};

/// What happened so long after a write is heard of so long after it.
const PATIENCE: Duration = Duration::from_millis(20);

/// Questions that wait for a new name, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Parked(Vec<(Instant, HashWanted, Hashed)>);

impl Parked {
    /// How long until somebody has waited long enough; `None`: nobody waits.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        let (since, ..) = self.0.first()?;
        Some(PATIENCE.saturating_sub(now.duration_since(*since)))
    }

    /// Answers a question, and those that waited for it; what is to wait stays.
    pub(super) fn answer(
        &mut self,
        desk: &mut Desk,
        wanted: HashWanted,
        now: Instant,
    ) -> Vec<Hashed> {
        let mut answers = match &wanted.deed {
            Deed::Renamed { to, .. } => self.named(desk, &wanted, Some(to)),
            Deed::Removed => self.named(desk, &wanted, None),
            Deed::Written { .. } | Deed::Executed { .. } => Vec::new(),
        };
        let answer = desk.answer(&wanted);
        let reason = answer.file.as_ref().and_then(|file| file.unhashed);
        match &wanted.deed {
            Deed::Written { .. } if reason == Some(Unhashed::Gone) => {
                self.0.push((now, wanted, answer));
            }
            _ => answers.push(answer),
        }
        answers
    }

    /// Those whose file has just lost its name, or got another one.
    fn named(&mut self, desk: &mut Desk, wanted: &HashWanted, to: Option<&Text>) -> Vec<Hashed> {
        let is_of = |(_, waits, _): &mut (Instant, HashWanted, Hashed)| waits.path == wanted.path;
        let found = self.0.extract_if(.., is_of);
        let look = found.map(|(_, waits, answer)| match to {
            Some(to) => desk.answer_moved(&waits, to, wanted.at),
            None => answer,
        });
        look.collect()
    }

    /// Those that have waited long enough: their files are gone.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Hashed> {
        let is_due =
            |(since, ..): &(Instant, HashWanted, Hashed)| now.duration_since(*since) >= PATIENCE;
        let count = self.0.iter().take_while(|waits| is_due(waits)).count();
        self.0.drain(..count).map(|(.., answer)| answer).collect()
    }
}
