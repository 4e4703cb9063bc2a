use agtrack_common::event::{Fork, hook};
use agtrack_common::tag::Tag;
use aya_ebpf::macros::{btf_tracepoint, lsm};
use aya_ebpf::programs::{BtfTracePointContext, LsmContext};
use aya_log_ebpf::error;

use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::map::BORN;
use crate::message::Message;
use crate::object::{Namespaces, Task};
use crate::probe::cgroup;
use crate::quirk::{CLONE_NEWPID, CLONE_NEWUSER, CLONE_THREAD};
use crate::read::Kernel;
use crate::scratch::Slot;

/// The child does not run yet, so its tag is there before its first instruction.
#[btf_tracepoint(function = "sched_process_fork")]
pub fn fork(ctx: BtfTracePointContext) -> i32 {
    let child = Task::new(ctx.arg::<Kernel>(1));
    match gate::tagged_or_born() {
        Some(actor) if child.tgid() != actor.tgid => inherit(&ctx, &actor, child),
        Some(_) => {}
        None => born_into_cgroup(child),
    }
    0
}

#[inline(always)]
fn inherit(ctx: &BtfTracePointContext, actor: &Actor, child: Task) {
    if !gate::born(child, actor.session) {
        count::run(hook::FORK, Fate::LostMap);
        error!(
            ctx,
            "the tag map is full: process {} is not tracked",
            child.tgid()
        );
        return;
    }
    let _ = BORN.remove(child.address());
    let Some(mut message) = Message::<Fork>::begin(hook::FORK, actor, Slot::Fork.scratch()) else {
        return;
    };
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Fork {
            child_start: child.start(),
            cgroup: child.cgroup().id(),
            child: child.tgid(),
            namespaces: own_namespaces(actor.task, child),
        };
    }
    message.submit();
}

/// The namespaces that a child has and its parent has not, as `CLONE_NEW*` bits
/// (include/uapi/linux/sched.h).
#[inline(always)]
fn own_namespaces(parent: Task, child: Task) -> u32 {
    let (before, after) = (parent.namespaces(), child.namespaces());
    let mut own = 0;
    if parent.cred().user_namespace() != child.cred().user_namespace() {
        own |= CLONE_NEWUSER;
    }
    // After `unshare` and `setns` a process stays in its own one, and only its children do not.
    if parent.pid_level() != child.pid_level() {
        own |= CLONE_NEWPID;
    }
    if before.is_same(after) {
        return own;
    }
    let (before, after) = (before.all(), after.all());
    let mut index = 0;
    while index < Namespaces::BITS.len() {
        if before[index] != after[index] {
            own |= Namespaces::BITS[index];
        }
        index += 1;
    }
    own
}

/// `CLONE_INTO_CGROUP` puts a child into a cgroup without a move.
#[inline(always)]
fn born_into_cgroup(child: Task) {
    if child.pid() == child.tgid()
        && gate::active()
        && let Some(session) = gate::cgroup_session(child.cgroup().id())
    {
        if !gate::born(child, session) {
            return count::run(hook::FORK, Fate::LostMap);
        }
        cgroup::born(child, session);
    }
}

/// Keeps the tag for a child whose `sched_process_fork` the kernel skips: LSM programs always run.
/// The child has no id yet, so its address is the key.
#[lsm(hook = "task_alloc")]
pub fn fork_lineage(ctx: LsmContext) -> i32 {
    let child: Kernel = ctx.arg(0);
    let flags: u64 = ctx.arg(1);
    if flags & CLONE_THREAD != 0 {
        return 0;
    }
    if let Some(actor) = gate::tagged_or_born()
        && BORN
            .insert(
                child as u64,
                Tag {
                    session: actor.session,
                    ..Tag::default()
                },
                0,
            )
            .is_err()
    {
        count::run(hook::FORK_LINEAGE, Fate::LostMap);
    }
    0
}

/// Forgets a child that ended before it took its tag up.
#[lsm(hook = "task_free")]
pub fn fork_lineage_end(ctx: LsmContext) -> i32 {
    let task: Kernel = ctx.arg(0);
    let _ = BORN.remove(task as u64);
    0
}
