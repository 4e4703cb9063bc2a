//! Requests made through io_uring, which come by no system call of their own.
//!
//! They are told where the kernel takes them, on the thread that hands them in or on the thread of
//! the process that polls for them; it may be another one that does the work.

mod ended;

use agtrack_common::event::{Uring, hook, uring_flag};
use agtrack_common::offset::ABSENT;
use agtrack_common::uring::{QUIET, number};
use agtrack_common::wire::{FileId, Path, path_flag};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::address;
use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::map::{REQUESTS, RING_WRITES};
use crate::message::Message;
use crate::object::{File, Socket};
use crate::offset::*;
use crate::probe::{self, AT_FDCWD, named_path, untyped};
use crate::quirk::{URING_COMPLETION, URING_REQUEST};
use crate::read::{Kernel, field};
use crate::request::{Address, Name, Request, Where};
use crate::scratch::Slot;
use crate::writing::by_descriptor;

const WRITEV: u8 = number("writev");
const WRITE_FIXED: u8 = number("write_fixed");
const WRITE: u8 = number("write");
const WRITEV_FIXED: u8 = number("writev_fixed");
const SENDMSG: u8 = number("sendmsg");
const ACCEPT: u8 = number("accept");
const CONNECT: u8 = number("connect");
const FALLOCATE: u8 = number("fallocate");
const OPENAT: u8 = number("openat");
const SEND: u8 = number("send");
const OPENAT2: u8 = number("openat2");
const SHUTDOWN: u8 = number("shutdown");
const RENAMEAT: u8 = number("renameat");
const UNLINKAT: u8 = number("unlinkat");
const MKDIRAT: u8 = number("mkdirat");
const SYMLINKAT: u8 = number("symlinkat");
const LINKAT: u8 = number("linkat");
const FSETXATTR: u8 = number("fsetxattr");
const SETXATTR: u8 = number("setxattr");
const SOCKET: u8 = number("socket");
const URING_CMD: u8 = number("uring_cmd");
const SEND_ZC: u8 = number("send_zc");
const SENDMSG_ZC: u8 = number("sendmsg_zc");
const FTRUNCATE: u8 = number("ftruncate");
const BIND: u8 = number("bind");
const LISTEN: u8 = number("listen");
const URING_CMD128: u8 = number("uring_cmd128");

/// Types of files (include/uapi/linux/stat.h).
const S_IFMT: u32 = 0o170_000;
const S_IFSOCK: u32 = 0o140_000;
/// `sizeof(struct sockaddr_storage)`
const ADDRESS_SIZE: u32 = 128;
/// No descriptor, or none that was seen. No `Option`: 5.10 does not read the number that it lacks.
const NONE: i32 = -1;

/// `(struct io_kiocb *)`; 6.1 has it as `io_uring_submit_sqe`, and on 5.10 that begins with
/// `struct io_ring_ctx *`
#[btf_tracepoint(function = "io_uring_submit_req")]
pub fn uring(ctx: BtfTracePointContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let request = Request::new(untyped(&ctx, URING_REQUEST.load() as usize));
        let opcode = request.opcode();
        if ended::writes(opcode) && !request.is_registered() && by_descriptor() {
            let _ = RING_WRITES.insert(request.address(), request.descriptor().unwrap_or(-1), 0);
        }
        match recipient(request, opcode) {
            Some(address) => asked(&actor, request, opcode, address),
            None => count::run(hook::URING, Fate::Filtered),
        }
    }
    0
}

/// Whom it is for, where that matters. None: nothing is told of it.
#[inline(always)]
fn recipient(request: Request, opcode: u8) -> Option<Address> {
    let address = match opcode {
        CONNECT => return Some(request.peer()),
        SEND | SEND_ZC => request.recipient(),
        SENDMSG | SENDMSG_ZC => request.message_recipient(),
        // What is newer than the table is a deed.
        64.. => return Some(Address::NONE),
        _ if QUIET >> opcode & 1 == 0 => return Some(Address::NONE),
        _ => return None,
    };
    (!address.is_none()).then_some(address)
}

/// What a request is about. Whole words, as in [`Address`].
#[derive(Clone, Copy)]
struct About {
    name: Name,
    /// A second name.
    other: Name,
    /// Or a text.
    text: Kernel,
    value: u64,
    /// Not 0: the path of its file is told.
    by_file: u64,
}

const NO_NAME: Name = Name {
    directory: AT_FDCWD as i64,
    filename: core::ptr::null(),
};

const NOTHING: About = About {
    name: NO_NAME,
    other: NO_NAME,
    text: core::ptr::null(),
    value: 0,
    by_file: 0,
};

#[inline(always)]
fn about(request: Request, opcode: u8) -> About {
    match opcode {
        OPENAT | OPENAT2 => named(
            request.name(&URING_OPEN_DIRECTORY, &URING_OPEN_NAME),
            request.number::<i64>(&URING_OPEN_FLAGS),
        ),
        UNLINKAT => named(
            request.name(&URING_UNLINK_DIRECTORY, &URING_UNLINK_NAME),
            request.number::<i32>(&URING_UNLINK_FLAGS),
        ),
        MKDIRAT => named(
            request.name(&URING_MKDIR_DIRECTORY, &URING_MKDIR_NAME),
            request.number::<u16>(&URING_MKDIR_MODE),
        ),
        RENAMEAT | LINKAT | SYMLINKAT | SETXATTR => about_two(request, opcode),
        FSETXATTR => About {
            text: request.pointer(&URING_XATTR_NAME),
            ..filed(0)
        },
        URING_CMD | URING_CMD128 => filed(request.number::<u32>(&URING_COMMAND)),
        FTRUNCATE => filed(request.number::<i64>(&URING_LENGTH)),
        FALLOCATE => filed(0),
        SHUTDOWN => About {
            value: request.number::<i32>(&URING_HOW),
            ..NOTHING
        },
        SOCKET => About {
            value: socket(request),
            ..NOTHING
        },
        _ => NOTHING,
    }
}

/// Those that are about a name and another name or a text.
#[inline(always)]
fn about_two(request: Request, opcode: u8) -> About {
    match opcode {
        RENAMEAT => About {
            other: request.name(&URING_RENAME_TO_DIRECTORY, &URING_RENAME_TO),
            ..named(
                request.name(&URING_RENAME_FROM_DIRECTORY, &URING_RENAME_FROM),
                request.number::<i32>(&URING_RENAME_FLAGS),
            )
        },
        LINKAT => About {
            other: request.name(&URING_LINK_OLD_DIRECTORY, &URING_LINK_OLD),
            ..named(request.name(&URING_LINK_NEW_DIRECTORY, &URING_LINK_NEW), 0)
        },
        SYMLINKAT => About {
            text: field(request.pointer(&URING_SYMLINK_TEXT), &FILENAME_NAME),
            ..named(
                request.name(&URING_SYMLINK_DIRECTORY, &URING_SYMLINK_NAME),
                0,
            )
        },
        _ => About {
            text: request.pointer(&URING_XATTR_NAME),
            ..named(
                Name {
                    filename: request.pointer(&URING_XATTR_FILE),
                    ..NO_NAME
                },
                0,
            )
        },
    }
}

#[inline(always)]
fn named(name: Name, value: u64) -> About {
    About {
        name,
        value,
        ..NOTHING
    }
}

#[inline(always)]
fn filed(value: u64) -> About {
    About {
        value,
        by_file: 1,
        ..NOTHING
    }
}

/// `int domain, type, protocol`, 16 bits of each.
#[inline(always)]
fn socket(request: Request) -> u64 {
    if URING_SOCKET.load() == ABSENT {
        return 0;
    }
    let [domain, kind, protocol]: [u16; 3] = request.halves(&URING_SOCKET);
    u64::from(domain) | u64::from(kind) << 16 | u64::from(protocol) << 32
}

#[inline(always)]
fn asked(actor: &Actor, request: Request, opcode: u8, address: Address) {
    let scratch = Slot::Uring.scratch();
    let Some(mut message) = Message::<Uring>::begin(hook::URING, actor, scratch) else {
        return;
    };
    let about = about(request, opcode);
    let (descriptor, mut flags) = descriptor(request, opcode);
    let mut address = address;
    let (mut id, mut sock) = (FileId::default(), [0; 2]);
    let mut path = of_name(&mut message, actor, about.name);
    let of_socket = matches!(opcode, BIND | LISTEN | ACCEPT);
    if (about.by_file != 0 || of_socket || !address.is_none())
        && let Some((file, mark)) = file(actor, request, descriptor)
    {
        id = file.id();
        if about.by_file != 0 {
            path = message.path(actor.task, file.place());
            path.flags |= mark;
        } else if id.mode & S_IFMT == S_IFSOCK {
            let socket = file.socket();
            sock = [socket.protocol(), socket.kind()];
            if opcode == BIND {
                address = request.bound(socket.family());
            } else if of_socket {
                address = Address::own(socket);
                if mark & path_flag::FD != 0 {
                    flags |= uring_flag::FOUND;
                }
            }
        }
    }
    let mut other = of_name(&mut message, actor, about.other);
    if !about.text.is_null() {
        other.name = message.kernel_string(about.text).unwrap_or(0);
    }
    let (length, marks) = copied(&mut message, address);
    flags |= marks;
    if URING_COMPLETION.load() != ABSENT {
        flags |= uring_flag::AWAITED;
        let _ = REQUESTS.insert(request.address(), 1, 0);
    }
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Uring {
            request: request.address(),
            file: id,
            path,
            other,
            value: about.value,
            opcode: opcode.into(),
            descriptor,
            address: length,
            flags,
            protocol: sock[0],
            socket_type: sock[1],
            reserved: 0,
        };
    }
    message.submit();
}

/// The descriptor it is about, and the marks on it.
#[inline(always)]
fn descriptor(request: Request, opcode: u8) -> (i32, u32) {
    if !takes_name(opcode) {
        let is_registered = request.is_registered();
        let mark = if is_registered {
            uring_flag::REGISTERED
        } else {
            0
        };
        return (request.descriptor().unwrap_or(NONE), mark);
    }
    let slot = match opcode {
        OPENAT | OPENAT2 => request.slot(&URING_OPEN_SLOT),
        SOCKET => request.slot(&URING_SOCKET_SLOT),
        _ => 0,
    };
    match slot {
        0 => (NONE, 0),
        // Of a slot that the kernel chooses it is below zero.
        slot => (slot.wrapping_sub(1) as i32, uring_flag::REGISTERED),
    }
}

/// Those that take no descriptor but that of a directory.
#[inline(always)]
fn takes_name(opcode: u8) -> bool {
    matches!(
        opcode,
        OPENAT | OPENAT2 | UNLINKAT | MKDIRAT | RENAMEAT | LINKAT | SYMLINKAT | SETXATTR | SOCKET
    )
}

/// The file it is about, and how sure that is.
#[inline(always)]
fn file(actor: &Actor, request: Request, descriptor: i32) -> Option<(File, u32)> {
    if descriptor < 0 {
        return Some((request.file()?, 0));
    }
    let file = if request.is_registered() {
        request.registered(descriptor)?
    } else {
        actor.task.file(descriptor as u32)?
    };
    Some((file, path_flag::FD))
}

#[inline(always)]
fn of_name(message: &mut Message<Uring>, actor: &Actor, name: Name) -> Path {
    if name.filename.is_null() {
        return Path::default();
    }
    named_path(
        message,
        actor,
        name.directory as i32,
        probe::Name::Filename(name.filename),
    )
}

/// Appends the address; returns its length and the marks on it.
#[inline(always)]
fn copied(message: &mut Message<Uring>, address: Address) -> (u32, u32) {
    let (at, most) = (address.at, u64::from(ADDRESS_SIZE));
    let size = if address.length > most {
        ADDRESS_SIZE
    } else {
        address.length as u32
    };
    let (length, marks) = match address.place {
        Where::KERNEL => (message.kernel_bytes(at as Kernel, size), 0),
        Where::USER => (message.user_bytes(at, size), uring_flag::ARGUMENT),
        Where::OWN => return own(message, Socket::new(at as Kernel)),
        _ => return (0, 0),
    };
    if length == 0 {
        return (0, marks | uring_flag::UNREADABLE);
    }
    (length, marks)
}

/// Appends the address that a socket has; returns its length and the marks on it.
#[inline(always)]
fn own(message: &mut Message<Uring>, socket: Socket) -> (u32, u32) {
    let [family, port, address] = address::own(socket);
    // One by one: 5.10 reads no stack at a place that is not constant.
    let mut length = message.kernel_bytes(family.0, family.1 as u32);
    length += message.kernel_bytes(port.0, port.1 as u32);
    length += message.kernel_bytes(address.0, address.1 as u32);
    let mark = if port.1 > 0 { uring_flag::OWN } else { 0 };
    (length, mark)
}
