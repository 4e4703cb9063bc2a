//! Bytes of a packet, copied straight into a ring: a packet may come while another one is looked at on
//! the same processor, so there is no work space to share.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::helpers::generated::bpf_skb_load_bytes;
use aya_ebpf::maps::RingBuf;

use crate::count::Fate;
use crate::ring;

/// Which bytes.
#[derive(Clone, Copy)]
pub struct Cut {
    pub skb: *mut __sk_buff,
    /// Where in the packet they begin.
    pub at: u32,
    /// How many; not 0.
    pub length: u32,
}

#[repr(C)]
struct Whole<F, const ROOM: usize> {
    front: F,
    data: [u8; ROOM],
}

impl Cut {
    /// Bytes that [`Cut::submit`] takes in the ring.
    pub const fn size<F, const ROOM: usize>() -> u64 {
        size_of::<Whole<F, ROOM>>() as u64
    }

    /// Takes `ROOM` bytes, a power of two, and what `F` needs, has `front` write the latter (it is told
    /// how many bytes follow), and copies the packet's bytes behind it. What is behind them is as it
    /// was.
    #[inline(always)]
    pub fn submit<F: 'static, const ROOM: usize>(
        self,
        ring: &RingBuf,
        front: impl FnOnce(*mut F, u32),
    ) -> Fate {
        let Some(mut entry) = ring.reserve::<Whole<F, ROOM>>(0) else {
            return Fate::LostRing;
        };
        let whole = entry.as_mut_ptr();
        // A clamp without branches: older verifiers keep no lower bound across one.
        let size = (core::hint::black_box(self.length).wrapping_sub(1) & (ROOM as u32 - 1)) + 1;
        // SAFETY: the ring's own memory, of that size.
        unsafe {
            front(&raw mut (*whole).front, size);
            let data = (&raw mut (*whole).data).cast();
            if bpf_skb_load_bytes(self.skb.cast(), self.at, data, size) != 0 {
                entry.discard(0);
                return Fate::LostOversized;
            }
        }
        entry.submit(ring::wake().into());
        Fate::Submitted
    }
}
