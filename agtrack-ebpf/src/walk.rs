//! From a place in the tree of names to its path.
//!
//! Components are written leaf first, each with a NUL; user space turns them round. The loop's
//! state lives in the scratch memory and is read afresh each time, so that the verifier forgets
//! what it knew and its work stays linear in the number of components. The loop is a function of
//! numbers only, with a name that the linker keeps: such a function the verifier looks at once, and
//! not again at each call. So it makes a few steps, and is called again.

use agtrack_common::wire::{NAME_SIZE, PATH_MAX, Path, path_flag};
use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;

use crate::message::DATA_MASK;
use crate::object::Place;
use crate::offset::*;
use crate::read::{Kernel, field};
use crate::scratch::{self, Scratch};

/// Components and mount crossings of one call of the loop: all that the verifier looks at.
const STEPS: u32 = 16;
/// Calls of the loop, for the longest of paths.
const CALLS: u32 = 8;
/// The data begin below this offset of the work space's bytes.
pub const BEGIN_MASK: u32 = 255;

/// Appends the components of `place` to the scratch data, which begin at that offset of its bytes.
#[inline(always)]
pub fn append(scratch: *mut Scratch, data: u32, place: Place) -> Path {
    // SAFETY: `scratch` is a map value; all offsets are masked below its size.
    unsafe {
        let state = &raw mut (*scratch).walk;
        let begin = (&raw const (*scratch).used).read_volatile();
        let flags = first_flags(place.dentry);
        (&raw mut (*state).begin).write_volatile(begin);
        (&raw mut (*state).flags).write_volatile(flags | path_flag::DEEP);
        (&raw mut (*state).root).write_volatile(u32::MAX);
        let slot = (&raw const (*scratch).slot).read_volatile();
        // Not as arguments: the verifier asks for numbers, and knows some of these as pointers.
        (&raw mut (*state).dentry).write_volatile(place.dentry as u64);
        (&raw mut (*state).mount).write_volatile(place.mount as u64);
        let mut call = 0;
        while call < CALLS && agtrack_climb(slot, data) != 0 {
            call += 1;
        }
        let end = (&raw const (*scratch).used).read_volatile();
        Path {
            walked: end.wrapping_sub(begin),
            name: 0,
            flags: (&raw const (*state).flags).read_volatile(),
            root: (&raw const (*state).root).read_volatile(),
        }
    }
}

#[inline(always)]
fn first_flags(dentry: Kernel) -> u32 {
    let hashed: u64 = field(dentry, &DENTRY_HASHED);
    let parent: Kernel = field(dentry, &DENTRY_PARENT);
    if hashed == 0 && parent != dentry {
        path_flag::DELETED
    } else {
        0
    }
}

/// Some steps upwards. 0: it is at the top, or can go no further.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_climb(slot: u32, data: u32) -> u32 {
    let Some(scratch) = scratch::work_space(slot) else {
        return 0;
    };
    // SAFETY: as in `append`.
    unsafe {
        let data = (&raw mut (*scratch).bytes)
            .cast::<u8>()
            .add((data & BEGIN_MASK) as usize);
        let used = &raw mut (*scratch).used;
        let state = &raw mut (*scratch).walk;
        let flags = &raw mut (*state).flags;
        let mut dentry = (&raw const (*state).dentry).read_volatile() as Kernel;
        let mut mount = (&raw const (*state).mount).read_volatile() as Kernel;
        let mut mount_root: Kernel = field(mount, &VFSMOUNT_ROOT);
        let mut step = 0;
        while step < STEPS {
            step += 1;
            let offset = used.read_volatile();
            let begin = (&raw const (*state).begin).read_volatile();
            let root_dentry = (&raw const (*state).root_dentry).read_volatile() as Kernel;
            let root_mount = (&raw const (*state).root_mount).read_volatile() as Kernel;
            if dentry == root_dentry && mount == root_mount {
                (&raw mut (*state).root).write_volatile(offset.wrapping_sub(begin));
            }
            if dentry == mount_root {
                // The root of a mount has no name; it goes on at the place it is mounted on.
                let Some(place) = place_of(mount) else {
                    finish(flags, 0);
                    return 0;
                };
                (dentry, mount) = place;
                mount_root = field(mount, &VFSMOUNT_ROOT);
                continue;
            }
            if offset.wrapping_sub(begin) >= PATH_MAX as u32 || offset > DATA_MASK {
                finish(flags, path_flag::TRUNCATED);
                return 0;
            }
            let (parent, name) = parent_and_name(dentry);
            let target = data.add((offset & DATA_MASK) as usize);
            let length = bpf_probe_read_kernel_str(target.cast(), NAME_SIZE as u32, name.cast());
            if length <= 0 {
                finish(flags, path_flag::UNREADABLE);
                return 0;
            }
            used.write_volatile(offset.wrapping_add(length as u32));
            if dentry == parent {
                finish(flags, path_flag::PSEUDO);
                return 0;
            }
            dentry = parent;
        }
        (&raw mut (*state).dentry).write_volatile(dentry as u64);
        (&raw mut (*state).mount).write_volatile(mount as u64);
    }
    1
}

/// The entry that a mount lies on, and the mount which that is in; none above the topmost.
#[inline(always)]
fn place_of(mount: Kernel) -> Option<(Kernel, Kernel)> {
    let whole = mount.wrapping_sub(MOUNT_VFSMOUNT.load() as usize);
    let above: Kernel = field(whole, &MOUNT_PARENT);
    if above == whole {
        return None;
    }
    let entry = field(whole, &MOUNT_POINT);
    Some((entry, above.wrapping_add(MOUNT_VFSMOUNT.load() as usize)))
}

/// Both at once where they stand as close together as they always have: each read is a call.
#[inline(always)]
fn parent_and_name(dentry: Kernel) -> (Kernel, Kernel) {
    if DENTRY_NAME.load().wrapping_sub(DENTRY_PARENT.load()) == 16 {
        let [parent, _, name]: [Kernel; 3] = field(dentry, &DENTRY_PARENT);
        return (parent, name);
    }
    (field(dentry, &DENTRY_PARENT), field(dentry, &DENTRY_NAME))
}

/// The walk ended before it ran out of steps.
#[inline(always)]
unsafe fn finish(flags: *mut u32, flag: u32) {
    // SAFETY: as in `append`.
    unsafe { flags.write_volatile(flags.read_volatile() & !path_flag::DEEP | flag) }
}
