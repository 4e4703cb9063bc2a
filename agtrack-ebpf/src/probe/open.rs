use agtrack_common::event::{Open, fmode, hook};
use agtrack_common::wire::{RET_UNKNOWN, path_flag};
use aya_ebpf::macros::{fentry, fexit, lsm};
use aya_ebpf::programs::{FEntryContext, FExitContext, LsmContext};

use crate::arch;
use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::message::{Message, outcome};
use crate::object::File;
use crate::offset::OPEN_FLAGS_FLAG;
use crate::probe::{Name, close, is_probing, named_path, repeat, untyped};
use crate::read::{Kernel, field};
use crate::scratch::{Scratch, Slot, task_scratch};

/// `__FMODE_EXEC` in open flags: the kernel opens a program to run it.
const O_EXEC: u32 = 0x20;
/// `O_PATH`: names a file without opening it.
const O_PATH: u32 = 0o10_000_000;
/// Flags that the kernel forgets once a file is open; only the request has them.
const O_ONCE: u32 = 0o100 | 0o200 | 0o400 | 0o1000;

#[lsm(hook = "file_open")]
pub fn open_lsm(ctx: LsmContext) -> i32 {
    let file = File::new(ctx.arg(0));
    if let Some(actor) = gate::tagged_or_born()
        && !is_filtered(hook::OPEN_LSM, file)
    {
        announce(hook::OPEN_LSM, &actor, file, task_scratch);
    }
    0
}

#[fentry(function = "security_file_open")]
pub fn open_fentry(ctx: FEntryContext) -> i32 {
    let file = File::new(ctx.arg(0));
    if let Some(actor) = gate::tagged_or_born()
        && !is_filtered(hook::OPEN_FENTRY, file)
    {
        let slot = |_: &Actor| Slot::OpenFentry.scratch();
        announce(hook::OPEN_FENTRY, &actor, file, slot);
    }
    0
}

/// The opens of an exec, and those that the kernel does for itself below another file system.
#[inline(always)]
fn is_filtered(hook: u16, file: File) -> bool {
    let filtered = file.flags() & O_EXEC != 0 || file.mode() & fmode::NOACCOUNT != 0;
    if filtered {
        count::run(hook, Fate::Filtered);
    }
    filtered
}

/// The kernel is about to open `file`; the result follows from `open_result`.
#[inline(always)]
fn announce(
    hook: u16,
    actor: &Actor,
    file: File,
    scratch: impl FnOnce(&Actor) -> Option<*mut Scratch>,
) {
    let Some(repeats) = repeat::before(actor, file, file.flags()) else {
        repeat::keep_quiet(actor, file);
        return count::run(hook, Fate::Coalesced);
    };
    repeat::keep_loud(actor);
    let asked = Asked {
        flags: 0,
        ret: RET_UNKNOWN,
        mark: 0,
        repeats,
    };
    opened(hook, actor, file, asked, scratch(actor));
}

/// `struct file *do_file_open(int dfd, struct filename *, const struct open_flags *)`; 6.12 has it as
/// `do_filp_open`
#[fexit(function = "do_filp_open")]
pub fn open_result(ctx: FExitContext) -> i32 {
    let Some(actor) = gate::tagged_or_born() else {
        return 0;
    };
    let request: u32 = field(ctx.arg::<Kernel>(2), &OPEN_FLAGS_FLAG);
    // The verifier knows it as a pointer, and here it is a number.
    let ret: i64 = untyped(&ctx, 3);
    let failed = ret < 0 && ret > -4096;
    let is_quiet = repeat::is_quiet(&actor, ret as u64);
    if request & (O_EXEC | O_PATH) != 0 || (failed && is_probing(ret as i32)) {
        count::run(hook::OPEN_RESULT, Fate::Filtered);
    } else if failed {
        let name = Name::Filename(ctx.arg(1));
        let slot = Slot::OpenResult.scratch();
        refused(
            hook::OPEN_RESULT,
            &actor,
            ctx.arg(0),
            name,
            request,
            ret as i32,
            slot,
        );
    } else if is_quiet {
        count::run(hook::OPEN_RESULT, Fate::Coalesced);
    } else {
        close::result(File::new(ret as Kernel), request);
        outcome::<Open>(hook::OPEN_RESULT, &actor, 0);
    }
    0
}

/// `open_by_handle_at(mount, handle, flags)`: a handle says nothing to people, so where it led nowhere
/// the directory is told that says which file system was meant.
#[fexit(function = "__x64_sys_open_by_handle_at")]
pub fn open_handle_result(ctx: FExitContext) -> i32 {
    const HOOK: u16 = hook::OPEN_HANDLE_RESULT;
    const NO_NAME: Name = Name::User(0);
    if let Some(actor) = gate::tagged_or_born() {
        let [mount, _, flags, _] = arch::arguments_at(untyped(&ctx, 0));
        let (flags, ret) = (flags as u32, ctx.arg::<i32>(1));
        if flags & O_PATH != 0 || is_probing(ret) {
            count::run(HOOK, Fate::Filtered);
        } else if ret < 0 {
            let slot = Slot::OpenHandleResult.scratch();
            refused(HOOK, &actor, mount as i32, NO_NAME, flags, ret, slot);
        } else if let Some(file) = actor.task.file(ret as u32) {
            if repeat::is_quiet(&actor, file.address()) {
                count::run(HOOK, Fate::Coalesced);
            } else {
                close::result(file, flags);
                outcome::<Open>(HOOK, &actor, 0);
            }
        } else {
            outcome::<Open>(HOOK, &actor, 0);
        }
    }
    0
}

/// Back end B: a system call returned `ret`.
#[inline(always)]
pub fn finished(actor: &Actor, directory: i32, name: u64, request: u32, ret: i64) {
    const HOOK: u16 = hook::OPEN_SYSCALL;
    let scratch = Slot::SysExit.scratch();
    if ret < 0 {
        if request & O_PATH != 0 || is_probing(ret as i32) {
            return count::run(HOOK, Fate::Filtered);
        }
        return refused(
            HOOK,
            actor,
            directory,
            Name::User(name),
            request,
            ret as i32,
            scratch,
        );
    }
    match actor.task.file(ret as u32) {
        Some(file) if file.mode() & fmode::PATH != 0 => count::run(HOOK, Fate::Filtered),
        Some(file) => {
            let flags = request & O_ONCE;
            let Some(repeats) = repeat::before(actor, file, file.flags() | flags) else {
                return count::run(HOOK, Fate::Coalesced);
            };
            let asked = Asked {
                flags,
                ret: ret as i32,
                mark: path_flag::FD,
                repeats,
            };
            opened(HOOK, actor, file, asked, scratch);
        }
        // Another thread closed it already.
        None => refused(
            HOOK,
            actor,
            directory,
            Name::User(name),
            request,
            ret as i32,
            scratch,
        ),
    }
}

/// What the file does not say.
#[derive(Clone, Copy)]
struct Asked {
    /// Flags that the kernel forgets.
    flags: u32,
    ret: i32,
    /// `path_flag` bits.
    mark: u32,
    /// Opens like this one that were counted only.
    repeats: u32,
}

#[inline(always)]
fn opened(hook: u16, actor: &Actor, file: File, asked: Asked, scratch: Option<*mut Scratch>) {
    let Some(mut message) = Message::<Open>::begin(hook, actor, scratch) else {
        return;
    };
    let mut path = message.path(actor.task, file.place());
    path.flags |= asked.mark | repeat::mark(actor, file);
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Open {
            file: file.id(),
            path,
            flags: file.flags() | asked.flags,
            mode: file.mode(),
            ret: asked.ret,
            repeats: asked.repeats,
        };
    }
    message.submit();
}

/// There is no file to look at: the path is what was asked for.
#[inline(always)]
fn refused(
    hook: u16,
    actor: &Actor,
    directory: i32,
    name: Name,
    flags: u32,
    ret: i32,
    scratch: Option<*mut Scratch>,
) {
    let Some(mut message) = Message::<Open>::begin(hook, actor, scratch) else {
        return;
    };
    let path = named_path(&mut message, actor, directory, name);
    // SAFETY: the body is within the message.
    unsafe {
        (*message.body()).path = path;
        (*message.body()).flags = flags;
        (*message.body()).ret = ret;
    }
    message.submit();
}
