//! What depends on the processor: registers and system call numbers. x86_64 only, so far.

use crate::object::Task;

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

/// Members of `struct pt_regs` (arch/x86/include/asm/ptrace.h), by their place; user space sees the
/// same order, so it stays.
mod register {
    pub const BX: usize = 5;
    pub const R10: usize = 7;
    pub const R8: usize = 9;
    pub const CX: usize = 11;
    pub const DX: usize = 12;
    pub const SI: usize = 13;
    pub const DI: usize = 14;
    pub const NUMBER: usize = 15;
}

/// A register of the `struct pt_regs` that a program was given as its argument: the verifier knows
/// the type, so this is a plain load.
#[inline(always)]
fn register(regs: *const u64, which: usize) -> u64 {
    // SAFETY: the kernel's own object, live while the program runs; a load that faults gives zero.
    unsafe { regs.add(which).read_volatile() }
}

/// Whether agtrack may look at this system call, in any of the processor's tables: what every
/// system call of the host has to pay for.
#[inline(always)]
pub fn may_be_call(regs: *const u64) -> bool {
    let number = register(regs, register::NUMBER);
    native((number & !X32) as u32).is_some() || compat(number as u32).is_some()
}

/// The system call that `regs` belong to, if agtrack looks at it. The number and the arguments are
/// still in the registers at its end.
#[inline(always)]
pub fn call(task: Task, regs: *const u64) -> Option<Call> {
    let number = register(regs, register::NUMBER);
    if is_compat(task) {
        compat(number as u32)
    } else {
        native((number & !X32) as u32)
    }
}

/// The arguments of that system call.
#[inline(always)]
pub fn arguments(task: Task, regs: *const u64) -> [u64; 5] {
    use register::*;
    if is_compat(task) {
        return [BX, CX, DX, SI, DI].map(|which| register(regs, which) & u64::from(u32::MAX));
    }
    [DI, SI, DX, R10, R8].map(|which| register(regs, which))
}

#[inline(always)]
fn is_compat(task: Task) -> bool {
    task.status() & TS_COMPAT != 0
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
