//! What the kernel says about the programs: counters and skipped runs.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd};

use agtrack_common::count::Counters;
use agtrack_common::event::{HOOK_SLOTS, HOOKS, Hook};
use aya::Ebpf;
use aya::maps::{PerCpuArray, PerCpuValues};
use zerocopy::IntoBytes;

use super::Probes;
use crate::input::HookCounters;

const SIZE: usize = size_of::<Counters>();

impl Probes {
    /// Reads all counters: since the begin of recording, or since a recorder before told them.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn counters(&self) -> anyhow::Result<Vec<HookCounters>> {
        let counters = self.raw_counters()?;
        Ok(match &self.carried {
            Some(carried) => counters
                .into_iter()
                .map(|hook| carried.since(hook))
                .collect(),
            None => counters,
        })
    }

    /// Reads them as they are.
    fn raw_counters(&self) -> anyhow::Result<Vec<HookCounters>> {
        let mut skipped = BTreeMap::new();
        let mut all = self.counts()?;
        for counted in &mut all {
            let program = Hook::by_id(counted.hook).map_or("", |hook| hook.program);
            let skipped = skipped
                .entry(program)
                .or_insert_with(|| self::program(&self.ebpf, program).recursion_misses);
            counted.skipped = skipped.unwrap_or(0);
        }
        Ok(all)
    }

    /// Reads them as they are, in no time: without the runs that the kernel skipped.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn counts(&self) -> anyhow::Result<Vec<HookCounters>> {
        let map = self.map("COUNTERS")?;
        let map: PerCpuArray<_, [u8; SIZE]> = PerCpuArray::try_from(map)?;
        let attached = self
            .inventory
            .hooks
            .iter()
            .filter(|state| state.missing.is_none());
        attached
            .map(|state| {
                let values = map.get(&u32::from(state.hook.id), 0)?;
                Ok(sum(state.hook.id, values.iter()))
            })
            .collect()
    }
}

impl Probes {
    /// Sets all counters to zero.
    ///
    /// # Errors
    /// The map cannot be written.
    pub(super) fn reset_counters(&mut self) -> anyhow::Result<()> {
        let map = self.map_mut("COUNTERS")?;
        let mut map: PerCpuArray<_, [u8; SIZE]> = PerCpuArray::try_from(map)?;
        let cpus =
            aya::util::nr_cpus().map_err(|(path, error)| anyhow::anyhow!("{path}: {error}"))?;
        for hook in HOOKS {
            map.set(
                u32::from(hook.id),
                PerCpuValues::try_from(vec![[0; SIZE]; cpus])?,
                0,
            )?;
        }
        Ok(())
    }
}

fn sum<'a>(hook: u16, values: impl Iterator<Item = &'a [u8; SIZE]>) -> HookCounters {
    let mut counts = Counters::default();
    for bytes in values {
        let mut cpu = Counters::default();
        cpu.as_mut_bytes().copy_from_slice(bytes);
        counts += cpu;
    }
    HookCounters {
        hook,
        counts,
        skipped: 0,
    }
}

/// What the kernel tells of a program in `/proc/self/fdinfo` (kernel/bpf/syscall.c,
/// `bpf_prog_show_fdinfo`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProgramStats {
    /// Since 5.12.
    pub(super) recursion_misses: Option<u64>,
    /// Since 5.16.
    pub(super) verified_instructions: Option<u64>,
}

/// Reads them; an empty answer where the kernel tells nothing.
pub(super) fn program(ebpf: &Ebpf, name: &str) -> ProgramStats {
    let Some(fd) = ebpf.program(name).and_then(|program| program.fd().ok()) else {
        return ProgramStats::default();
    };
    of(fd)
}

/// The same of any program.
pub(super) fn of(program: &impl AsFd) -> ProgramStats {
    let path = format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd());
    std::fs::read_to_string(path)
        .map(|text| parse(&text))
        .unwrap_or_default()
}

fn parse(text: &str) -> ProgramStats {
    let value = |key: &str| {
        text.lines().find_map(|line| {
            line.strip_prefix(key)?
                .strip_prefix(':')?
                .trim()
                .parse()
                .ok()
        })
    };
    ProgramStats {
        recursion_misses: value("recursion_misses"),
        verified_instructions: value("verified_insns"),
    }
}

const _: () = assert!(HOOKS.len() <= HOOK_SLOTS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_all_cpus_are_added() {
        let mut one = Counters {
            seen: 3,
            submitted: 2,
            lost_ring: 1,
            ..Counters::default()
        };
        let bytes: [u8; SIZE] = one.as_bytes().try_into().unwrap();
        one.seen = 10;
        let more: [u8; SIZE] = one.as_bytes().try_into().unwrap();
        let total = sum(7, [&bytes, &more].into_iter());
        let counts = total.counts;
        assert_eq!(
            (counts.seen, counts.submitted, counts.lost_ring),
            (13, 4, 2)
        );
        assert_eq!(total.hook, 7);
    }

    #[test]
    fn fdinfo_of_old_kernels_says_less() {
        let stats = parse("prog_type:\t26\nrecursion_misses:\t12\nverified_insns:\t345\n");
        assert_eq!(stats.recursion_misses, Some(12));
        assert_eq!(stats.verified_instructions, Some(345));
        assert_eq!(parse("prog_type:\t26\n").recursion_misses, None);
    }
}
