//! How records come out: as they are, as lines for people, or only counted.

use super::fold::{self, Everyday, Folded};
use super::story;
use crate::terminal::{Output, Palette, Unwritten, styled};

/// Lines between two that say how much was folded.
const PAGE: u32 = 20;

/// How records are shown.
pub(super) struct Printer {
    json: bool,
    all: bool,
    palette: Palette,
    folded: Folded,
    /// Lines since folded records were told.
    shown: u32,
}

impl Printer {
    pub(super) fn new(json: bool, all: bool, palette: Palette) -> Printer {
        Printer {
            json,
            all,
            palette,
            folded: Folded::default(),
            shown: 0,
        }
    }

    /// Whether a record is only counted, and as what.
    pub(super) fn folds(&self, record: &[u8]) -> Option<Everyday> {
        match self.json || self.all {
            true => None,
            false => fold::everyday(&story::read(record)?),
        }
    }

    /// Shows a record, or counts it.
    pub(super) fn print(&mut self, record: &[u8], out: &mut Output) -> Result<(), Unwritten> {
        if self.json {
            return out.json_line(record);
        }
        let line = match story::read(record) {
            None => story::unknown(record),
            Some(known) => {
                let kind = fold::everyday(&known).filter(|_| !self.all);
                if let Some(kind) = kind {
                    self.folded.add(kind);
                    return Ok(());
                }
                story::line(&known, self.palette)
            }
        };
        if self.shown >= PAGE {
            self.rest(out)?;
        }
        self.shown += 1;
        out.line(line)
    }

    /// These were counted by others.
    pub(super) fn fold(&mut self, folded: Folded) {
        self.folded.add_all(folded);
    }

    /// Tells what was folded and not told yet.
    pub(super) fn rest(&mut self, out: &mut Output) -> Result<(), Unwritten> {
        self.shown = 0;
        match std::mem::take(&mut self.folded).words() {
            None => Ok(()),
            Some(words) => out.line(styled(
                self.palette.faint,
                format!("{words} (--all shows them)"),
            )),
        }
    }
}
