//! Packets of sessions that somebody wants to have as they are.

use agtrack_common::packet::{Captured, LONGEST, PacketHeader};
use agtrack_common::socket::Holder;
use aya_ebpf::bindings::__sk_buff;

use crate::count::{Fate, add};
use crate::map::{CAPTURED, CONTROL, PACKETS};
use crate::probe::cut::Cut;
use crate::socket;

/// Hands the packet over if its session's packets are wanted.
#[inline(always)]
pub fn take(skb: *mut __sk_buff, holder: &Holder, outbound: bool) {
    let most = wanted();
    if most == 0 {
        return;
    }
    let Some(captured) = CAPTURED.get_ptr_mut(holder.session) else {
        return;
    };
    // SAFETY: a map value, touched by atomic adds only. The kernel passes a valid context; a volatile read
    // keeps the field's own width.
    unsafe {
        add(&raw mut (*captured).seen, 1);
        let length = (&raw const (*skb).len).read_volatile();
        let most = if most < LONGEST { most } else { LONGEST };
        let kept = if length < most { length } else { most };
        let packet = Passing {
            skb,
            holder,
            outbound,
            length,
            kept,
        };
        // Room is taken in steps.
        let fate = match kept {
            0..=128 => packet.copy::<128>(captured),
            129..=512 => packet.copy::<512>(captured),
            513..=2048 => packet.copy::<2048>(captured),
            2049..=8192 => packet.copy::<8192>(captured),
            8193..=32768 => packet.copy::<32768>(captured),
            32769..=65536 => packet.copy::<65536>(captured),
            _ => packet.copy::<262_144>(captured),
        };
        if !matches!(fate, Fate::Submitted) {
            add(&raw mut (*captured).lost, 1);
        }
    }
}

/// Bytes wanted of each packet of captured sessions; 0: none is captured.
#[inline(always)]
fn wanted() -> u32 {
    CONTROL.get(2).copied().unwrap_or(0)
}

struct Passing<'a> {
    skb: *mut __sk_buff,
    holder: &'a Holder,
    outbound: bool,
    length: u32,
    kept: u32,
}

impl Passing<'_> {
    /// # Safety
    /// `captured` is a map value.
    #[inline(always)]
    unsafe fn copy<const ROOM: usize>(&self, captured: *mut Captured) -> Fate {
        let cut = Cut {
            skb: self.skb,
            at: 0,
            length: self.kept,
        };
        cut.submit::<PacketHeader, ROOM>(&PACKETS, |header, kept| {
            // SAFETY: the ring's own memory; `captured` as the caller says.
            unsafe {
                header.write(PacketHeader {
                    time: socket::now(),
                    session: self.holder.session,
                    start: self.holder.start,
                    lost: (&raw const (*captured).lost).read_volatile(),
                    tgid: self.holder.tgid,
                    length: self.length,
                    kept,
                    outbound: self.outbound.into(),
                });
            }
        })
    }
}
