//! What depends on the processor: registers and system call numbers. x86_64 only, so far.

use crate::object::Task;
use crate::offset::*;
use crate::read::{Kernel, field};

/// The system calls that back end B looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `open(path, flags)`
    Open,
    /// `creat(path)`
    Creat,
    /// `openat(dir, path, flags)`
    OpenAt,
    /// `openat2(dir, path, how)`
    OpenAt2,
    /// `unlink(path)`
    Unlink,
    /// `unlinkat(dir, path, flags)`
    UnlinkAt,
    /// `rename(old, new)`
    Rename,
    /// `renameat(dir, old, dir, new)` and `renameat2(…, flags)`
    RenameAt,
    /// `renameat2(dir, old, dir, new, flags)`
    RenameAt2,
    /// `connect(descriptor, address, length)`
    Connect,
    /// i386 `socketcall(SYS_CONNECT, arguments)`
    Multiplexed,
}

/// `TS_COMPAT` (arch/x86/include/asm/thread_info.h): an i386 system call.
const TS_COMPAT: u32 = 2;
/// Bit of x32 system call numbers (arch/x86/include/uapi/asm/unistd.h).
const X32: u64 = 0x4000_0000;

/// The system call that `regs` (`struct pt_regs`) belong to, if agtrack looks at it. The number
/// and the arguments are still in the registers at its end.
#[inline(always)]
pub fn call(task: Task, regs: Kernel) -> Option<Call> {
    let number: u64 = field(regs, &REGS_NR);
    if is_compat(task) {
        compat(number as u32)
    } else {
        native((number & !X32) as u32)
    }
}

/// The arguments of that system call.
#[inline(always)]
pub fn arguments(task: Task, regs: Kernel) -> [u64; 5] {
    if is_compat(task) {
        return compat_arguments(regs);
    }
    [
        field(regs, &REGS_DI),
        field(regs, &REGS_SI),
        field(regs, &REGS_DX),
        field(regs, &REGS_R10),
        field(regs, &REGS_R8),
    ]
}

#[inline(always)]
fn is_compat(task: Task) -> bool {
    task.status() & TS_COMPAT != 0
}

#[inline(always)]
fn compat_arguments(regs: Kernel) -> [u64; 5] {
    let low = |offset| u64::from(field::<u32>(regs, offset));
    [
        low(&REGS_BX),
        low(&REGS_CX),
        low(&REGS_DX),
        low(&REGS_SI),
        low(&REGS_DI),
    ]
}

/// arch/x86/entry/syscalls/syscall_64.tbl
#[inline(always)]
fn native(number: u32) -> Option<Call> {
    Some(match number {
        2 => Call::Open,
        42 => Call::Connect,
        82 => Call::Rename,
        85 => Call::Creat,
        87 => Call::Unlink,
        257 => Call::OpenAt,
        263 => Call::UnlinkAt,
        264 => Call::RenameAt,
        316 => Call::RenameAt2,
        437 => Call::OpenAt2,
        _ => return None,
    })
}

/// arch/x86/entry/syscalls/syscall_32.tbl
#[inline(always)]
fn compat(number: u32) -> Option<Call> {
    Some(match number {
        5 => Call::Open,
        8 => Call::Creat,
        10 => Call::Unlink,
        38 => Call::Rename,
        102 => Call::Multiplexed,
        295 => Call::OpenAt,
        301 => Call::UnlinkAt,
        302 => Call::RenameAt,
        353 => Call::RenameAt2,
        362 => Call::Connect,
        437 => Call::OpenAt2,
        _ => return None,
    })
}
