//! Requests made through io_uring, which come by no system call of their own.
//!
//! They are told where the kernel takes them, on the thread that hands them in or on the thread of
//! the process that polls for them; it may be another one that does the work.

use agtrack_common::event::{Kind, Uring, hook, uring_flag};
use agtrack_common::offset::ABSENT;
use agtrack_common::uring::{QUIET, number};
use agtrack_common::wire::{FileId, Path, path_flag};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::count::{self, Fate};
use crate::gate::{self, Actor};
use crate::map::REQUESTS;
use crate::message::{self, Message};
use crate::object::File;
use crate::offset::*;
use crate::probe::{self, AT_FDCWD, named_path, untyped};
use crate::quirk::{URING_COMPLETION, URING_REQUEST};
use crate::read::{Kernel, at, field};
use crate::request::{Address, Name, Request};
use crate::scratch::Slot;

const SENDMSG: u8 = number("sendmsg");
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
const URING_CMD128: u8 = number("uring_cmd128");

/// Types of files (include/uapi/linux/stat.h).
const S_IFMT: u32 = 0o170_000;
const S_IFSOCK: u32 = 0o140_000;
/// `sizeof(struct sockaddr_storage)`
const ADDRESS_SIZE: u32 = 128;

/// `(struct io_kiocb *)`; 6.1 has it as `io_uring_submit_sqe`, and on 5.10 that begins with
/// `struct io_ring_ctx *`
#[btf_tracepoint(function = "io_uring_submit_req")]
pub fn uring(ctx: BtfTracePointContext) -> i32 {
    if let Some(actor) = gate::tagged_or_born() {
        let request = Request::new(untyped(&ctx, URING_REQUEST.load() as usize));
        let opcode = request.opcode();
        match recipient(request, opcode) {
            Some(address) => asked(&actor, request, opcode, address),
            None => count::run(hook::URING, Fate::Filtered),
        }
    }
    0
}

/// `(ctx, struct io_kiocb *, struct io_uring_cqe *)`; up to 6.12 the result itself follows
#[btf_tracepoint(function = "io_uring_complete")]
pub fn uring_result(ctx: BtfTracePointContext) -> i32 {
    const CQE: u32 = 2;
    /// `io_uring_cqe.res` (include/uapi/linux/io_uring.h)
    const RESULT: usize = 8;
    if let Some(actor) = gate::tagged() {
        let request: u64 = untyped(&ctx, 1);
        if REQUESTS.get_ptr(request).is_none() {
            return 0;
        }
        let _ = REQUESTS.remove(request);
        let ret: i32 = match URING_COMPLETION.load() {
            CQE => at(untyped::<Kernel>(&ctx, 2).wrapping_add(RESULT)),
            _ => untyped(&ctx, 3),
        };
        message::outcome_of::<Uring>(Kind::Uring, hook::URING_RESULT, &actor, ret, request);
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
        64.. => return Some(Address::None),
        _ if QUIET >> opcode & 1 == 0 => return Some(Address::None),
        _ => return None,
    };
    (!matches!(address, Address::None)).then_some(address)
}

/// What a request is about.
#[derive(Clone, Copy)]
struct About {
    name: Name,
    /// A second name.
    other: Name,
    /// Or a text.
    text: Kernel,
    value: u64,
    /// The path of its file is told.
    by_file: bool,
}

const NO_NAME: Name = Name {
    directory: AT_FDCWD,
    filename: core::ptr::null(),
};

const NOTHING: About = About {
    name: NO_NAME,
    other: NO_NAME,
    text: core::ptr::null(),
    value: 0,
    by_file: false,
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
        by_file: true,
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
    let mut flags = 0;
    let descriptor = if takes_name(opcode) {
        None
    } else {
        request.descriptor()
    };
    if request.is_registered() {
        flags |= uring_flag::REGISTERED;
    }
    let (mut id, mut sock) = (FileId::default(), [0; 2]);
    let mut path = of_name(&mut message, actor, about.name);
    if (about.by_file || !matches!(address, Address::None))
        && let Some((file, mark)) = file(actor, request, descriptor)
    {
        id = file.id();
        if about.by_file {
            path = message.path(actor.task, file.place());
            path.flags |= mark;
        } else if id.mode & S_IFMT == S_IFSOCK {
            sock = [file.socket().protocol(), file.socket().kind()];
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
            descriptor: descriptor.unwrap_or(-1),
            address: length,
            flags,
            protocol: sock[0],
            socket_type: sock[1],
            reserved: 0,
        };
    }
    message.submit();
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
fn file(actor: &Actor, request: Request, descriptor: Option<i32>) -> Option<(File, u32)> {
    match descriptor {
        None => Some((request.file()?, 0)),
        Some(_) if request.is_registered() => None,
        Some(descriptor) => Some((actor.task.file(descriptor as u32)?, path_flag::FD)),
    }
}

#[inline(always)]
fn of_name(message: &mut Message<Uring>, actor: &Actor, name: Name) -> Path {
    if name.filename.is_null() {
        return Path::default();
    }
    named_path(
        message,
        actor,
        name.directory,
        probe::Name::Filename(name.filename),
    )
}

/// Appends the address; returns its length and the marks on it.
#[inline(always)]
fn copied(message: &mut Message<Uring>, address: Address) -> (u32, u32) {
    let at_most = |length| {
        if length > ADDRESS_SIZE {
            ADDRESS_SIZE
        } else {
            length
        }
    };
    let (length, marks) = match address {
        Address::None => return (0, 0),
        Address::Kernel(at, length) => (message.kernel_bytes(at, at_most(length)), 0),
        Address::User(at, length) => {
            let length = message.user_bytes(at, at_most(length));
            (length, uring_flag::ARGUMENT)
        }
    };
    if length == 0 {
        return (0, marks | uring_flag::UNREADABLE);
    }
    (length, marks)
}
