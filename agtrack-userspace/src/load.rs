//! From the event table to running probes.
//!
//! In: a choice of back end and the sizes of the rings. Out: [`Probes`], the attached programs and
//! their maps, and an [`Inventory`] that says for each hook what it got or why not. Only this room,
//! `ring` and the self-check name aya. It never looks at events.

mod attach;
mod backend;
mod bound;
mod captured;
mod check;
mod floods;
mod log;
mod offsets;
pub(crate) mod pin;
mod probe;
pub(crate) mod quiet;
mod sockets;
mod stats;
mod tags;
mod uring;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use aya::maps::Map;
use aya::{Ebpf, EbpfLoader, VerifierLogLevel};

pub use backend::{Backend, BackendChoice, Reads, lockdown};
pub use bound::Bounds;
pub use pin::{Pins, Place, TakenOver};
pub use probe::{Probed, probe_hooks};

use crate::btf::Btf;
use crate::ring::Rings;

/// The probes, built with this program.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/agtrack.o"));

/// Names of files that calls in progress may have at a time (4 KiB each): as many as threads that
/// remove or rename files at the same moment, and wait in it.
const NAMES: u32 = 512;

/// Sizes of what the kernel keeps.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Bytes of the lifecycle ring, a power of two.
    pub lifecycle: u32,
    /// Bytes of the bulk ring, a power of two.
    pub bulk: u32,
    /// Bytes of the ring for captured packets, a power of two.
    pub packets: u32,
    /// Threads that may have an LSM work space at a time (8.5 KiB each).
    pub threads: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes {
            lifecycle: 8 << 20,
            bulk: 32 << 20,
            packets: 4 << 20,
            threads: 1024,
        }
    }
}

/// What a hook got.
#[derive(Clone, Debug)]
pub struct HookState {
    /// The row.
    pub hook: &'static agtrack_common::event::Hook,
    /// What it is attached to, as in `fexit do_filp_open`.
    pub target: String,
    /// Why it is not attached.
    pub missing: Option<String>,
    /// Instructions that the verifier walked (kernels since 5.16).
    pub instructions: Option<u64>,
}

/// What all hooks got.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The back end for file events.
    pub backend: Backend,
    /// Why each back end before it was passed over.
    pub passed_over: Vec<(Backend, String)>,
    /// The hooks of this back end.
    pub hooks: Vec<HookState>,
    /// Why the probes do not outlive their recorder, where they were to.
    pub unpinned: Option<String>,
    /// Where the probes are pinned, so that they outlive their recorder.
    pub pins: Option<Pins>,
}

impl Inventory {
    fn new(backend: Backend, hooks: Vec<HookState>) -> Inventory {
        Inventory {
            backend,
            passed_over: Vec::new(),
            hooks,
            unpinned: None,
            pins: None,
        }
    }
}

/// Attached programs, checked. Dropping it detaches them, unless they are pinned.
pub struct Probes {
    ebpf: Ebpf,
    links: attach::Links,
    log: log::ProbeLog,
    /// Which generation these are; 0: they are not pinned.
    generation: u32,
    /// Says to others that a recorder lives.
    held: Option<std::fs::File>,
    /// Where the books begin, where they were taken over.
    carried: Option<pin::Carried>,
    /// What each hook got.
    pub inventory: Inventory,
}

/// The kernel's types, read by us and by aya.
struct Types {
    /// For offsets and arguments.
    kernel: Btf,
    /// For loading.
    loader: aya::Btf,
}

impl Types {
    fn read() -> anyhow::Result<Types> {
        Ok(Types {
            kernel: Btf::from_kernel()?,
            loader: aya::Btf::from_sys_fs()?,
        })
    }
}

impl Probes {
    fn new(mut ebpf: Ebpf, links: attach::Links, inventory: Inventory) -> Probes {
        let log = log::ProbeLog::take(&mut ebpf);
        Probes {
            ebpf,
            links,
            log,
            generation: 0,
            held: None,
            carried: None,
            inventory,
        }
    }

    /// A map of the loaded object.
    fn map(&self, name: &str) -> anyhow::Result<&Map> {
        let map = self.ebpf.map(name);
        map.with_context(|| format!("the object has no map {name}"))
    }

    /// The same, to be written.
    fn map_mut(&mut self, name: &str) -> anyhow::Result<&mut Map> {
        let map = self.ebpf.map_mut(name);
        map.with_context(|| format!("the object has no map {name}"))
    }

    /// Prints what the probes have to say.
    pub fn flush_log(&mut self) {
        self.log.flush();
    }

    /// Whether the programs are attached.
    pub fn attached(&self) -> bool {
        !self.links.is_empty()
    }

    /// Attaches the programs again after [`Probes::detach`].
    ///
    /// # Errors
    /// The kernel refuses what it allowed before; nothing is attached then.
    pub fn attach(&mut self) -> anyhow::Result<()> {
        self.links.attach(&mut self.ebpf, &self.inventory.hooks)
    }

    /// Detaches the programs; they stay loaded. Programs at system calls cost every process of the
    /// host, so they should not stand there for nobody. Where the kernel would not attach them again
    /// they stay.
    pub fn detach(&mut self) {
        if attach::again(self.inventory.backend) {
            self.links.detach();
            // What becomes of them is not seen from here on. A map that cannot be read says so when
            // the programs are attached again.
            let _ = self.forget_all_sockets();
        }
    }
}

/// Loads and attaches the probes. Where there is a place to pin them they outlive this process, and what
/// a recorder before has left there is taken over, or removed.
///
/// # Errors
/// No BTF, no permission, or not one back end with which file events can be seen.
pub fn load(
    choice: BackendChoice,
    reads: Reads,
    sizes: Sizes,
    place: Option<&Place>,
) -> anyhow::Result<(Probes, Rings, Option<TakenOver>)> {
    backend::check_permission()?;
    lift_memory_limit();
    let types = Types::read()?;
    let offsets = offsets::resolve(&types.kernel)?;
    let mut passed_over = Vec::new();
    for backend in choice.candidates() {
        match for_long(backend, (reads, sizes), (&offsets, &types), place) {
            Ok((mut probes, rings, taken)) => {
                probes.inventory.passed_over = passed_over;
                return Ok((probes, rings, taken));
            }
            Err(reason) => passed_over.push((backend, format!("{reason:#}"))),
        }
    }
    Err(backend::none_works(&passed_over))
}

/// Takes over what is pinned, or pins what is loaded.
fn for_long(
    backend: Backend,
    (reads, sizes): (Reads, Sizes),
    (offsets, types): (&offsets::Offsets, &Types),
    place: Option<&Place>,
) -> anyhow::Result<(Probes, Rings, Option<TakenOver>)> {
    let load = |layout| try_backend(backend, (reads, sizes), (offsets, types), layout);
    let Some(place) = place else {
        let (probes, rings) = load(None)?;
        return Ok((probes, rings, None));
    };
    if !attach::can_overlap(backend) {
        let (mut probes, rings) = load(None)?;
        probes.inventory.unpinned = Some(attach::OVERLAPS.to_owned());
        return Ok((probes, rings, None));
    }
    let layout = place.layout(backend, reads, sizes);
    let mut reason = None;
    if let Some(old) = layout.active() {
        // The check needs rings that nobody else writes to.
        drop(load(None)?);
        let kept = (&layout, &old);
        match pin::take_over(backend, (reads, sizes), offsets, types, kept) {
            Ok((probes, rings, taken)) => return Ok((probes, rings, Some(taken))),
            Err(error) => reason = Some(format!("{error:#}")),
        }
    }
    layout.clear()?;
    let (mut probes, rings) = load(Some(&layout))?;
    // Only now: until here that may be what another back end is to take over.
    let cleared = place.keep_only(&layout).err();
    reason = reason.or(cleared.map(|error| format!("{error:#}")));
    probes.inventory.unpinned = probes.inventory.unpinned.take().or(reason);
    Ok((probes, rings, None))
}

fn try_backend(
    backend: Backend,
    (reads, sizes): (Reads, Sizes),
    (offsets, types): (&offsets::Offsets, &Types),
    layout: Option<&pin::Layout>,
) -> anyhow::Result<(Probes, Rings)> {
    backend.check()?;
    let mut ebpf = open(backend, (reads, sizes), offsets, (1, &BTreeMap::new()))?;
    let mut links = attach::Links::default();
    let hooks = attach::attach(&mut ebpf, backend, types, &mut links)?;
    let pinned = layout.map(|layout| pin::pin_maps(&ebpf, layout));
    let mut rings = Rings::take(&mut ebpf)?;
    let inventory = Inventory::new(backend, hooks);
    let mut probes = Probes::new(ebpf, links, inventory);
    check::check(&mut probes, &mut rings)?;
    if let (Some(layout), Some(pinned)) = (layout, pinned) {
        let pinned = pinned.and_then(|()| probes.pin(&layout.generation(1)));
        probes.inventory.unpinned = pinned.err().map(|reason| format!("{reason:#}"));
    }
    Ok((probes, rings))
}

fn open(
    backend: Backend,
    (reads, sizes): (Reads, Sizes),
    offsets: &offsets::Offsets,
    (generation, maps): (u32, &BTreeMap<String, PathBuf>),
) -> anyhow::Result<Ebpf> {
    let bit = u32::from(backend.bit());
    let keeps_names = u32::from(attach::keeps_names());
    let takes_mapping = u32::from(attach::takes_mapping());
    let counts_reads = u32::from(reads == Reads::Counted);
    let tracker = std::process::id();
    let (threads, names) = match backend {
        Backend::Lsm => (sizes.threads, NAMES),
        Backend::Fentry => (1, NAMES),
        Backend::Tracepoint => (1, 1),
    };
    let mut loader = EbpfLoader::new();
    loader
        .verifier_log_level(VerifierLogLevel::STATS)
        .override_global("BACKEND", &bit, true)
        .override_global("GENERATION", &generation, true)
        .override_global("TRACKER", &tracker, true)
        .override_global("KEEPS_NAMES", &keeps_names, true)
        .override_global("TAKES_MAPPING", &takes_mapping, true)
        .override_global("COUNTS_READS", &counts_reads, true)
        .override_global("LIFECYCLE_BYTES", &sizes.lifecycle, true)
        .override_global("BULK_BYTES", &sizes.bulk, true)
        .map_max_entries("LIFECYCLE", sizes.lifecycle)
        .map_max_entries("BULK", sizes.bulk)
        .map_max_entries("PACKETS", sizes.packets)
        .map_max_entries("TASK_SCRATCH", threads)
        .map_max_entries("NAMES", names);
    for (name, path) in maps {
        loader.map_pin_path(name, path);
    }
    for (global, offset) in offsets.iter() {
        loader.override_global(global, offset, true);
    }
    loader.load(OBJECT).context(
        "cannot make the maps that the probes need; if the host is short of memory, smaller rings \
         need less (lifecycle_ring_bytes, bulk_ring_bytes and packet_ring_bytes in the configuration)",
    )
}

/// Kernels before 5.11 charge maps to this limit. Where it may not be raised it need not be.
fn lift_memory_limit() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(
        Resource::Memlock,
        Rlimit {
            current: None,
            maximum: None,
        },
    );
}
