//! Taking over what a recorder before left.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use aya::Ebpf;
use aya::programs::ProgramInfo;

use super::{Carried, Generation, Layout};
use crate::engine::clock;
use crate::load::offsets::Offsets;
use crate::load::{Backend, Inventory, Probes, Reads, Sizes, Types, attach, open, stats};
use crate::ring::Rings;

/// What was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// What the numbers of rules meant to the recorder before, as it said.
    pub rules: u32,
    /// Between these times, boot clock, ns, the new programs began to record, and the old ones no more.
    pub changed: (u64, u64),
}

/// Makes a generation of programs over the maps of the one that records, lets it record instead, and
/// removes the other. Nothing is missed: until the number changes the old programs record, from then on
/// the new ones.
///
/// # Errors
/// The kernel refuses something. What recorded before still does, or has been replaced.
pub(in crate::load) fn take_over(
    backend: Backend,
    (reads, sizes): (Reads, Sizes),
    offsets: &Offsets,
    types: &Types,
    (layout, old): (&Layout, &Generation),
) -> anyhow::Result<(Probes, Rings, TakenOver)> {
    let maps = pinned_maps(layout)?;
    let new = layout.generation(old.number.wrapping_add(1).max(1));
    let mut ebpf = open(backend, (reads, sizes), offsets, (new.number, &maps))?;
    layout.keep_only(old.number);
    let mut links = attach::Links::default();
    let hooks = attach::attach(&mut ebpf, backend, types, &mut links)?;
    let carried = Carried::new(skipped(&ebpf, old));
    let rings = Rings::take(&mut ebpf)?;
    let mut probes = Probes::new(ebpf, links, Inventory::new(backend, hooks));
    let before = clock::now().boot;
    // The number changes here.
    probes.pin(&new)?;
    let changed = (before, clock::now().boot);
    layout.keep_only(new.number);
    probes.carried = Some(carried);
    probes.forget_captures()?;
    let rules = probes.rules()?;
    Ok((probes, rings, TakenOver { rules, changed }))
}

/// Files of pinned maps, by name.
fn pinned_maps(layout: &Layout) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let dir = layout.maps();
    let entries =
        std::fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut maps = BTreeMap::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", dir.display()))?;
        if let Ok(name) = entry.file_name().into_string() {
            maps.insert(name, entry.path());
        }
    }
    Ok(maps)
}

/// Runs of the old programs that the kernel skipped, by program.
fn skipped(ebpf: &Ebpf, old: &Generation) -> BTreeMap<String, u64> {
    let missed = |name: &str| {
        let info = ProgramInfo::from_pin(old.programs().join(name)).ok()?;
        let fd = info.fd().ok()?;
        stats::of(&fd).recursion_misses
    };
    let programs = ebpf.programs();
    programs
        .filter_map(|(name, _)| Some((name.to_owned(), missed(name)?)))
        .collect()
}
