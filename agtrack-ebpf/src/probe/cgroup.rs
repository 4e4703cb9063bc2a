use agtrack_common::event::{CgroupAttach, CgroupCreate, CgroupRemove, hook};
use agtrack_common::tag::CgroupTag;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::count::{self, Fate};
use crate::gate;
use crate::map::CGROUPS;
use crate::message::Message;
use crate::object::{Cgroup, Task};
use crate::probe::tamper::{self, executable};
use crate::quirk::CGROUP2_HIERARCHY;
use crate::read::Kernel;
use crate::scratch::{Scratch, Slot};

/// A cgroup below a watched one is watched from its first moment. Every cgroup2 cgroup is
/// reported: whether its path is one to watch, user space knows.
#[btf_tracepoint(function = "cgroup_mkdir")]
pub fn cgroup_create(ctx: BtfTracePointContext) -> i32 {
    let cgroup = Cgroup::new(ctx.arg(0));
    if cgroup.hierarchy() != CGROUP2_HIERARCHY {
        return 0;
    }
    let Some(actor) = gate::anyone() else {
        return 0;
    };
    let (id, parent) = (cgroup.id(), cgroup.parent().id());
    let tag = inherited(id, parent);
    let session = match tag {
        Some(tag) => {
            if CGROUPS.insert(id, tag, 0).is_err() {
                return lost(hook::CGROUP_CREATE);
            }
            tag.session
        }
        None => 0,
    };
    let slot = Slot::CgroupCreate.scratch();
    let Some(mut message) = Message::<CgroupCreate>::begin(hook::CGROUP_CREATE, &actor, slot)
    else {
        return 0;
    };
    let path = message.kernel_string(ctx.arg(1)).unwrap_or(0);
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = CgroupCreate {
            id,
            parent,
            session,
            path,
            reserved: 0,
        }
    };
    message.submit();
    0
}

/// What a new cgroup gets from the one above.
#[inline(always)]
fn inherited(id: u64, parent: u64) -> Option<CgroupTag> {
    // SAFETY: the value is copied at once.
    let above = unsafe { CGROUPS.get(parent) }.copied()?;
    if above.session != 0 {
        Some(CgroupTag {
            session: above.session,
            children: 0,
            reserved: 0,
        })
    } else if above.children != 0 {
        Some(CgroupTag {
            session: id,
            children: 0,
            reserved: 0,
        })
    } else {
        None
    }
}

/// `(struct cgroup *dst, const char *path, struct task_struct *task, bool threadgroup)`
#[btf_tracepoint(function = "cgroup_attach_task")]
pub fn cgroup_attach(ctx: BtfTracePointContext) -> i32 {
    let cgroup = Cgroup::new(ctx.arg(0));
    let target = Task::new(ctx.arg::<Kernel>(2)).leader();
    // In any hierarchy: others than this one can stop it, too. It never becomes an agent's.
    if tamper::is_tracker(target) {
        tamper::moved(cgroup, ctx.arg(1));
        return 0;
    }
    if cgroup.hierarchy() != CGROUP2_HIERARCHY || !gate::active() {
        return 0;
    }
    let id = cgroup.id();
    let before = gate::tag_of(target);
    let into = gate::cgroup_session(id);
    // A process keeps the tag it has, wherever it moves.
    let (session, tagged) = match (before, into) {
        (Some(session), _) => (session, 0),
        (None, Some(session)) => (session, 1),
        (None, None) => return 0,
    };
    if tagged == 1 && !gate::adopt(target, session) {
        return lost(hook::CGROUP_ATTACH);
    }
    let moved = Moved {
        process: target,
        cgroup: id,
        session,
        tagged,
    };
    announce(moved, Some(ctx.arg(1)), Slot::CgroupAttach.scratch());
    0
}

/// A child was born into a watched cgroup: of a process that is not tagged, so it comes from
/// outside as one that is moved does. Its tag is there.
#[inline(always)]
pub fn born(child: Task, session: u64) {
    let moved = Moved {
        process: child,
        cgroup: child.cgroup().id(),
        session,
        tagged: 1,
    };
    announce(moved, None, Slot::Fork.scratch());
}

/// A process that is in another cgroup now.
struct Moved {
    process: Task,
    cgroup: u64,
    session: u64,
    tagged: u32,
}

#[inline(always)]
fn announce(moved: Moved, path: Option<Kernel>, scratch: Option<*mut Scratch>) {
    let Some(actor) = gate::anyone() else {
        return;
    };
    let Some(mut message) = Message::<CgroupAttach>::begin(hook::CGROUP_ATTACH, &actor, scratch)
    else {
        return;
    };
    let path = match path {
        Some(path) => message.kernel_string(path).unwrap_or(0),
        None => 0,
    };
    let process = moved.process;
    let (exe, exe_path) = executable(&mut message, process);
    let [uid, euid, ..] = process.ids();
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = CgroupAttach {
            id: moved.cgroup,
            target_start: process.start(),
            session: moved.session,
            exe,
            exe_path,
            target: process.tgid(),
            path,
            tagged: moved.tagged,
            uid,
            euid,
            reserved: 0,
        };
    }
    message.submit();
}

/// `(struct cgroup *, const char *path)`
#[btf_tracepoint(function = "cgroup_rmdir")]
pub fn cgroup_remove(ctx: BtfTracePointContext) -> i32 {
    let cgroup = Cgroup::new(ctx.arg(0));
    // Each hierarchy counts its own ids.
    if cgroup.hierarchy() != CGROUP2_HIERARCHY {
        return 0;
    }
    let id = cgroup.id();
    // SAFETY: the value is copied at once.
    let Some(tag) = unsafe { CGROUPS.get(id) }.copied() else {
        return 0;
    };
    let Some(actor) = gate::anyone() else {
        return 0;
    };
    let slot = Slot::CgroupRemove.scratch();
    if let Some(mut message) = Message::<CgroupRemove>::begin(hook::CGROUP_REMOVE, &actor, slot) {
        let path = message.kernel_string(ctx.arg(1)).unwrap_or(0);
        // SAFETY: the body is within the message.
        unsafe {
            *message.body() = CgroupRemove {
                id,
                session: tag.session,
                path,
                reserved: 0,
            }
        };
        message.submit();
    }
    let _ = CGROUPS.remove(id);
    0
}

#[inline(always)]
fn lost(hook: u16) -> i32 {
    count::run(hook, Fate::LostMap);
    0
}
