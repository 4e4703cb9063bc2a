//! What this kernel allows, found out by doing it.
//!
//! Goes out: for each back end what each of its hooks gets. Everything is detached again before
//! this returns; nobody is tagged meanwhile but agtrack itself.

use std::collections::BTreeMap;

use super::{Backend, BackendChoice, HookState, Inventory, Probes, Reads, Sizes, Types};
use super::{attach, backend, check, lift_memory_limit, offsets, open};
use crate::ring::Rings;

/// Enough for a look.
const SIZES: Sizes = Sizes {
    lifecycle: 1 << 20,
    bulk: 1 << 20,
    packets: 64 << 10,
    threads: 64,
};

/// What a back end gets on this kernel.
#[derive(Clone, Debug)]
pub struct Probed {
    /// The back end.
    pub backend: Backend,
    /// Why it cannot be used.
    pub refused: Option<String>,
    /// What each of its hooks got; empty where not even the object loads.
    pub hooks: Vec<HookState>,
}

/// Loads and attaches every hook of every back end, best back end first.
///
/// # Errors
/// Nothing can be tried: no permission, or no BTF.
pub fn probe_hooks() -> anyhow::Result<Vec<Probed>> {
    backend::check_permission()?;
    lift_memory_limit();
    let types = Types::read()?;
    let offsets = offsets::resolve(&types.kernel)?;
    let probe = |backend| probe(backend, &offsets, &types);
    Ok(BackendChoice::Auto
        .candidates()
        .into_iter()
        .map(probe)
        .collect())
}

fn probe(backend: Backend, offsets: &offsets::Offsets, types: &Types) -> Probed {
    let refused = backend.check().err().map(|reason| format!("{reason:#}"));
    let mut ebpf = match open(backend, (Reads::All, SIZES), offsets, (1, &BTreeMap::new())) {
        Ok(ebpf) => ebpf,
        Err(error) => {
            let refused = refused.or_else(|| Some(format!("{error:#}")));
            return Probed {
                backend,
                refused,
                hooks: Vec::new(),
            };
        }
    };
    let mut links = attach::Links::default();
    let hooks: Vec<_> = attach::each(&mut ebpf, backend, types, &mut links).collect();
    let refused = refused
        .or_else(|| hooks.iter().find_map(attach::blinding))
        .or_else(|| {
            self_check(ebpf, links, backend, &hooks)
                .err()
                .map(|reason| format!("{reason:#}"))
        });
    Probed {
        backend,
        refused,
        hooks,
    }
}

/// Programs that attach may still never run, or read the wrong members.
fn self_check(
    mut ebpf: aya::Ebpf,
    links: attach::Links,
    backend: Backend,
    hooks: &[HookState],
) -> anyhow::Result<()> {
    let mut rings = Rings::take(&mut ebpf)?;
    let inventory = Inventory::new(backend, hooks.to_vec());
    check::check(&mut Probes::new(ebpf, links, inventory), &mut rings)
}
