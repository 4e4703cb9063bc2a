//! io_uring: the kernel does what other calls do, and no such call is made.

mod socket;
mod table;

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use io_uring::squeue::{Entry, Flags};
use io_uring::{IoUring, opcode, types};

use crate::trigger::call;
use crate::trigger::socket::{peer, unix};
use crate::{Ret, Step, complain, report};

/// What requests are handed in through: made by `uring-ring`, or by the first request.
static RING: Mutex<Option<IoUring>> = Mutex::new(None);

/// What was made last.
static MADE: AtomicI32 = AtomicI32::new(-1);

/// A name that stands in the memory of the process and, at the same place, of its children.
static NAME: OnceLock<Vec<u8>> = OnceLock::new();

const HERE: types::Fd = types::Fd(libc::AT_FDCWD);

/// Makes the request. `uring-ring plain|poll` makes a ring, with `poll` one from which a thread of
/// the kernel takes what is handed in. A ring passes on to children.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    match name {
        b"uring-ring" => make(step.next() == "poll"),
        b"uring-openat" => {
            let ret = openat(&step.path(), 0);
            call::close(ret);
            ret
        }
        b"uring-create" => {
            let ret = openat(&step.path(), libc::O_RDWR | libc::O_CREAT);
            MADE.store(ret as i32, Ordering::Relaxed);
            ret
        }
        b"uring-name" => NAME.set(step.path()).map_or(-1, |()| 0),
        b"uring-named" => NAME.get().map_or(-1, |path| openat(path, 0)),
        b"uring-write" => {
            let made = types::Fd(MADE.load(Ordering::Relaxed));
            one(opcode::Write::new(made, c"content".as_ptr().cast(), 7).build())
        }
        b"uring-linked" => linked(&step.path(), &step.path()),
        b"uring-storm" => storm(step.number()),
        b"uring-connect4" | b"uring-sendmsg" | b"uring-connect-unix" => network(name, step),
        b"uring-command" => command(&step.path()),
        _ if name.starts_with(b"uring-socket-") => socket::perform(name, step),
        _ if name.starts_with(b"uring-table-") => table::perform(name, step),
        _ => change(name, step),
    }
}

fn change(name: &[u8], step: &mut Step) -> Ret {
    let path = step.path();
    let first = path.as_ptr().cast();
    if name == b"uring-unlinkat" {
        return one(opcode::UnlinkAt::new(HERE, first).build());
    }
    if name == b"uring-mkdirat" {
        return one(opcode::MkDirAt::new(HERE, first).mode(0o755).build());
    }
    let path = step.path();
    let second = path.as_ptr().cast();
    one(match name {
        b"uring-renameat" => opcode::RenameAt::new(HERE, first, HERE, second).build(),
        b"uring-linkat" => opcode::LinkAt::new(HERE, first, HERE, second).build(),
        b"uring-symlinkat" => opcode::SymlinkAt::new(HERE, first, second).build(),
        b"uring-setxattr" => {
            opcode::SetXattr::new(second, c"value".as_ptr().cast(), first, 5).build()
        }
        _ => complain("no such request"),
    })
}

fn make(polls: bool) -> Ret {
    let ring = if polls {
        // It sleeps after so many milliseconds without work, and is woken.
        IoUring::builder().setup_sqpoll(50).build(64)
    } else {
        IoUring::new(64)
    };
    match ring {
        Ok(ring) => {
            *RING.lock().unwrap_or_else(PoisonError::into_inner) = Some(ring);
            0
        }
        Err(error) => -i64::from(error.raw_os_error().unwrap_or(libc::EIO)),
    }
}

/// Hands them in at once, and waits for all results, which come in any order.
fn all(entries: &[Entry]) -> Vec<(u64, Ret)> {
    let mut ring = RING.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(ring) = &mut *ring else {
        drop(ring);
        return match make(false) {
            0 => all(entries),
            error => vec![(0, error)],
        };
    };
    for entry in entries {
        // SAFETY: what they point to outlives the wait for the results below.
        if unsafe { ring.submission().push(entry) }.is_err() {
            complain("the ring takes no entry");
        }
    }
    if let Err(error) = ring.submit_and_wait(entries.len()) {
        return vec![(0, -i64::from(error.raw_os_error().unwrap_or(libc::EIO)))];
    }
    ring.completion()
        .map(|entry| (entry.user_data(), entry.result().into()))
        .collect()
}

/// Does something with the ring itself, which `uring-ring` made.
fn with(ring: &Mutex<Option<IoUring>>, work: impl FnOnce(&IoUring) -> std::io::Result<Ret>) -> Ret {
    let ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(ring) = &*ring else {
        complain("there is no ring yet");
    };
    work(ring).unwrap_or_else(|error| -i64::from(error.raw_os_error().unwrap_or(libc::EIO)))
}

/// Registers files with the ring; -1 leaves a place free.
fn register(files: &[i32]) -> Ret {
    with(&RING, |ring| {
        ring.submitter().register_files(files).map(|()| 0)
    })
}

fn one(entry: Entry) -> Ret {
    all(&[entry]).first().map_or(-5, |(_, ret)| *ret)
}

/// Writes through a descriptor.
pub(crate) fn write(descriptor: i32, bytes: &[u8], length: u32) -> Ret {
    one(opcode::Write::new(types::Fd(descriptor), bytes.as_ptr(), length).build())
}

fn openat(path: &[u8], flags: i32) -> Ret {
    let entry = opcode::OpenAt::new(HERE, path.as_ptr().cast()).flags(flags);
    one(entry.mode(0o644).build())
}

/// One chain: makes a file, gives it another name, and removes that.
fn linked(from: &[u8], to: &[u8]) -> Ret {
    let (from, to) = (from.as_ptr().cast(), to.as_ptr().cast());
    let flags = libc::O_RDWR | libc::O_CREAT;
    let entries = [
        opcode::OpenAt::new(HERE, from)
            .flags(flags)
            .mode(0o644)
            .build(),
        opcode::RenameAt::new(HERE, from, HERE, to).build(),
        opcode::UnlinkAt::new(HERE, to).build(),
    ];
    let [open, rename, unlink] = entries;
    let chain = [
        open.flags(Flags::IO_LINK).user_data(1),
        rename.flags(Flags::IO_LINK).user_data(2),
        unlink.user_data(3),
    ];
    let mut worst = 0;
    for (number, ret) in all(&chain) {
        report(format!("linked-{number}").as_bytes(), ret);
        worst = worst.min(ret);
    }
    worst
}

/// So many requests that do nothing.
fn storm(count: i64) -> Ret {
    let nop = opcode::Nop::new().build();
    for _ in 0..count / 32 {
        all(&vec![nop.clone(); 32]);
    }
    count / 32 * 32
}

fn network(name: &[u8], step: &mut Step) -> Ret {
    let (family, kind, bytes) = match name {
        b"uring-connect-unix" => (libc::AF_UNIX, libc::SOCK_STREAM, unix(step)),
        b"uring-sendmsg" => {
            let (family, bytes) = peer(step);
            (family, libc::SOCK_DGRAM, bytes)
        }
        _ => {
            let (family, bytes) = peer(step);
            (family, libc::SOCK_STREAM, bytes)
        }
    };
    let socket = call::call(libc::SYS_socket, [family.into(), kind.into(), 0, 0, 0]);
    if socket < 0 {
        return socket;
    }
    let descriptor = types::Fd(socket as i32);
    let length = bytes.len() as u32;
    let ret = if name == b"uring-sendmsg" {
        let mut text = *b"hello";
        let mut part = libc::iovec {
            iov_base: text.as_mut_ptr().cast(),
            iov_len: text.len(),
        };
        // SAFETY: all zeroes is an empty message.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_name = bytes.as_ptr().cast_mut().cast();
        message.msg_namelen = length;
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        one(opcode::SendMsg::new(descriptor, &raw const message).build())
    } else {
        one(opcode::Connect::new(descriptor, bytes.as_ptr().cast(), length).build())
    };
    call::close(socket);
    ret
}

/// A command to the driver of a device.
fn command(path: &[u8]) -> Ret {
    let device = call::call(
        libc::SYS_openat,
        [libc::AT_FDCWD.into(), call::address(path), 0, 0, 0],
    );
    if device < 0 {
        return device;
    }
    let ret = one(opcode::UringCmd16::new(types::Fd(device as i32), 7).build());
    call::close(device);
    ret
}
