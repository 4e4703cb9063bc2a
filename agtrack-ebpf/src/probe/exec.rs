use agtrack_common::event::{Exec, ExecFailed, hook};
use agtrack_common::wire::{ARGS_MAX, PATH_MAX, Path};
use aya_ebpf::macros::{btf_tracepoint, fexit};
use aya_ebpf::programs::{BtfTracePointContext, FExitContext};

use crate::arch;
use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::message::Message;
use crate::object::File;
use crate::offset::{BPRM_FILE, BPRM_INTERPRETER, BPRM_NAME};
use crate::probe::{AT_FDCWD, Name, is_probing, named_path, untyped};
use crate::read::{Kernel, at, field};
use crate::scratch::{self, Scratch, Slot};

mod bound;

/// A descriptor has fewer digits than this: the most that a process may have open is 2^30.
const DIGITS: usize = 11;

/// Runs behind the point of no return: the kernel has accepted the program, and the arguments lie
/// in the new memory where no other thread can change them.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn exec(ctx: BtfTracePointContext) -> i32 {
    let (before, program): (u32, Kernel) = (ctx.arg(1), ctx.arg(2));
    // Another thread than the first takes over the first one's id.
    scratch::release(before);
    let Some(Tagged {
        actor,
        repaired,
        bound,
    }) = tagged_or_repaired().or_else(|| bound::tagged_by_rule(program))
    else {
        return 0;
    };
    let Some(mut message) = Message::<Exec>::begin(hook::EXEC, &actor, Slot::Exec.scratch()) else {
        return 0;
    };
    let file = File::new(field(program, &BPRM_FILE));
    let exe_path = message.path(actor.task, file.place());
    let cwd = message.path(actor.task, actor.task.cwd());
    let (script, script_file) = script(&mut message, &actor, program);
    let (begin, end) = actor.task.arguments();
    let total = end.wrapping_sub(begin) as u32;
    let kept = arguments(&mut message, begin, total);
    let environment = message.environment(actor.task);
    let parent = actor.task.leader().parent();
    let [uid, euid, gid, egid] = actor.task.ids();
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Exec {
            exe: file.id(),
            exe_path,
            cwd,
            script,
            script_file,
            environment,
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
            bound,
        };
    }
    message.submit();
    0
}

/// Who executes, and how it got its tag.
pub struct Tagged {
    /// The process.
    pub actor: Actor,
    /// 1: from its parent or cgroup, here.
    pub repaired: u16,
    /// Number of the rule by which it got it here; 0: not by one.
    pub bound: u16,
}

/// The name that was asked for, where the kernel took another program to read it: its file is closed
/// by now (fs/exec.c, `exec_binprm`). Where it names a descriptor, also what that leads to: for the
/// interpreter's sake it must have stayed open.
#[inline(always)]
fn script(message: &mut Message<Exec>, actor: &Actor, program: Kernel) -> (Path, Path) {
    let name: Kernel = field(program, &BPRM_NAME);
    let interpreter: Kernel = field(program, &BPRM_INTERPRETER);
    if name == interpreter {
        return (Path::default(), Path::default());
    }
    let script = named_path(message, actor, AT_FDCWD, Name::Kept(name));
    let descriptor = agtrack_descriptor(name as u64);
    let file = match actor.task.file(descriptor) {
        Some(file) => message.path(actor.task, file.place()),
        None => Path::default(),
    };
    (script, file)
}

/// The descriptor that a name of a script leads to, as a shell writes it or the kernel for an exec
/// of a descriptor; all ones for any other name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_descriptor(name: u64) -> u32 {
    /// `/dev/fd/` and `/proc/self/fd/`, as words of eight bytes.
    const OF_DEVICES: u64 = u64::from_ne_bytes(*b"/dev/fd/");
    const OF_PROCESS: [u64; 2] = [
        u64::from_ne_bytes(*b"/proc/se"),
        u64::from_ne_bytes(*b"lf/fd/\0\0"),
    ];
    const SIX_BYTES: u64 = u64::from_ne_bytes([255, 255, 255, 255, 255, 255, 0, 0]);
    let name = name as Kernel;
    let first: u64 = at(name);
    let second: u64 = at(name.wrapping_add(8));
    let digits = if first == OF_DEVICES {
        name.wrapping_add(8)
    } else if first == OF_PROCESS[0] && second & SIX_BYTES == OF_PROCESS[1] {
        name.wrapping_add(14)
    } else {
        return u32::MAX;
    };
    let mut number: u32 = 0;
    let mut place = 0;
    while place < DIGITS {
        let digit: u8 = at(digits.wrapping_add(place));
        // The kernel appends a name where one was given below the descriptor.
        if digit == 0 {
            break;
        }
        let value = u32::from(digit).wrapping_sub(u32::from(b'0'));
        if value > 9 {
            return u32::MAX;
        }
        number = number.wrapping_mul(10).wrapping_add(value);
        place += 1;
    }
    match place {
        0 | DIGITS => u32::MAX,
        _ => number,
    }
}

#[inline(always)]
fn arguments(message: &mut Message<Exec>, begin: u64, total: u32) -> u32 {
    let mut kept = 0;
    while kept < ARGS_MAX {
        // Behind the arguments lie the values of the environment.
        if kept >= total {
            break;
        }
        let left = total.wrapping_sub(kept);
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
fn tagged_or_repaired() -> Option<Tagged> {
    if let Some(actor) = gate::tagged_or_born() {
        return Some(Tagged {
            actor,
            repaired: 0,
            bound: 0,
        });
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
    Some(Tagged {
        actor: gate::tagged()?,
        repaired: 1,
        bound: 0,
    })
}

/// `execve(name, …)`
#[fexit(function = "__x64_sys_execve")]
pub fn exec_failed(ctx: FExitContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let [name, ..] = arch::arguments_at(untyped(&ctx, 0));
        let slot = Slot::ExecFailed.scratch();
        failed(
            hook::EXEC_FAILED,
            &actor,
            (AT_FDCWD, name),
            ctx.arg(1),
            slot,
        );
    }
    0
}

/// `execveat(directory, name, …)`
#[fexit(function = "__x64_sys_execveat")]
pub fn exec_failed_below(ctx: FExitContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let [directory, name, ..] = arch::arguments_at(untyped(&ctx, 0));
        let name = (directory as i32, name);
        let slot = Slot::ExecFailedBelow.scratch();
        failed(hook::EXEC_FAILED_BELOW, &actor, name, ctx.arg(1), slot);
    }
    0
}

/// An exec returned: where it did not fail, another program's event has told it.
#[inline(always)]
pub fn failed(
    hook: u16,
    actor: &Actor,
    (directory, name): (i32, u64),
    ret: i32,
    scratch: Option<*mut Scratch>,
) {
    if ret >= 0 || is_probing(ret) {
        return count::run(hook, Fate::Filtered);
    }
    let message = Message::<ExecFailed>::begin(hook, actor, scratch);
    let Some(mut message) = message else {
        return;
    };
    let path = named_path(&mut message, actor, directory, Name::User(name));
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = ExecFailed {
            path,
            ret,
            reserved: 0,
        };
    }
    message.submit();
}
