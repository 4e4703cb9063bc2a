//! io_uring: the kernel opens a file without an open call.

use io_uring::{IoUring, opcode, types};

use crate::trigger::call;
use crate::{Ret, complain};

/// Opens a file for reading and closes it; -errno, also where there is no io_uring.
pub(crate) fn openat(path: &[u8]) -> Ret {
    let mut ring = match IoUring::new(2) {
        Ok(ring) => ring,
        Err(error) => return -i64::from(error.raw_os_error().unwrap_or(libc::EIO)),
    };
    let entry = opcode::OpenAt::new(types::Fd(libc::AT_FDCWD), path.as_ptr().cast()).build();
    // SAFETY: the path outlives the wait for the result below.
    if unsafe { ring.submission().push(&entry) }.is_err() {
        complain("the ring takes no entry");
    }
    if let Err(error) = ring.submit_and_wait(1) {
        return -i64::from(error.raw_os_error().unwrap_or(libc::EIO));
    }
    let ret = ring
        .completion()
        .next()
        .map_or(-libc::EIO, |entry| entry.result());
    call::close(ret.into());
    ret.into()
}
