//! What is known to be missing of a session.

use super::bounds::FINDINGS;
use super::model::{Capped, Completeness, Ended, GapTold, Lack, Numbers};
use crate::record::{Change, Gap, GapReason, HookReport, Lifecycle, Record};

/// When a session was, by the clock that nobody can set and by its records.
#[derive(Clone, Debug, Default)]
pub(super) struct Span {
    pub(super) boot_id: String,
    /// ns since boot.
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) ended: Ended,
}

/// Gathers gaps and what the recorder says of itself.
#[derive(Debug, Default)]
pub(super) struct Notes {
    told: Completeness,
    /// Another recorder began after the session's last record.
    restarted: bool,
}

impl Notes {
    /// A gap of this session.
    pub(super) fn own(&mut self, gap: &Gap, record: &Record) {
        self.gap(gap, record, true);
    }

    /// A gap that names no session, if it is of the session's time.
    pub(super) fn common(&mut self, gap: &Gap, record: &Record, span: &Span) {
        // The next recorder says first what became of the one before, and then that it begins.
        let broke_it = !self.restarted && span.ended != Ended::Yes && record.seq > span.last;
        let concerns = match gap.reason {
            // It says what became of the recording before it.
            GapReason::UncleanStop | GapReason::TornLine => {
                broke_it || (span.first..=span.last).contains(&record.seq)
            }
            GapReason::RingFull
            | GapReason::MapFull
            | GapReason::SessionBudget
            | GapReason::Oversized
            | GapReason::PartsLost
            | GapReason::Skipped
            | GapReason::Unaccounted
            | GapReason::Undecodable
            | GapReason::JournalFull
            | GapReason::TouchesLost
            | GapReason::LateTag
            | GapReason::NotRecording => {
                let open = span.ended == Ended::No;
                record.host.boot_id == span.boot_id
                    && gap.until >= span.begin
                    && (open || gap.from <= span.end)
            }
        };
        if concerns {
            self.gap(gap, record, false);
        }
    }

    fn gap(&mut self, gap: &Gap, record: &Record, own: bool) {
        let count = gap.count.unwrap_or(0);
        if gap.reason == GapReason::Skipped {
            self.told.skipped = self.told.skipped.saturating_add(count);
        } else if gap.reason.is_loss() {
            self.told.lost = self.told.lost.saturating_add(count);
        }
        let gap = GapTold {
            reason: gap.reason,
            action: gap.action.clone(),
            count: gap.count,
            detail: gap.detail.clone(),
            time: record.time.clone(),
            seq: record.seq,
            own,
        };
        self.told.gaps.push(gap, FINDINGS);
    }

    /// The recorder started, stopped or changed.
    pub(super) fn lifecycle(&mut self, change: &Lifecycle, seq: u64, span: &mut Span) {
        if change.change != Change::Start {
            return;
        }
        if seq < span.first {
            let told = &mut self.told;
            told.version = Some(change.version.clone());
            told.backend = change.backend.clone();
            told.kernel = change.kernel.clone();
            told.hooks = change.hooks.len() as u64;
            let missing = change.hooks.iter().filter(|hook| !hook.attached);
            told.hooks_missing = missing.map(lack).collect();
            told.passed_over = change.passed_over.clone();
            return;
        }
        // One in the middle has found the session again.
        if seq < span.last {
            return;
        }
        self.restarted = true;
        if span.ended == Ended::No {
            span.ended = Ended::BrokenOff;
            self.broke_off();
        }
    }

    /// The session's end is not known.
    pub(super) fn broke_off(&mut self) {
        self.told.broken_off = true;
    }

    pub(super) fn finish(mut self, numbers: Numbers, unreadable: u64) -> Completeness {
        self.told.numbers = numbers;
        self.told.unreadable = unreadable;
        let gaps: &mut Capped<GapTold> = &mut self.told.gaps;
        gaps.items.sort_by_key(|gap| gap.seq);
        self.told
    }
}

fn lack(hook: &HookReport) -> Lack {
    Lack {
        action: hook.action.clone(),
        hook: format!("{} ({})", hook.program, hook.target),
        reason: hook.reason.clone(),
    }
}
