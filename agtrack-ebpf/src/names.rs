//! Names that a call was given, kept until it ends.
//!
//! `do_renameat2` and `do_unlinkat` give the kernel's copies of their names back before they return
//! (`putname`, fs/namei.c), and where the task is preempted in between, somebody else's name may
//! stand in that memory by then. So the names are copied when the call begins.

use agtrack_common::wire::PATH_MAX;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;

use crate::count::{self, Fate};
use crate::gate::Actor;
use crate::map::{EMPTY_NAME, NAMES};
use crate::offset::FILENAME_NAME;
use crate::probe::Name;
use crate::quirk::KEEPS_NAMES;
use crate::read::{Kernel, field};

/// A name with its NUL.
#[repr(C, align(8))]
pub struct KeptName([u8; PATH_MAX]);

/// Which of a call's names.
#[derive(Clone, Copy)]
#[repr(u64)]
pub enum Which {
    /// The only one, or that of before.
    First = 0,
    /// The new one.
    Second = 1,
}

/// Keeps the name in `filename`, a `struct filename`, for the end of the call.
#[inline(always)]
pub fn keep(hook: u16, actor: &Actor, which: Which, filename: Kernel) {
    let key = key(actor.tid, which);
    let Some(empty) = EMPTY_NAME.get(0) else {
        return;
    };
    // What a call left whose end the kernel skipped is overwritten.
    if NAMES.insert(key, empty, 0).is_err() {
        return count::run(hook, Fate::LostMap);
    }
    let Some(kept) = NAMES.get_ptr_mut(key) else {
        return;
    };
    let name: Kernel = field(filename, &FILENAME_NAME);
    // SAFETY: a map value of this size; only this thread uses this key. A name that cannot be read
    // stays empty.
    unsafe {
        bpf_probe_read_kernel_str(kept.cast(), PATH_MAX as u32, name.cast());
    }
}

/// A name of the call that ends, which [`forget`] gives back: what was kept of it, nothing where the
/// begin was not seen. On kernels where nothing is kept it is what `filename` still holds.
#[inline(always)]
pub fn kept(actor: &Actor, which: Which, filename: Kernel) -> Name {
    if KEEPS_NAMES.load() == 0 {
        return Name::Filename(filename);
    }
    match NAMES.get_ptr(key(actor.tid, which)) {
        Some(kept) => Name::Kept(kept.cast()),
        None => Name::Kept(core::ptr::null()),
    }
}

/// The thread's call is over, or the thread.
#[inline(always)]
pub fn forget(tid: u32) {
    let _ = NAMES.remove(key(tid, Which::First));
    let _ = NAMES.remove(key(tid, Which::Second));
}

#[inline(always)]
fn key(tid: u32, which: Which) -> u64 {
    u64::from(tid) << 1 | which as u64
}
