//! Names of sockets of `AF_UNIX` as they are asked for.

use agtrack_common::event::Body;
use agtrack_common::wire::{Path, path_flag};

use crate::gate::Actor;
use crate::message::Message;
use crate::read::{Kernel, at, user};

/// `sizeof(struct sockaddr_un)`: family and name.
const SIZE: u32 = 110;
/// Where the name begins.
const NAME: u32 = 2;

/// Where a `sockaddr` is.
#[derive(Clone, Copy)]
pub enum Address {
    /// The kernel's copy.
    Kernel(Kernel),
    /// In the caller's memory.
    User(u64),
}

impl Address {
    #[inline(always)]
    pub fn read<T: Copy>(self, offset: usize) -> T {
        match self {
            Address::Kernel(base) => at(base.wrapping_add(offset)),
            Address::User(base) => user(base.wrapping_add(offset as u64)),
        }
    }
}

/// Appends the name in an address of this length: an abstract one, which begins with NUL, as it is;
/// one in the file system with the directory that it is relative to.
#[inline(always)]
pub fn name<B: Body>(
    message: &mut Message<B>,
    actor: &Actor,
    address: Address,
    length: u32,
) -> Path {
    let mut path = Path::default();
    if length <= NAME {
        return path;
    }
    let first: u8 = address.read(NAME as usize);
    if first != 0 {
        path = message.path(actor.task, actor.task.cwd());
        // The directory's own marks say nothing about the socket's.
        path.flags &= !path_flag::DELETED;
    }
    let length = if length > SIZE { SIZE } else { length } - NAME;
    let (read, mark) = match address {
        Address::User(base) => (
            message.user_bytes(base.wrapping_add(NAME.into()), length),
            path_flag::ARGUMENT,
        ),
        Address::Kernel(base) => (
            message.kernel_bytes(base.wrapping_add(NAME as usize), length),
            path_flag::FD,
        ),
    };
    path.name = read;
    path.flags |= mark;
    path
}
