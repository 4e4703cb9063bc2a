//! Where in kernel memory the address of a socket is, so that it can be copied as it is.

use agtrack_common::offset::ABSENT;
use aya_ebpf::Global;

use crate::object::Socket;
use crate::offset::*;
use crate::read::Kernel;

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Where something is, and its bytes. Whole words: see [`crate::request::Address`].
pub type Part = (Kernel, u64);

const NONE: Part = (core::ptr::null(), 0);

/// Its family, its own port and its own address; of `AF_UNIX` only the name it is bound to, as a
/// `sockaddr`. Nothing of other families.
#[inline(always)]
pub fn own(socket: Socket) -> [Part; 3] {
    let part = |offset: &Global<u32>, size| -> Part {
        (socket.sock().wrapping_add(offset.load() as usize), size)
    };
    let (family, port) = (part(&SOCK_FAMILY, 2), part(&SOCK_LOCAL_PORT, 2));
    match socket.family() {
        AF_UNIX => match socket.unix_name() {
            (_, 0) => [NONE; 3],
            // `sun_family` stands before the name.
            (name, length) => [(name.wrapping_sub(2), u64::from(length) + 2), NONE, NONE],
        },
        AF_INET => [family, port, part(&SOCK_LOCAL, 4)],
        AF_INET6 if SOCK_LOCAL6.load() != ABSENT => [family, port, part(&SOCK_LOCAL6, 16)],
        _ => [NONE; 3],
    }
}
