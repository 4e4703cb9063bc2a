use agtrack_common::event::{Signal, hook};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::gate;
use crate::message;
use crate::object::Task;
use crate::offset::SIGINFO_CODE;
use crate::probe::tamper;
use crate::read::{Kernel, field};

/// `SEND_SIG_NOINFO` (include/linux/sched/signal.h): some process, without details.
const FROM_A_PROCESS: u64 = 0;
/// `SEND_SIG_PRIV`: the kernel, as for Ctrl-C.
const FROM_THE_KERNEL: u64 = 1;

/// `(int sig, struct kernel_siginfo *, struct task_struct *target, int group, int result)`
#[btf_tracepoint(function = "signal_generate")]
pub fn signal(ctx: BtfTracePointContext) -> i32 {
    let task = Task::new(ctx.arg::<Kernel>(2));
    if tamper::is_tracker(task) && is_sent(ctx.arg(1)) {
        tamper::signalled(ctx.arg(0));
    }
    let Some(actor) = gate::tagged_or_born() else {
        return 0;
    };
    let target = task.leader();
    // What happens to a process by itself (SIGCHLD, SIGSEGV, a timer) is not somebody's deed, and
    // most of it is its own.
    if target.tgid() == actor.tgid || !is_sent(ctx.arg(1)) {
        return 0;
    }
    let body = Signal {
        target_start: target.start(),
        target: target.tgid(),
        signal: ctx.arg(0),
    };
    message::event(hook::SIGNAL, &actor, body);
    0
}

/// Whether a process sent it: `si_code` is above zero where the kernel did
/// (include/uapi/asm-generic/siginfo.h, `SI_FROMUSER`).
#[inline(always)]
fn is_sent(info: u64) -> bool {
    match info {
        FROM_A_PROCESS => true,
        FROM_THE_KERNEL => false,
        info => field::<i32>(info as Kernel, &SIGINFO_CODE) <= 0,
    }
}
