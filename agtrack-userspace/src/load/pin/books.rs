//! The books go on where the recorder before left them: what it told is not told again, and what nobody
//! has told yet is.

use std::collections::BTreeMap;

use agtrack_common::count::{Counters, Told};
use agtrack_common::event::Hook;
use aya::maps::Array;
use zerocopy::{FromBytes, IntoBytes};

use crate::input::{FloodCount, HookCounters};
use crate::load::Probes;

const TOLD: usize = size_of::<Told>();
/// What the numbers of rules mean, in the map `CONTROL`.
const RULES: u32 = 4;

/// Where the books of this recorder begin.
#[derive(Clone, Debug, Default)]
pub(in crate::load) struct Carried {
    /// What had been counted and is not of this recorder, by hook.
    before: BTreeMap<u16, Counters>,
    /// Runs that the kernel skipped of programs before, by program.
    skipped: BTreeMap<String, u64>,
    /// Of these, what was told, by hook.
    told: BTreeMap<u16, u64>,
}

impl Carried {
    pub(super) fn new(skipped: BTreeMap<String, u64>) -> Carried {
        Carried {
            skipped,
            ..Carried::default()
        }
    }

    /// What this hook lost to floods and nobody has told.
    fn untold_flood(&self, now: &HookCounters) -> u64 {
        self.since(*now).counts.lost_budget
    }

    /// What of these counters is this recorder's to tell.
    pub(in crate::load) fn since(&self, now: HookCounters) -> HookCounters {
        let before = self.before.get(&now.hook).copied().unwrap_or_default();
        let program = Hook::by_id(now.hook).map_or("", |hook| hook.program);
        let skipped = self.skipped.get(program).copied().unwrap_or(0);
        let told = self.told.get(&now.hook).copied().unwrap_or(0);
        HookCounters {
            hook: now.hook,
            counts: now.counts.since(before),
            skipped: now.skipped + skipped.saturating_sub(told),
        }
    }

    /// Begins the books: `now` was counted, `told` of it told, and `waiting` events were in the rings.
    ///
    /// Gives what was handed over and neither waits nor was told: the recorder before read it and may not
    /// have lived to write it.
    fn begin(&mut self, now: HookCounters, told: Told, waiting: u64) -> u64 {
        let submitted = now.counts.submitted.saturating_sub(waiting);
        let rest = told.counts.filtered + told.counts.coalesced + told.counts.lost();
        let before = Counters {
            submitted,
            seen: submitted + rest,
            ..told.counts
        };
        self.before.insert(now.hook, before);
        self.told.insert(now.hook, told.skipped);
        submitted.saturating_sub(told.counts.submitted)
    }
}

impl Probes {
    /// Begins the books of a recorder that took over, when so much had been counted, and so many events of
    /// each hook waited in the rings. Gives how many the one before had read and not told.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn begin_books(
        &mut self,
        counted: &[HookCounters],
        waiting: &BTreeMap<u16, u64>,
    ) -> anyhow::Result<u64> {
        let Some(mut carried) = self.carried.take() else {
            return Ok(0);
        };
        let mut untold = 0;
        for now in counted.iter().copied() {
            let told = self.told(now.hook)?;
            let waiting = waiting.get(&now.hook).copied().unwrap_or(0);
            untold += carried.begin(now, told, waiting);
        }
        let floods = self.floods()?;
        for now in counted {
            let own = floods.iter().filter(|flood| flood.hook == now.hook);
            self.begin_floods(own, carried.untold_flood(now))?;
        }
        self.carried = Some(carried);
        Ok(untold)
    }

    /// Leaves so many of a hook's lost events to be told. Whose they are is known where one session flooded
    /// the ring; of several the first ones get them.
    fn begin_floods<'f>(
        &mut self,
        of_hook: impl Iterator<Item = &'f FloodCount>,
        mut untold: u64,
    ) -> anyhow::Result<()> {
        for flood in of_hook {
            let kept = flood.count.min(untold);
            untold -= kept;
            self.set_flood(flood, kept)?;
        }
        Ok(())
    }

    /// Remembers for the next recorder what has been told.
    ///
    /// # Errors
    /// The map cannot be written.
    pub fn remember_told(&mut self, told: &[HookCounters]) -> anyhow::Result<()> {
        if !self.is_pinned() {
            return Ok(());
        }
        let carried = self.carried.clone().unwrap_or_default();
        let mut map: Array<_, [u8; TOLD]> = Array::try_from(self.map_mut("TOLD")?)?;
        for hook in told {
            let mut counts = carried.before.get(&hook.hook).copied().unwrap_or_default();
            counts += hook.counts;
            let program = Hook::by_id(hook.hook).map_or("", |hook| hook.program);
            let before = carried.skipped.get(program).copied().unwrap_or(0);
            let before = before.saturating_sub(carried.told.get(&hook.hook).copied().unwrap_or(0));
            // The next one counts from where these programs began.
            let skipped = hook.skipped.saturating_sub(before);
            let mut bytes = [0; TOLD];
            bytes.copy_from_slice(Told { counts, skipped }.as_bytes());
            map.set(u32::from(hook.hook), bytes, 0)?;
        }
        Ok(())
    }

    fn told(&self, hook: u16) -> anyhow::Result<Told> {
        let map: Array<_, [u8; TOLD]> = Array::try_from(self.map("TOLD")?)?;
        let bytes = map.get(&u32::from(hook), 0)?;
        Ok(Told::read_from_bytes(&bytes).unwrap_or_default())
    }

    /// What the numbers of rules mean, as the recorder before said.
    pub(super) fn rules(&self) -> anyhow::Result<u32> {
        let map: Array<_, u32> = Array::try_from(self.map("CONTROL")?)?;
        Ok(map.get(&RULES, 0)?)
    }

    /// Says what the numbers of rules mean, for the next recorder.
    ///
    /// # Errors
    /// The map cannot be written.
    pub fn set_rules(&mut self, rules: u32) -> anyhow::Result<()> {
        self.control(RULES, rules)
    }
}

#[cfg(test)]
mod tests {
    use agtrack_common::event::hook;

    use super::*;

    fn counted(seen: u64, submitted: u64, lost_ring: u64) -> Counters {
        Counters {
            seen,
            submitted,
            lost_ring,
            ..Counters::default()
        }
    }

    fn counters(counts: Counters, skipped: u64) -> HookCounters {
        HookCounters {
            hook: hook::OPEN_SYSCALL,
            counts,
            skipped,
        }
    }

    #[test]
    fn what_waits_and_what_was_lost_meanwhile_is_the_next_ones_to_tell() {
        let mut carried = Carried::default();
        let told = Told {
            counts: counted(100, 98, 2),
            skipped: 0,
        };
        // 40 events more, of them 7 lost and 30 in the ring: 3 were read by the one before, and not told.
        let untold = carried.begin(counters(counted(140, 131, 9), 0), told, 30);
        assert_eq!(untold, 3);
        let now = carried.since(counters(counted(140, 131, 9), 0)).counts;
        assert_eq!(now, counted(37, 30, 7));
        assert!(now.balanced());
    }

    #[test]
    fn skipped_runs_that_were_not_told_are_carried_over() {
        let skipped = BTreeMap::from([("sys_exit".to_owned(), 12)]);
        let mut carried = Carried::new(skipped);
        let told = Told {
            skipped: 5,
            ..Told::default()
        };
        carried.begin(counters(Counters::default(), 0), told, 0);
        assert_eq!(carried.since(counters(Counters::default(), 3)).skipped, 10);
    }
}
