//! System calls as the kernel knows them: numbers and words, nothing in between.

use crate::Ret;

/// A system call with up to five arguments; -errno on failure.
pub(crate) fn call(number: libc::c_long, arguments: [i64; 5]) -> Ret {
    let [a, b, c, d, e] = arguments;
    // SAFETY: callers in this program pass pointers to NUL-terminated or sized buffers that live
    // until the call returns. A wrong one would end this process, whose only job is to make calls.
    let ret = unsafe { libc::syscall(number, a, b, c, d, e) };
    if ret == -1 { -errno() } else { ret }
}

/// What the last call left.
pub(crate) fn errno() -> i64 {
    i64::from(
        std::io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or_default(),
    )
}

/// The address of a buffer as a call's argument.
pub(crate) fn address<T: ?Sized>(buffer: &T) -> i64 {
    (&raw const *buffer).cast::<u8>() as i64
}

/// Writes all of `bytes`, or ends the process: nobody would learn the results.
pub(crate) fn write(descriptor: i64, bytes: &[u8]) {
    let length = bytes.len() as i64;
    if call(libc::SYS_write, [descriptor, address(bytes), length, 0, 0]) != length {
        std::process::exit(98);
    }
}

/// Closes a descriptor that a call returned, if it did.
pub(crate) fn close(descriptor: Ret) {
    if descriptor >= 0 {
        call(libc::SYS_close, [descriptor, 0, 0, 0, 0]);
    }
}
