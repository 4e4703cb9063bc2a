use agtrack_common::event::{Rename, hook};
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

/// `int path_rename(const struct path *old_dir, struct dentry *old, const struct path *new_dir,
/// struct dentry *new)`, with flags behind since 5.19.
#[lsm(hook = "path_rename")]
pub fn rename_lsm(ctx: LsmContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let (from, to) = (place(ctx.arg(0), ctx.arg(1)), place(ctx.arg(2), ctx.arg(3)));
        announce(hook::RENAME_LSM, &actor, from, to, task_scratch(&actor));
    }
    0
}

#[fentry(function = "security_path_rename")]
pub fn rename_fentry(ctx: FEntryContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let (from, to) = (place(ctx.arg(0), ctx.arg(1)), place(ctx.arg(2), ctx.arg(3)));
        announce(
            hook::RENAME_FENTRY,
            &actor,
            from,
            to,
            Slot::RenameFentry.scratch(),
        );
    }
    0
}

#[inline(always)]
fn place(dir: Kernel, dentry: Kernel) -> Place {
    Place {
        dentry,
        ..Place::from_path(dir)
    }
}

#[inline(always)]
fn announce(hook: u16, actor: &Actor, from: Place, to: Place, scratch: Option<*mut Scratch>) {
    let Some(mut message) = Message::<Rename>::begin(hook, actor, scratch) else {
        return;
    };
    let file = from.id();
    let from = message.path(actor.task, from);
    let to = message.path(actor.task, to);
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Rename {
            file,
            from,
            to,
            flags: 0,
            ret: RET_UNKNOWN,
        };
    }
    message.submit();
}

/// `int filename_renameat2(int olddfd, struct filename *from, int newdfd, struct filename *to,
/// unsigned int flags)`; 6.12 has it as `do_renameat2`
#[fentry(function = "do_renameat2")]
pub fn rename_names(ctx: FEntryContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        names::keep(hook::RENAME_NAMES, &actor, Which::First, ctx.arg(1));
        names::keep(hook::RENAME_NAMES, &actor, Which::Second, ctx.arg(3));
    }
    0
}

/// As [`rename_names`].
#[fexit(function = "do_renameat2")]
pub fn rename_result(ctx: FExitContext) -> i32 {
    let Some(actor) = gate::tagged_or_born() else {
        return 0;
    };
    let ret: i32 = ctx.arg(5);
    if ret == 0 {
        outcome::<Rename>(hook::RENAME_RESULT, &actor, ctx.arg(4));
    } else {
        let from = (ctx.arg(0), names::kept(&actor, Which::First, ctx.arg(1)));
        let to = (ctx.arg(2), names::kept(&actor, Which::Second, ctx.arg(3)));
        let slot = Slot::RenameResult.scratch();
        finished(hook::RENAME_RESULT, &actor, from, to, ctx.arg(4), ret, slot);
    }
    names::forget(actor.tid);
    0
}

/// The call returned `ret`, and the names are all there is to say which file it was.
#[inline(always)]
pub fn finished(
    hook: u16,
    actor: &Actor,
    from: (i32, Name),
    to: (i32, Name),
    flags: u32,
    ret: i32,
    scratch: Option<*mut Scratch>,
) {
    if is_probing(ret) {
        return count::run(hook, Fate::Filtered);
    }
    let Some(mut message) = Message::<Rename>::begin(hook, actor, scratch) else {
        return;
    };
    let from = named_path(&mut message, actor, from.0, from.1);
    let to = named_path(&mut message, actor, to.0, to.1);
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Rename {
            file: Default::default(),
            from,
            to,
            flags,
            ret,
        };
    }
    message.submit();
}
