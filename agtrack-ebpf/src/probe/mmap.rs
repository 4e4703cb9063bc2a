//! Files that are mapped so that what is written to memory is written to them, or may become so.

use agtrack_common::event::{Change, Kind, fmode, hook};
use agtrack_common::wire::{Path, path_flag};
use aya_ebpf::macros::fexit;
use aya_ebpf::programs::FExitContext;

use crate::gate::{self, Actor};
use crate::message::Message;
use crate::object::File;
use crate::read::Kernel;
use crate::scratch::{Scratch, Slot};

/// `PROT_*` that are told, and `PROT_WRITE` (include/uapi/asm-generic/mman-common.h).
const PROT: u64 = 7;
const PROT_WRITE: u64 = 2;
/// `MAP_SHARED`, `MAP_SHARED_VALIDATE`, and the bits of the type (include/uapi/linux/mman.h).
const MAP_SHARED: u64 = 1;
const MAP_SHARED_VALIDATE: u64 = 3;
const MAP_TYPE: u64 = 0xf;
/// `MAP_ANONYMOUS`
const MAP_ANONYMOUS: u64 = 0x20;
/// Types of files (include/uapi/linux/stat.h).
const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;

/// What was asked for.
#[derive(Clone, Copy)]
struct Asked {
    length: u64,
    protection: u64,
    flags: u64,
    ret: u64,
}

impl Asked {
    /// Whether what is written to memory is written to the file.
    #[inline(always)]
    fn is_shared(self) -> bool {
        matches!(self.flags & MAP_TYPE, MAP_SHARED | MAP_SHARED_VALIDATE)
            && self.flags & MAP_ANONYMOUS == 0
    }
}

/// `unsigned long vm_mmap_pgoff(struct file *, unsigned long addr, unsigned long len, unsigned long
/// prot, unsigned long flag, unsigned long pgoff)`
#[fexit(function = "vm_mmap_pgoff")]
pub fn mmap_result(ctx: FExitContext) -> i32 {
    let (file, flags): (Kernel, u64) = (ctx.arg(0), ctx.arg(4));
    let asked = Asked {
        length: ctx.arg(2),
        protection: ctx.arg(3),
        flags,
        ret: ctx.arg(6),
    };
    if !file.is_null()
        && asked.is_shared()
        && let Some(actor) = gate::tagged_or_born()
    {
        let slot = Slot::Mmap.scratch();
        mapped(hook::MMAP_RESULT, &actor, File::new(file), asked, 0, slot);
    }
    0
}

/// Back end B: `mmap(addr, length, prot, flags, fd, offset)` returned.
#[inline(never)]
pub fn returned(actor: &Actor, arguments: [u64; 6], ret: i64) {
    let [_, length, protection, flags, descriptor, _] = arguments;
    let asked = Asked {
        length,
        protection,
        flags,
        ret: ret as u64,
    };
    if asked.is_shared()
        && let Some(file) = actor.task.file(descriptor as u32)
    {
        let (hook, scratch) = (hook::MMAP_SYSCALL, Slot::SysExit.scratch());
        mapped(hook, actor, file, asked, path_flag::FD, scratch);
    }
}

/// A file that is not open for writing can never be written to through a mapping.
#[inline(always)]
fn mapped(
    hook: u16,
    actor: &Actor,
    file: File,
    asked: Asked,
    mark: u32,
    scratch: Option<*mut Scratch>,
) {
    let id = file.id();
    let may_write = file.mode() & fmode::WRITE != 0 || asked.protection & PROT_WRITE != 0;
    if !may_write || id.mode & S_IFMT != S_IFREG {
        return;
    }
    let message = Message::<Change>::begin_as(Kind::Mmap as u16, hook, actor, scratch);
    let Some(mut message) = message else {
        return;
    };
    let mut path = message.path(actor.task, file.place());
    path.flags |= mark;
    let ret = asked.ret as i64;
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Change {
            file: id,
            path,
            other: Path::default(),
            value: asked.length,
            second: (asked.protection & PROT) as u32,
            // An address is no error, and too long for a number of one.
            ret: if ret < 0 && ret > -4096 {
                ret as i32
            } else {
                0
            },
        };
    }
    message.submit();
}
