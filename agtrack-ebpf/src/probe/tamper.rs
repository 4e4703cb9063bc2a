//! What reaches for agtrack itself, whoever does it: these look at the target before they look at
//! who acts.

use agtrack_common::event::{Body, Kind, Tamper, hook};
use agtrack_common::wire::{ATTEMPT_ARGS_MAX, FileId, Path, path_flag};
use aya_ebpf::macros::{fentry, lsm};
use aya_ebpf::programs::{FEntryContext, LsmContext};

use crate::arch;
use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::map::ATTEMPTS;
use crate::message::Message;
use crate::object::{Cgroup, Task};
use crate::quirk::TRACKER;
use crate::read::Kernel;
use crate::scratch::{Scratch, Slot, task_scratch};

/// `PTRACE_MODE_ATTACH` (include/linux/ptrace.h); without it something is looked at only.
const MODE_ATTACH: u32 = 2;
/// Requests of ptrace that begin it (include/uapi/linux/ptrace.h).
const PTRACE_ATTACH: u64 = 16;
const PTRACE_SEIZE: u64 = 0x4206;

/// Attempts a second that are told one by one; more are counted. It is a bound for who floods, and
/// far above what people do.
const MOST: u64 = 64;
/// Nanoseconds of that second.
const SECOND: u64 = 1_000_000_000;

/// An attempt.
struct Attempt {
    kind: Kind,
    hook: u16,
    value: u64,
    number: u32,
    ret: i32,
}

/// Whether a task is one of the recorder's.
#[inline(always)]
pub fn is_tracker(task: Task) -> bool {
    task.tgid() == TRACKER.load()
}

/// A signal was sent to the recorder.
#[inline(always)]
pub fn signalled(signal: u32) {
    let attempt = Attempt {
        kind: Kind::TrackerSignal,
        hook: hook::TRACKER_SIGNAL,
        value: u64::from(signal),
        number: 0,
        ret: 0,
    };
    report(attempt, None, |_| Slot::TrackerSignal.scratch());
}

/// The recorder was moved to another cgroup.
#[inline(always)]
pub fn moved(cgroup: Cgroup, path: Kernel) {
    let attempt = Attempt {
        kind: Kind::TrackerCgroup,
        hook: hook::TRACKER_CGROUP,
        value: cgroup.id(),
        number: 0,
        ret: 0,
    };
    report(attempt, Some(path), |_| Slot::CgroupAttach.scratch());
}

/// `(struct task_struct *child, unsigned int mode)`
#[lsm(hook = "ptrace_access_check")]
pub fn tracker_ptrace_lsm(ctx: LsmContext) -> i32 {
    let hook = hook::TRACKER_PTRACE_LSM;
    accessed(Task::new(ctx.arg(0)), ctx.arg(1), hook, task_scratch);
    0
}

/// The same function, without LSM.
#[fentry(function = "security_ptrace_access_check")]
pub fn tracker_ptrace_fentry(ctx: FEntryContext) -> i32 {
    let hook = hook::TRACKER_PTRACE_FENTRY;
    let scratch = |_: &Actor| Slot::TrackerPtraceFentry.scratch();
    accessed(Task::new(ctx.arg(0)), ctx.arg(1), hook, scratch);
    0
}

/// Somebody asked for the rights over the recorder that ptrace needs, and has them as far as user ids
/// and capabilities go. What for, and what comes of it, is not known here.
#[inline(always)]
fn accessed(
    child: Task,
    mode: u32,
    hook: u16,
    scratch: impl FnOnce(&Actor) -> Option<*mut Scratch>,
) {
    if mode & MODE_ATTACH == 0 || !is_tracker(child) {
        return;
    }
    let attempt = Attempt {
        kind: Kind::TrackerPtrace,
        hook,
        value: 0,
        number: 0,
        ret: agtrack_common::wire::RET_UNKNOWN,
    };
    report(attempt, None, scratch);
}

/// Back end B: one of the calls that may reach for another process returned.
#[inline(always)]
pub fn returned(regs: *const u64, known: u64, ret: i64) {
    const PTRACE: u32 = Kind::Ptrace as u32;
    const MEMORY: u32 = Kind::TrackerPtrace as u32;
    let task = gate::current();
    let is_compat = arch::is_compat(task);
    let Some(call) = arch::call(is_compat, known) else {
        return;
    };
    let arguments = arch::arguments(is_compat, regs);
    let (pid, begins) = match call.kind() {
        MEMORY => (arguments[0], false),
        PTRACE if matches!(arguments[0], PTRACE_ATTACH | PTRACE_SEIZE) => (arguments[1], true),
        _ => return,
    };
    // The thread that is traced from now on stands first in the list of its tracer. Where nothing
    // came of it there is only the number that was given, and where that counts.
    let reached = match begins && ret == 0 {
        true => is_tracker(task.newest_traced()),
        false => pid as u32 == TRACKER.load() && task.pid_level() == 0,
    };
    if !reached {
        return;
    }
    let attempt = Attempt {
        kind: Kind::TrackerPtrace,
        hook: hook::TRACKER_PTRACE_SYSCALL,
        value: arguments[0],
        number: arch::number(is_compat, regs),
        ret: ret.min(0) as i32,
    };
    report(attempt, None, |_| Slot::SysExit.scratch());
}

#[inline(always)]
fn report(
    attempt: Attempt,
    path: Option<Kernel>,
    scratch: impl FnOnce(&Actor) -> Option<*mut Scratch>,
) {
    let Some(actor) = gate::anyone() else {
        return;
    };
    if actor.tgid == TRACKER.load() {
        return;
    }
    let Some(coalesced) = coalesced(actor.time) else {
        return count::run(attempt.hook, Fate::Coalesced);
    };
    let (kind, scratch) = (attempt.kind as u16, scratch(&actor));
    let Some(mut message) = Message::<Tamper>::begin_as(kind, attempt.hook, &actor, scratch) else {
        return;
    };
    let path = match path {
        Some(path) => message.kernel_string(path).unwrap_or(0),
        None => 0,
    };
    let process = actor.task.leader();
    let (exe, exe_path) = executable(&mut message, process);
    let [uid, euid, ..] = process.ids();
    let parent = process.parent();
    let arguments = arguments(&mut message, process);
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Tamper {
            value: attempt.value,
            exe,
            exe_path,
            cgroup: process.cgroup().id(),
            parent_start: parent.start(),
            parent: parent.tgid(),
            arguments,
            login_user: process.login_user(),
            reserved: 0,
            uid,
            euid,
            path,
            number: attempt.number,
            ret: attempt.ret,
            coalesced,
        };
    }
    message.submit();
}

/// The first of its arguments; returns their bytes.
#[inline(always)]
fn arguments(message: &mut Message<Tamper>, process: Task) -> u32 {
    let (begin, end) = process.arguments();
    let length = end.wrapping_sub(begin);
    let length = if length > ATTEMPT_ARGS_MAX {
        ATTEMPT_ARGS_MAX
    } else {
        length
    };
    message.user_bytes(begin, length as u32)
}

/// How many attempts were only counted since the one that was told last; `None`: so is this one.
/// Two processors may count at the same moment; a bound need not be exact.
#[inline(always)]
fn coalesced(time: u64) -> Option<u32> {
    let attempts = ATTEMPTS.get_ptr_mut(0)?;
    // SAFETY: a map value; programs write whole words.
    unsafe {
        let began = &raw mut (*attempts)[0];
        let told = &raw mut (*attempts)[1];
        let silent = &raw mut (*attempts)[2];
        if time.wrapping_sub(began.read_volatile()) > SECOND {
            began.write_volatile(time);
            told.write_volatile(0);
        }
        let count = told.read_volatile();
        if count >= MOST {
            silent.write_volatile(silent.read_volatile() + 1);
            return None;
        }
        told.write_volatile(count + 1);
        let coalesced = silent.read_volatile();
        silent.write_volatile(0);
        Some(coalesced as u32)
    }
}

/// What a process runs, and where that is.
#[inline(always)]
pub fn executable<B: Body>(message: &mut Message<B>, process: Task) -> (FileId, Path) {
    match process.exe() {
        Some(file) => (file.id(), message.path(process, file.place())),
        None => {
            let unreadable = Path {
                flags: path_flag::UNREADABLE,
                ..Path::default()
            };
            (FileId::default(), unreadable)
        }
    }
}
