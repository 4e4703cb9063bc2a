//! The programs, one file per event.

mod call;
mod captured;
mod cgroup;
mod change;
mod close;
mod connect;
mod cut;
mod endpoint;
mod excerpt;
mod exec;
mod exit;
mod flow;
mod fork;
mod mmap;
mod open;
mod packet;
mod peer;
mod receive;
mod rename;
mod repeat;
mod set_id;
mod signal;
mod socket;
mod syscall;
mod tamper;
mod unix;
mod unlink;
mod uring;

/// Calls that fail with these are probing for a file, or are about to be repeated: counted, not
/// recorded. (`ENOENT`, `EINTR`, `ENOTDIR`, `ERESTARTSYS` … `ERESTART_RESTARTBLOCK`, and `EAGAIN`:
/// io_uring tries first without blocking.)
#[inline(always)]
fn is_probing(ret: i32) -> bool {
    matches!(-ret, 2 | 4 | 11 | 20 | 512..=516)
}

/// An argument of a traced function, or the result behind them, read as memory and not as what the
/// verifier takes it for.
#[inline(always)]
fn untyped<T: Copy>(ctx: &impl EbpfContext, place: usize) -> T {
    at(ctx
        .as_ptr()
        .cast::<u8>()
        .wrapping_add(place * size_of::<u64>()))
}

/// `AT_FDCWD` (include/uapi/linux/fcntl.h).
const AT_FDCWD: i32 = -100;

use agtrack_common::event::Body;
use agtrack_common::wire::{Path, path_flag};
use aya_ebpf::EbpfContext;

use crate::gate::Actor;
use crate::message::Message;
use crate::object::Place;
use crate::read::{Kernel, at};

/// Where a path string is.
#[derive(Clone, Copy)]
pub enum Name {
    /// In the caller's memory.
    User(u64),
    /// In a `struct filename`: the kernel's copy.
    Filename(Kernel),
    /// A copy of that, which [`crate::names`] has kept; null where it has not.
    Kept(Kernel),
}

/// Appends the directory that a name is relative to, and the name.
#[inline(always)]
fn named_path<B: Body>(
    message: &mut Message<B>,
    actor: &Actor,
    directory: i32,
    name: Name,
) -> Path {
    let mut path = message.path(actor.task, directory_of(actor, directory));
    // The directory's own marks say nothing about the file's.
    path.flags &= !path_flag::DELETED;
    let (length, mark) = match name {
        Name::User(address) => (message.user_string(address), path_flag::ARGUMENT),
        Name::Filename(filename) => {
            let text: Kernel = crate::read::field(filename, &crate::offset::FILENAME_NAME);
            (message.kernel_string(text), path_flag::FD)
        }
        Name::Kept(text) => (message.kernel_string(text), path_flag::FD),
    };
    path.flags |= mark;
    match length {
        Some(length) => path.name = length,
        None => path.flags |= path_flag::UNREADABLE,
    }
    path
}

#[inline(always)]
fn directory_of(actor: &Actor, directory: i32) -> Place {
    if directory != AT_FDCWD
        && let Some(file) = actor.task.file(directory as u32)
    {
        return file.place();
    }
    actor.task.cwd()
}
