//! Counters that prove completeness, one set per hook and CPU.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What became of a hook's runs for tagged processes:
/// `seen = submitted + filtered + coalesced + lost_*`.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counters {
    /// Runs for tagged processes that concern the hook's event.
    pub seen: u64,
    /// Handed to the ring.
    pub submitted: u64,
    /// Left out by a documented rule (not-found probing, `O_PATH`, exec's own opens …).
    pub filtered: u64,
    /// Counted into another event instead of repeated.
    pub coalesced: u64,
    /// The ring had no room.
    pub lost_ring: u64,
    /// A map had no room.
    pub lost_map: u64,
    /// The session's share of a crowded ring had no room.
    #[cfg_attr(feature = "serde", serde(default))]
    pub lost_budget: u64,
    /// Too large for a message, or its data could not be read.
    pub lost_oversized: u64,
    /// Parts of events that the ring had no room for; the event itself arrived without them.
    pub lost_parts: u64,
}

/// What a recorder has told of a hook so far, kept for the one that takes over from it.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
pub struct Told {
    /// The counters, since the probes were first attached.
    pub counts: Counters,
    /// Runs of the hook's program that the kernel skipped, since that program was attached.
    pub skipped: u64,
}

impl core::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Counters) {
        self.seen += other.seen;
        self.submitted += other.submitted;
        self.filtered += other.filtered;
        self.coalesced += other.coalesced;
        self.lost_ring += other.lost_ring;
        self.lost_map += other.lost_map;
        self.lost_budget += other.lost_budget;
        self.lost_oversized += other.lost_oversized;
        self.lost_parts += other.lost_parts;
    }
}

impl Counters {
    /// What was counted since `before`.
    pub fn since(self, before: Counters) -> Counters {
        Counters {
            seen: self.seen.saturating_sub(before.seen),
            submitted: self.submitted.saturating_sub(before.submitted),
            filtered: self.filtered.saturating_sub(before.filtered),
            coalesced: self.coalesced.saturating_sub(before.coalesced),
            lost_ring: self.lost_ring.saturating_sub(before.lost_ring),
            lost_map: self.lost_map.saturating_sub(before.lost_map),
            lost_budget: self.lost_budget.saturating_sub(before.lost_budget),
            lost_oversized: self.lost_oversized.saturating_sub(before.lost_oversized),
            lost_parts: self.lost_parts.saturating_sub(before.lost_parts),
        }
    }

    /// All runs that ended in loss.
    pub fn lost(&self) -> u64 {
        self.lost_ring + self.lost_map + self.lost_budget + self.lost_oversized
    }

    /// Whether the sum holds.
    pub fn balanced(&self) -> bool {
        self.seen == self.submitted + self.filtered + self.coalesced + self.lost()
    }
}
