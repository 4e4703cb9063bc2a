//! What a system call says of a change when it returns: all that back end B sees, and what the other
//! ones see of changes whose inner functions are not told the whole path.

use agtrack_common::event::{Change, Kind};
use agtrack_common::wire::{FileId, Path, path_flag};

use super::{is_asking, words};
use crate::count::{self, Fate};
use crate::gate::Actor;
use crate::message::Message;
use crate::object::File;
use crate::probe::{Name, named_path};
use crate::read::try_user;
use crate::scratch::Scratch;

/// A system call that changes something, with its arguments in one form.
pub struct Returned {
    /// The event's id, and its hook.
    pub kind: u16,
    pub hook: u16,
    /// What the name is relative to; without a name, the descriptor of the file itself.
    pub directory: i32,
    pub name: Option<u64>,
    pub directory2: i32,
    pub name2: Option<u64>,
    /// What the names are.
    pub names: Names,
    pub value: u64,
    /// Behind `Names::Texts` the address of another one.
    pub second: u64,
    pub ret: i32,
}

/// What the names of a call are. The order is that of its marks in a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Both are paths.
    Paths,
    /// The second is a text.
    Text,
    /// The second is a text, and the second value another one.
    Texts,
    /// The first leads to what is the process's root directory now, if the call succeeded.
    Root,
}

/// The call returned.
#[inline(always)]
pub fn returned(actor: &Actor, call: Returned, scratch: Option<*mut Scratch>) {
    if is_asking(call.ret) {
        return count::run(call.hook, Fate::Filtered);
    }
    let message = Message::<Change>::begin_as(call.kind, call.hook, actor, scratch);
    let Some(mut message) = message else {
        return;
    };
    let (path, mut file) = returned_path(&mut message, actor, &call);
    let mut second = call.second as u32;
    let other = match call.name2 {
        None => Path::default(),
        Some(_) if is_root(&call) => Path::default(),
        Some(text) if call.names == Names::Text => words(message.user_string(text)),
        Some(text) if call.names == Names::Texts => {
            let first = message.user_string(text).unwrap_or(0);
            second = message.user_string(call.second).unwrap_or(0);
            words(Some(first))
        }
        Some(name) => match given_as_descriptor(actor, &call, name) {
            Some(open) => {
                file = open.id();
                let mut path = message.path(actor.task, open.place());
                path.flags |= path_flag::FD;
                path
            }
            None => named_path(&mut message, actor, call.directory2, Name::User(name)),
        },
    };
    // SAFETY: the body is within the message.
    unsafe {
        *message.body() = Change {
            file,
            path,
            other,
            value: call.value,
            second,
            ret: call.ret,
        };
    }
    message.submit();
}

/// The file that `linkat` was given by its descriptor: all that a file made by `O_TMPFILE` can be
/// called by.
#[inline(always)]
fn given_as_descriptor(actor: &Actor, call: &Returned, name: u64) -> Option<File> {
    const LINK: u16 = Kind::Link as u16;
    /// include/uapi/linux/fcntl.h
    const AT_SYMLINK_FOLLOW: u64 = 0x400;
    const AT_EMPTY_PATH: u64 = 0x1000;
    if call.kind != LINK || call.ret != 0 {
        return None;
    }
    // What cannot be read must not pass for an empty name, and is told as it was given.
    let text: [u64; 3] = try_user(name)?;
    if call.value & AT_EMPTY_PATH != 0 && text[0] & 0xff == 0 {
        return actor.task.file(call.directory2 as u32);
    }
    if call.value & AT_SYMLINK_FOLLOW == 0 {
        return None;
    }
    actor.task.file(descriptor_in(text)?)
}

/// The number behind `/proc/self/fd/` or `/dev/fd/`.
#[inline(always)]
fn descriptor_in([first, second, third]: [u64; 3]) -> Option<u32> {
    const PROC: u64 = u64::from_le_bytes(*b"/proc/se");
    const SELF: u64 = u64::from_le_bytes(*b"lf/fd/\0\0");
    const DEV: u64 = u64::from_le_bytes(*b"/dev/fd/");
    let mut digits = match first {
        PROC if second << 16 == SELF << 16 => second >> 48 | third << 16,
        DEV => second,
        _ => return None,
    };
    let (mut number, mut count) = (0, 0);
    while count < 7 {
        let digit = (digits & 0xff).wrapping_sub(u64::from(b'0'));
        if digit > 9 {
            break;
        }
        number = number * 10 + digit as u32;
        digits >>= 8;
        count += 1;
    }
    (count > 0 && digits & 0xff == 0).then_some(number)
}

/// Whether the names mean something else now than when they were given.
#[inline(always)]
fn is_root(call: &Returned) -> bool {
    call.names == Names::Root && call.ret == 0
}

#[inline(always)]
fn returned_path(message: &mut Message<Change>, actor: &Actor, call: &Returned) -> (Path, FileId) {
    if is_root(call) {
        let root = actor.task.root();
        return (message.path(actor.task, root), root.id());
    }
    if let Some(name) = call.name {
        let path = named_path(message, actor, call.directory, Name::User(name));
        return (path, FileId::default());
    }
    match actor.task.file(call.directory as u32) {
        Some(open) => {
            let mut path = message.path(actor.task, open.place());
            path.flags |= path_flag::FD;
            (path, open.id())
        }
        None => (words(None), FileId::default()),
    }
}
