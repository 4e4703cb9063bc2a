//! A request made through io_uring: `struct io_kiocb`, and what the kernel has prepared for it.
//!
//! The kernel copies names and most arguments before it tells of the request, so no other thread
//! can change them any more. What it has not copied is said to be from the caller's memory.

use agtrack_common::offset::ABSENT;
use aya_ebpf::Global;

use crate::object::{File, Socket};
use crate::offset::*;
use crate::read::{Kernel, at, field};

/// `struct io_kiocb`, at whose start stands what belongs to the kind of request.
#[derive(Clone, Copy)]
pub struct Request(Kernel);

/// A name that the kernel has copied, and the directory it is relative to. Whole words, as in
/// [`Address`].
#[derive(Clone, Copy)]
pub struct Name {
    /// Descriptor, or `AT_FDCWD`.
    pub directory: i64,
    /// `struct filename`; null where there is none.
    pub filename: Kernel,
}

/// Where a `sockaddr` is. Whole words without a gap between them: 5.10 reads nothing from the stack
/// that was not written, and copies of an enum read its gaps.
#[derive(Clone, Copy)]
pub struct Address {
    pub place: Where,
    /// Where there; of [`Where::OWN`] the `struct socket`.
    pub at: u64,
    /// Its bytes.
    pub length: u64,
}

/// In whose memory it is.
#[derive(Clone, Copy, PartialEq)]
pub struct Where(u64);

impl Where {
    /// Nowhere.
    pub const NONE: Where = Where(0);
    /// In the kernel's.
    pub const KERNEL: Where = Where(1);
    /// In the caller's, which can still change it.
    pub const USER: Where = Where(2);
    /// It is what a socket has.
    pub const OWN: Where = Where(3);
}

impl Address {
    pub const NONE: Address = Address {
        place: Where::NONE,
        at: 0,
        length: 0,
    };
    fn kernel(at: Kernel, length: u32) -> Self {
        Address {
            place: Where::KERNEL,
            at: at as u64,
            length: length.into(),
        }
    }
    fn user(at: u64, length: u32) -> Self {
        Address {
            place: Where::USER,
            at,
            length: length.into(),
        }
    }
    /// What this socket has.
    pub fn own(socket: Socket) -> Self {
        Address {
            place: Where::OWN,
            at: socket.address(),
            length: 0,
        }
    }
    /// Whether there is none.
    pub fn is_none(self) -> bool {
        self.place == Where::NONE
    }
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
    /// Its file, of one that ends.
    pub fn file_of_ended(self) -> Option<File> {
        let file: Kernel = field(self.0, &URING_FILE);
        (!file.is_null()).then_some(File::new(file))
    }
    /// What stands in this place among the files registered with its ring. Other threads may put
    /// something else there. None on 5.10, which has looked it up (`file`).
    #[inline(always)]
    pub fn registered(self, place: i32) -> Option<File> {
        /// The lowest bits are marks.
        const MARKS: u64 = 7;
        if URING_FILES.load() == ABSENT || URING_FILE_COUNT.load() == ABSENT {
            return None;
        }
        let ring = self.pointer(&URING_RING);
        let count: u32 = field(ring, &URING_FILE_COUNT);
        if place as u32 >= count {
            return None;
        }
        let table: Kernel = field(ring, &URING_FILES);
        let mut file: u64 = at(table.wrapping_add(place as u32 as usize * size_of::<u64>()));
        if file != 0 && URING_NODE_FILE.load() != ABSENT {
            // Since 6.13 the table has nodes.
            file = field(file as Kernel, &URING_NODE_FILE);
        }
        let file = (file & !MARKS) as Kernel;
        (!file.is_null()).then_some(File::new(file))
    }
    /// Where among the registered files it puts what it opens or makes: one more than the place, 0
    /// where it makes a descriptor.
    #[inline(always)]
    pub fn slot(self, offset: &Global<u32>) -> u32 {
        self.number::<u32>(offset) as u32
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
            directory: self.number::<i32>(directory) as i64,
            filename: self.pointer(filename),
        }
    }
    /// Whom a `connect` is to reach.
    #[inline(always)]
    pub fn peer(self) -> Address {
        let address = self.pointer(&URING_CONNECT_ADDRESS) as u64;
        Address::user(address, self.number::<i32>(&URING_CONNECT_LENGTH) as u32)
    }
    /// Whom a `send` is for. Up to 6.12 the kernel keeps where the address is; 6.18 has copied it.
    #[inline(always)]
    pub fn recipient(self) -> Address {
        if URING_SEND_ADDRESS.load() == ABSENT {
            return self.prepared();
        }
        let address = self.pointer(&URING_SEND_ADDRESS) as u64;
        match address {
            0 => Address::NONE,
            _ => Address::user(address, self.number::<u16>(&URING_SEND_LENGTH) as u32),
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
            Some([0, _]) => Address::NONE,
            Some([address, length]) => Address::user(address, length as u32),
            None => Address::user(0, 0),
        }
    }
    /// What a socket of this family is to be bound to. Since the summer of 2026 the kernel's copy
    /// stands alone, also in its older versions; before, it was part of a message, which begins with
    /// a pointer or with nothing.
    #[inline(always)]
    pub fn bound(self, family: u16) -> Address {
        if URING_BIND_LENGTH.load() == ABSENT || URING_PREPARED_ADDRESS.load() == ABSENT {
            return Address::NONE;
        }
        let length = self.number::<i32>(&URING_BIND_LENGTH) as u32;
        let alone = self.pointer(&URING_PREPARED);
        let part = alone.wrapping_add(URING_PREPARED_ADDRESS.load() as usize);
        if at::<u16>(alone) == family {
            Address::kernel(alone, length)
        } else if at::<u16>(part) == family {
            Address::kernel(part, length)
        } else {
            Address::NONE
        }
    }
    /// What the kernel copied, of kernels that copy at once.
    #[inline(always)]
    fn prepared(self) -> Address {
        if URING_PREPARES.load() == ABSENT {
            return Address::NONE;
        }
        let prepared = self.pointer(&URING_PREPARED);
        let address = pointer(prepared, &URING_PREPARED_NAME);
        if address.is_null() {
            return Address::NONE;
        }
        Address::kernel(address, field(prepared, &URING_PREPARED_LENGTH))
    }
}

#[inline(always)]
fn pointer(base: Kernel, offset: &Global<u32>) -> Kernel {
    match offset.load() {
        ABSENT => core::ptr::null(),
        _ => field(base, offset),
    }
}
