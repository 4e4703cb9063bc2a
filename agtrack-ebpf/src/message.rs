//! Building an event and handing it to its ring.
//!
//! A message is filled in scratch memory and copied to the ring in its true length, so that a
//! short path costs a short record. What does not fit travels ahead in parts (`wire::Part`).

use core::marker::PhantomData;

use agtrack_common::event::{Body, Environment, Kind, Own, Ring};
use agtrack_common::wire::{Header, NAME_SIZE, OUTCOME, Outcome, PART, PATH_MAX, Part, Path};
use aya_ebpf::helpers::generated::{
    bpf_probe_read_kernel, bpf_probe_read_kernel_str, bpf_probe_read_user, bpf_probe_read_user_str,
};

use crate::budget;
use crate::count::{self, Fate};
use crate::environment;
use crate::gate::Actor;
use crate::object::{Place, Task};
use crate::read::{Kernel, masked};
use crate::ring::output;
use crate::scratch::{self, Scratch};
use crate::walk;

/// Offsets into the data are below this mask.
pub const DATA_MASK: u32 = 8191;
/// A segment begins below this offset, so that a whole path fits behind it.
const SEGMENT_START: u32 = DATA_MASK + 1 - PATH_MAX as u32 - NAME_SIZE as u32;
/// No bit of an offset below [`SEGMENT_START`] is outside of it.
const SEGMENT_MASK: u64 = 4095;
/// Room for the data; a name may overshoot the mask.
pub const DATA_SIZE: usize = DATA_MASK as usize + 1 + NAME_SIZE;
/// Largest body.
pub const BODY_SIZE: usize = 216;
/// Bytes in front of a body.
pub const HEADER_SIZE: usize = size_of::<Header>();
/// Bytes in front of the data of a part.
pub const HEAD: usize = HEADER_SIZE + size_of::<Part>();

/// An event being built.
pub struct Message<B> {
    scratch: *mut Scratch,
    hook: u16,
    body: PhantomData<B>,
}

impl<B: Body> Message<B> {
    const DATA: usize = HEADER_SIZE + size_of::<B>();

    /// Begins an event that `hook` saw `actor` do. None (and counted): no work space.
    #[inline(always)]
    pub fn begin(hook: u16, actor: &Actor, scratch: Option<*mut Scratch>) -> Option<Self>
    where
        B: Own,
    {
        Self::begin_as(B::KIND as u16, hook, actor, scratch)
    }

    /// As [`Message::begin`], for one of the kinds that share the body.
    #[inline(always)]
    pub fn begin_as(
        kind: u16,
        hook: u16,
        actor: &Actor,
        scratch: Option<*mut Scratch>,
    ) -> Option<Self> {
        const {
            assert!(size_of::<B>() <= BODY_SIZE && size_of::<B>().is_multiple_of(8));
            assert!(Self::DATA <= walk::BEGIN_MASK as usize);
        };
        let Some(scratch) = scratch else {
            count::run(hook, Fate::LostMap);
            return None;
        };
        // SAFETY: a map value that no other run uses at the same time.
        unsafe {
            (&raw mut (*scratch).used).write_volatile(0);
            (&raw mut (*scratch).sent).write_volatile(0);
            write_header(scratch, kind, hook, actor);
            core::ptr::write_bytes(message_bytes(scratch).add(HEADER_SIZE), 0, size_of::<B>());
        }
        Some(Message {
            scratch,
            hook,
            body: PhantomData,
        })
    }

    /// The body, zeroed at first.
    #[inline(always)]
    pub fn body(&mut self) -> *mut B {
        // SAFETY: within `bytes`; the header keeps the body 8-aligned.
        unsafe { message_bytes(self.scratch).add(HEADER_SIZE).cast() }
    }

    /// Appends the path of `place` as seen from the global root, and says where `task`'s own
    /// root directory lies in it.
    #[inline(always)]
    pub fn path(&mut self, task: Task, place: Place) -> Path {
        self.make_room();
        let root = task.root();
        // SAFETY: as in `begin`.
        unsafe {
            let state = &raw mut (*self.scratch).walk;
            (&raw mut (*state).root_dentry).write_volatile(root.dentry as u64);
            (&raw mut (*state).root_mount).write_volatile(root.mount as u64);
        }
        walk::append(self.scratch, Self::DATA as u32, place)
    }

    /// Appends a NUL-terminated string of the caller's memory; returns its bytes without NUL.
    /// `None`: it could not be read.
    #[inline(always)]
    pub fn user_string(&mut self, address: u64) -> Option<u32> {
        self.string(|target| {
            // SAFETY: `string` gives room for PATH_MAX bytes.
            unsafe { bpf_probe_read_user_str(target.cast(), PATH_MAX as u32, address as *const _) }
        })
    }

    /// Appends a NUL-terminated string of kernel memory; returns its bytes without NUL.
    #[inline(always)]
    pub fn kernel_string(&mut self, address: Kernel) -> Option<u32> {
        self.string(|target| {
            // SAFETY: `string` gives room for PATH_MAX bytes.
            unsafe { bpf_probe_read_kernel_str(target.cast(), PATH_MAX as u32, address.cast()) }
        })
    }

    #[inline(always)]
    fn string(&mut self, read: impl FnOnce(*mut u8) -> i64) -> Option<u32> {
        self.make_room();
        // SAFETY: as in `begin`; the offset is masked, and a segment begins far enough from the end.
        unsafe {
            let used = (&raw const (*self.scratch).used).read_volatile();
            if used > SEGMENT_START {
                return None;
            }
            let length = read(self.data().add(masked::<SEGMENT_MASK>(used)));
            if length <= 0 || length > PATH_MAX as i64 {
                return None;
            }
            let length = length as u32 - 1;
            (&raw mut (*self.scratch).used).write_volatile(used + length);
            Some(length)
        }
    }

    /// Appends up to `PATH_MAX` bytes of the caller's memory; returns how many.
    #[inline(always)]
    pub fn user_bytes(&mut self, address: u64, length: u32) -> u32 {
        // SAFETY: `bytes` gives room for `size` bytes.
        self.bytes(length, |target, size| unsafe {
            bpf_probe_read_user(target.cast(), size, address as *const _)
        })
    }

    /// Appends up to `PATH_MAX` bytes of kernel memory; returns how many.
    #[inline(always)]
    pub fn kernel_bytes(&mut self, address: Kernel, length: u32) -> u32 {
        // SAFETY: `bytes` gives room for `size` bytes.
        self.bytes(length, |target, size| unsafe {
            bpf_probe_read_kernel(target.cast(), size, address.cast())
        })
    }

    #[inline(always)]
    fn bytes(&mut self, length: u32, read: impl FnOnce(*mut u8, u32) -> i64) -> u32 {
        self.make_room();
        // SAFETY: as in `string`.
        unsafe {
            let used = (&raw const (*self.scratch).used).read_volatile();
            // A clamp without branches: older verifiers keep no lower bound across one.
            let size = (core::hint::black_box(length).wrapping_sub(1) & (PATH_MAX as u32 - 1)) + 1;
            if used > SEGMENT_START || length == 0 {
                return 0;
            }
            if read(self.data().add(masked::<SEGMENT_MASK>(used)), size) != 0 {
                return 0;
            }
            (&raw mut (*self.scratch).used).write_volatile(used + size);
            size
        }
    }

    /// Appends the names of the variables in the environment of `task`, the one that runs.
    #[inline(always)]
    pub fn environment(&mut self, task: Task) -> Environment {
        self.make_room();
        environment::append(self.scratch, Self::DATA as u32, task.environment())
    }

    /// Hands the event to its ring and counts it.
    #[inline(always)]
    pub fn submit(self) {
        // SAFETY: as in `begin`.
        let session = unsafe { (*message_bytes(self.scratch).cast::<Header>()).session };
        // SAFETY: as in `begin`; the length is checked against the size of the map value.
        let fate = unsafe {
            let bytes = message_bytes(self.scratch);
            let used = (&raw const (*self.scratch).used).read_volatile();
            let sent = (&raw const (*self.scratch).sent).read_volatile();
            if used > DATA_MASK || sent > u32::from(u16::MAX) {
                Fate::LostOversized
            } else {
                (&raw mut (*bytes.cast::<Header>()).tail).write(used as u16);
                (&raw mut (*bytes.cast::<Header>()).ahead).write(sent as u16);
                let data = masked::<{ DATA_MASK as u64 }>(used);
                output(B::RING, session, bytes, (Self::DATA + data) as u64)
            }
        };
        settle(self.hook, session, fate);
    }

    /// Sends what is there as a part when a whole segment might not fit behind it.
    #[inline(always)]
    fn make_room(&mut self) {
        // SAFETY: as in `begin`.
        unsafe {
            if (&raw const (*self.scratch).used).read_volatile() > SEGMENT_START {
                let slot = (&raw const (*self.scratch).slot).read_volatile();
                agtrack_part(slot, Self::DATA as u32, self.hook.into(), B::RING as u32);
            }
        }
    }

    #[inline(always)]
    fn data(&self) -> *mut u8 {
        // SAFETY: within `bytes`.
        unsafe { message_bytes(self.scratch).add(Self::DATA) }
    }
}

/// Sends the data of the event in that work space, which begin at `data`, as a part of it. The part's
/// header and offset are laid over the 48 bytes in front of the data, which are kept aside meanwhile. A function of numbers, as in [`crate::walk`]. 0: there is no such
/// work space.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn agtrack_part(slot: u32, data: u32, hook: u32, ring: u32) -> u32 {
    const { assert!(core::mem::offset_of!(Scratch, bytes) >= HEAD) };
    let Some(scratch) = scratch::work_space(slot) else {
        return 0;
    };
    // SAFETY: a map value; `data` is masked below the size of its bytes, and as many bytes as the head
    // has are in front of them. Lengths as in `submit`.
    unsafe {
        let used = (&raw const (*scratch).used).read_volatile();
        if used > DATA_MASK {
            return 0;
        }
        let bytes = message_bytes(scratch);
        let front = bytes.add((data & walk::BEGIN_MASK) as usize).sub(HEAD);
        let header = bytes.cast::<u64>();
        let aside = (&raw mut (*scratch).aside).cast::<u64>();
        copy_words::<{ HEAD / 8 }>(front.cast(), aside);
        let sent = (&raw const (*scratch).sent).read_volatile();
        copy_words::<{ HEADER_SIZE / 8 }>(header, front.cast());
        (*front.cast::<Header>()).kind = PART;
        (*front.cast::<Header>()).tail = used as u16;
        front.add(HEADER_SIZE).cast::<Part>().write(Part {
            offset: sent,
            reserved: 0,
        });
        let session = (*front.cast::<Header>()).session;
        let size = (HEAD + masked::<{ DATA_MASK as u64 }>(used)) as u64;
        let fate = if ring == Ring::Lifecycle as u32 {
            output(Ring::Lifecycle, session, front, size)
        } else {
            output(Ring::Bulk, session, front, size)
        };
        if !matches!(fate, Fate::Submitted) {
            count::run(hook as u16, Fate::LostPart);
        }
        copy_words::<{ HEAD / 8 }>(aside, front.cast());
        (&raw mut (*scratch).sent).write_volatile(sent.wrapping_add(used));
        (&raw mut (*scratch).used).write_volatile(0);
    }
    1
}

/// One by one: as a whole they would take the way over the stack, which is small. The last one first:
/// of an event with a small body, the head of a part lies over the end of the header that it is copied
/// from.
#[inline(always)]
unsafe fn copy_words<const N: usize>(from: *const u64, to: *mut u64) {
    let mut place = N;
    while place > 0 {
        place -= 1;
        // SAFETY: as the caller says.
        unsafe {
            to.add(place)
                .write_volatile(from.add(place).read_volatile())
        };
    }
}

/// Tells that what this thread announced last succeeded, and with which flags.
#[inline(always)]
pub fn outcome<B: Own>(hook: u16, actor: &Actor, flags: u32) {
    outcome_as::<B>(B::KIND, hook, actor, 0, flags);
}

/// Tells how what this thread announced last ended: one of the kinds that share the body.
#[inline(always)]
pub fn outcome_as<B: Body>(kind: Kind, hook: u16, actor: &Actor, ret: i32, flags: u32) {
    let outcome = Outcome {
        kind: kind as u32,
        ret,
        flags,
        high: 0,
    };
    send(B::RING, header(OUTCOME, hook, actor), outcome);
}

/// Tells how the one of that key ended, whatever thread announced it.
#[inline(always)]
pub fn outcome_of<B: Body>(kind: Kind, hook: u16, actor: &Actor, ret: i32, key: u64) {
    let outcome = Outcome {
        kind: kind as u32,
        ret,
        flags: key as u32,
        high: (key >> 32) as u32,
    };
    send(B::RING, header(OUTCOME, hook, actor), outcome);
}

/// A whole event without long data, from the stack: for programs whose work space another run on
/// this CPU could share.
#[inline(always)]
pub fn event<B: Own>(hook: u16, actor: &Actor, body: B) {
    event_as(B::KIND as u16, hook, actor, body);
}

/// As [`event`], of one of the kinds that share the body.
#[inline(always)]
pub fn event_as<B: Body>(kind: u16, hook: u16, actor: &Actor, body: B) {
    send(B::RING, header(kind, hook, actor), body);
}

#[inline(always)]
fn send<T>(ring: Ring, header: Header, body: T) {
    #[repr(C)]
    struct Whole<T>(Header, T);
    const { assert!(size_of::<T>().is_multiple_of(8) && align_of::<T>() <= 8) };
    let (hook, session) = (header.hook, header.session);
    let whole = Whole(header, body);
    // SAFETY: all of `whole` is initialised; it has no padding.
    let fate = unsafe {
        output(
            ring,
            session,
            (&raw const whole).cast(),
            size_of::<Whole<T>>() as u64,
        )
    };
    settle(hook, session, fate);
}

/// Counts what became of an event.
#[inline(always)]
pub fn settle(hook: u16, session: u64, fate: Fate) {
    if matches!(fate, Fate::LostBudget) {
        budget::refused(session, hook);
    }
    count::run(hook, fate);
}

/// What stands in front of an event.
#[inline(always)]
pub fn header(kind: u16, hook: u16, actor: &Actor) -> Header {
    Header {
        kind,
        hook,
        tail: 0,
        ahead: 0,
        time: actor.time,
        tgid: actor.tgid,
        tid: actor.tid,
        start: actor.start,
        session: actor.session,
    }
}

#[inline(always)]
unsafe fn write_header(scratch: *mut Scratch, kind: u16, hook: u16, actor: &Actor) {
    // SAFETY: the header stands first in `bytes`, which is 8-aligned.
    unsafe {
        message_bytes(scratch)
            .cast::<Header>()
            .write(header(kind, hook, actor))
    }
}

#[inline(always)]
unsafe fn message_bytes(scratch: *mut Scratch) -> *mut u8 {
    // SAFETY: the caller's scratch is valid.
    unsafe { (&raw mut (*scratch).bytes).cast() }
}
