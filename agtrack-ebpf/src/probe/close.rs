//! What was written through a file, told when it is closed.

use agtrack_common::call::{Packed, Quirk};
use agtrack_common::event::{fmode, hook};
use aya_ebpf::helpers::generated::{bpf_get_current_pid_tgid, bpf_ktime_get_boot_ns};
use aya_ebpf::macros::{btf_tracepoint, fentry, fexit};
use aya_ebpf::programs::{BtfTracePointContext, FEntryContext, FExitContext};

use crate::count::{self, Fate, add};
use crate::gate::{self, Actor};
use crate::map::WRITINGS;
use crate::object::{File, Task};
use crate::offset::{FILES_TABLE, TABLE_FD, TABLE_MAX, TASK_FILES};
use crate::probe::untyped;
use crate::read::{Kernel, at, field};
use crate::scratch::{self, Slot};
use crate::writing::{self, End, Writing, by_descriptor, has_news, references, tell, wrote};

/// Descriptors of one call of the sweep: all that the verifier looks at.
const STEPS: u32 = 64;
/// Calls of the sweep: it sees descriptors below 16384.
const CALLS: u32 = 256;
/// `CLOSE_RANGE_CLOEXEC` (include/uapi/linux/close_range.h): they are closed later.
const CLOSE_RANGE_CLOEXEC: u64 = 4;
/// `F_DUPFD`, `F_DUPFD_CLOEXEC` (include/uapi/linux/fcntl.h).
const F_DUPFD: u64 = 0;
const F_DUPFD_CLOEXEC: u64 = 1030;
/// `EBADF`: there was nothing to close.
const EBADF: i64 = 9;

/// The programs at the end of the functions that write: the file is an argument. It goes to a
/// function of numbers, and the verifier knows it as a pointer.
macro_rules! writes {
    ($( $name:ident $id:ident: |$ctx:ident| $file:expr, $ret:expr; )+) => { $(
        #[fexit]
        pub fn $name($ctx: FExitContext) -> i32 {
            if let Some(actor) = gate::tagged_or_born() {
                let ret: i64 = $ret;
                if ret > 0 {
                    returned_from(hook::$id, &actor, $file, ret as u64);
                }
            }
            0
        }
    )+ };
}

writes! {
    // `ssize_t vfs_write(struct file *, const char *, size_t, loff_t *)`
    write_result WRITE_RESULT: |ctx| File::new(untyped(&ctx, 0)), ctx.arg(4);
    // `ssize_t vfs_writev(struct file *, const struct iovec *, unsigned long, loff_t *, rwf_t)`
    writev_result WRITEV_RESULT: |ctx| File::new(untyped(&ctx, 0)), ctx.arg(5);
    // `ssize_t vfs_copy_file_range(struct file *in, loff_t, struct file *out, loff_t, size_t, …)`
    copy_result COPY_RESULT: |ctx| File::new(untyped(&ctx, 2)), ctx.arg(6);
    // `ssize_t do_splice(struct file *in, loff_t *, struct file *out, loff_t *, size_t, …)`
    splice_result SPLICE_RESULT: |ctx| File::new(untyped(&ctx, 2)), ctx.arg(6);
}

/// `ssize_t do_sendfile(int out, int in, loff_t *, size_t, loff_t)`
#[fexit(function = "do_sendfile")]
pub fn sendfile_result(ctx: FExitContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let ret: i64 = ctx.arg(5);
        if ret > 0
            && let Some(file) = actor.task.file(ctx.arg(0))
        {
            returned_from(hook::SENDFILE_RESULT, &actor, file, ret as u64);
        }
    }
    0
}

/// The end of a file whose memory this was before was not seen.
#[inline(always)]
fn returned_from(hook: u16, actor: &Actor, file: File, bytes: u64) {
    let key = file.address();
    if !wrote(hook, key, actor, file, bytes) {
        count::run(hook::CLOSE_LAST, Fate::LostMap);
        let _ = WRITINGS.remove(key);
        wrote(hook, key, actor, file, bytes);
    }
}

/// `void __fput(struct file *)`: nobody has it open any more. It may be another process that runs
/// here, or none.
#[fentry(function = "__fput")]
pub fn close_last(ctx: FEntryContext) -> i32 {
    let file = File::new(ctx.arg(0));
    if file.mode() & fmode::WRITE == 0 {
        return 0;
    }
    let key = file.address();
    if let Some(writing) = WRITINGS.get_ptr_mut(key)
        && gate::active()
    {
        let actor = match gate::tagged() {
            Some(actor) => actor,
            // SAFETY: a map value.
            None => unsafe { writer(writing) },
        };
        // SAFETY: as above.
        if unsafe { has_news(writing) } {
            let slot = Slot::CloseLast.scratch();
            tell(hook::CLOSE_LAST, &actor, writing, End::Last, slot);
        }
        let _ = WRITINGS.remove(key);
    }
    0
}

/// Who wrote last.
#[inline(always)]
unsafe fn writer(writing: *mut Writing) -> Actor {
    // SAFETY: as the caller says; the helper takes no arguments.
    unsafe {
        Actor {
            task: gate::current(),
            tgid: (*writing).tgid,
            tid: (*writing).tid,
            start: (*writing).start,
            session: (*writing).session,
            time: bpf_ktime_get_boot_ns(),
        }
    }
}

/// The kernel opened this file.
#[inline(always)]
pub fn result(file: File, request: u32) {
    writing::opened(hook::CLOSE_LAST, file.address(), file, request);
}

/// Back end B: a call that writes, closes or copies a descriptor returned.
#[inline(always)]
pub fn returned(actor: &Actor, call: Packed, arguments: [u64; 6], ret: i64) {
    const WRITES: u32 = Quirk::Writes as u32;
    const CLOSES: u32 = Quirk::Closes as u32;
    const CLOSES_RANGE: u32 = Quirk::ClosesRange as u32;
    const THIRD: u32 = 3;
    let slot = Slot::SysExit as u32;
    let descriptor = match call.directory() {
        THIRD => arguments[2],
        _ => arguments[0],
    } as u32;
    match call.quirk() {
        WRITES if ret > 0 => written(actor, descriptor, ret as u64),
        WRITES => {}
        CLOSES if ret != -EBADF => {
            agtrack_closed(slot, descriptor, CLOSED);
        }
        CLOSES => {}
        CLOSES_RANGE if ret == 0 && arguments[2] & CLOSE_RANGE_CLOEXEC == 0 => {
            sweep(actor, slot, descriptor, arguments[1] as u32, CLOSED);
        }
        CLOSES_RANGE => {}
        _ if ret < 0 => {}
        _ => {
            let copies = call.value() == 0 || matches!(arguments[1], F_DUPFD | F_DUPFD_CLOEXEC);
            if copies && ret as u32 != descriptor {
                copied(actor, descriptor, ret as u32);
            }
        }
    }
}

/// A request of io_uring wrote into the file. On back end B it was made with that descriptor, which
/// another thread may have closed since.
#[inline(always)]
pub fn requested(actor: &Actor, file: File, descriptor: u32, bytes: u64) {
    if !by_descriptor() {
        return returned_from(hook::WRITE_RESULT, actor, file, bytes);
    }
    let key = writing::key(actor.tgid, descriptor);
    if !wrote(hook::CLOSE_SYSCALL, key, actor, file, bytes) {
        count::run(hook::CLOSE_SYSCALL, Fate::LostMap);
    }
}

#[inline(always)]
fn written(actor: &Actor, descriptor: u32, bytes: u64) {
    const HOOK: u16 = hook::CLOSE_SYSCALL;
    let Some(file) = actor.task.file(descriptor) else {
        return;
    };
    let key = writing::key(actor.tgid, descriptor);
    if !wrote(HOOK, key, actor, file, bytes) {
        agtrack_closed(Slot::SysExit as u32, descriptor, CLOSED);
        wrote(HOOK, key, actor, file, bytes);
    }
}

/// Back end B: whether an open with these flags, which gave this descriptor, is to be told to
/// [`opened`].
#[inline(always)]
pub fn concerns(actor: &Actor, descriptor: u32, request: u32) -> bool {
    request & writing::BEGINS != 0
        || WRITINGS
            .get_ptr(writing::key(actor.tgid, descriptor))
            .is_some()
}

/// Back end B: an open gave this descriptor. What it was before, if its end was not seen, is told.
#[inline(always)]
pub fn opened(actor: &Actor, descriptor: u32, file: File, request: u32) {
    let key = writing::key(actor.tgid, descriptor);
    if WRITINGS.get_ptr(key).is_some() {
        agtrack_closed(Slot::SysExit as u32, descriptor, CLOSED);
    }
    writing::opened(hook::CLOSE_SYSCALL, key, file, request);
}

/// A descriptor leads to the same file as another one from now on, and no more to what it led to.
#[inline(always)]
fn copied(actor: &Actor, old: u32, new: u32) {
    agtrack_closed(Slot::SysExit as u32, new, CLOSED);
    if let Some(writing) = WRITINGS.get_ptr_mut(writing::key(actor.tgid, old)) {
        // SAFETY: a map value.
        unsafe { (*writing).heir = new.wrapping_add(1) };
    }
}

/// For [`agtrack_closed`]: the descriptor leads nowhere now, or elsewhere; if it does not, nothing is
/// told.
pub const CLOSED: u32 = 0;
/// The process ends.
pub const EXITED: u32 = 1;

/// The process ends: what it has open and wrote through is told, and what only it has open. Returns
/// the actor as it is behind that.
#[inline(always)]
pub fn process_ends(actor: Actor) -> Actor {
    sweep(&actor, Slot::Exit as u32, 0, u32::MAX, EXITED);
    // SAFETY: no arguments.
    let time = unsafe { bpf_ktime_get_boot_ns() };
    Actor { time, ..actor }
}

/// The process has got another program: descriptors that are not to be passed on are closed already
/// (fs/exec.c, `begin_new_exec`). The other back ends see that in `close_last`. A program of its own,
/// because that of the exec leaves too little of the stack.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn close_exec(_: BtfTracePointContext) -> i32 {
    if let Some(actor) = gate::tagged() {
        sweep(&actor, Slot::CloseExec as u32, 0, u32::MAX, CLOSED);
    }
    0
}

#[inline(always)]
fn sweep(actor: &Actor, slot: u32, first: u32, last: u32, how: u32) {
    if writing::has_none(actor.tgid) {
        return;
    }
    let size: u32 = field(table(actor.task), &TABLE_MAX);
    let (mut first, mut call) = (first, 0);
    while call < CALLS && first < size && first <= last {
        agtrack_sweep(slot, first, how);
        first = first.wrapping_add(STEPS);
        call += 1;
    }
}

/// `struct fdtable`
#[inline(always)]
fn table(task: Task) -> Kernel {
    let files: Kernel = field(task.address() as Kernel, &TASK_FILES);
    field(files, &FILES_TABLE)
}

/// Some descriptors. Here and below functions of numbers, which the verifier looks at once for all
/// programs, with names that the linker keeps.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_sweep(slot: u32, first: u32, how: u32) -> u32 {
    let mut step = 0;
    if by_descriptor() {
        while step < STEPS {
            agtrack_closed(slot, first.wrapping_add(step), how);
            step += 1;
        }
        return 0;
    }
    let table = table(gate::current());
    let size: u32 = field(table, &TABLE_MAX);
    let files: Kernel = field(table, &TABLE_FD);
    while step < STEPS && first.wrapping_add(step) < size {
        let place = first.wrapping_add(step) as usize * size_of::<u64>();
        let file: u64 = at(files.wrapping_add(place));
        if file != 0 {
            agtrack_left((file >> 32) as u32, file as u32, slot);
        }
        step += 1;
    }
    0
}

/// Back end B: a descriptor of the current process is closed, or the process ends. Where another one
/// was made of it and leads to the same file still, that one takes over what is not told.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_closed(slot: u32, descriptor: u32, how: u32) -> u32 {
    // SAFETY: no arguments.
    let tgid = (unsafe { bpf_get_current_pid_tgid() } >> 32) as u32;
    let key = writing::key(tgid, descriptor);
    let Some(writing) = WRITINGS.get_ptr_mut(key) else {
        return 0;
    };
    let task = gate::current();
    // SAFETY: a map value.
    unsafe {
        let file = (*writing).file;
        let leads_to = |descriptor| task.file(descriptor).is_some_and(|at| at.address() == file);
        if how == CLOSED {
            if leads_to(descriptor) {
                return 0;
            }
            let heir = (*writing).heir.wrapping_sub(1);
            if heir != u32::MAX && leads_to(heir) {
                inherit(writing, writing::key(tgid, heir));
                let _ = WRITINGS.remove(key);
                return 0;
            }
        }
        if has_news(writing) {
            let actor = writer(writing);
            let end = match how {
                CLOSED => End::Descriptor,
                _ => End::Process,
            };
            let scratch = scratch::again(slot);
            tell(hook::CLOSE_SYSCALL, &actor, writing, end, scratch);
        }
    }
    let _ = WRITINGS.remove(key);
    0
}

/// Another descriptor of the same file takes over what one was written through.
#[inline(always)]
unsafe fn inherit(writing: *mut Writing, heir: u64) {
    // SAFETY: map values.
    unsafe {
        (*writing).heir = 0;
        let Some(to) = WRITINGS.get_ptr_mut(heir) else {
            if WRITINGS.insert(heir, &*writing, 0).is_err() {
                count::run(hook::CLOSE_SYSCALL, Fate::LostMap);
            }
            return;
        };
        if (*to).file == (*writing).file {
            add(&raw mut (*to).written, (*writing).written);
            add(&raw mut (*to).calls, (*writing).calls);
            (*to).flags |= (*writing).flags;
        }
    }
}

/// The other back ends: the current process ends and has this file open. What others wrote is told
/// when they end, or nobody has it open any more.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_left(high: u32, low: u32, slot: u32) -> u32 {
    let key = u64::from(high) << 32 | u64::from(low);
    let Some(writing) = WRITINGS.get_ptr_mut(key) else {
        return 0;
    };
    let Some(actor) = gate::tagged() else {
        return 0;
    };
    let is_last = references(key as Kernel) == 1;
    // SAFETY: a map value.
    unsafe {
        if has_news(writing) && (is_last || (*writing).tgid == actor.tgid) {
            let scratch = scratch::again(slot);
            tell(hook::CLOSE_LAST, &actor, writing, End::Process, scratch);
        }
    }
    if is_last {
        let _ = WRITINGS.remove(key);
    }
    0
}
