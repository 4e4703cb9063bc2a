//! The maps: all state that programs share with each other and with user space.

use agtrack_common::budget::{Flood, Spender, Spent};
use agtrack_common::count::{Counters, Told};
use agtrack_common::event::{HOOK_SLOTS, KnownPeer, Reading, Readings};
use agtrack_common::packet::{CAPTURES, Captured};
use agtrack_common::socket::{Holder, SOCKETS, Traffic};
use agtrack_common::tag::{BOUND_MOST, BOUND_NAME, BoundFile, CgroupTag, Tag};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf};

use crate::names::KeptName;
use crate::scratch::{SCRATCH_SLOTS, Scratch};
use crate::writing::Writing;

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

/// What user space has told of the counters, per hook: no program touches it, and it stays with them when
/// one recorder takes over from another.
#[map]
pub static TOLD: Array<Told> = Array::with_max_entries(HOOK_SLOTS as u32, 0);

/// Processes and tags. The loader sets the size.
#[map]
pub static LIFECYCLE: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Files and sockets. The loader sets the size.
#[map]
pub static BULK: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Packets of captured sessions, which displace no event here. The loader sets the size.
#[map]
pub static PACKETS: RingBuf = RingBuf::with_byte_size(1 << 16, 0);

/// Sessions whose packets are wanted, by their keys.
#[map]
pub static CAPTURED: HashMap<u64, Captured> = HashMap::with_max_entries(CAPTURES, 0);

/// What sessions added to a ring while it was crowded. One that is forgotten begins anew.
#[map]
pub static SPENT: LruHashMap<Spender, Spent> = LruHashMap::with_max_entries(1024, 0);

/// Events that a session's share had no room for.
#[map]
pub static FLOODS: HashMap<Flood, u64> = HashMap::with_max_entries(8 * 1024, 0);

/// Peers of sockets that are not connected, as far as they were told. An old one makes room.
#[map]
pub static PEERS: LruHashMap<KnownPeer, u8> = LruHashMap::with_max_entries(8 * 1024, 0);

/// What threads opened for reading. One that is forgotten begins anew.
#[map]
pub static READINGS: LruHashMap<Reading, Readings> = LruHashMap::with_max_entries(8 * 1024, 0);

/// The file whose open a thread was counted for and not told for, until the open's end.
#[map]
pub static COALESCED: LruHashMap<u32, u64> = LruHashMap::with_max_entries(1024, 0);

/// `[0]`: the active generation (0: all are). `[1]`: 1 while the reader sleeps without a clock
/// and must be woken. `[2]`: how many bytes of each packet of a captured
/// session are wanted; 0: no session is captured. `[3]`: 1 while a rule names a program or a user. `[4]`:
/// what the numbers of those rules mean, as a hash: for user space.
#[map]
pub static CONTROL: Array<u32> = Array::with_max_entries(8, 0);

/// Files whose execution makes a process an agent's: the number of the rule that says so.
#[map]
pub static BOUND_FILES: HashMap<BoundFile, u32> = HashMap::with_max_entries(BOUND_MOST, 0);

/// The same by the name that is asked for, with NULs up to its end: of scripts, whose file is closed
/// when their interpreter runs, and of programs that were replaced a moment ago.
#[map]
pub static BOUND_NAMES: HashMap<[u8; BOUND_NAME], u32> = HashMap::with_max_entries(BOUND_MOST, 0);

/// The same by the real user who executes anything.
#[map]
pub static BOUND_USERS: HashMap<u32, u32> = HashMap::with_max_entries(BOUND_MOST, 0);

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

/// Requests of io_uring that are under way and were told, by their address. An old one that never
/// completes makes room.
#[map]
pub static REQUESTS: LruHashMap<u64, u8> = LruHashMap::with_max_entries(8 * 1024, 0);

/// What is written through open files and not told yet: by the address of the file, on back end B
/// by process and descriptor.
#[map]
pub static WRITINGS: HashMap<u64, Writing> = HashMap::with_max_entries(16 * 1024, 0);

/// Back end B: the descriptors of requests of io_uring that write, by their address.
#[map]
pub static RING_WRITES: LruHashMap<u64, i32> = LruHashMap::with_max_entries(8 * 1024, 0);
/// Who holds the sockets of tagged processes, by their cookies.
#[map]
pub static HOLDERS: HashMap<u64, Holder> = HashMap::with_max_entries(SOCKETS, 0);

/// What passes through them.
#[map]
pub static TRAFFIC: HashMap<u64, Traffic> = HashMap::with_max_entries(SOCKETS, 0);

/// An empty [`Traffic`] to begin an entry from; never written.
#[map]
pub static EMPTY_TRAFFIC: Array<Traffic> = Array::with_max_entries(1, 0);
