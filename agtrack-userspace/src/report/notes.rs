//! What is known to be missing of a session.

use super::bounds::FINDINGS;
use super::completeness::{Completeness, GapTold, Lack, Numbers, Restart};
use super::gap::{Between, missing};
use super::model::{Capped, Ended};
use crate::journal::Hole;
use crate::record::{Change, Gap, GapReason, HookReport, Lifecycle, Record, WhyOver};

/// When a session was, by the clock that nobody can set and by its records.
#[derive(Clone, Debug, Default)]
pub struct Span {
    /// The kernel's id of the boot in which it began.
    pub boot_id: String,
    /// Its first record, ns since boot.
    pub begin: u64,
    /// Its last record, ns since boot.
    pub end: u64,
    /// Number of its first record.
    pub first: u64,
    /// Number of its last record.
    pub last: u64,
    /// Whether it is over.
    pub ended: Ended,
}

/// A gap that names no session.
#[derive(Clone, Debug)]
pub struct CommonGap {
    reason: GapReason,
    /// ns since boot.
    from: u64,
    until: u64,
    /// The record.
    seq: u64,
    boot_id: String,
}

impl CommonGap {
    /// From its record.
    #[must_use]
    pub fn of(gap: &Gap, record: &Record) -> CommonGap {
        CommonGap {
            reason: gap.reason,
            from: gap.from,
            until: gap.until,
            seq: record.seq,
            boot_id: record.host.boot_id.clone(),
        }
    }

    /// Number of its record.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Whether it is of a session's time. `restarted`: another recorder began after the session's last
    /// record and before this gap was told.
    #[must_use]
    pub fn concerns(&self, span: &Span, restarted: bool) -> bool {
        // The next recorder says first what became of the one before, and then that it begins.
        let broke_it = !restarted && span.ended != Ended::Yes && self.seq > span.last;
        match self.reason {
            // It says what became of the recording before it.
            GapReason::UncleanStop | GapReason::TornLine => {
                broke_it || (span.first..=span.last).contains(&self.seq)
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
            | GapReason::JournalRemoved
            | GapReason::TouchesLost
            | GapReason::LateTag
            | GapReason::ContainerUnknown
            | GapReason::UndecidedFull
            | GapReason::NotRecording
            | GapReason::AmbiguousHandoff => {
                let open = span.ended == Ended::No;
                self.boot_id == span.boot_id
                    && self.until >= span.begin
                    && (open || self.from <= span.end)
            }
        }
    }
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
        if CommonGap::of(gap, record).concerns(span, self.restarted) {
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
            between: Between::of(gap, record),
            missing: missing(gap.reason),
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
    pub(super) fn lifecycle(&mut self, change: &Lifecycle, record: &Record, span: &mut Span) {
        let seq = record.seq;
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
            let restart = change.kept.as_ref().map(|kept| Restart {
                time: record.time.clone(),
                away: (kept.since > 0).then(|| record.boot_time.saturating_sub(kept.since)),
                events: kept.events,
                seq,
            });
            if let Some(restart) = restart {
                self.told.restarts.push(restart, FINDINGS);
            }
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

    /// It is not over, and nobody records.
    pub(super) fn unwatched(&mut self) {
        self.told.unwatched = true;
    }

    /// Somebody had it recorded no more.
    pub(super) fn ordered(&mut self, why: WhyOver) {
        self.told.ordered = Some(why);
    }

    pub(super) fn finish(
        mut self,
        numbers: Numbers,
        holes: Vec<Hole>,
        unreadable: u64,
    ) -> Completeness {
        self.told.numbers = numbers;
        self.told.holes = holes;
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
