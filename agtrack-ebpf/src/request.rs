//! A request made through io_uring: `struct io_kiocb`, and what the kernel has prepared for it.
//!
//! The kernel copies names and most arguments before it tells of the request, so no other thread
//! can change them any more. What it has not copied is said to be from the caller's memory.

use agtrack_common::offset::ABSENT;
use aya_ebpf::Global;

use crate::object::File;
use crate::offset::*;
use crate::read::{Kernel, field};

/// `struct io_kiocb`, at whose start stands what belongs to the kind of request.
#[derive(Clone, Copy)]
pub struct Request(Kernel);

/// A name that the kernel has copied, and the directory it is relative to.
#[derive(Clone, Copy)]
pub struct Name {
    /// Descriptor, or `AT_FDCWD`.
    pub directory: i32,
    /// `struct filename`; null where there is none.
    pub filename: Kernel,
}

/// Where a `sockaddr` is.
#[derive(Clone, Copy)]
pub enum Address {
    /// Nowhere.
    None,
    /// In the kernel's memory: where, and its bytes.
    Kernel(Kernel, u32),
    /// In the caller's, which can still change it.
    User(u64, u32),
}

impl Request {
    /// Wraps an address.
    pub fn new(address: Kernel) -> Self {
        Request(address)
    }
    /// The address, as a key.
    pub fn address(self) -> u64 {
        self.0 as u64
    }
    /// `IORING_OP_*`.
    pub fn opcode(self) -> u8 {
        field(self.0, &URING_OPCODE)
    }
    /// `IOSQE_FIXED_FILE`, the same bit since 5.1: its descriptor is the index of a registered file.
    pub fn is_registered(self) -> bool {
        let flags: u8 = field(self.0, &URING_FLAGS);
        flags & 1 != 0
    }
    /// Its descriptor. On 5.10 the file itself is there instead.
    pub fn descriptor(self) -> Option<i32> {
        (URING_DESCRIPTOR.load() != ABSENT).then(|| field(self.0, &URING_DESCRIPTOR))
    }
    /// Its file, on 5.10: newer kernels look it up after the request is told.
    pub fn file(self) -> Option<File> {
        let file: Kernel = field(self.0, &URING_FILE);
        (URING_DESCRIPTOR.load() == ABSENT && !file.is_null()).then_some(File::new(file))
    }
    /// A number of what it is about; zero where this kernel does not have it.
    #[inline(always)]
    pub fn number<T: Copy + Into<i64>>(self, offset: &Global<u32>) -> u64 {
        match offset.load() {
            ABSENT => 0,
            _ => field::<T>(self.0, offset).into() as u64,
        }
    }
    /// Three numbers that follow each other, the lower half of each.
    #[inline(always)]
    pub fn halves(self, offset: &Global<u32>) -> [u16; 3] {
        let [a, _, b, _, c, _]: [u16; 6] = field(self.0, offset);
        [a, b, c]
    }
    /// An address among what it is about; null where this kernel does not have it.
    #[inline(always)]
    pub fn pointer(self, offset: &Global<u32>) -> Kernel {
        pointer(self.0, offset)
    }
    /// A name among what it is about.
    #[inline(always)]
    pub fn name(self, directory: &Global<u32>, filename: &Global<u32>) -> Name {
        Name {
            directory: self.number::<i32>(directory) as i32,
            filename: self.pointer(filename),
        }
    }
    /// Whom a `connect` is to reach.
    #[inline(always)]
    pub fn peer(self) -> Address {
        let address = self.pointer(&URING_CONNECT_ADDRESS) as u64;
        Address::User(address, self.number::<i32>(&URING_CONNECT_LENGTH) as u32)
    }
    /// Whom a `send` is for. Up to 6.12 the kernel keeps where the address is; 6.18 has copied it.
    #[inline(always)]
    pub fn recipient(self) -> Address {
        if URING_SEND_ADDRESS.load() == ABSENT {
            return self.prepared();
        }
        let address = self.pointer(&URING_SEND_ADDRESS) as u64;
        match address {
            0 => Address::None,
            _ => Address::User(address, self.number::<u16>(&URING_SEND_LENGTH) as u32),
        }
    }
    /// Whom a `sendmsg` is for. An address that cannot be read counts as one.
    #[inline(always)]
    pub fn message_recipient(self) -> Address {
        if URING_SEND_ADDRESS.load() == ABSENT && URING_PREPARES.load() != ABSENT {
            return self.prepared();
        }
        // `struct user_msghdr`: `void *msg_name; int msg_namelen`.
        let message = self.pointer(&URING_SEND_MESSAGE) as u64;
        match crate::read::try_user::<[u64; 2]>(message) {
            Some([0, _]) => Address::None,
            Some([address, length]) => Address::User(address, length as u32),
            None => Address::User(0, 0),
        }
    }
    /// What the kernel copied, of kernels that copy at once.
    #[inline(always)]
    fn prepared(self) -> Address {
        if URING_PREPARES.load() == ABSENT {
            return Address::None;
        }
        let prepared = self.pointer(&URING_PREPARED);
        let address = pointer(prepared, &URING_PREPARED_NAME);
        if address.is_null() {
            return Address::None;
        }
        Address::Kernel(address, field(prepared, &URING_PREPARED_LENGTH))
    }
}

#[inline(always)]
fn pointer(base: Kernel, offset: &Global<u32>) -> Kernel {
    match offset.load() {
        ABSENT => core::ptr::null(),
        _ => field(base, offset),
    }
}
