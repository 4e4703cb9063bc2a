//! From a new program's environment to the names in it. Values never leave the kernel.
//!
//! Each variable is read to where its name is to stand in the message. What is behind the name is
//! overwritten by the next one, and by zeroes at the end, and is not sent. As in [`crate::walk`], the
//! loops keep their state in memory and are functions of numbers, which the verifier looks at once.

use agtrack_common::event::Environment;
use agtrack_common::wire::{ENVIRONMENT_MAX, NAME_SIZE, VARIABLE_MAX};
use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_user_str};

use crate::message::DATA_MASK;
use crate::scratch::{Scratch, of_slot};
use crate::walk::BEGIN_MASK;

/// Bytes that are read at a time, with a NUL; a longer variable takes several reads.
const PIECE: u32 = NAME_SIZE as u32;
/// Reads of one call of the loop.
const STEPS: u32 = 16;
/// Calls of the loop: 1024 reads in all.
const CALLS: u32 = 64;

/// State of the loop, in memory for the verifier's sake.
#[repr(C)]
pub struct EnvironmentState {
    /// Where the next read begins, in the program's memory.
    next: u64,
    /// Where the environment ends.
    end: u64,
    /// Where in the data the names begin.
    begin: u32,
    /// Variables without a name that is told.
    untold: u32,
    /// 1: the next read begins within a variable.
    inside: u32,
    reserved: u32,
}

/// Appends the names of the environment from `begin` to `end` to the scratch data, which begin at
/// that offset of its bytes and have room for a segment.
#[inline(always)]
pub fn append(scratch: *mut Scratch, data: u32, (begin, end): (u64, u64)) -> Environment {
    // SAFETY: `scratch` is a map value; all offsets are masked below its size.
    unsafe {
        let state = &raw mut (*scratch).environment;
        let first = (&raw const (*scratch).used).read_volatile();
        (&raw mut (*state).next).write_volatile(begin);
        (&raw mut (*state).end).write_volatile(end);
        (&raw mut (*state).begin).write_volatile(first);
        (&raw mut (*state).untold).write_volatile(0);
        (&raw mut (*state).inside).write_volatile(0);
        let slot = (&raw const (*scratch).slot).read_volatile();
        agtrack_environment(slot, data);
        let used = (&raw const (*scratch).used).read_volatile();
        let rest = target(scratch, data, used);
        // A read of nothing fails, and zeroes what it should have filled.
        bpf_probe_read_kernel(rest.cast(), PIECE, core::ptr::null());
        let next = (&raw const (*state).next).read_volatile();
        Environment {
            names: used.wrapping_sub(first),
            untold: (&raw const (*state).untold).read_volatile(),
            left: end.saturating_sub(next) as u32,
            reserved: 0,
        }
    }
}

/// Where in the work space the data's byte of that offset stands.
#[inline(always)]
unsafe fn target(scratch: *mut Scratch, data: u32, offset: u32) -> *mut u8 {
    // SAFETY: both offsets are masked below the size of the bytes.
    unsafe {
        (&raw mut (*scratch).bytes)
            .cast::<u8>()
            .add((data & BEGIN_MASK) as usize)
            .add((offset & DATA_MASK) as usize)
    }
}

/// All variables. A function, so that the verifier need not walk the loop anew for each way to it.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_environment(slot: u32, data: u32) -> u32 {
    let mut call = 0;
    while call < CALLS && agtrack_variables(slot, data) != 0 {
        call += 1;
    }
    call
}

/// Some variables. 0: that was the last one, or there is no more room.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_variables(slot: u32, data: u32) -> u32 {
    let Some(scratch) = of_slot(slot) else {
        return 0;
    };
    // SAFETY: as in `append`.
    unsafe {
        let state = &raw mut (*scratch).environment;
        let used = &raw const (*scratch).used;
        let mut step = 0;
        while step < STEPS {
            step += 1;
            let next = (&raw const (*state).next).read_volatile();
            let end = (&raw const (*state).end).read_volatile();
            let begin = (&raw const (*state).begin).read_volatile();
            let offset = used.read_volatile();
            if next >= end || offset.wrapping_sub(begin) > ENVIRONMENT_MAX - VARIABLE_MAX {
                return 0;
            }
            let text = target(scratch, data, offset);
            let length = bpf_probe_read_user_str(text.cast(), PIECE, next as *const _);
            if length < 0 {
                return 0;
            }
            // Of an empty string 5.10 says that nothing was read, newer ones that its NUL was.
            let length = if length == 0 { 1 } else { length };
            let inside = (&raw const (*state).inside).read_volatile();
            let whole = (length as u32) < PIECE;
            let step = if whole {
                length as u64
            } else {
                u64::from(PIECE) - 1
            };
            (&raw mut (*state).next).write_volatile(next.wrapping_add(step));
            (&raw mut (*state).inside).write_volatile(u32::from(!whole));
            if inside == 0 && agtrack_variable(slot, data) == 0 {
                let untold = (&raw const (*state).untold).read_volatile();
                (&raw mut (*state).untold).write_volatile(untold.wrapping_add(1));
            }
        }
    }
    1
}

/// Keeps the name of the variable that was read behind the data. 0: it has none, or a longer one.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_variable(slot: u32, data: u32) -> u32 {
    let Some(scratch) = of_slot(slot) else {
        return 0;
    };
    // SAFETY: as in `append`.
    unsafe {
        let used = &raw mut (*scratch).used;
        let offset = used.read_volatile();
        let text = target(scratch, data, offset);
        let mut length = 0;
        while length < VARIABLE_MAX {
            let place = text.add(length as usize);
            let byte = place.read_volatile();
            if byte == 0 || (byte == b'=' && length == 0) {
                return 0;
            }
            if byte == b'=' {
                place.write_volatile(0);
                used.write_volatile(offset.wrapping_add(length + 1));
                return 1;
            }
            length += 1;
        }
    }
    0
}
