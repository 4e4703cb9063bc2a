//! The system calls that back end `tracepoint` looks at, as data: which event one is, and what its
//! arguments mean. x86_64 and i386 so far.

use crate::event::{COMPAT, HOOKS, Kind, TRACEPOINT};

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
    /// i386 `socketcall`: the arguments of `connect` stand in memory.
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

/// Every call.
pub const TABLE: &[Call] = &[
    call("open", 2, 5, Kind::Open, named(1).value(2)),
    call("creat", 85, 8, Kind::Open, named(1)).with(Quirk::Creat),
    call("openat", 257, 295, Kind::Open, below(1, 2).value(3)),
    call("openat2", 437, 437, Kind::Open, below(1, 2).value(3)).with(Quirk::OpenHow),
    call("unlink", 87, 10, Kind::Unlink, named(1)),
    call("unlinkat", 263, 301, Kind::Unlink, below(1, 2).value(3)).with(Quirk::MayRemoveDirectory),
    call("rename", 82, 38, Kind::Rename, named(1).other(NONE, 2)),
    call("renameat", 264, 302, Kind::Rename, below(1, 2).other(3, 4)),
    call(
        "renameat2",
        316,
        353,
        Kind::Rename,
        below(1, 2).other(3, 4).value(5),
    ),
    call("connect", 42, 362, Kind::Connect, below(1, 2).value(3)),
    compat("socketcall", 102, Kind::Connect, below(1, 2)).with(Quirk::Multiplexed),
    call("mkdir", 83, 39, Kind::Mkdir, named(1).value(2)),
    call("mkdirat", 258, 296, Kind::Mkdir, below(1, 2).value(3)),
    call("rmdir", 84, 40, Kind::Rmdir, named(1)),
    call("mknod", 133, 14, Kind::Mknod, named(1).value(2).second(3)),
    call(
        "mknodat",
        259,
        297,
        Kind::Mknod,
        below(1, 2).value(3).second(4),
    ),
    call("link", 86, 9, Kind::Link, named(2).other(NONE, 1)),
    call("linkat", 265, 303, Kind::Link, below(3, 4).other(1, 2)),
    call("symlink", 88, 83, Kind::Symlink, named(2).other(NONE, 1)).with(Quirk::Text),
    call(
        "symlinkat",
        266,
        304,
        Kind::Symlink,
        below(2, 3).other(NONE, 1),
    )
    .with(Quirk::Text),
    call("truncate", 76, 92, Kind::Truncate, named(1).value(2)),
    compat("truncate64", 193, Kind::Truncate, named(1).value(2)).with(Quirk::Wide),
    call("ftruncate", 77, 93, Kind::Truncate, below(1, NONE).value(2)),
    compat("ftruncate64", 194, Kind::Truncate, below(1, NONE).value(2)).with(Quirk::Wide),
    call("chmod", 90, 15, Kind::Chmod, named(1).value(2)),
    call("fchmod", 91, 94, Kind::Chmod, below(1, NONE).value(2)),
    call("fchmodat", 268, 306, Kind::Chmod, below(1, 2).value(3)),
    call("fchmodat2", 452, 452, Kind::Chmod, below(1, 2).value(3)),
    call("chown", 92, 212, Kind::Chown, named(1).value(2).second(3)),
    call("lchown", 94, 198, Kind::Chown, named(1).value(2).second(3)),
    call(
        "fchown",
        93,
        207,
        Kind::Chown,
        below(1, NONE).value(2).second(3),
    ),
    call(
        "fchownat",
        260,
        298,
        Kind::Chown,
        below(1, 2).value(3).second(4),
    ),
    call("chroot", 161, 61, Kind::Chroot, named(1)).with(Quirk::Root),
    call(
        "pivot_root",
        155,
        217,
        Kind::PivotRoot,
        named(1).other(NONE, 2),
    )
    .with(Quirk::Root),
    call(
        "mount",
        165,
        21,
        Kind::Mount,
        named(2).other(NONE, 1).value(4).second(3),
    )
    .with(Quirk::Texts),
    call("move_mount", 429, 429, Kind::Mount, below(3, 4).other(1, 2)),
    call("umount2", 166, 52, Kind::Umount, named(1).value(2)),
    compat("umount", 22, Kind::Umount, named(1)),
    call("setuid", 105, 213, Kind::SetId, NOTHING),
    call("setgid", 106, 214, Kind::SetId, NOTHING),
    call("setreuid", 113, 203, Kind::SetId, NOTHING),
    call("setregid", 114, 204, Kind::SetId, NOTHING),
    call("setresuid", 117, 208, Kind::SetId, NOTHING),
    call("setresgid", 119, 210, Kind::SetId, NOTHING),
    call("capset", 126, 185, Kind::SetId, NOTHING),
    compat("setuid16", 23, Kind::SetId, NOTHING),
    compat("setgid16", 46, Kind::SetId, NOTHING),
    compat("setreuid16", 70, Kind::SetId, NOTHING),
    compat("setregid16", 71, Kind::SetId, NOTHING),
    compat("setresuid16", 164, Kind::SetId, NOTHING),
    compat("setresgid16", 170, Kind::SetId, NOTHING),
    call("unshare", 272, 310, Kind::Unshare, NOTHING),
    call("setns", 308, 346, Kind::Setns, NOTHING),
    call("ptrace", 101, 26, Kind::Ptrace, NOTHING),
    call("bpf", 321, 357, Kind::Bpf, NOTHING),
    call("init_module", 175, 128, Kind::ModuleLoad, NOTHING),
    call("finit_module", 313, 350, Kind::ModuleLoad, NOTHING),
    call("delete_module", 176, 129, Kind::ModuleUnload, NOTHING),
    call("io_uring_setup", 425, 425, Kind::IoUringSetup, NOTHING),
    call("perf_event_open", 298, 336, Kind::PerfEventOpen, NOTHING),
    call("add_key", 248, 286, Kind::Key, NOTHING),
    call("request_key", 249, 287, Kind::Key, NOTHING),
    call("keyctl", 250, 288, Kind::Key, NOTHING),
    compat("chown16", 182, Kind::Chown, named(1).value(2).second(3)),
    compat("lchown16", 16, Kind::Chown, named(1).value(2).second(3)),
    compat(
        "fchown16",
        95,
        Kind::Chown,
        below(1, NONE).value(2).second(3),
    ),
];

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

/// Highest event id + 1 for which there is room below.
pub const KINDS: usize = 64;

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

    const fn with(self, quirk: Quirk) -> Call {
        Call { quirk, ..self }
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
    }
}

impl Places {
    const fn other(self, directory2: Place, name2: Place) -> Places {
        Places {
            directory2,
            name2,
            ..self
        }
    }
    const fn value(self, value: Place) -> Places {
        Places { value, ..self }
    }
    const fn second(self, second: Place) -> Places {
        Places { second, ..self }
    }
}

/// The arguments are not looked at here.
const NOTHING: Places = below(NONE, NONE);

const fn named(name: Place) -> Places {
    below(NONE, name)
}

const fn below(directory: Place, name: Place) -> Places {
    Places {
        directory,
        name,
        directory2: NONE,
        name2: NONE,
        value: NONE,
        second: NONE,
    }
}

const fn call(name: &'static str, native: u16, compat: u16, kind: Kind, places: Places) -> Call {
    Call {
        name,
        native: Some(native),
        compat: Some(compat),
        kind,
        places,
        quirk: Quirk::Plain,
    }
}

const fn compat(name: &'static str, number: u16, kind: Kind, places: Places) -> Call {
    Call {
        native: None,
        ..call(name, 0, number, kind, places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_c_library() {
        let known = [
            ("open", libc::SYS_open),
            ("creat", libc::SYS_creat),
            ("openat", libc::SYS_openat),
            ("openat2", libc::SYS_openat2),
            ("unlink", libc::SYS_unlink),
            ("unlinkat", libc::SYS_unlinkat),
            ("rename", libc::SYS_rename),
            ("renameat", libc::SYS_renameat),
            ("renameat2", libc::SYS_renameat2),
            ("connect", libc::SYS_connect),
            ("mkdir", libc::SYS_mkdir),
            ("mkdirat", libc::SYS_mkdirat),
            ("rmdir", libc::SYS_rmdir),
            ("mknod", libc::SYS_mknod),
            ("mknodat", libc::SYS_mknodat),
            ("link", libc::SYS_link),
            ("linkat", libc::SYS_linkat),
            ("symlink", libc::SYS_symlink),
            ("symlinkat", libc::SYS_symlinkat),
            ("truncate", libc::SYS_truncate),
            ("ftruncate", libc::SYS_ftruncate),
            ("chmod", libc::SYS_chmod),
            ("fchmod", libc::SYS_fchmod),
            ("fchmodat", libc::SYS_fchmodat),
            ("fchmodat2", libc::SYS_fchmodat2),
            ("chown", libc::SYS_chown),
            ("lchown", libc::SYS_lchown),
            ("fchown", libc::SYS_fchown),
            ("fchownat", libc::SYS_fchownat),
            ("chroot", libc::SYS_chroot),
            ("pivot_root", libc::SYS_pivot_root),
            ("mount", libc::SYS_mount),
            ("move_mount", libc::SYS_move_mount),
            ("umount2", libc::SYS_umount2),
            ("setuid", libc::SYS_setuid),
            ("setgid", libc::SYS_setgid),
            ("setreuid", libc::SYS_setreuid),
            ("setregid", libc::SYS_setregid),
            ("setresuid", libc::SYS_setresuid),
            ("setresgid", libc::SYS_setresgid),
            ("capset", libc::SYS_capset),
            ("unshare", libc::SYS_unshare),
            ("setns", libc::SYS_setns),
            ("ptrace", libc::SYS_ptrace),
            ("bpf", libc::SYS_bpf),
            ("init_module", libc::SYS_init_module),
            ("finit_module", libc::SYS_finit_module),
            ("delete_module", libc::SYS_delete_module),
            ("io_uring_setup", libc::SYS_io_uring_setup),
            ("perf_event_open", libc::SYS_perf_event_open),
            ("add_key", libc::SYS_add_key),
            ("request_key", libc::SYS_request_key),
            ("keyctl", libc::SYS_keyctl),
        ];
        for (name, number) in known {
            let call = TABLE.iter().find(|call| call.name == name).unwrap();
            assert_eq!(call.native.map(i64::from), Some(number), "{name}");
        }
        let natives = TABLE.iter().filter(|call| call.native.is_some()).count();
        assert_eq!(natives, known.len(), "each call is looked up");
    }

    #[test]
    fn what_is_packed_is_read_again() {
        for call in TABLE {
            let packed = Packed(call.packed());
            assert_eq!(packed.kind(), call.kind as u32, "{call:?}");
            let places = Places {
                directory: packed.directory(),
                name: packed.name(),
                directory2: packed.directory2(),
                name2: packed.name2(),
                value: packed.value(),
                second: packed.second(),
            };
            assert_eq!(places, call.places, "{call:?}");
            assert_eq!(packed.quirk(), call.quirk as u32, "{call:?}");
        }
    }

    #[test]
    fn a_number_means_its_own_call_in_each_table() {
        let at = |number: usize| {
            let both = NUMBERS[number];
            (
                Packed(both as u32).kind(),
                Packed((both >> 32) as u32).kind(),
            )
        };
        assert_eq!(at(83), (Kind::Mkdir as u32, Kind::Symlink as u32));
        assert_eq!(at(39), (0, Kind::Mkdir as u32));
        assert_eq!(at(0), (0, 0));
        assert_eq!(Call::of(83).map(|call| call.name), Some("mkdir"));
        assert_eq!(Call::of(83 | COMPAT).map(|call| call.name), Some("symlink"));
        assert!(Call::of(0).is_none());
    }

    #[test]
    fn each_call_has_a_hook() {
        for call in TABLE {
            let hook = crate::event::Hook::by_id(HOOK_OF_KIND[call.kind as usize]).unwrap();
            assert_eq!(hook.kind, call.kind);
        }
    }
}
