use agtrack_common::event::{Exec, hook};
use agtrack_common::wire::{ARGS_MAX, PATH_MAX};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::message::Message;
use crate::object::File;
use crate::offset::BPRM_FILE;
use crate::read::{Kernel, field};
use crate::scratch::{self, Slot};

/// Runs behind the point of no return: the kernel has accepted the program, and the arguments lie
/// in the new memory where no other thread can change them.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn exec(ctx: BtfTracePointContext) -> i32 {
    let (before, program): (u32, Kernel) = (ctx.arg(1), ctx.arg(2));
    // Another thread than the first takes over the first one's id.
    scratch::release(before);
    let Some((actor, repaired)) = tagged_or_repaired() else {
        return 0;
    };
    let Some(mut message) = Message::<Exec>::begin(hook::EXEC, &actor, Slot::Exec.scratch()) else {
        return 0;
    };
    let file = File::new(field(program, &BPRM_FILE));
    let exe_path = message.path(actor.task, file.place());
    let cwd = message.path(actor.task, actor.task.cwd());
    let (begin, end) = actor.task.arguments();
    let total = end.wrapping_sub(begin) as u32;
    let kept = arguments(&mut message, begin, total);
    let parent = actor.task.leader().parent();
    let [uid, euid, gid, egid] = actor.task.ids();
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Exec {
            exe: file.id(),
            exe_path,
            cwd,
            parent_start: parent.start(),
            cgroup: actor.task.cgroup().id(),
            args_total: total,
            args_kept: kept,
            parent: parent.tgid(),
            uid,
            euid,
            gid,
            egid,
            repaired,
        };
    }
    message.submit();
    0
}

#[inline(always)]
fn arguments(message: &mut Message<Exec>, begin: u64, total: u32) -> u32 {
    let mut kept = 0;
    while kept < ARGS_MAX {
        let left = total.wrapping_sub(kept);
        if left == 0 {
            break;
        }
        let piece = if left > PATH_MAX as u32 {
            PATH_MAX as u32
        } else {
            left
        };
        let read = message.user_bytes(begin.wrapping_add(u64::from(kept)), piece);
        if read != piece {
            break;
        }
        kept += PATH_MAX as u32;
    }
    if kept > total { total } else { kept }
}

/// On preemptible kernels the kernel may skip the run at fork, and the tag with it. Here it is
/// taken over from the real parent, or from the cgroup.
#[inline(always)]
fn tagged_or_repaired() -> Option<(Actor, u32)> {
    if let Some(actor) = gate::tagged_or_born() {
        return Some((actor, 0));
    }
    if !gate::active() {
        return None;
    }
    let process = gate::current().leader();
    let session = match gate::tag_of(process.parent()) {
        Some(session) => session,
        None => gate::cgroup_session(process.cgroup().id())?,
    };
    if !gate::adopt(process, session) {
        count::run(hook::EXEC, Fate::LostMap);
        return None;
    }
    Some((gate::tagged()?, 1))
}
