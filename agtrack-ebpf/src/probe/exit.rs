use agtrack_common::event::{Exit, hook};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::gate::{self, Actor};
use crate::map::TAGS;
use crate::message::Message;
use crate::offset::{SIGNAL_EXIT_CODE, SIGNAL_FLAGS, SIGNAL_LIVE, TASK_EXIT_CODE};
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
    // Two last threads that end at once both see that none is left; the tag goes only once.
    if TAGS.remove(actor.tgid).is_err() {
        return 0;
    }
    if let Some(mut message) = Message::<Exit>::begin(hook::EXIT, &actor, Slot::Exit.scratch()) {
        // SAFETY: the body is within the message.
        unsafe {
            *message.body() = Exit {
                status: status(&actor),
                reserved: 0,
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
