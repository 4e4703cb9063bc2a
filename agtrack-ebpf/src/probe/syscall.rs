//! Back end B for files and sockets: one program at the end of every system call, because each
//! attached program costs every system call of the host.

use agtrack_common::event::hook;
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::arch::{self, Call};
use crate::gate::{self, Actor};
use crate::message::Slot;
use crate::probe::{AT_FDCWD, Name, connect, open, rename, unlink};
use crate::read::user;

/// `O_WRONLY | O_CREAT | O_TRUNC`, which is what `creat` means.
const CREAT_FLAGS: u64 = 0o1 | 0o100 | 0o1000;
/// `AT_REMOVEDIR`: `unlinkat` removes a directory.
const AT_REMOVEDIR: u64 = 0x200;
/// i386 `socketcall` number of `connect`.
const SYS_CONNECT: u64 = 3;

/// `(struct pt_regs *regs, long ret)`
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    let regs: *const u64 = ctx.arg(0);
    if arch::may_be_call(regs)
        && let Some(actor) = gate::tagged()
        && let Some(call) = arch::call(actor.task, regs)
        && let Some(request) = request(call, arch::arguments(actor.task, regs))
        && let Some(request) = forget(request)
    {
        dispatch(&actor, request, ctx.arg(1));
    }
    0
}

/// What was asked, in one form for the variants of a call: event, directory, name, second
/// directory, second name, flags. A connect's are descriptor, address, length.
type Request = [u64; 6];

const OPEN: u64 = 1;
const UNLINK: u64 = 2;
const RENAME: u64 = 3;
const CONNECT: u64 = 4;

#[inline(always)]
fn request(call: Call, [a, b, c, d, e]: [u64; 5]) -> Option<Request> {
    let cwd = AT_FDCWD as u64;
    Some(match call {
        Call::Open => [OPEN, cwd, a, 0, 0, b],
        Call::Creat => [OPEN, cwd, a, 0, 0, CREAT_FLAGS],
        Call::OpenAt => [OPEN, a, b, 0, 0, c],
        // `struct open_how` begins with 64 bits of flags.
        Call::OpenAt2 => [OPEN, a, b, 0, 0, user(c)],
        Call::Unlink => [UNLINK, cwd, a, 0, 0, 0],
        Call::UnlinkAt if c & AT_REMOVEDIR != 0 => return None,
        Call::UnlinkAt => [UNLINK, a, b, 0, 0, 0],
        Call::Rename => [RENAME, cwd, a, cwd, b, 0],
        Call::RenameAt => [RENAME, a, b, c, d, 0],
        Call::RenameAt2 => [RENAME, a, b, c, d, e],
        Call::Connect => [CONNECT, a, b, c, 0, 0],
        Call::Multiplexed if a != SYS_CONNECT => return None,
        Call::Multiplexed => {
            let [descriptor, address, length]: [u32; 3] = user(b);
            [
                CONNECT,
                descriptor.into(),
                address.into(),
                length.into(),
                0,
                0,
            ]
        }
    })
}

/// Passes the request through memory, where the verifier forgets which variant it came from.
/// Otherwise it would verify all that follows once for each.
#[inline(always)]
fn forget(request: Request) -> Option<Request> {
    let scratch = Slot::SysExit.scratch()?;
    // SAFETY: a map value.
    unsafe {
        let memory = &raw mut (*scratch).request;
        memory.write_volatile(request);
        Some(memory.read_volatile())
    }
}

#[inline(always)]
fn dispatch(actor: &Actor, [event, a, b, c, d, flags]: Request, ret: i64) {
    let slot = Slot::SysExit.scratch();
    let (first, flags) = (Name::User(b), flags as u32);
    match event {
        OPEN => open::finished(actor, a as i32, b, flags, ret),
        UNLINK => {
            unlink::finished(
                hook::UNLINK_SYSCALL,
                actor,
                a as i32,
                first,
                ret as i32,
                slot,
            );
        }
        RENAME => {
            let (from, to) = ((a as i32, first), (c as i32, Name::User(d)));
            rename::finished(
                hook::RENAME_SYSCALL,
                actor,
                from,
                to,
                flags,
                ret as i32,
                slot,
            );
        }
        CONNECT => connect::returned(actor, a as u32, b, c as u32, ret as i32),
        _ => {}
    }
}
