//! What changes the content of files that stay open. `keep` opens one; it and what `twin` makes of
//! one are called by numbers, from 0 in the order they came.

use std::sync::Mutex;

use crate::trigger::call::{address, call, errno};
use crate::trigger::ring;
use crate::{Ret, Step, complain};

/// Descriptors, by their numbers.
static KEPT: Mutex<Vec<i64>> = Mutex::new(Vec::new());

/// Bytes to write.
static BYTES: [u8; 1 << 16] = [b'x'; 1 << 16];

/// Whether this is one of the steps here.
pub(crate) fn knows(name: &[u8]) -> bool {
    const STEPS: &[&[u8]] = &[
        b"keep",
        b"twin",
        b"onto",
        b"drop",
        b"drop-range",
        b"drop-later",
        b"map",
        b"pass",
        b"take",
        b"name",
    ];
    STEPS.contains(&name) || name.starts_with(b"put-")
}

/// Makes the call.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    match name {
        b"keep" => {
            let (path, flags, mode) = (step.path(), step.number(), step.number());
            let cwd = i64::from(libc::AT_FDCWD);
            let call = call(libc::SYS_openat, [cwd, address(&*path), flags, mode, 0]);
            remember(call)
        }
        b"twin" => twin(step),
        b"onto" => {
            let (file, at) = (kept(step), step.number());
            call(libc::SYS_dup2, [file, at, 0, 0, 0])
        }
        b"drop" => call(libc::SYS_close, [kept(step), 0, 0, 0, 0]),
        b"drop-range" => call(libc::SYS_close_range, [kept(step), kept(step), 0, 0, 0]),
        b"drop-later" => {
            /// `CLOSE_RANGE_CLOEXEC` (include/uapi/linux/close_range.h).
            const CLOEXEC: i64 = 4;
            call(
                libc::SYS_close_range,
                [kept(step), kept(step), CLOEXEC, 0, 0],
            )
        }
        b"map" => {
            let (file, length, protection) = (kept(step), step.number(), step.number());
            let flags = step.number();
            // SAFETY: a new mapping that nobody uses.
            let ret =
                unsafe { libc::syscall(libc::SYS_mmap, 0, length, protection, flags, file, 0) };
            if ret == -1 { -errno() } else { 0 }
        }
        b"pass" => pass(kept(step)),
        b"take" => {
            let own = call(
                libc::SYS_pidfd_open,
                [std::process::id().into(), 0, 0, 0, 0],
            );
            remember(call(libc::SYS_pidfd_getfd, [own, kept(step), 0, 0, 0]))
        }
        b"name" => name_it(step),
        b"put-into" => {
            let (at, length) = (step.number(), step.number());
            call(libc::SYS_write, [at, address(&BYTES), length, 0, 0])
        }
        _ => put(name, step),
    }
}

/// Writes into a kept file, by the call that the step is named after.
fn put(name: &[u8], step: &mut Step) -> Ret {
    let (file, length) = (kept(step), step.number());
    let half = length / 2;
    let parts = [[address(&BYTES), half], [address(&BYTES), length - half]];
    let parts = address(&parts);
    match name {
        b"put-write" => call(libc::SYS_write, [file, address(&BYTES), length, 0, 0]),
        b"put-pwrite" => call(libc::SYS_pwrite64, [file, address(&BYTES), length, 3, 0]),
        b"put-writev" => call(libc::SYS_writev, [file, parts, 2, 0, 0]),
        b"put-pwritev" => call(libc::SYS_pwritev, [file, parts, 2, 5, 0]),
        b"put-pwritev2" => {
            // SAFETY: the buffers live until the call returns.
            let ret = unsafe { libc::syscall(libc::SYS_pwritev2, file, parts, 2, 7, 0, 0) };
            if ret < 0 { -errno() } else { ret }
        }
        b"put-sendfile" => call(libc::SYS_sendfile, [file, kept(step), 0, length, 0]),
        b"put-copy" => {
            // The flags, a sixth argument, are whatever stands in the register; the C library passes
            // them.
            let (from, null) = (kept(step) as i32, std::ptr::null_mut());
            let length = length as usize;
            // SAFETY: no pointers but null.
            let ret = unsafe { libc::copy_file_range(from, null, file as i32, null, length, 0) };
            if ret < 0 { -errno() } else { ret as Ret }
        }
        b"put-splice" => splice(file, length),
        b"put-uring" => ring::write(file as i32, &BYTES, length as u32),
        _ => complain("no such way to write"),
    }
}

/// Gives an open file a name, by `link` in /proc or by its descriptor (`empty`).
fn name_it(step: &mut Step) -> Ret {
    let (file, path, how) = (kept(step), step.path(), step.next());
    let cwd = i64::from(libc::AT_FDCWD);
    let by_link = format!("/proc/self/fd/{file}\0");
    let (at, old, flags) = match how.to_str() {
        Some("link") => (cwd, by_link.as_bytes(), libc::AT_SYMLINK_FOLLOW),
        Some("empty") => (file, &b"\0"[..], libc::AT_EMPTY_PATH),
        _ => complain("a name is given by link or empty"),
    };
    call(
        libc::SYS_linkat,
        [at, address(old), cwd, address(&*path), flags.into()],
    )
}

/// Sends a descriptor to itself, with a message.
fn pass(file: i64) -> Ret {
    use std::io::{IoSlice, IoSliceMut};
    use std::os::fd::{AsRawFd, IntoRawFd};

    use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

    let Ok((from, to)) = std::os::unix::net::UnixStream::pair() else {
        return -errno();
    };
    let (none, files) = (MsgFlags::empty(), [file as i32]);
    let rights = [ControlMessage::ScmRights(&files)];
    let text = [IoSlice::new(b"x")];
    if let Err(error) = sendmsg::<()>(from.as_raw_fd(), &text, &rights, none, None) {
        return -i64::from(error as i32);
    }
    let mut byte = [0_u8];
    let mut text = [IoSliceMut::new(&mut byte)];
    let mut space = nix::cmsg_space!([i32; 4]);
    let came = recvmsg::<()>(to.as_raw_fd(), &mut text, Some(&mut space), none);
    let came = came.and_then(|message| {
        let received = message.cmsgs()?.find_map(|one| match one {
            ControlMessageOwned::ScmRights(files) => files.first().copied(),
            _ => None,
        });
        received.ok_or(nix::errno::Errno::ENODATA)
    });
    // They stay open: what is closed has no bearing on the test.
    let _ = (from.into_raw_fd(), to.into_raw_fd());
    match came {
        Ok(file) => remember(file.into()),
        Err(error) => -i64::from(error as i32),
    }
}

/// Through a pipe.
fn splice(file: i64, length: i64) -> Ret {
    let mut ends = [0_i32; 2];
    let ret = call(libc::SYS_pipe2, [(&raw mut ends) as i64, 0, 0, 0, 0]);
    if ret < 0 {
        return ret;
    }
    let [out, into] = ends;
    call(
        libc::SYS_write,
        [into.into(), address(&BYTES), length, 0, 0],
    );
    let null = std::ptr::null_mut();
    // SAFETY: no pointers but null.
    let ret = unsafe { libc::splice(out, null, file as i32, null, length as usize, 0) };
    let ret = if ret < 0 { -errno() } else { ret as Ret };
    for end in ends {
        call(libc::SYS_close, [end.into(), 0, 0, 0, 0]);
    }
    ret
}

/// Another descriptor of a kept one, by `dup`, `fcntl` or `dup3`.
fn twin(step: &mut Step) -> Ret {
    const HIGH: i64 = 50;
    let (file, how) = (kept(step), step.next());
    let fcntl = |what: i32| call(libc::SYS_fcntl, [file, what.into(), HIGH, 0, 0]);
    remember(match how.to_str() {
        Some("dup") => call(libc::SYS_dup, [file, 0, 0, 0, 0]),
        Some("dup3") => call(libc::SYS_dup3, [file, HIGH - 1, 0, 0, 0]),
        Some("fcntl") => fcntl(libc::F_DUPFD),
        Some("fcntl-once") => fcntl(libc::F_DUPFD_CLOEXEC),
        _ => complain("a twin is made by dup, dup3, fcntl or fcntl-once"),
    })
}

fn remember(descriptor: Ret) -> Ret {
    if let Ok(mut kept) = KEPT.lock() {
        kept.push(descriptor);
    }
    descriptor
}

/// The descriptor of that number.
fn kept(step: &mut Step) -> i64 {
    let number = step.number();
    let kept = KEPT.lock().ok();
    match kept.as_ref().and_then(|kept| kept.get(number as usize)) {
        Some(descriptor) => *descriptor,
        None => complain("no file was kept by that number"),
    }
}
