//! The prologue of every program: is this process tagged, is this generation active?

use agtrack_common::event::{LSM, hook};
use agtrack_common::tag::Tag;
use aya_ebpf::helpers::generated::{
    bpf_get_current_pid_tgid, bpf_get_current_task, bpf_ktime_get_boot_ns,
};

use crate::count::{self, Fate};
use crate::map::{BORN, CGROUPS, CONTROL, TAGS};
use crate::object::Task;
use crate::quirk::{BACKEND, GENERATION, START_TICK};

/// A tagged process that is doing something.
#[derive(Clone, Copy)]
pub struct Actor {
    /// Its current thread.
    pub task: Task,
    /// Process id.
    pub tgid: u32,
    /// Thread id.
    pub tid: u32,
    /// Process start, boot clock, ns.
    pub start: u64,
    /// Session key; 0 where an untagged process acts on a watched object.
    pub session: u64,
    /// Now, boot clock, ns.
    pub time: u64,
}

/// The current process if it is tagged. Untagged ones leave after one lookup.
#[inline(always)]
pub fn tagged() -> Option<Actor> {
    // SAFETY: no arguments.
    let id = unsafe { bpf_get_current_pid_tgid() };
    let tag = TAGS.get_ptr_mut((id >> 32) as u32)?;
    if !active() {
        return None;
    }
    let task = current();
    let start = task.leader().start();
    // SAFETY: a map value. User space knows the start in ticks only; the first hit refines it.
    let session = unsafe {
        if start.wrapping_sub((*tag).start) >= START_TICK {
            return None;
        }
        if start != (*tag).start {
            (*tag).start = start;
        }
        (*tag).session
    };
    Some(actor(task, id, start, session))
}

/// As [`tagged`], and takes up a tag that the process was born with but has not got yet, because
/// the kernel skipped the run at its fork.
#[inline(always)]
pub fn tagged_or_born() -> Option<Actor> {
    if let Some(actor) = tagged() {
        return Some(actor);
    }
    if BACKEND.load() != u32::from(LSM) || !active() {
        return None;
    }
    let leader = current().leader();
    // SAFETY: the value is copied at once.
    let session = unsafe { BORN.get(leader.address()) }?.session;
    if !adopt(leader, session) {
        // It stays in `BORN`: there may be room the next time.
        count::run(hook::FORK_LINEAGE, Fate::LostMap);
        return None;
    }
    let _ = BORN.remove(leader.address());
    tagged()
}

/// The current process, tagged or not.
#[inline(always)]
pub fn anyone() -> Option<Actor> {
    if let Some(actor) = tagged() {
        return Some(actor);
    }
    if !active() {
        return None;
    }
    // SAFETY: no arguments.
    let id = unsafe { bpf_get_current_pid_tgid() };
    let task = current();
    Some(actor(task, id, task.leader().start(), 0))
}

/// Gives a process a tag. False: the map is full.
#[inline(always)]
pub fn adopt(process: Task, session: u64) -> bool {
    tag(process, session, 0)
}

/// Gives a process a tag before its first instruction. False: the map is full.
#[inline(always)]
pub fn born(process: Task, session: u64) -> bool {
    tag(process, session, 1)
}

#[inline(always)]
fn tag(process: Task, session: u64, unwritten: u64) -> bool {
    let tag = Tag {
        start: process.start(),
        session,
        owed: 0,
        unwritten,
    };
    TAGS.insert(process.tgid(), tag, 0).is_ok()
}

/// The tag of another process.
#[inline(always)]
pub fn tag_of(process: Task) -> Option<u64> {
    // SAFETY: the value is copied at once.
    let tag = unsafe { TAGS.get(process.tgid()) }?;
    (process.start().wrapping_sub(tag.start) < START_TICK).then_some(tag.session)
}

/// The session that a cgroup gives to its processes.
#[inline(always)]
pub fn cgroup_session(id: u64) -> Option<u64> {
    // SAFETY: the value is copied at once.
    let session = unsafe { CGROUPS.get(id) }?.session;
    (session != 0).then_some(session)
}

/// Whether this generation of programs is the one to record.
#[inline(always)]
pub fn active() -> bool {
    let Some(active) = CONTROL.get(0) else {
        return true;
    };
    *active == 0 || *active == GENERATION.load()
}

/// The thread that runs.
#[inline(always)]
pub fn current() -> Task {
    // SAFETY: no arguments.
    Task::new(unsafe { bpf_get_current_task() } as *const u8)
}

#[inline(always)]
fn actor(task: Task, id: u64, start: u64, session: u64) -> Actor {
    // SAFETY: no arguments.
    let time = unsafe { bpf_ktime_get_boot_ns() };
    Actor {
        task,
        tgid: (id >> 32) as u32,
        tid: id as u32,
        start,
        session,
        time,
    }
}
