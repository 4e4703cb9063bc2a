//! The system calls that back end `tracepoint` looks at, as data: which event one is, and what its
//! arguments mean. x86_64 and i386 so far.

mod table;

use crate::event::{COMPAT, HOOKS, KINDS, Kind, TRACEPOINT};
pub use table::TABLE;

/// Numbers of system calls are below this.
pub const CALLS: usize = 512;

/// Place of an argument, counted from 1; [`NONE`] where the call has no such argument.
type Place = u32;

/// No such argument: a name is then relative to the working directory.
pub const NONE: Place = 0;

/// What a call needs beside the places of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Quirk {
    /// Nothing.
    Plain = 0,
    /// `creat`: the flags are fixed.
    Creat = 1,
    /// `openat2`: the flags are the first 64 bits of what the argument points at.
    OpenHow = 2,
    /// `unlinkat`: with `AT_REMOVEDIR` it is the kind `Rmdir`.
    MayRemoveDirectory = 3,
    /// i386 `socketcall`: which call it is, and where in memory its arguments stand.
    Multiplexed = 4,
    /// `symlink`: the second name is a text and no path.
    Text = 5,
    /// i386: the value is 64 bits in two arguments, the lower half first.
    Wide = 6,
    /// `mount`: the second name is a text, and the second value another one behind it.
    Texts = 7,
    /// `chroot`, `pivot_root`: after a success the name leads elsewhere, and the process's root
    /// directory is what it led to.
    Root = 8,
    /// What it returns is how many bytes it wrote through the descriptor that is the directory.
    Writes = 9,
    /// `close`.
    Closes = 10,
    /// `close_range`: the last one is the second value.
    ClosesRange = 11,
    /// `dup` and its kin: the result leads to the same open file. The value, if any, is what
    /// `fcntl` was to do.
    Duplicates = 12,
    /// `recvmmsg`: several messages.
    Messages = 13,
    /// `pidfd_getfd`: the result is a descriptor of another process's file.
    Takes = 14,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its name.
    pub name: &'static str,
    /// Its number for x86_64 programs; `None`: they have none.
    pub native: Option<u16>,
    /// Its number for i386 programs.
    pub compat: Option<u16>,
    /// What it does.
    pub kind: Kind,
    /// What its arguments mean.
    pub places: Places,
    /// What else.
    pub quirk: Quirk,
}

/// Where the arguments stand. A connect's are descriptor, address, length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Descriptor of the directory that the name is relative to; without a name, of the file itself.
    pub directory: Place,
    /// Name.
    pub name: Place,
    /// Descriptor of the second directory.
    pub directory2: Place,
    /// Second name.
    pub name2: Place,
    /// Mode, length, user or flags.
    pub value: Place,
    /// Device or group.
    pub second: Place,
}

/// What agtrack knows of each number: of x86_64 programs in the lower half, of i386 programs in the
/// upper one; 0: it does not look at the call. [`Packed`] reads a half.
pub const NUMBERS: [u64; CALLS] = {
    let mut numbers = [0; CALLS];
    let mut i = 0;
    while i < TABLE.len() {
        let packed = TABLE[i].packed() as u64;
        if let Some(number) = TABLE[i].native {
            assert!(
                numbers[number as usize] & 0xffff_ffff == 0,
                "two calls of one number"
            );
            numbers[number as usize] |= packed;
        }
        if let Some(number) = TABLE[i].compat {
            assert!(
                numbers[number as usize] >> 32 == 0,
                "two calls of one number"
            );
            numbers[number as usize] |= packed << 32;
        }
        i += 1;
    }
    numbers
};

/// The hook that sees the calls of each event at their end.
pub const HOOK_OF_KIND: [u16; KINDS] = {
    let mut hooks = [0; KINDS];
    let mut i = 0;
    while i < HOOKS.len() {
        if HOOKS[i].backends == TRACEPOINT {
            hooks[HOOKS[i].kind as usize] = HOOKS[i].id;
        }
        i += 1;
    }
    hooks
};

/// A call in 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed(pub u32);

impl Packed {
    /// The event's id; 0: none.
    #[inline(always)]
    pub const fn kind(self) -> u32 {
        self.0 & 0xff
    }
    /// Place of the directory's descriptor.
    #[inline(always)]
    pub const fn directory(self) -> Place {
        self.0 >> 8 & 7
    }
    /// Place of the name.
    #[inline(always)]
    pub const fn name(self) -> Place {
        self.0 >> 11 & 7
    }
    /// Place of the second directory's descriptor.
    #[inline(always)]
    pub const fn directory2(self) -> Place {
        self.0 >> 14 & 7
    }
    /// Place of the second name.
    #[inline(always)]
    pub const fn name2(self) -> Place {
        self.0 >> 17 & 7
    }
    /// Place of the value.
    #[inline(always)]
    pub const fn value(self) -> Place {
        self.0 >> 20 & 7
    }
    /// Place of the second value.
    #[inline(always)]
    pub const fn second(self) -> Place {
        self.0 >> 23 & 7
    }
    /// A [`Quirk`].
    #[inline(always)]
    pub const fn quirk(self) -> u32 {
        self.0 >> 26 & 15
    }
}

/// Bit of a [`Packed`], above all others: the call may reach for another process, agtrack's own
/// perhaps, so it is looked at whoever made it. [`REACHES_ANY`] has it for both halves.
const REACHES: u32 = 1 << 31;

/// That bit in either half of [`NUMBERS`].
pub const REACHES_ANY: u64 = (REACHES as u64) << 32 | REACHES as u64;

impl Packed {
    /// The call by a 64-bit program of this number.
    pub const fn native(number: usize) -> Packed {
        Packed(NUMBERS[number] as u32)
    }
}

impl Call {
    /// The call of this number, of i386 programs or of others.
    pub fn of(number: u32) -> Option<&'static Call> {
        let plain = (number & !COMPAT) as u16;
        TABLE.iter().find(|call| {
            let known = if number & COMPAT == 0 {
                call.native
            } else {
                call.compat
            };
            known == Some(plain)
        })
    }

    const fn packed(&self) -> u32 {
        let places = &self.places;
        assert!((self.kind as u16) < 256, "eight bits of kind");
        self.kind as u32
            | places.directory << 8
            | places.name << 11
            | places.directory2 << 14
            | places.name2 << 17
            | places.value << 20
            | places.second << 23
            | (self.quirk as u32) << 26
            | if matches!(self.kind, Kind::Ptrace | Kind::TrackerPtrace) {
                REACHES
            } else {
                0
            }
    }
}

#[cfg(test)]
mod tests;
