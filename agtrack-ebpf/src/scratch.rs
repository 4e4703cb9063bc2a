//! The work space of a run: where its message is filled.

use agtrack_common::event::{LSM, TRAMPOLINE};
use aya_ebpf::helpers::generated::bpf_get_current_pid_tgid;

use crate::environment::EnvironmentState;
use crate::gate::Actor;
use crate::map::{EMPTY_SCRATCH, SCRATCH, TASK_SCRATCH};
use crate::message::{BODY_SIZE, DATA_SIZE, HEAD, HEADER_SIZE};
use crate::names;
use crate::quirk::BACKEND;

/// Work space of one program run.
#[repr(C, align(8))]
pub struct Scratch {
    /// Which one it is: a [`Slot`], or [`OF_THREAD`].
    pub slot: u32,
    reserved: u32,
    /// Bytes of data so far.
    pub used: u32,
    /// Bytes of data that already travelled in parts.
    pub sent: u32,
    /// State of a walk.
    pub walk: WalkState,
    /// State of a look at an environment.
    pub environment: EnvironmentState,
    /// The arguments of a system call, by place, and its number at the end.
    pub arguments: [u64; 8],
    /// Which call it is: [`Packed`](agtrack_common::call::Packed).
    pub call: u32,
    reserved2: u32,
    /// Who makes it, an [`Actor`]: as words, because maps hold no pointers.
    pub actor: [u64; size_of::<Actor>() / 8],
    /// What they mean, in one form for all variants of a call.
    pub request: [u64; 8],
    /// What the head of a part is laid over meanwhile.
    pub aside: [u64; HEAD / 8],
    /// Header, body and data of the message. A part's header and body overwrite the event's
    /// body area from behind, so the event's own stand in front of the room for them.
    pub bytes: [u8; HEADER_SIZE + BODY_SIZE + DATA_SIZE],
}

/// State of a walk, in memory for the verifier's sake.
#[repr(C)]
pub struct WalkState {
    /// Where the walk begins.
    pub dentry: u64,
    /// Its mount.
    pub mount: u64,
    /// The process's root directory.
    pub root_dentry: u64,
    /// Its mount.
    pub root_mount: u64,
    /// Where in the data the walk began.
    pub begin: u32,
    /// `path_flag` bits.
    pub flags: u32,
    /// Where the root was passed.
    pub root: u32,
    reserved: u32,
}

/// Per-CPU work space: one slot for each program the kernel guards against itself.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Slot {
    Exec,
    SysExit,
    OpenFentry,
    OpenResult,
    UnlinkFentry,
    UnlinkResult,
    RenameFentry,
    RenameResult,
    ConnectResult,
    CgroupCreate,
    CgroupAttach,
    CgroupRemove,
    Fork,
    Exit,
    MkdirFentry,
    RmdirFentry,
    MknodFentry,
    LinkFentry,
    SymlinkFentry,
    ChmodFentry,
    ChownResult,
    TruncateResult,
    FtruncateResult,
    ChrootFentry,
    PivotRootFentry,
    MountFentry,
    MoveMountFentry,
    UmountFentry,
    BindResult,
    ListenResult,
    AcceptResult,
    ExecFailed,
    ExecFailedBelow,
    SetXattr,
    SetXattrLink,
    SetXattrFile,
    RemoveXattr,
    RemoveXattrLink,
    RemoveXattrFile,
    OpenHandleResult,
    Uring,
    TrackerSignal,
    TrackerPtraceFentry,
    CloseLast,
    CloseExec,
    Mmap,
    Receive,
    ReceiveInto,
}

/// Number of [`Slot`]s: one more than the last.
pub const SCRATCH_SLOTS: u32 = Slot::ReceiveInto as u32 + 1;

impl Slot {
    /// This CPU's work space.
    #[inline(always)]
    pub fn scratch(self) -> Option<*mut Scratch> {
        named(SCRATCH.get_ptr_mut(self as u32)?, self as u32)
    }
}

/// [`Scratch::slot`] of a thread's own work space.
pub const OF_THREAD: u32 = u32::MAX;

/// This CPU's work space of that number.
#[inline(always)]
pub fn of_slot(slot: u32) -> Option<*mut Scratch> {
    SCRATCH.get_ptr_mut(slot)
}

/// The work space of this slot, or, in the back end that has it, of this thread.
#[inline(always)]
pub fn work_space(slot: u32) -> Option<*mut Scratch> {
    if BACKEND.load() == u32::from(LSM) && slot == OF_THREAD {
        // SAFETY: no arguments.
        let tid = unsafe { bpf_get_current_pid_tgid() } as u32;
        return TASK_SCRATCH.get_ptr_mut(tid);
    }
    of_slot(slot)
}

/// The work space of a program, to begin a message in.
#[inline(always)]
pub fn again(slot: u32) -> Option<*mut Scratch> {
    named(of_slot(slot)?, slot)
}

/// A work space knows which one it is, for functions that are told only that.
#[inline(always)]
fn named(scratch: *mut Scratch, slot: u32) -> Option<*mut Scratch> {
    // SAFETY: a map value.
    unsafe { (&raw mut (*scratch).slot).write_volatile(slot) };
    Some(scratch)
}

/// This thread's own work space, for programs that may be preempted by themselves. Every event that
/// needs one is about to be sent: what is filtered takes none.
#[inline(always)]
pub fn task_scratch(actor: &Actor) -> Option<*mut Scratch> {
    if let Some(scratch) = TASK_SCRATCH.get_ptr_mut(actor.tid) {
        return named(scratch, OF_THREAD);
    }
    let empty = EMPTY_SCRATCH.get(0)?;
    let _ = TASK_SCRATCH.insert(actor.tid, empty, 0);
    named(TASK_SCRATCH.get_ptr_mut(actor.tid)?, OF_THREAD)
}

/// Gives back what is kept for a thread that ends.
#[inline(always)]
pub fn release(tid: u32) {
    let backend = BACKEND.load();
    if backend == u32::from(LSM) {
        let _ = TASK_SCRATCH.remove(tid);
    }
    if backend & u32::from(TRAMPOLINE) != 0 {
        names::forget(tid);
    }
}
