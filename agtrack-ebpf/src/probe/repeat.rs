//! The same file opened for reading again and again by the same thread: counted, and told with the
//! next one that is more than a second away from the one told last, or by number at the end of the
//! process.

use agtrack_common::event::{Reading, Readings, fmode};
use agtrack_common::wire::path_flag;
use aya_ebpf::Global;

use crate::count;
use crate::gate::Actor;
use crate::map::{COALESCED, READINGS, TAGS};
use crate::object::File;

/// 1: opens for reading are counted so; 0: each is told.
#[unsafe(no_mangle)]
pub static COUNTS_READS: Global<u32> = Global::new(0);

/// Opens within so many nanoseconds of the one told last are counted.
const WINDOW: u64 = 1_000_000_000;
/// `O_ACCMODE | O_CREAT | O_TRUNC | __O_TMPFILE`: an open with none of them changes nothing.
const CHANGES: u32 = 0o3 | 0o100 | 0o1000 | 0o20_000_000;

/// What an entry begins with. Not on the stack, of which 5.10 has little for a chain of calls.
static NONE: Readings = Readings {
    told: 0,
    counted: 0,
    start: 0,
};

/// How many opens like this one were counted since the last that was told. `None`: so is this one.
#[inline(always)]
pub fn before(actor: &Actor, file: File, flags: u32) -> Option<u32> {
    if COUNTS_READS.load() == 0 || flags & CHANGES != 0 || file.mode() & fmode::CREATED != 0 {
        return Some(0);
    }
    let key = key(actor, file);
    let mut readings = READINGS.get_ptr_mut(key);
    if readings.is_none() {
        #[expect(
            clippy::needless_borrows_for_generic_args,
            reason = "by value it would stand on the stack"
        )]
        let _ = READINGS.insert(key, &NONE, 0);
        readings = READINGS.get_ptr_mut(key);
    }
    let Some(readings) = readings else {
        return Some(0);
    };
    // SAFETY: a map value. The key is this thread's, and a thread opens one file at a time.
    unsafe {
        // Where another process's thread had this id, its end told what it was owed.
        let is_own = (*readings).start == actor.start;
        if is_own && actor.time.wrapping_sub((*readings).told) < WINDOW {
            (*readings).counted += 1;
            owe(actor, 1);
            return None;
        }
        let counted = if is_own { (*readings).counted } else { 0 };
        (*readings).told = actor.time;
        (*readings).counted = 0;
        (*readings).start = actor.start;
        owe(actor, counted.wrapping_neg());
        Some(counted as u32)
    }
}

/// `path_flag::UNWRITABLE`, where user space asks for it: it counts such reads by class.
#[inline(always)]
pub fn mark(actor: &Actor, file: File) -> u32 {
    if COUNTS_READS.load() == 0
        || file.mode() & fmode::WRITE != 0
        || file.can_be_written_by(actor.task.cred())
    {
        return 0;
    }
    path_flag::UNWRITABLE
}

/// Another file may get the inode's number, not its generation with it.
#[inline(always)]
fn key(actor: &Actor, file: File) -> Reading {
    let id = file.id();
    Reading {
        inode: id.ino,
        name: file.place().dentry as u64,
        device: id.dev,
        generation: file.generation(),
        thread: actor.tid,
        reserved: 0,
    }
}

/// What the process has been counted for and not been told for yet.
#[inline(always)]
fn owe(actor: &Actor, more: u64) {
    if let Some(tag) = TAGS.get_ptr_mut(actor.tgid) {
        // SAFETY: a map value, and this word is touched by atomic adds only.
        unsafe { count::add(&raw mut (*tag).owed, more) };
    }
}

/// The open of `file` was counted only: so is its result.
#[inline(always)]
pub fn keep_quiet(actor: &Actor, file: File) {
    let _ = COALESCED.insert(actor.tid, file.address(), 0);
}

/// The thread's open is told: so is its result. One that was counted may have ended where nobody saw
/// it, and its file's memory may be this one's now.
#[inline(always)]
pub fn keep_loud(actor: &Actor) {
    if COUNTS_READS.load() != 0 {
        let _ = COALESCED.remove(actor.tid);
    }
}

/// Whether the open that ends now, and gave this file or none, was counted only.
#[inline(always)]
pub fn is_quiet(actor: &Actor, file: u64) -> bool {
    if COUNTS_READS.load() == 0 {
        return false;
    }
    // SAFETY: the value is copied at once.
    let Some(quiet) = (unsafe { COALESCED.get(actor.tid) }).copied() else {
        return false;
    };
    let _ = COALESCED.remove(actor.tid);
    quiet == file
}
