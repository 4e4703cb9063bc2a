//! Back end B for files and sockets: one program at the end of every system call, because each
//! attached program costs every system call of the host.

use agtrack_common::call::{HOOK_OF_KIND, NONE, Packed, Quirk, REACHES_ANY};
use agtrack_common::event::{Call, CallKind, KINDS, Kind, hook};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;

use crate::arch;
use crate::gate::{self, Actor};
use crate::probe::change::{self, Names, Returned};
use crate::probe::{
    AT_FDCWD, Name, call, close, connect, endpoint, exec, mmap, open, receive, rename, set_id,
    socket, tamper, unlink,
};
use crate::read::{masked, user};
use crate::scratch::{Scratch, Slot};

/// `O_WRONLY | O_CREAT | O_TRUNC`, which is what `creat` means.
const CREAT_FLAGS: u64 = 0o1 | 0o100 | 0o1000;
/// `AT_REMOVEDIR`: `unlinkat` removes a directory.
const AT_REMOVEDIR: u64 = 0x200;
/// i386 `socketcall` numbers (include/uapi/linux/net.h).
const SYS_SOCKET: u64 = 1;
const SYS_BIND: u64 = 2;
const SYS_CONNECT: u64 = 3;
const SYS_LISTEN: u64 = 4;
const SYS_ACCEPT: u64 = 5;
const SYS_ACCEPT4: u64 = 18;

/// `(struct pt_regs *regs, long ret)`
#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit(ctx: BtfTracePointContext) -> i32 {
    let regs: *const u64 = ctx.arg(0);
    let Some(known) = arch::known(regs) else {
        return 0;
    };
    let ret = ctx.arg(1);
    if known & REACHES_ANY != 0 {
        reaches(regs, known, ret);
    }
    if quick(regs, known, ret) == LEFT
        && let Some(flags) = opened_with(slow(ret))
    {
        opened(ret as u32, flags);
    }
    0
}

// All that call each other have 512 bytes of stack together, so what needs much stands in functions
// that do not.

#[inline(never)]
fn reaches(regs: *const u64, known: u64, ret: i64) {
    tamper::returned(regs, known, ret);
}

/// What [`quick`] returns of a call that is left to [`slow`].
const LEFT: u32 = 1;

/// Calls that are made so often, or say so much by their result, that nothing else need be known
/// of them.
#[inline(never)]
fn quick(regs: *const u64, known: u64, ret: i64) -> u32 {
    const CLOSE: u32 = Kind::Close as u32;
    const MMAP: u32 = Kind::Mmap as u32;
    const RECEIVE: u32 = Kind::ReceiveFile as u32;
    const OF_OTHERS: u32 = Kind::TrackerPtrace as u32;
    let Some(actor) = gate::tagged() else {
        return 0;
    };
    let is_compat = arch::is_compat(actor.task);
    let Some(call) = arch::call(is_compat, known) else {
        return 0;
    };
    let arguments = arch::arguments(is_compat, regs);
    match call.kind() {
        CLOSE => close::returned(&actor, call, arguments, ret),
        MMAP => mmap::returned(&actor, arguments, ret),
        RECEIVE => receive::returned(call, arguments, ret),
        OF_OTHERS => {}
        _ => {
            let Some(scratch) = Slot::SysExit.scratch() else {
                return 0;
            };
            // SAFETY: a map value.
            unsafe {
                (&raw mut (*scratch).actor).cast::<Actor>().write(actor);
                (&raw mut (*scratch).call).write(call.0);
            }
            lay_out(scratch, arch::number(is_compat, regs), arguments);
            return LEFT;
        }
    }
    0
}

/// All others, as they were laid out. Returns what [`opened_with`] reads.
#[inline(never)]
fn slow(ret: i64) -> u64 {
    let Some(scratch) = Slot::SysExit.scratch() else {
        return 0;
    };
    // SAFETY: `quick` has written them.
    let (actor, call) = unsafe {
        let actor = (&raw const (*scratch).actor).cast::<Actor>().read();
        (actor, Packed((&raw const (*scratch).call).read_volatile()))
    };
    if let Some(request) = request(scratch, call) {
        let request = forget(scratch, request);
        dispatch(&actor, request, ret);
        if request[place::KIND] == Kind::Open as u64 && ret >= 0 {
            return OPENED | u64::from(request[place::VALUE] as u32);
        }
    }
    0
}

/// An open succeeded; below it are its flags.
const OPENED: u64 = 1 << 32;

/// The flags of an open that succeeded.
#[inline(always)]
fn opened_with(told: u64) -> Option<u32> {
    (told & OPENED != 0).then_some(told as u32)
}

/// What is written through the file is counted from now on.
#[inline(never)]
fn opened(descriptor: u32, flags: u32) {
    let Some(scratch) = Slot::SysExit.scratch() else {
        return;
    };
    // SAFETY: `quick` has written it.
    let actor = unsafe { (&raw const (*scratch).actor).cast::<Actor>().read() };
    if close::concerns(&actor, descriptor, flags)
        && let Some(file) = actor.task.file(descriptor)
    {
        close::opened(&actor, descriptor, file, flags);
    }
}

/// Where the number stands behind the arguments.
const NUMBER: usize = 7;

/// What was asked, in one form for the variants of a call.
type Request = [u64; 8];

/// Places in a [`Request`]. A connect has descriptor, address and length for directory, name and
/// value.
mod place {
    pub const KIND: usize = 0;
    pub const DIRECTORY: usize = 1;
    pub const NAME: usize = 2;
    pub const DIRECTORY2: usize = 3;
    pub const NAME2: usize = 4;
    pub const VALUE: usize = 5;
    pub const SECOND: usize = 6;
    /// Bits: `HAS_NAME`, `HAS_NAME2`; above them what the names are.
    pub const MARKS: usize = 7;
}

const HAS_NAME: u64 = 1;
const HAS_NAME2: u64 = 2;
const NAMES: u64 = 4;

#[inline(always)]
fn request(scratch: *mut Scratch, call: Packed) -> Option<Request> {
    // SAFETY: a map value.
    let memory = unsafe { (&raw const (*scratch).arguments).cast::<u64>() };
    // SAFETY: `memory` has eight words, and a place three bits.
    let at = |place: u32| unsafe { memory.add((place & 7) as usize).read_volatile() };
    // A directory that is not given is the working directory, a value 0.
    let given = |place: u32| at(place) * u64::from(place != NONE);
    let mut kind = u64::from(call.kind());
    let [mut directory, mut name, mut value] =
        [at(call.directory()), at(call.name()), given(call.value())];
    let mut marks =
        (u64::from(call.name() != NONE) * HAS_NAME) | (u64::from(call.name2() != NONE) * HAS_NAME2);
    const CREAT: u32 = Quirk::Creat as u32;
    const OPEN_HOW: u32 = Quirk::OpenHow as u32;
    const MAY_REMOVE_DIRECTORY: u32 = Quirk::MayRemoveDirectory as u32;
    const MULTIPLEXED: u32 = Quirk::Multiplexed as u32;
    const TEXT: u32 = Quirk::Text as u32;
    const TEXTS: u32 = Quirk::Texts as u32;
    const ROOT: u32 = Quirk::Root as u32;
    const WIDE: u32 = Quirk::Wide as u32;
    match call.quirk() {
        CREAT => value = CREAT_FLAGS,
        // `struct open_how` begins with 64 bits of flags.
        OPEN_HOW => value = user(value),
        MAY_REMOVE_DIRECTORY if value & AT_REMOVEDIR != 0 => kind = Kind::Rmdir as u64,
        MULTIPLEXED => {
            kind = match directory {
                SYS_SOCKET => Kind::Socket as u64,
                SYS_BIND => Kind::Bind as u64,
                SYS_CONNECT => Kind::Connect as u64,
                SYS_LISTEN => Kind::Listen as u64,
                SYS_ACCEPT | SYS_ACCEPT4 => Kind::Accept as u64,
                _ => return None,
            };
            let memory: [u32; 3] = user(name);
            [directory, name, value] = memory.map(u64::from);
            lay_over(scratch, [directory, name, value]);
        }
        TEXT => marks |= NAMES * Names::Text as u64,
        TEXTS => marks |= NAMES * Names::Texts as u64,
        ROOT => marks |= NAMES * Names::Root as u64,
        WIDE => value |= at(call.value() + 1) << 32,
        _ => {}
    }
    let rest = [
        at(call.directory2()),
        at(call.name2()),
        given(call.second()),
    ];
    Some([
        kind, directory, name, rest[0], rest[1], value, rest[2], marks,
    ])
}

/// Puts the arguments where they can be had by their places, which are not known before the program
/// runs. Place 0 is the directory of a call that is given none.
#[inline(always)]
fn lay_out(scratch: *mut Scratch, number: u32, arguments: [u64; 6]) {
    // SAFETY: a map value.
    unsafe {
        let memory = (&raw mut (*scratch).arguments).cast::<u64>();
        memory.write_volatile(AT_FDCWD as u64);
        memory.add(NUMBER).write_volatile(number.into());
        let mut index = 0;
        while index < arguments.len() {
            memory.add(index + 1).write_volatile(arguments[index]);
            index += 1;
        }
    }
}

/// The arguments that were meant, where those in the registers lead to them.
#[inline(always)]
fn lay_over(scratch: *mut Scratch, arguments: [u64; 3]) {
    // SAFETY: a map value.
    unsafe {
        let memory = (&raw mut (*scratch).arguments).cast::<u64>();
        memory.add(1).write_volatile(arguments[0]);
        memory.add(2).write_volatile(arguments[1]);
        memory.add(3).write_volatile(arguments[2]);
    }
}

/// Passes the request through memory, where the verifier forgets which variant it came from.
/// Otherwise it would verify all that follows once for each.
#[inline(always)]
fn forget(scratch: *mut Scratch, request: Request) -> Request {
    // SAFETY: a map value.
    unsafe {
        let memory = &raw mut (*scratch).request;
        memory.write_volatile(request);
        memory.read_volatile()
    }
}

#[inline(always)]
fn dispatch(actor: &Actor, request: Request, ret: i64) {
    const OPEN: u64 = Kind::Open as u64;
    const UNLINK: u64 = Kind::Unlink as u64;
    const RENAME: u64 = Kind::Rename as u64;
    const CONNECT: u64 = Kind::Connect as u64;
    const BIND: u64 = Kind::Bind as u64;
    const LISTEN: u64 = Kind::Listen as u64;
    const ACCEPT: u64 = Kind::Accept as u64;
    const EXEC_FAILED: u64 = Kind::ExecFailed as u64;
    const SET_ID: u64 = Kind::SetId as u64;
    let slot = Slot::SysExit.scratch();
    let [_, directory, name, directory2, name2, value, ..] = request;
    let flags = value as u32;
    let first = (directory as i32, Name::User(name));
    match request[place::KIND] {
        OPEN => open::finished(actor, directory as i32, name, flags, ret),
        UNLINK => {
            let hook = hook::UNLINK_SYSCALL;
            unlink::finished(hook, actor, first.0, first.1, ret as i32, slot);
        }
        RENAME => {
            let (hook, second) = (hook::RENAME_SYSCALL, (directory2 as i32, Name::User(name2)));
            rename::finished(hook, actor, first, second, flags, ret as i32, slot);
        }
        CONNECT => connect::returned(actor, directory as u32, name, flags, ret as i32),
        BIND | LISTEN | ACCEPT => {
            let returned = endpoint::Returned {
                kind: request[place::KIND] as u16,
                hook: hook_of(request[place::KIND]),
                descriptor: directory as u32,
                asked: if request[place::KIND] == BIND {
                    name
                } else {
                    0
                },
                length: flags,
                ret: ret as i32,
            };
            endpoint::ended(actor, returned, slot);
        }
        EXEC_FAILED => {
            let name = (directory as i32, name);
            exec::failed(hook::EXEC_FAILED_SYSCALL, actor, name, ret as i32, slot);
        }
        SET_ID => set_id::returned(actor, ret as i32),
        kind if CallKind::IDS >> (kind % KINDS as u64) & 1 != 0 => called(actor, kind, ret as i32),
        kind => changed(actor, kind, &request, ret as i32),
    }
}

/// The hook of each event.
static HOOKS: [u16; KINDS] = HOOK_OF_KIND;

#[inline(always)]
fn hook_of(kind: u64) -> u16 {
    // SAFETY: the mask keeps it within the table; volatile, or the compiler makes a search of it.
    unsafe {
        let kind = masked::<{ KINDS as u64 - 1 }>(kind as u32);
        HOOKS.as_ptr().add(kind).read_volatile()
    }
}

/// The arguments are still in the work space.
#[inline(always)]
fn called(actor: &Actor, kind: u64, ret: i32) {
    let Some(scratch) = Slot::SysExit.scratch() else {
        return;
    };
    // SAFETY: a map value.
    let arguments = unsafe { (&raw const (*scratch).arguments).read_volatile() };
    let [_, a, b, c, d, ..] = arguments;
    let call = Call {
        arguments: [a, b, c, d],
        number: arguments[NUMBER] as u32,
        ret,
    };
    if kind == Kind::Socket as u64 {
        return socket::made(hook_of(kind), actor, call);
    }
    call::returned(kind as u16, hook_of(kind), actor, call);
}

#[inline(always)]
fn changed(actor: &Actor, kind: u64, request: &Request, ret: i32) {
    let marks = request[place::MARKS];
    let name = |mark, place: usize| (marks & mark != 0).then_some(request[place]);
    let call = Returned {
        kind: kind as u16,
        hook: hook_of(kind),
        directory: request[place::DIRECTORY] as i32,
        name: name(HAS_NAME, place::NAME),
        directory2: request[place::DIRECTORY2] as i32,
        name2: name(HAS_NAME2, place::NAME2),
        names: match marks / NAMES {
            1 => Names::Text,
            2 => Names::Texts,
            3 => Names::Root,
            _ => Names::Paths,
        },
        value: request[place::VALUE],
        second: request[place::SECOND],
        ret,
    };
    change::returned(actor, call, Slot::SysExit.scratch());
}
