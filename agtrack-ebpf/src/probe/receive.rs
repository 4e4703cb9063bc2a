//! Open files that come from another process: with a message, or taken by `pidfd_getfd`.

use agtrack_common::call::{Packed, Quirk};
use agtrack_common::event::{Change, Kind, hook};
use agtrack_common::wire::{Path, path_flag};
use aya_ebpf::macros::fexit;
use aya_ebpf::programs::FExitContext;

use crate::gate::{self, Actor};
use crate::message::Message;
use crate::object::File;
use crate::read::user;
use crate::scratch::{self, Scratch, Slot};

/// Control messages of one message that are looked at, and descriptors in all of them.
const MESSAGES: u32 = 4;
const DESCRIPTORS: u32 = 16;
/// Messages of one `recvmmsg` that are looked at.
const BATCH: u32 = 4;
/// `SOL_SOCKET`, `SCM_RIGHTS` (include/linux/socket.h), as they stand in a `struct cmsghdr`.
const RIGHTS: [u32; 2] = [1, 1];
/// `sizeof(struct cmsghdr)`, and where `msg_control` stands in a `struct user_msghdr`.
const HEAD: u64 = 16;
const CONTROL: u64 = 32;
/// `sizeof(struct mmsghdr)`
const ENTRY: u64 = 64;

/// `int receive_fd(struct file *, int __user *, unsigned int o_flags)`; 6.1 has it as `__receive_fd`
#[fexit(function = "receive_fd")]
pub fn receive_result(ctx: FExitContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let (file, ret) = (File::new(ctx.arg(0)), ctx.arg(3));
        let slot = Slot::Receive.scratch();
        received(hook::RECEIVE_RESULT, &actor, file, ret, 0, slot);
    }
    0
}

/// `int __receive_fd(int fd, struct file *, int __user *, unsigned int o_flags)`, of 5.10
#[fexit(function = "__receive_fd")]
pub fn receive_result_into(ctx: FExitContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let (file, ret) = (File::new(ctx.arg(1)), ctx.arg(4));
        let slot = Slot::ReceiveInto.scratch();
        received(hook::RECEIVE_RESULT_INTO, &actor, file, ret, 0, slot);
    }
    0
}

/// Back end B: `recvmsg(fd, message, flags)` returned, or `recvmmsg(fd, messages, …)` with their
/// number, or `pidfd_getfd` with a descriptor.
#[inline(always)]
pub fn returned(call: Packed, arguments: [u64; 6], ret: i64) {
    const TAKES: u32 = Quirk::Takes as u32;
    const MESSAGES: u32 = Quirk::Messages as u32;
    if ret < 0 {
        return;
    }
    match call.quirk() {
        TAKES => {
            agtrack_received(Slot::SysExit as u32, ret as u32);
        }
        MESSAGES => {
            let mut index = 0;
            while index < BATCH && u64::from(index) < ret as u64 {
                in_message(arguments[1].wrapping_add(u64::from(index) * ENTRY));
                index += 1;
            }
        }
        _ => in_message(arguments[1]),
    }
}

/// What the kernel wrote into the caller's memory.
#[inline(always)]
fn in_message(message: u64) {
    agtrack_rights(message as u32, (message >> 32) as u32);
}

/// The descriptors that came with a message of that address. A function of numbers, as in
/// [`crate::walk`].
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_rights(low: u32, high: u32) -> u32 {
    let message = u64::from(high) << 32 | u64::from(low);
    let [control, length]: [u64; 2] = user(message.wrapping_add(CONTROL));
    let (mut at, end) = (control, control.wrapping_add(length));
    let (mut index, mut told) = (0, 0);
    while index < MESSAGES && at.wrapping_add(HEAD) <= end {
        let size: u64 = user(at);
        let what: [u32; 2] = user(at.wrapping_add(8));
        if size < HEAD {
            break;
        }
        let mut descriptor = at.wrapping_add(HEAD);
        let last = at.wrapping_add(size);
        while told < DESCRIPTORS && what == RIGHTS && descriptor < last {
            agtrack_received(Slot::SysExit as u32, user(descriptor));
            descriptor = descriptor.wrapping_add(4);
            told += 1;
        }
        // Each begins at a multiple of eight bytes.
        at = at.wrapping_add(size.wrapping_add(7) & !7);
        index += 1;
    }
    told
}

/// The current process has this descriptor now.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_received(slot: u32, descriptor: u32) -> u32 {
    if let Some(actor) = gate::tagged()
        && let Some(file) = actor.task.file(descriptor)
    {
        let (hook, scratch) = (hook::RECEIVE_SYSCALL, scratch::again(slot));
        let ret = descriptor as i32;
        received(hook, &actor, file, ret, path_flag::FD, scratch);
    }
    0
}

#[inline(always)]
fn received(
    hook: u16,
    actor: &Actor,
    file: File,
    ret: i32,
    mark: u32,
    scratch: Option<*mut Scratch>,
) {
    let message = Message::<Change>::begin_as(Kind::ReceiveFile as u16, hook, actor, scratch);
    let Some(mut message) = message else {
        return;
    };
    let mut path = message.path(actor.task, file.place());
    path.flags |= mark;
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Change {
            file: file.id(),
            path,
            other: Path::default(),
            value: file.mode().into(),
            second: 0,
            ret,
        };
    }
    message.submit();
}
