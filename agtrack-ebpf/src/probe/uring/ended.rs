//! How requests made through io_uring end.

use agtrack_common::event::{Kind, Uring, hook};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use super::{WRITE, WRITE_FIXED, WRITEV, WRITEV_FIXED};
use crate::gate::{self, Actor};
use crate::map::{REQUESTS, RING_WRITES};
use crate::message;
use crate::probe::{close, untyped};
use crate::quirk::URING_COMPLETION;
use crate::read::{Kernel, at};
use crate::request::Request;
use crate::writing::by_descriptor;

/// `(ctx, struct io_kiocb *, struct io_uring_cqe *)`; up to 6.12 the result itself follows
#[btf_tracepoint(function = "io_uring_complete")]
pub fn uring_result(ctx: BtfTracePointContext) -> i32 {
    const CQE: u32 = 2;
    /// `io_uring_cqe.res` (include/uapi/linux/io_uring.h)
    const RESULT: usize = 8;
    if let Some(actor) = gate::tagged() {
        let request: u64 = untyped(&ctx, 1);
        let ret: i32 = match URING_COMPLETION.load() {
            CQE => at(untyped::<Kernel>(&ctx, 2).wrapping_add(RESULT)),
            _ => untyped(&ctx, 3),
        };
        let ended = Request::new(request as Kernel);
        if writes(ended.opcode()) {
            wrote(&actor, ended, ret);
            return 0;
        }
        if REQUESTS.get_ptr(request).is_none() {
            return 0;
        }
        let _ = REQUESTS.remove(request);
        message::outcome_of::<Uring>(Kind::Uring, hook::URING_RESULT, &actor, ret, request);
    }
    0
}

/// Whether it writes into a file.
#[inline(always)]
pub(super) fn writes(opcode: u8) -> bool {
    matches!(opcode, WRITEV | WRITE_FIXED | WRITE | WRITEV_FIXED)
}

/// A request to write ended. On back end B it is counted for the descriptor that it was made with.
#[inline(always)]
fn wrote(actor: &Actor, request: Request, ret: i32) {
    let Some(file) = request.file_of_ended() else {
        return;
    };
    let mut descriptor = None;
    if by_descriptor() {
        // SAFETY: the value is copied at once.
        descriptor = unsafe { RING_WRITES.get(request.address()) }.copied();
        let _ = RING_WRITES.remove(request.address());
        if descriptor.is_none_or(|descriptor| descriptor < 0) {
            return;
        }
    }
    if ret > 0 {
        close::requested(actor, file, descriptor.unwrap_or(0) as u32, ret as u64);
    }
}
