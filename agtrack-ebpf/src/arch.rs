//! What depends on the processor: registers and system call numbers. x86_64 only, so far.

use agtrack_common::call::{CALLS, NUMBERS, Packed};

use agtrack_common::event::COMPAT;

use crate::object::Task;
use crate::read::{Kernel, at};

/// `TS_COMPAT` (arch/x86/include/asm/thread_info.h): an i386 system call.
const TS_COMPAT: u32 = 2;
/// Bytes of a page.
pub const PAGE_SIZE: u64 = 4096;
/// Bit of x32 system call numbers (arch/x86/include/uapi/asm/unistd.h).
const X32: u64 = 0x4000_0000;

/// Members of `struct pt_regs` (arch/x86/include/asm/ptrace.h), by their place; user space sees the
/// same order, so it stays.
mod register {
    pub const BP: usize = 4;
    pub const BX: usize = 5;
    pub const R10: usize = 7;
    pub const R9: usize = 8;
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

/// What agtrack knows of each number.
static KNOWN: [u64; CALLS] = NUMBERS;

/// What agtrack knows of this system call, in any of the processor's tables, if it does: what every
/// system call of the host has to pay for. The number and the arguments are still in the registers
/// at its end.
#[inline(always)]
pub fn known(regs: *const u64) -> Option<u64> {
    let number = register(regs, register::NUMBER) & u64::from(u32::MAX) & !X32;
    if number >= CALLS as u64 {
        return None;
    }
    // SAFETY: within the table; volatile, or the compiler makes a search of it.
    let known = unsafe { KNOWN.as_ptr().add(number as usize).read_volatile() };
    (known != 0).then_some(known)
}

/// Whether a thread is in an i386 system call, and not in one of 64 bits.
#[inline(always)]
pub fn is_compat(task: Task) -> bool {
    task.status() & TS_COMPAT != 0
}

/// The system call, if agtrack looks at it in the table it was made through.
#[inline(always)]
pub fn call(is_compat: bool, known: u64) -> Option<Packed> {
    let packed = Packed(if is_compat {
        (known >> 32) as u32
    } else {
        known as u32
    });
    (packed.kind() != 0).then_some(packed)
}

/// Its number, marked where it is one of i386 programs.
#[inline(always)]
pub fn number(is_compat: bool, regs: *const u64) -> u32 {
    let number = register(regs, register::NUMBER) as u32 & !(X32 as u32);
    if is_compat { number | COMPAT } else { number }
}

/// Its arguments.
#[inline(always)]
pub fn arguments(is_compat: bool, regs: *const u64) -> [u64; 6] {
    use register::*;
    if is_compat {
        return [BX, CX, DX, SI, DI, BP].map(|which| register(regs, which) & u64::from(u32::MAX));
    }
    [DI, SI, DX, R10, R8, R9].map(|which| register(regs, which))
}

/// The first arguments of a call by a 64-bit program. The registers are an address only: where a
/// call can be left out of a kernel, the BTF of 5.10 does not say what its function is given.
#[inline(always)]
pub fn arguments_at(regs: Kernel) -> [u64; 4] {
    use register::*;
    [DI, SI, DX, R10].map(|which| at(regs.wrapping_add(which * size_of::<u64>())))
}
