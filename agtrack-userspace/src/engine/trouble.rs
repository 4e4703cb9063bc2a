//! Of a journal that cannot be written nobody reads in the journal.

use crate::journal::Journal;
use crate::terminal::tell;

/// Whether the journal can be written, as it was told last.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// It is told on standard error.
    pub(super) speaks: bool,
    is_told: bool,
}

impl Trouble {
    /// Says once when it begins and once when it is over.
    pub(super) fn tell(&mut self, journal: &Journal) {
        let error = journal.status().error;
        if !self.speaks || error.is_some() == self.is_told {
            return;
        }
        self.is_told = error.is_some();
        match error {
            Some(error) => tell(&format!(
                "the journal cannot be written: {error}; records wait in memory, and those for which there \
                 is no room are counted and told as a gap"
            )),
            None => tell("the journal is written again"),
        }
    }
}
