//! What the recorder says of itself: that it began, was given other rules, or could not keep something.

use crate::input::RemovedJournal;
use crate::record::{Body, Change, ConfigChange, Draft, Gap, GapReason, Lifecycle};

use super::Pipeline;

impl Pipeline {
    pub(super) fn reload(
        &mut self,
        hash: Option<String>,
        (refused, changed): (Option<String>, Option<ConfigChange>),
        out: &mut Vec<Draft>,
    ) {
        let change = if refused.is_some() {
            Change::ReloadRefused
        } else {
            Change::Reload
        };
        if refused.is_none() {
            self.start.config_sha256 = hash;
        }
        let mut note = self.lifecycle(change);
        note.hooks.clear();
        note.passed_over.clear();
        note.detail = refused;
        note.changed = changed;
        self.note(out, Body::Lifecycle(Box::new(note)));
    }

    pub(super) fn tags_full(&mut self, processes: u64, cgroups: u64, out: &mut Vec<Draft>) {
        let detail = format!(
            "{processes} processes that ran already and {cgroups} cgroups should have been tagged, \
             and there was no room: what they do is not recorded"
        );
        let gap = self.gap(GapReason::MapFull, Some(processes + cgroups), detail);
        self.note(out, Body::Gap(Box::new(gap)));
    }

    pub(super) fn journal_full(&mut self, count: u64, out: &mut Vec<Draft>) {
        let gap = self.gap(
            GapReason::JournalFull,
            Some(count),
            "records that the journal could not take while it could not be written".to_owned(),
        );
        self.note(out, Body::Gap(Box::new(gap)));
    }

    pub(super) fn journal_gaps(&mut self, out: &mut Vec<Draft>) {
        let journal = self.start.journal.clone();
        if let Some(RemovedJournal { last, by }) = journal.removed {
            let by = by.map(|who| format!(", who was seen to take files away last: {who}"));
            let by = by.unwrap_or_default();
            let since = match self.start.kept {
                None => "what was done until now is not recorded here",
                Some(_) => "what the kernel kept of the time since then is told below",
            };
            let detail = format!(
                "the journal that was here before was removed while this recorder wrote it, with all its \
                 records up to {last}{by}. They are gone unless a sink has them or somebody has a copy, and \
                 {since}. This journal began anew"
            );
            let gap = self.gap(GapReason::JournalRemoved, None, detail);
            self.note(out, Body::Gap(Box::new(gap)));
        }
        if journal.torn > 0 {
            let detail = format!(
                "the end of the journal was torn when the recorder before was killed or the machine \
                 lost power; {} bytes that had never been committed were removed",
                journal.torn
            );
            let gap = self.gap(GapReason::TornLine, Some(1), detail);
            self.note(out, Body::Gap(Box::new(gap)));
        }
        if journal.unclean {
            let detail = match self.start.kept {
                None => "the recorder before did not end cleanly; what it had seen and not yet written, \
                         and all until now, is not recorded"
                    .to_owned(),
                Some(kept) => format!(
                    "the recorder before did not end cleanly; the kernel went on recording, and of what \
                     that recorder had read, {} events may not have been written",
                    kept.untold
                ),
            };
            let mut gap = self.gap(GapReason::UncleanStop, None, detail);
            if let Some(kept) = self.start.kept.filter(|kept| kept.since > 0) {
                (gap.from, gap.until) = (kept.since, kept.until.max(kept.since));
            }
            self.note(out, Body::Gap(Box::new(gap)));
        }
    }

    pub(super) fn gap(&self, reason: GapReason, count: Option<u64>, detail: String) -> Gap {
        let now = self.clock.boot;
        Gap {
            reason,
            hook: None,
            action: None,
            count,
            from: now,
            until: now,
            detail,
        }
    }

    pub(super) fn lifecycle(&self, change: Change) -> Lifecycle {
        Lifecycle {
            change,
            version: self.start.version.clone(),
            backend: Some(self.start.backend.clone()),
            kernel: Some(self.start.kernel.clone()),
            hooks: self.start.hooks.clone(),
            passed_over: self.start.passed_over.clone(),
            config_sha256: self.start.config_sha256.clone(),
            detail: None,
            changed: None,
            left_open: None,
            kept: None,
            totals: Vec::new(),
        }
    }

    pub(super) fn note(&self, out: &mut Vec<Draft>, body: Body) {
        out.push(Draft {
            time: self.clock.boot,
            agent: None,
            body,
        });
    }
}
