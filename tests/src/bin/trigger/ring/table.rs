//! Files and buffers that are registered with the ring, and so have no descriptor, or no address in
//! the request.

use io_uring::{opcode, types};

use super::{HERE, RING, one, register};
use crate::trigger::call::{self, call};
use crate::{Ret, Step, complain, report};

/// Bytes that a file gets.
const GROWN: u64 = 100;

/// `fallocate PATH` through a place among the registered files; `open PATH` into such a place, and
/// what is done with it there; `write PATH` from a registered buffer.
pub(super) fn perform(name: &[u8], step: &mut Step) -> Ret {
    let path = step.path();
    match name {
        b"uring-table-fallocate" => fallocate(&path),
        b"uring-table-open" => open(&path),
        b"uring-table-write" => write(&path),
        _ => complain("no such request"),
    }
}

/// Opens by a call.
fn opened(path: &[u8]) -> Ret {
    let flags = libc::O_RDWR.into();
    call(
        libc::SYS_openat,
        [libc::AT_FDCWD.into(), call::address(path), flags, 0, 0],
    )
}

fn fallocate(path: &[u8]) -> Ret {
    let descriptor = opened(path);
    let registered = register(&[-1, descriptor as i32]);
    call::close(descriptor);
    if registered < 0 {
        return registered;
    }
    one(opcode::Fallocate::new(types::Fixed(1), GROWN).build())
}

fn open(path: &[u8]) -> Ret {
    let registered = register(&[-1; 4]);
    let Ok(slot) = types::DestinationSlot::try_from_slot_target(2) else {
        complain("no such slot");
    };
    if registered < 0 {
        return registered;
    }
    let open = opcode::OpenAt::new(HERE, path.as_ptr().cast()).flags(libc::O_RDWR);
    let ret = one(open.file_index(Some(slot)).build());
    let grown = one(opcode::Fallocate::new(types::Fixed(2), GROWN).build());
    report(b"in-slot", grown);
    ret
}

fn write(path: &[u8]) -> Ret {
    let descriptor = opened(path);
    let mut text = *b"content";
    let buffer = libc::iovec {
        iov_base: text.as_mut_ptr().cast(),
        iov_len: text.len(),
    };
    let registered = super::with(&RING, |ring| {
        // SAFETY: the buffer outlives the request, which is the only one that uses it.
        let done = unsafe { ring.submitter().register_buffers(&[buffer]) };
        done.map(|()| 0)
    });
    if registered < 0 {
        return registered;
    }
    let descriptor = types::Fd(descriptor as i32);
    one(opcode::WriteFixed::new(descriptor, text.as_ptr(), text.len() as u32, 0).build())
}
