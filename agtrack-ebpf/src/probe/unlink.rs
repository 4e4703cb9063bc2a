use agtrack_common::event::{Unlink, hook};
use agtrack_common::wire::RET_UNKNOWN;
use aya_ebpf::macros::{fentry, fexit, lsm};
use aya_ebpf::programs::{FEntryContext, FExitContext, LsmContext};

use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::message::{Message, outcome};
use crate::names::{self, Which};
use crate::object::Place;
use crate::probe::{Name, is_probing, named_path};
use crate::read::Kernel;
use crate::scratch::{Scratch, Slot, task_scratch};

/// `int path_unlink(const struct path *dir, struct dentry *dentry)`
#[lsm(hook = "path_unlink")]
pub fn unlink_lsm(ctx: LsmContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        announce(
            hook::UNLINK_LSM,
            &actor,
            ctx.arg(0),
            ctx.arg(1),
            task_scratch(&actor),
        );
    }
    0
}

#[fentry(function = "security_path_unlink")]
pub fn unlink_fentry(ctx: FEntryContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let slot = Slot::UnlinkFentry.scratch();
        announce(hook::UNLINK_FENTRY, &actor, ctx.arg(0), ctx.arg(1), slot);
    }
    0
}

#[inline(always)]
fn announce(hook: u16, actor: &Actor, dir: Kernel, dentry: Kernel, scratch: Option<*mut Scratch>) {
    let Some(mut message) = Message::<Unlink>::begin(hook, actor, scratch) else {
        return;
    };
    let place = Place {
        dentry,
        ..Place::from_path(dir)
    };
    let path = message.path(actor.task, place);
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Unlink {
            file: place.id(),
            path,
            ret: RET_UNKNOWN,
            reserved: 0,
        };
    }
    message.submit();
}

/// `int filename_unlinkat(int dfd, struct filename *name)`; 6.12 has it as `do_unlinkat`
#[fentry(function = "do_unlinkat")]
pub fn unlink_name(ctx: FEntryContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        names::keep(hook::UNLINK_NAME, &actor, Which::First, ctx.arg(1));
    }
    0
}

/// As [`unlink_name`].
#[fexit(function = "do_unlinkat")]
pub fn unlink_result(ctx: FExitContext) -> i32 {
    let Some(actor) = gate::tagged_or_born() else {
        return 0;
    };
    let ret: i32 = ctx.arg(2);
    if ret == 0 {
        outcome::<Unlink>(hook::UNLINK_RESULT, &actor, 0);
    } else {
        let name = names::kept(&actor, Which::First, ctx.arg(1));
        let slot = Slot::UnlinkResult.scratch();
        finished(hook::UNLINK_RESULT, &actor, ctx.arg(0), name, ret, slot);
    }
    names::forget(actor.tid);
    0
}

/// The call returned `ret`, and the name is all there is to say which file it was.
#[inline(always)]
pub fn finished(
    hook: u16,
    actor: &Actor,
    directory: i32,
    name: Name,
    ret: i32,
    scratch: Option<*mut Scratch>,
) {
    if is_probing(ret) {
        return count::run(hook, Fate::Filtered);
    }
    let Some(mut message) = Message::<Unlink>::begin(hook, actor, scratch) else {
        return;
    };
    let path = named_path(&mut message, actor, directory, name);
    // SAFETY: the body is within the message.
    unsafe {
        (*message.body()).path = path;
        (*message.body()).ret = ret;
    }
    message.submit();
}
