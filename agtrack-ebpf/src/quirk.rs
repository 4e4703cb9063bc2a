//! Kernel differences, each with the version that brought it.

use agtrack_common::offset::ABSENT;
use aya_ebpf::Global;

/// The back end in force: `event::LSM`, `FENTRY` or `TRACEPOINT`.
#[unsafe(no_mangle)]
pub static BACKEND: Global<u32> = Global::new(0);

/// This load's generation, never 0.
#[unsafe(no_mangle)]
pub static GENERATION: Global<u32> = Global::new(1);

/// The recorder's own process id.
#[unsafe(no_mangle)]
pub static TRACKER: Global<u32> = Global::new(0);

/// Whether names are kept from the begin of a call ([`crate::names`]). Before 5.12 they are not: a
/// second program on a function that is running overwrites the code that its callers return to
/// (e21aa341785c, "bpf: Fix fexit trampoline").
#[unsafe(no_mangle)]
pub static KEEPS_NAMES: Global<u32> = Global::new(0);

/// 1 where functions take the id mapping of a mount as their first argument: since 5.12.
#[unsafe(no_mangle)]
pub static TAKES_MAPPING: Global<u32> = Global::new(0);

/// Which argument of the tracepoint at which io_uring takes a request the request is.
#[unsafe(no_mangle)]
pub static URING_REQUEST: Global<u32> = Global::new(0);

/// Which argument of `io_uring_complete` has the result: 2 is a `struct io_uring_cqe *` (6.18,
/// 7.2), 3 the result itself (6.1, 6.12). `ABSENT` where it does not say which request ended (5.10).
#[unsafe(no_mangle)]
pub static URING_COMPLETION: Global<u32> = Global::new(ABSENT);

/// `hierarchy_id` of the cgroup2 hierarchy: the default one has 0 (kernel/cgroup/cgroup.c).
pub const CGROUP2_HIERARCHY: u32 = 0;

/// `CLONE_THREAD` (include/uapi/linux/sched.h).
pub const CLONE_THREAD: u64 = 0x1_0000;

/// `CLONE_NEWPID` (include/uapi/linux/sched.h).
pub const CLONE_NEWPID: u32 = 0x2000_0000;

/// `CLONE_NEWUSER` (include/uapi/linux/sched.h).
pub const CLONE_NEWUSER: u32 = 0x1000_0000;

/// `SIGNAL_GROUP_EXIT` (include/linux/sched/signal.h), the same since 2.6.
pub const SIGNAL_GROUP_EXIT: u32 = 4;

/// Resolution of the process start that user space can read: `/proc/PID/stat` counts in
/// `USER_HZ`, 10 ms.
pub const START_TICK: u64 = 10_000_000;
