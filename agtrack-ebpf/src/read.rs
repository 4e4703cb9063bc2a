//! Reading kernel and user memory.
//!
//! The helper zeroes its destination when it cannot read. So its result is ignored: a branch on
//! it at each read would make the verifier walk every combination.

use core::arch::asm;
use core::mem::MaybeUninit;

use aya_ebpf::Global;
use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_user};

/// A pointer into kernel memory, never dereferenced here.
pub type Kernel = *const u8;

/// The member at `offset` of the object at `base`, zero where it cannot be read.
#[inline(always)]
pub fn field<T: Copy>(base: Kernel, offset: &Global<u32>) -> T {
    at(base.wrapping_add(offset.load() as usize))
}

/// The value at `address` in kernel memory, zero where it cannot be read.
#[inline(always)]
pub fn at<T: Copy>(address: Kernel) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper writes all of `value`, with zeroes on a fault, and checks the address.
    // Callers ask for plain integers and pointers only, for which every bit pattern is valid.
    unsafe {
        bpf_probe_read_kernel(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            address.cast(),
        );
        value.assume_init()
    }
}

/// The value at `address` in the current process's memory, zero where it cannot be read.
#[inline(always)]
pub fn user<T: Copy>(address: u64) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: as in `at`.
    unsafe {
        bpf_probe_read_user(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            address as *const _,
        );
        value.assume_init()
    }
}

/// As [`user`]; none where it cannot be read.
#[inline(always)]
pub fn try_user<T: Copy>(address: u64) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: as in `at`.
    unsafe {
        let size = size_of::<T>() as u32;
        let ret = bpf_probe_read_user(value.as_mut_ptr().cast(), size, address as *const _);
        (ret == 0).then_some(value.assume_init())
    }
}

/// `value & MASK`, where the compiler must not see that the mask changes nothing and leave it out:
/// the verifier of 5.10 forgets what a comparison told it about a value's range, and believes a
/// mask only.
#[inline(always)]
pub fn masked<const MASK: u64>(value: u32) -> usize {
    let mut value = u64::from(value);
    // SAFETY: plain arithmetic on a register.
    unsafe { asm!("{0} &= {mask}", inout(reg) value, mask = const MASK, options(pure, nomem)) };
    value as usize
}
