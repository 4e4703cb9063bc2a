//! The way to user space.

use agtrack_common::event::Ring;
use aya_ebpf::bindings::{BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::generated::bpf_ringbuf_output;
use aya_ebpf::maps::RingBuf;

use crate::budget;
use crate::count::Fate;
use crate::map::{BULK, CONTROL, LIFECYCLE};

/// Copies a message of `session` to a ring. The reader polls on a clock and is woken only where it sleeps without
/// one: a wake-up is an interrupt to the own processor, which costs more than all the rest.
#[inline(always)]
pub unsafe fn output(ring: Ring, session: u64, bytes: *const u8, size: u64) -> Fate {
    if !budget::allows(ring, session, size) {
        return Fate::LostBudget;
    }
    let map: &RingBuf = match ring {
        Ring::Lifecycle => &LIFECYCLE,
        Ring::Bulk => &BULK,
    };
    let flags = wake();
    // SAFETY: `RingBuf` is a transparent map definition; the verifier checks `bytes` and `size`.
    unsafe {
        let map = core::ptr::from_ref(map).cast_mut().cast();
        match bpf_ringbuf_output(map, bytes.cast_mut().cast(), size, u64::from(flags)) {
            0 => Fate::Submitted,
            _ => Fate::LostRing,
        }
    }
}

/// How to hand a message over: with a wake-up where one is needed.
#[inline(always)]
pub fn wake() -> u32 {
    if take_asleep() {
        BPF_RB_FORCE_WAKEUP
    } else {
        BPF_RB_NO_WAKEUP
    }
}

/// Whether the reader sleeps and nobody has woken it yet. It may be long until it runs: until then
/// nobody else need wake it. Two at the same moment may both do so, which does no harm.
#[inline(always)]
fn take_asleep() -> bool {
    let Some(asleep) = CONTROL.get_ptr_mut(1) else {
        return false;
    };
    // SAFETY: a map value; user space and programs write whole words.
    unsafe {
        let was = asleep.read_volatile() != 0;
        if was {
            asleep.write_volatile(0);
        }
        was
    }
}
