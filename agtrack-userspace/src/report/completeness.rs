//! What a report says of what is missing.

use serde::Serialize;

use super::gap::Between;
use super::model::Capped;
use super::text::duration;
use crate::journal::Hole;
use crate::record::{GapReason, WhyOver};

/// What is known to be missing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Completeness {
    /// Events of this time that are known to be lost, of this session or of nobody in particular.
    pub lost: u64,
    /// Runs of hooks that the kernel skipped, on the whole host: an upper bound.
    pub skipped: u64,
    /// Gaps of this session and of the time it ran.
    pub gaps: Capped<GapTold>,
    /// The journal's numbers.
    pub numbers: Numbers,
    /// The recorder stopped without recording the session's end: what came after is not known.
    pub broken_off: bool,
    /// No recorder writes the journal, and the session's end is not on record: what the session does
    /// since then is not known, or not yet.
    pub unwatched: bool,
    /// Somebody had it recorded no more: what its processes did since is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordered: Option<WhyOver>,
    /// Times in it when no recorder ran, and the kernel kept what was done.
    pub restarts: Capped<Restart>,
    /// Records that the journal has no more, and that may be of this session.
    pub holes: Vec<Hole>,
    /// Lines that may be of this session and could not be read.
    pub unreadable: u64,
    /// Version of agtrack that recorded.
    pub version: Option<String>,
    /// Back end for file events.
    pub backend: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// How many hooks there are.
    pub hooks: u64,
    /// Those that were not attached.
    pub hooks_missing: Vec<Lack>,
    /// Back ends that were passed over, and why.
    pub passed_over: Vec<String>,
}

impl Completeness {
    /// Nothing is known to be missing. What the kernel skipped is no more than an upper bound and
    /// stands beside.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lost == 0
            && !self.broken_off
            && !self.unwatched
            && self.ordered.is_none()
            && self.holes.is_empty()
            && self.unreadable == 0
            && self.numbers.broken.is_none()
            && self.gaps.more == 0
            && self.grave().next().is_none()
    }

    /// Why it is not whole, in words; nothing where it is.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.lost > 0 {
            reasons.push(format!("{} events are lost", self.lost));
        }
        match self.grave().count() as u64 + self.gaps.more {
            0 => {}
            1 => reasons.push("a gap is on record".to_owned()),
            gaps => reasons.push(format!("{gaps} gaps are on record")),
        }
        reasons.extend(self.holes.iter().map(ToString::to_string));
        reasons.extend(self.numbers.broken.clone());
        if self.broken_off {
            reasons.push("the recorder stopped before the session did".to_owned());
        }
        if self.unwatched {
            reasons.push(
                "no recorder is at work, and the session's end is not on record: what it did since then \
                 is not known, or will be told by the next recorder"
                    .to_owned(),
            );
        }
        if let Some(order) = self.ordered {
            reasons.push(format!(
                "it was recorded no more before it ended ({}): what it did since then is not known",
                order.words()
            ));
        }
        if self.unreadable > 0 {
            reasons.push(format!("{} lines cannot be read", self.unreadable));
        }
        reasons
    }

    /// From the first to the last moment of which a gap says that something may be missing; none where
    /// no gap does.
    #[must_use]
    pub fn doubtful(&self) -> Option<Between> {
        let times = self.grave().filter_map(|gap| gap.between);
        times.reduce(Between::around)
    }

    fn grave(&self) -> impl Iterator<Item = &GapTold> {
        let gaps = self.gaps.items.iter();
        gaps.filter(|gap| gap.reason != GapReason::Skipped)
    }
}

/// A recorder that took over what the kernel had kept.
#[derive(Clone, Debug, Serialize)]
pub struct Restart {
    /// When it began.
    pub time: String,
    /// How long none ran, ns; null where the record before is gone.
    pub away: Option<u64>,
    /// Events that the kernel had kept, of all sessions.
    pub events: u64,
    /// The record.
    pub seq: u64,
}

impl Restart {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let away = self.away.map_or("some time".to_owned(), duration);
        format!(
            "no recorder ran for {away}; the kernel kept {} events, which are told",
            self.events
        )
    }
}

/// A gap that concerns the session.
#[derive(Clone, Debug, Serialize)]
pub struct GapTold {
    /// Why.
    pub reason: GapReason,
    /// What the hook feeds.
    pub action: Option<String>,
    /// How many.
    pub count: Option<u64>,
    /// In words.
    pub detail: String,
    /// When it was told.
    pub time: String,
    /// From when to when; null where its record's time cannot be read.
    pub between: Option<Between>,
    /// What may be missing, in words.
    pub missing: &'static str,
    /// The record.
    pub seq: u64,
    /// It is about this session; otherwise about all.
    pub own: bool,
}

/// The numbers of the journal's records from the session's first to its last.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Numbers {
    /// First.
    pub first: u64,
    /// Last.
    pub last: u64,
    /// What is wrong with them, where something is.
    pub broken: Option<String>,
}

/// A hook that was not attached.
#[derive(Clone, Debug, Serialize)]
pub struct Lack {
    /// The action it feeds.
    pub action: String,
    /// Program and what it was to be attached to.
    pub hook: String,
    /// Why not.
    pub reason: Option<String>,
}
