//! What is written through open files: counted call by call, told once.
//!
//! An entry begins when a tagged process opens a file in a way that creates or empties it, or writes
//! through one for the first time. Where the kernel says when an open file goes, there is one for
//! each open file; back end B has one for each descriptor of a process, which it sees go.

use agtrack_common::event::{Close, TRACEPOINT, close_flag, fmode};
use agtrack_common::offset::ABSENT;
use agtrack_common::wire::{FileId, Path, path_flag};
use aya_ebpf::bindings::{BPF_ANY, BPF_NOEXIST};

use crate::count::{self, Fate, add};
use crate::gate::{self, Actor};
use crate::map::{TAGS, WRITINGS};
use crate::message::Message;
use crate::object::{File, Place};
use crate::offset::{DENTRY_INODE, FILE_COUNT, FILE_INODE, FILE_REFERENCES, INODE_SIZE};
use crate::quirk::BACKEND;
use crate::read::{Kernel, field};
use crate::scratch::Scratch;

/// `S_IFMT`, `S_IFREG` (include/uapi/linux/stat.h).
const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;
/// `O_TRUNC`, `__O_TMPFILE`.
const O_TRUNC: u32 = 0o1000;
const O_TMPFILE: u32 = 0o20_000_000;
/// With `O_CREAT`: an open with none of them finds a file as it was.
pub const BEGINS: u32 = 0o100 | O_TRUNC | O_TMPFILE;

/// What was written and not told yet.
#[repr(C)]
pub struct Writing {
    /// Address of the open file.
    pub file: u64,
    /// Of its inode, and of where it was opened.
    pub inode: u64,
    pub dentry: u64,
    pub mount: u64,
    pub id: FileId,
    /// Bytes and calls.
    pub written: u64,
    pub calls: u64,
    /// Length of the file after the last write; back end B only.
    pub size: u64,
    /// Who wrote last, or opened it.
    pub start: u64,
    pub session: u64,
    pub tgid: u32,
    pub tid: u32,
    /// `close_flag` bits.
    pub flags: u32,
    /// Back end B: one above the descriptor that was made of this one last.
    pub heir: u32,
}

/// Whether there is one entry for each descriptor.
#[inline(always)]
pub fn by_descriptor() -> bool {
    BACKEND.load() == u32::from(TRACEPOINT)
}

/// The key on back end B.
#[inline(always)]
pub fn key(tgid: u32, descriptor: u32) -> u64 {
    u64::from(tgid) << 32 | u64::from(descriptor)
}

/// The file was opened so; `request` has the flags that the kernel forgets.
#[inline(always)]
pub fn opened(hook: u16, key: u64, file: File, request: u32) {
    let mode = file.mode();
    if mode & fmode::WRITE == 0 {
        return;
    }
    let mut flags = 0;
    if mode & fmode::CREATED != 0 || request & O_TMPFILE != 0 {
        flags |= close_flag::CREATED;
    }
    if request & O_TRUNC != 0 {
        flags |= close_flag::EMPTIED;
    }
    if flags != 0 {
        agtrack_begin(key, file.address(), hook.into(), flags);
    }
}

/// Bytes were written through the file, by a call that `hook` saw. False: its entry is that of
/// another file, whose end was not seen.
#[inline(always)]
pub fn wrote(hook: u16, key: u64, actor: &Actor, file: File, bytes: u64) -> bool {
    let mut writing = WRITINGS.get_ptr_mut(key);
    if writing.is_none() && agtrack_begin(key, file.address(), hook.into(), 0) != 0 {
        writing = WRITINGS.get_ptr_mut(key);
    }
    let Some(writing) = writing else {
        return true;
    };
    // SAFETY: a map value; what several threads add to is touched by atomic adds only.
    unsafe {
        if (*writing).file != file.address() || (*writing).inode != inode(file) as u64 {
            return false;
        }
        add(&raw mut (*writing).written, bytes);
        add(&raw mut (*writing).calls, 1);
        if by_descriptor() {
            (*writing).size = field(inode(file), &INODE_SIZE);
        } else if (*writing).tgid != actor.tgid {
            if (*writing).written != bytes {
                (*writing).flags |= close_flag::SEVERAL;
            }
            (*writing).start = actor.start;
            (*writing).session = actor.session;
            (*writing).tgid = actor.tgid;
            (*writing).tid = actor.tid;
        }
    }
    count::run(hook, Fate::Coalesced);
    true
}

/// Begins an entry. 0: nothing is counted of this file, or there is no room, which is told. A
/// function of numbers, as in [`crate::walk`], because of the stack that it takes.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_begin(key: u64, file: u64, hook: u32, flags: u32) -> u32 {
    let Some(actor) = gate::tagged() else {
        return 0;
    };
    let file = File::new(file as Kernel);
    let id = file.id();
    if id.mode & S_IFMT != S_IFREG || file.mode() & fmode::NOACCOUNT != 0 {
        return 0;
    }
    let (place, inode) = (file.place(), inode(file));
    let writing = Writing {
        file: file.address(),
        inode: inode as u64,
        dentry: place.dentry as u64,
        mount: place.mount as u64,
        id,
        written: 0,
        calls: 0,
        size: field(inode, &INODE_SIZE),
        start: actor.start,
        session: actor.session,
        tgid: actor.tgid,
        tid: actor.tid,
        flags,
        heir: 0,
    };
    // What two write first at the same moment is added to one entry: only an open begins anew.
    let mode = if flags == 0 { BPF_NOEXIST } else { BPF_ANY };
    if WRITINGS.insert(key, &writing, mode.into()).is_err() && WRITINGS.get_ptr(key).is_none() {
        count::run(hook as u16, Fate::LostMap);
        return 0;
    }
    if by_descriptor()
        && let Some(tag) = TAGS.get_ptr_mut((key >> 32) as u32)
    {
        // SAFETY: a map value.
        unsafe { (*tag).unwritten = 0 };
    }
    1
}

/// Back end B: whether nothing is counted of any descriptor of the process.
#[inline(always)]
pub fn has_none(tgid: u32) -> bool {
    // SAFETY: the value is copied at once.
    by_descriptor() && unsafe { TAGS.get(tgid) }.is_some_and(|tag| tag.unwritten != 0)
}

/// What is known of the file's end where it is told.
#[derive(Clone, Copy)]
pub enum End {
    /// The kernel takes it away.
    Last,
    /// A descriptor is gone.
    Descriptor,
    /// The process goes, which has it open still.
    Process,
}

/// Tells of an entry, and begins it anew. The one who calls removes it, where it is over.
#[inline(always)]
pub fn tell(
    hook: u16,
    actor: &Actor,
    writing: *mut Writing,
    end: End,
    scratch: Option<*mut Scratch>,
) {
    let Some(mut message) = Message::<Close>::begin(hook, actor, scratch) else {
        return;
    };
    // SAFETY: a map value.
    unsafe {
        let place = Place {
            dentry: (*writing).dentry as Kernel,
            mount: (*writing).mount as Kernel,
        };
        let inode = (*writing).inode;
        // What has been closed may be gone, and something else in its place.
        let there: u64 = field(place.dentry, &DENTRY_INODE);
        let (mut path, size) = match there == inode && inode != 0 {
            true => {
                let size = field(inode as Kernel, &INODE_SIZE);
                (message.path(actor.task, place), size)
            }
            false => {
                let gone = Path {
                    flags: path_flag::UNREADABLE | path_flag::DELETED,
                    ..Path::default()
                };
                (gone, (*writing).size)
            }
        };
        if by_descriptor() {
            path.flags |= path_flag::FD;
        }
        let written = (&raw const (*writing).written).read_volatile();
        let calls = (&raw const (*writing).calls).read_volatile();
        // Member by member: before 5.13 all that calls each other has 512 bytes of stack together.
        let body = message.body();
        (*body).file = (*writing).id;
        (*body).path = path;
        (*body).written = written;
        (*body).calls = calls;
        (*body).size = size;
        (*body).flags = (*writing).flags | held(writing, end);
        add(&raw mut (*writing).written, written.wrapping_neg());
        add(&raw mut (*writing).calls, calls.wrapping_neg());
        (*writing).flags = 0;
    }
    message.submit();
}

/// Whether there is something to tell.
///
/// # Safety
/// It is a map value.
#[inline(always)]
pub unsafe fn has_news(writing: *mut Writing) -> bool {
    // SAFETY: as the caller says.
    unsafe { (*writing).written != 0 || (*writing).flags != 0 }
}

/// Whether others have the file open, as far as that is known.
#[inline(always)]
unsafe fn held(writing: *mut Writing, end: End) -> u32 {
    // SAFETY: a map value.
    let (file, inode) = unsafe { ((*writing).file as Kernel, (*writing).inode) };
    let is_same = field::<u64>(file, &FILE_INODE) == inode;
    let left = references(file);
    match end {
        End::Last => close_flag::LAST,
        // Its memory is that of another one already, or it is the last that goes.
        End::Descriptor if !is_same || left <= 0 => close_flag::LAST,
        End::Descriptor => close_flag::HELD,
        End::Process if left == 1 => close_flag::LAST,
        // It may have several itself.
        End::Process => 0,
    }
}

/// References to an open file; 0 or less: it goes. Since 6.13 one less is counted, and what is gone
/// has the highest bit.
#[inline(always)]
pub fn references(file: Kernel) -> i64 {
    match FILE_REFERENCES.load() {
        ABSENT => field(file, &FILE_COUNT),
        _ => field::<i64>(file, &FILE_REFERENCES).wrapping_add(1),
    }
}

#[inline(always)]
fn inode(file: File) -> Kernel {
    field(file.address() as Kernel, &FILE_INODE)
}
