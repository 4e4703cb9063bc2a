use agtrack_common::event::{Exit, IO_KNOWN, hook};
use agtrack_common::offset::ABSENT;
use aya_ebpf::Global;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::arch;
use crate::gate::{self, Actor};
use crate::map::TAGS;
use crate::message::Message;
use crate::offset::*;
use crate::probe::close;
use crate::quirk::SIGNAL_GROUP_EXIT;
use crate::read::{Kernel, field};
use crate::scratch::{self, Slot};

#[btf_tracepoint(function = "sched_process_exit")]
pub fn exit(_: BtfTracePointContext) -> i32 {
    // Before the gate: of threads that end together only the first may still be tagged.
    scratch::release(gate::current().pid());
    let Some(actor) = gate::tagged_or_born() else {
        return 0;
    };
    let live: u32 = field(actor.task.signal(), &SIGNAL_LIVE);
    if live != 0 {
        return 0;
    }
    let actor = close::process_ends(actor);
    // SAFETY: the value is copied at once.
    let owed = unsafe { TAGS.get(actor.tgid) }.map_or(0, |tag| tag.owed);
    // Where the process was tagged anew, opens were told that this tag never knew of.
    let untold_opens = if owed > i64::MAX as u64 { 0 } else { owed };
    // Two last threads that end at once both see that none is left; the tag goes only once.
    if TAGS.remove(actor.tgid).is_err() {
        return 0;
    }
    if let Some(mut message) = Message::<Exit>::begin(hook::EXIT, &actor, Slot::Exit.scratch()) {
        // SAFETY: the body is within the message.
        unsafe {
            *message.body() = Exit {
                status: status(&actor),
                untold_opens,
                ..usage(&actor)
            }
        };
        message.submit();
    }
    0
}

/// What `wait(2)` will report (kernel/exit.c, `wait_task_zombie`).
#[inline(always)]
fn status(actor: &Actor) -> u32 {
    let signal: Kernel = actor.task.signal();
    let flags: u32 = field(signal, &SIGNAL_FLAGS);
    if flags & SIGNAL_GROUP_EXIT != 0 {
        field(signal, &SIGNAL_EXIT_CODE)
    } else {
        field(actor.task.leader().address() as Kernel, &TASK_EXIT_CODE)
    }
}

/// What the process used: its threads that have been reaped, the one that runs here, and the first
/// one, which waits to be reaped where it ended before.
#[inline(always)]
fn usage(actor: &Actor) -> Exit {
    let leader = actor.task.leader();
    let task = actor.task.address() as Kernel;
    let first = if leader.address() == actor.task.address() {
        core::ptr::null()
    } else {
        leader.address() as Kernel
    };
    let signal = actor.task.signal();
    let sum = |reaped: &Global<u32>, thread: &Global<u32>| {
        let reaped: u64 = field(signal, reaped);
        let own: u64 = field(task, thread);
        let other: u64 = if first.is_null() {
            0
        } else {
            field(first, thread)
        };
        reaped.wrapping_add(own).wrapping_add(other)
    };
    let pages: u64 = field(signal, &SIGNAL_MAX_RSS);
    let mut usage = Exit {
        user_time: sum(&SIGNAL_USER_TIME, &TASK_USER_TIME),
        system_time: sum(&SIGNAL_SYSTEM_TIME, &TASK_SYSTEM_TIME),
        run_time: sum(&SIGNAL_RUN_TIME, &TASK_RUN_TIME),
        max_memory: pages.wrapping_mul(arch::PAGE_SIZE),
        ..Exit::default()
    };
    if TASK_READ.load() != ABSENT && TASK_STORAGE_READ.load() != ABSENT {
        usage.known = IO_KNOWN;
        usage.read = sum(&SIGNAL_READ, &TASK_READ);
        usage.written = sum(&SIGNAL_WRITTEN, &TASK_WRITTEN);
        usage.storage_read = sum(&SIGNAL_STORAGE_READ, &TASK_STORAGE_READ);
        usage.storage_written = sum(&SIGNAL_STORAGE_WRITTEN, &TASK_STORAGE_WRITTEN);
    }
    usage
}
