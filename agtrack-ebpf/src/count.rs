//! Counting what becomes of each run: `seen = submitted + filtered + coalesced + lost`.

use core::arch::asm;

use agtrack_common::count::Counters;

use crate::map::COUNTERS;

/// What became of a run, beyond being seen.
#[derive(Clone, Copy)]
pub enum Fate {
    /// Handed to the ring.
    Submitted,
    /// Left out by a documented rule.
    Filtered,
    /// Counted into another event.
    Coalesced,
    /// The ring had no room.
    LostRing,
    /// A map had no room.
    LostMap,
    /// The session's share of a crowded ring had no room.
    LostBudget,
    /// Too large.
    LostOversized,
    /// A part that the ring had no room for; its event is counted by itself.
    LostPart,
}

/// Counts one run of `hook` that ended in `fate`.
#[inline(always)]
pub fn run(hook: u16, fate: Fate) {
    let Some(counters) = COUNTERS.get_ptr_mut(u32::from(hook)) else {
        return;
    };
    // SAFETY: a map value of the right type; the fields are touched by atomic adds only. (An
    // interrupted LSM program shares them with the next one on its CPU.)
    unsafe {
        let counters: *mut Counters = counters;
        if !matches!(fate, Fate::LostPart) {
            add(&raw mut (*counters).seen, 1);
        }
        match fate {
            Fate::Submitted => add(&raw mut (*counters).submitted, 1),
            Fate::Filtered => add(&raw mut (*counters).filtered, 1),
            Fate::Coalesced => add(&raw mut (*counters).coalesced, 1),
            Fate::LostRing => add(&raw mut (*counters).lost_ring, 1),
            Fate::LostMap => add(&raw mut (*counters).lost_map, 1),
            Fate::LostBudget => add(&raw mut (*counters).lost_budget, 1),
            Fate::LostOversized => add(&raw mut (*counters).lost_oversized, 1),
            Fate::LostPart => add(&raw mut (*counters).lost_parts, 1),
        }
    }
}

/// Adds to a word that several programs share. Written as assembly: kernels before 5.12 know only this
/// form of an atomic add, the one that returns nothing, and refuse any other.
///
/// # Safety
/// `word` is 8-aligned, valid for the program's run, and touched by other programs through this only.
#[inline(always)]
pub unsafe fn add(word: *mut u64, amount: u64) {
    // SAFETY: as the caller says.
    unsafe { asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) word, in(reg) amount) };
}
