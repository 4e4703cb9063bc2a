//! No session's flood displaces the events of others: a crowded ring takes a share from each.

use agtrack_common::budget::{CROWDED, Flood, SHARE, Spender, Spent};
use agtrack_common::event::Ring;
use aya_ebpf::Global;
use aya_ebpf::bindings::{BPF_NOEXIST, BPF_RB_AVAIL_DATA, BPF_RB_CONS_POS};
use aya_ebpf::maps::RingBuf;

use crate::count::add;
use crate::map::{BULK, FLOODS, LIFECYCLE, SPENT};

/// Size of the lifecycle ring, bytes.
#[unsafe(no_mangle)]
pub static LIFECYCLE_BYTES: Global<u32> = Global::new(1);

/// Size of the bulk ring, bytes.
#[unsafe(no_mangle)]
pub static BULK_BYTES: Global<u32> = Global::new(1);

/// Whether `ring` takes `size` more bytes from `session`.
#[inline(always)]
pub fn allows(ring: Ring, session: u64, size: u64) -> bool {
    let (map, bytes) = of(ring);
    map.query(BPF_RB_AVAIL_DATA.into()) <= u64::from(bytes / CROWDED)
        || agtrack_share(ring as u32, session, size as u32) != 0
}

/// Counts what was refused.
#[inline(always)]
pub fn refused(session: u64, hook: u16) {
    let flood = Flood {
        session,
        hook: hook.into(),
    };
    if let Some(count) = FLOODS.get_ptr_mut(flood) {
        // SAFETY: a map value, touched by atomic adds only.
        return unsafe { add(count, 1) };
    }
    // Where another one was first, or there is no room, the hook's counter tells of the difference.
    let _ = FLOODS.insert(flood, 1, BPF_NOEXIST.into());
}

#[inline(always)]
fn of(ring: Ring) -> (&'static RingBuf, u32) {
    match ring {
        Ring::Lifecycle => (&LIFECYCLE, LIFECYCLE_BYTES.load()),
        Ring::Bulk => (&BULK, BULK_BYTES.load()),
    }
}

/// What a session begins with. Not on the stack, of which 5.10 has little for a chain of calls.
static NOTHING: Spent = Spent { since: 0, bytes: 0 };

/// 1: the session's share of the crowded ring has room. A function of numbers, which the verifier
/// looks at once for all programs.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_share(ring: u32, session: u64, size: u32) -> u32 {
    let spender = Spender {
        session,
        ring: ring.into(),
    };
    let Some(spent) = SPENT.get_ptr_mut(spender) else {
        #[expect(
            clippy::needless_borrows_for_generic_args,
            reason = "by value it would stand on the stack"
        )]
        let _ = SPENT.insert(spender, &NOTHING, 0);
        return 1;
    };
    let (map, bytes) = if ring == Ring::Lifecycle as u32 {
        of(Ring::Lifecycle)
    } else {
        of(Ring::Bulk)
    };
    let read = map.query(BPF_RB_CONS_POS.into());
    let free = u64::from(bytes).saturating_sub(map.query(BPF_RB_AVAIL_DATA.into()));
    // SAFETY: a map value. Two that begin anew at the same moment forget a message or two.
    unsafe {
        if read.wrapping_sub((*spent).since) >= u64::from(bytes / CROWDED) {
            (*spent).since = read;
            (*spent).bytes = 0;
        }
        if (*spent).bytes > free / SHARE {
            return 0;
        }
        add(&raw mut (*spent).bytes, size.into());
    }
    1
}
