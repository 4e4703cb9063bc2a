//! The maps: all state that programs share with each other and with user space.

use agtrack_common::count::Counters;
use agtrack_common::event::HOOK_SLOTS;
use agtrack_common::tag::{CgroupTag, Tag};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, RingBuf};

use crate::names::KeptName;
use crate::scratch::{SCRATCH_SLOTS, Scratch};

/// Tagged processes, by thread group id.
#[map]
pub static TAGS: HashMap<u32, Tag> = HashMap::with_max_entries(32 * 1024, 0);

/// Tags of tasks that were allocated and have no id yet, by the address of their `task_struct`.
#[map]
pub static BORN: HashMap<u64, Tag> = HashMap::with_max_entries(1024, 0);

/// Watched cgroups, by id.
#[map]
pub static CGROUPS: HashMap<u64, CgroupTag> = HashMap::with_max_entries(8 * 1024, 0);

/// Counters per hook.
#[map]
pub static COUNTERS: PerCpuArray<Counters> = PerCpuArray::with_max_entries(HOOK_SLOTS as u32, 0);

/// Processes and tags. The loader sets the size.
#[map]
pub static LIFECYCLE: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Files and sockets. The loader sets the size.
#[map]
pub static BULK: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// `[0]`: the active generation (0: all are). `[1]`: 1 while the reader sleeps without a clock
/// and must be woken.
#[map]
pub static CONTROL: Array<u32> = Array::with_max_entries(2, 0);

/// Attempts on agtrack itself: when the second began in which they are counted, how many were told
/// in it, and how many were not since the last one that was.
#[map]
pub static ATTEMPTS: Array<[u64; 3]> = Array::with_max_entries(1, 0);

/// Work space of programs that the kernel never runs twice at a time on a CPU, one slot each.
#[map]
pub static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(SCRATCH_SLOTS, 0);

/// Work space of LSM programs, by thread id: the kernel may preempt one and run another on the
/// same CPU, so per-CPU memory would be shared between them.
#[map]
pub static TASK_SCRATCH: HashMap<u32, Scratch> = HashMap::with_max_entries(1, 0);

/// A zeroed [`Scratch`] to begin an entry of [`TASK_SCRATCH`] from; never written.
#[map]
pub static EMPTY_SCRATCH: Array<Scratch> = Array::with_max_entries(1, 0);

/// Names that calls in progress were given, by thread and place among its names. The loader sets
/// the size.
#[map]
pub static NAMES: HashMap<u64, KeptName> = HashMap::with_max_entries(1, 0);

/// An empty [`KeptName`] to begin an entry of [`NAMES`] from; never written.
#[map]
pub static EMPTY_NAME: Array<KeptName> = Array::with_max_entries(1, 0);
