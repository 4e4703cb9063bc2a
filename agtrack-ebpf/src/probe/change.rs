//! Directories, links, permissions, owners, lengths: what changes a file without writing to it.

mod returned;
mod xattr;

use agtrack_common::event::{Change, Kind, hook};
use agtrack_common::wire::{FileId, Path, RET_UNKNOWN, path_flag};
use aya_ebpf::macros::{fentry, fexit, lsm};
use aya_ebpf::programs::{FEntryContext, FExitContext, LsmContext};

use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::message::{Message, outcome_as};
use crate::object::{File, Place};
use crate::probe::{is_probing, untyped};
use crate::quirk::TAKES_MAPPING;
use crate::read::Kernel;
use crate::scratch::{Scratch, Slot, task_scratch};
pub use returned::{Names, Returned, returned};

/// What the kernel is asked to change.
struct Asked {
    place: Place,
    other: Other,
    value: u64,
    second: u32,
}

/// The second thing that it is about.
enum Other {
    None,
    Place(Place),
    Text(Kernel),
    /// Two texts.
    Texts(Kernel, Kernel),
}

impl Asked {
    #[inline(always)]
    fn of(place: Place, value: u64) -> Asked {
        Asked {
            place,
            other: Other::None,
            value,
            second: 0,
        }
    }
}

/// An entry of a directory, which may not be there yet.
#[inline(always)]
fn entry(directory: Kernel, dentry: Kernel) -> Place {
    Place {
        dentry,
        ..Place::from_path(directory)
    }
}

/// The programs of changes that are announced before they are made: of the LSM hook, of fentry on
/// the function that calls it, and of fexit on the one that makes the change.
macro_rules! announced {
    ($(
        $kind:ident: $lsm:ident $lsm_id:ident $hook:tt, $fentry:ident $fentry_id:ident $slot:ident,
        $result:ident $result_id:ident after $arguments:literal;
        |$ctx:ident| $asked:expr;
    )+) => { $(
        #[lsm(hook = $hook)]
        pub fn $lsm($ctx: LsmContext) -> i32 {
            if let Some(actor) = gate::tagged_or_born() {
                announce(Kind::$kind, hook::$lsm_id, &actor, $asked, || task_scratch(&actor));
            }
            0
        }

        #[fentry]
        pub fn $fentry($ctx: FEntryContext) -> i32 {
            if let Some(actor) = gate::tagged_or_born() {
                announce(Kind::$kind, hook::$fentry_id, &actor, $asked, || Slot::$slot.scratch());
            }
            0
        }

        #[fexit]
        pub fn $result(ctx: FExitContext) -> i32 {
            if let Some(actor) = gate::tagged_or_born() {
                ended(Kind::$kind, hook::$result_id, &actor, ctx.arg($arguments));
            }
            0
        }
    )+ };
}

announced! {
    // `int path_mkdir(const struct path *dir, struct dentry *, umode_t)`
    Mkdir: mkdir_lsm MKDIR_LSM "path_mkdir", mkdir_fentry MKDIR_FENTRY MkdirFentry,
        mkdir_result MKDIR_RESULT after 3;
        |ctx| Some(Asked::of(entry(ctx.arg(0), ctx.arg(1)), ctx.arg::<u32>(2).into()));
    // `int path_rmdir(const struct path *dir, struct dentry *)`
    Rmdir: rmdir_lsm RMDIR_LSM "path_rmdir", rmdir_fentry RMDIR_FENTRY RmdirFentry,
        rmdir_result RMDIR_RESULT after 2;
        |ctx| Some(Asked::of(entry(ctx.arg(0), ctx.arg(1)), 0));
    // `int path_mknod(const struct path *dir, struct dentry *, umode_t, unsigned int dev)`
    Mknod: mknod_lsm MKNOD_LSM "path_mknod", mknod_fentry MKNOD_FENTRY MknodFentry,
        mknod_result MKNOD_RESULT after 4;
        |ctx| node(entry(ctx.arg(0), ctx.arg(1)), ctx.arg(2), ctx.arg(3));
    // `int path_link(struct dentry *old, const struct path *new_dir, struct dentry *new)`
    Link: link_lsm LINK_LSM "path_link", link_fentry LINK_FENTRY LinkFentry,
        link_result LINK_RESULT after 5;
        |ctx| Some(linked(ctx.arg(0), entry(ctx.arg(1), ctx.arg(2))));
    // `int path_symlink(const struct path *dir, struct dentry *, const char *text)`
    Symlink: symlink_lsm SYMLINK_LSM "path_symlink", symlink_fentry SYMLINK_FENTRY SymlinkFentry,
        symlink_result SYMLINK_RESULT after 3;
        |ctx| Some(Asked {
            other: Other::Text(ctx.arg(2)),
            ..Asked::of(entry(ctx.arg(0), ctx.arg(1)), 0)
        });
    // `int path_chmod(const struct path *, umode_t)`
    Chmod: chmod_lsm CHMOD_LSM "path_chmod", chmod_fentry CHMOD_FENTRY ChmodFentry,
        chmod_result CHMOD_RESULT after 2;
        |ctx| Some(Asked::of(Place::from_path(ctx.arg(0)), ctx.arg::<u32>(1).into()));
    // `int path_chroot(const struct path *)`
    Chroot: chroot_lsm CHROOT_LSM "path_chroot", chroot_fentry CHROOT_FENTRY ChrootFentry,
        chroot_result CHROOT_RESULT after 1;
        |ctx| Some(Asked::of(Place::from_path(ctx.arg(0)), 0));
    // `int sb_pivotroot(const struct path *put_old, const struct path *new_root)`
    PivotRoot: pivot_root_lsm PIVOT_ROOT_LSM "sb_pivotroot",
        pivot_root_fentry PIVOT_ROOT_FENTRY PivotRootFentry,
        pivot_root_result PIVOT_ROOT_RESULT after 1;
        |ctx| Some(moved(ctx.arg(0), ctx.arg(1)));
    // `int sb_mount(const char *source, const struct path *, const char *type, unsigned long flags,
    // void *data)`
    Mount: mount_lsm MOUNT_LSM "sb_mount", mount_fentry MOUNT_FENTRY MountFentry,
        mount_result MOUNT_RESULT after 5;
        |ctx| Some(Asked {
            other: Other::Texts(ctx.arg(0), ctx.arg(2)),
            ..Asked::of(Place::from_path(ctx.arg(1)), ctx.arg(3))
        });
    // `int move_mount(const struct path *from, const struct path *to)`
    Mount: move_mount_lsm MOVE_MOUNT_LSM "move_mount",
        move_mount_fentry MOVE_MOUNT_FENTRY MoveMountFentry,
        move_mount_result MOVE_MOUNT_RESULT after 1;
        |ctx| Some(moved(ctx.arg(0), ctx.arg(1)));
    // `int sb_umount(struct vfsmount *, int flags)`
    Umount: umount_lsm UMOUNT_LSM "sb_umount", umount_fentry UMOUNT_FENTRY UmountFentry,
        umount_result UMOUNT_RESULT after 2;
        |ctx| Some(Asked::of(Place::root_of(ctx.arg(0)), ctx.arg::<u32>(1).into()));
}

/// From one place to another.
#[inline(always)]
fn moved(from: Kernel, to: Kernel) -> Asked {
    Asked {
        other: Other::Place(Place::from_path(from)),
        ..Asked::of(Place::from_path(to), 0)
    }
}

/// An open that creates a file asks in the same words for a regular one, and is an open.
#[inline(always)]
fn node(place: Place, mode: u32, device: u32) -> Option<Asked> {
    const S_IFMT: u32 = 0o170_000;
    const S_IFREG: u32 = 0o100_000;
    let asked = Asked {
        second: device,
        ..Asked::of(place, mode.into())
    };
    (mode & S_IFMT != S_IFREG && mode & S_IFMT != 0).then_some(asked)
}

/// Both names of a file are on one mount.
#[inline(always)]
fn linked(old: Kernel, new: Place) -> Asked {
    let old = Place { dentry: old, ..new };
    Asked {
        other: Other::Place(old),
        ..Asked::of(new, 0)
    }
}

#[inline(always)]
fn announce(
    kind: Kind,
    hook: u16,
    actor: &Actor,
    asked: Option<Asked>,
    scratch: impl FnOnce() -> Option<*mut Scratch>,
) {
    match asked {
        Some(asked) => send(kind, hook, actor, asked, RET_UNKNOWN, scratch()),
        None => count::run(hook, Fate::Filtered),
    }
}

#[inline(always)]
fn send(
    kind: Kind,
    hook: u16,
    actor: &Actor,
    asked: Asked,
    ret: i32,
    scratch: Option<*mut Scratch>,
) {
    let Some(mut message) = Message::<Change>::begin_as(kind as u16, hook, actor, scratch) else {
        return;
    };
    let path = message.path(actor.task, asked.place);
    let mut second = asked.second;
    let (other, file) = match asked.other {
        Other::None => (Path::default(), asked.place.id()),
        Other::Place(other) => (message.path(actor.task, other), other.id()),
        Other::Text(text) => (words(message.kernel_string(text)), FileId::default()),
        Other::Texts(first, behind) => {
            let first = message.kernel_string(first).unwrap_or(0);
            second = message.kernel_string(behind).unwrap_or(0);
            (words(Some(first)), asked.place.id())
        }
    };
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Change {
            file,
            path,
            other,
            value: asked.value,
            second,
            ret,
        };
    }
    message.submit();
}

/// A text of so many bytes that is no path.
#[inline(always)]
fn words(length: Option<u32>) -> Path {
    match length {
        Some(name) => Path {
            name,
            ..Path::default()
        },
        None => Path {
            flags: path_flag::UNREADABLE,
            ..Path::default()
        },
    }
}

/// What asks whether something is there: counted, not recorded (`mkdir -p`: `EEXIST`).
#[inline(always)]
fn is_asking(ret: i32) -> bool {
    const EEXIST: i32 = 17;
    is_probing(ret) || ret == -EEXIST
}

/// What was announced is done, or was refused. What failed before it could be announced is not
/// recorded: the kernel found no object that it is about.
#[inline(always)]
fn ended(kind: Kind, hook: u16, actor: &Actor, ret: i32) {
    if is_asking(ret) {
        return count::run(hook, Fate::Filtered);
    }
    outcome_as::<Change>(kind, hook, actor, ret, 0);
}

/// `int chown_common(const struct path *, uid_t, gid_t)`. Its LSM hook takes structs by value, which
/// programs can be attached to since 6.0 only.
#[fexit(function = "chown_common")]
pub fn chown_result(ctx: FExitContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let asked = Asked {
            second: ctx.arg(2),
            ..Asked::of(Place::from_path(ctx.arg(0)), ctx.arg::<u32>(1).into())
        };
        let slot = Slot::ChownResult.scratch();
        send(
            Kind::Chown,
            hook::CHOWN_RESULT,
            &actor,
            asked,
            ctx.arg(3),
            slot,
        );
    }
    0
}

/// `int vfs_truncate(const struct path *, loff_t)`. The LSM hook is asked at opens with `O_TRUNC`
/// too, and cannot tell.
#[fexit(function = "vfs_truncate")]
pub fn truncate_result(ctx: FExitContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let asked = Asked::of(Place::from_path(ctx.arg(0)), ctx.arg(1));
        let slot = Slot::TruncateResult.scratch();
        send(
            Kind::Truncate,
            hook::TRUNCATE_RESULT,
            &actor,
            asked,
            ctx.arg(2),
            slot,
        );
    }
    0
}

/// `int do_truncate(struct mnt_idmap *, struct dentry *, loff_t, unsigned int time_attrs, struct file
/// *)`: of `ftruncate`, of opens with `O_TRUNC`, and, without a file, of `vfs_truncate`.
#[fexit(function = "do_truncate")]
pub fn ftruncate_result(ctx: FExitContext) -> i32 {
    /// `ATTR_OPEN` (include/linux/fs.h).
    const ATTR_OPEN: u32 = 1 << 15;
    let file: Kernel = mapped(&ctx, 4);
    if file.is_null() || mapped::<u32>(&ctx, 3) & ATTR_OPEN != 0 {
        return 0;
    }
    if let Some(actor) = gate::tagged_or_born() {
        let asked = Asked::of(File::new(file).place(), mapped(&ctx, 2));
        let (ret, slot) = (mapped(&ctx, 5), Slot::FtruncateResult.scratch());
        let (kind, hook) = (Kind::Truncate, hook::FTRUNCATE_RESULT);
        send(kind, hook, &actor, asked, ret, slot);
    }
    0
}

/// An argument, or the result behind them, of a function that takes the mapping first on newer
/// kernels. Read as memory, because its place is not the same on all.
#[inline(always)]
fn mapped<T: Copy>(ctx: &FExitContext, argument: usize) -> T {
    untyped(ctx, argument + TAKES_MAPPING.load() as usize - 1)
}
