//! How records come out: as they are, as lines for people, or only counted.

use super::fold::{self, Everyday, Folded};
use super::story;
use crate::cli::encoding::Encoding;
use crate::record::{Body, Record};
use crate::report::{Attempts, Deed};
use crate::terminal::{self, Output, Palette, Unwritten, styled};

/// Lines between two that say how much was folded.
const PAGE: u32 = 20;

/// How records are shown.
pub(super) struct Printer {
    encoding: Option<Encoding>,
    all: bool,
    palette: Palette,
    folded: Folded,
    deeds: Attempts,
    /// Lines since folded records were told.
    shown: u32,
    /// Records that the encoding cannot tell.
    untold: u64,
}

impl Printer {
    pub(super) fn new(encoding: Option<Encoding>, all: bool, palette: Palette) -> Printer {
        Printer {
            encoding,
            all,
            palette,
            folded: Folded::default(),
            deeds: Attempts::default(),
            shown: 0,
            untold: 0,
        }
    }

    /// Whether a record is only counted, and as what.
    pub(super) fn folds(&self, record: &[u8]) -> Option<Everyday> {
        match self.encoding.is_some() || self.all {
            true => None,
            false => fold::everyday(&story::read(record)?),
        }
    }

    /// Shows a record, or counts it.
    pub(super) fn print(&mut self, record: &[u8], out: &mut Output) -> Result<(), Unwritten> {
        if let Some(encoding) = self.encoding {
            return match encoding.line(record) {
                Some(line) => out.json_line(&line),
                None => {
                    self.untold += 1;
                    Ok(())
                }
            };
        }
        let line = match story::read(record) {
            None => story::unknown(record),
            Some(known) => {
                let deed = self.deed(&known);
                let kind = fold::everyday(&known).or(deed).filter(|_| !self.all);
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

    /// What one editor does to save one file is one deed, and its first record tells of it.
    fn deed(&mut self, record: &Record) -> Option<Everyday> {
        let Body::Tamper(tamper) = &record.body else {
            return None;
        };
        let goes_on = self
            .deeds
            .goes_on(Deed::of(tamper).as_ref(), record.boot_time);
        goes_on.then_some(Everyday::Deed)
    }

    /// These were counted by others.
    pub(super) fn fold(&mut self, folded: Folded) {
        self.folded.add_all(folded);
    }

    /// Tells what was folded and not told yet.
    pub(super) fn rest(&mut self, out: &mut Output) -> Result<(), Unwritten> {
        self.shown = 0;
        if std::mem::take(&mut self.untold) > 0 {
            terminal::tell(
                "there are records of a newer agtrack, which only it can encode; --json shows them",
            );
        }
        match std::mem::take(&mut self.folded).words() {
            None => Ok(()),
            Some(words) => out.line(styled(
                self.palette.faint,
                format!("{words} (--all shows them)"),
            )),
        }
    }
}
