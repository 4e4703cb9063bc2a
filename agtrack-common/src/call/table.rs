//! The rows.

use super::{Call, NONE, Place, Places, Quirk};
use crate::event::Kind;

/// Every call.
#[rustfmt::skip] // One call a line.
pub const TABLE: &[Call] = &[
    call("open", 2, 5, Kind::Open, named(1).value(2)),
    call("creat", 85, 8, Kind::Open, named(1)).with(Quirk::Creat),
    call("openat", 257, 295, Kind::Open, below(1, 2).value(3)),
    call("openat2", 437, 437, Kind::Open, below(1, 2).value(3)).with(Quirk::OpenHow),
    call("open_by_handle_at", 304, 342, Kind::Open, below(1, NONE).value(3)),
    call("unlink", 87, 10, Kind::Unlink, named(1)),
    call("unlinkat", 263, 301, Kind::Unlink, below(1, 2).value(3)).with(Quirk::MayRemoveDirectory),
    call("rename", 82, 38, Kind::Rename, named(1).other(NONE, 2)),
    call("renameat", 264, 302, Kind::Rename, below(1, 2).other(3, 4)),
    call("renameat2", 316, 353, Kind::Rename, below(1, 2).other(3, 4).value(5)),
    call("execve", 59, 11, Kind::ExecFailed, named(1)),
    call("execveat", 322, 358, Kind::ExecFailed, below(1, 2)),
    call("connect", 42, 362, Kind::Connect, below(1, 2).value(3)),
    compat("socketcall", 102, Kind::Connect, below(1, 2)).with(Quirk::Multiplexed),
    call("socket", 41, 359, Kind::Socket, NOTHING),
    call("bind", 49, 361, Kind::Bind, below(1, 2).value(3)),
    call("listen", 50, 363, Kind::Listen, below(1, NONE)),
    Call { compat: None, ..call("accept", 43, 0, Kind::Accept, below(1, NONE)) },
    call("accept4", 288, 364, Kind::Accept, below(1, NONE)),
    call("mkdir", 83, 39, Kind::Mkdir, named(1).value(2)),
    call("mkdirat", 258, 296, Kind::Mkdir, below(1, 2).value(3)),
    call("rmdir", 84, 40, Kind::Rmdir, named(1)),
    call("mknod", 133, 14, Kind::Mknod, named(1).value(2).second(3)),
    call("mknodat", 259, 297, Kind::Mknod, below(1, 2).value(3).second(4)),
    call("link", 86, 9, Kind::Link, named(2).other(NONE, 1)),
    call("linkat", 265, 303, Kind::Link, below(3, 4).other(1, 2).value(5)),
    call("symlink", 88, 83, Kind::Symlink, named(2).other(NONE, 1)).with(Quirk::Text),
    call("symlinkat", 266, 304, Kind::Symlink, below(2, 3).other(NONE, 1)).with(Quirk::Text),
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
    call("fchown", 93, 207, Kind::Chown, below(1, NONE).value(2).second(3)),
    call("fchownat", 260, 298, Kind::Chown, below(1, 2).value(3).second(4)),
    call("chroot", 161, 61, Kind::Chroot, named(1)).with(Quirk::Root),
    call("pivot_root", 155, 217, Kind::PivotRoot, named(1).other(NONE, 2)).with(Quirk::Root),
    call("mount", 165, 21, Kind::Mount, named(2).other(NONE, 1).value(4).second(3)).with(Quirk::Texts),
    call("move_mount", 429, 429, Kind::Mount, below(3, 4).other(1, 2)),
    call("umount2", 166, 52, Kind::Umount, named(1).value(2)),
    compat("umount", 22, Kind::Umount, named(1)),
    call("setxattr", 188, 226, Kind::SetXattr, named(1).other(NONE, 2)).with(Quirk::Text),
    call("lsetxattr", 189, 227, Kind::SetXattr, named(1).other(NONE, 2)).with(Quirk::Text),
    call("fsetxattr", 190, 228, Kind::SetXattr, below(1, NONE).other(NONE, 2)).with(Quirk::Text),
    call("setxattrat", 463, 463, Kind::SetXattr, below(1, 2).other(NONE, 4)).with(Quirk::Text),
    call("removexattr", 197, 235, Kind::RemoveXattr, named(1).other(NONE, 2)).with(Quirk::Text),
    call("lremovexattr", 198, 236, Kind::RemoveXattr, named(1).other(NONE, 2)).with(Quirk::Text),
    call("fremovexattr", 199, 237, Kind::RemoveXattr, below(1, NONE).other(NONE, 2)).with(Quirk::Text),
    call("removexattrat", 466, 466, Kind::RemoveXattr, below(1, 2).other(NONE, 4)).with(Quirk::Text),
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
    call("process_vm_readv", 310, 347, Kind::TrackerPtrace, NOTHING),
    call("process_vm_writev", 311, 348, Kind::TrackerPtrace, NOTHING),
    call("bpf", 321, 357, Kind::Bpf, NOTHING),
    call("init_module", 175, 128, Kind::ModuleLoad, NOTHING),
    call("finit_module", 313, 350, Kind::ModuleLoad, NOTHING),
    call("delete_module", 176, 129, Kind::ModuleUnload, NOTHING),
    call("io_uring_setup", 425, 425, Kind::IoUringSetup, NOTHING),
    call("perf_event_open", 298, 336, Kind::PerfEventOpen, NOTHING),
    call("add_key", 248, 286, Kind::Key, NOTHING),
    call("request_key", 249, 287, Kind::Key, NOTHING),
    call("keyctl", 250, 288, Kind::Key, NOTHING),
    call("write", 1, 4, Kind::Close, below(1, NONE)).with(Quirk::Writes),
    call("pwrite64", 18, 181, Kind::Close, below(1, NONE)).with(Quirk::Writes),
    call("writev", 20, 146, Kind::Close, below(1, NONE)).with(Quirk::Writes),
    call("pwritev", 296, 334, Kind::Close, below(1, NONE)).with(Quirk::Writes),
    call("pwritev2", 328, 379, Kind::Close, below(1, NONE)).with(Quirk::Writes),
    call("sendfile", 40, 187, Kind::Close, below(1, NONE)).with(Quirk::Writes),
    compat("sendfile64", 239, Kind::Close, below(1, NONE)).with(Quirk::Writes),
    call("copy_file_range", 326, 377, Kind::Close, below(3, NONE)).with(Quirk::Writes),
    call("splice", 275, 313, Kind::Close, below(3, NONE)).with(Quirk::Writes),
    call("close", 3, 6, Kind::Close, below(1, NONE)).with(Quirk::Closes),
    call("close_range", 436, 436, Kind::Close, below(1, NONE).second(2).value(3)).with(Quirk::ClosesRange),
    call("dup", 32, 41, Kind::Close, below(1, NONE)).with(Quirk::Duplicates),
    call("dup2", 33, 63, Kind::Close, below(1, NONE)).with(Quirk::Duplicates),
    call("dup3", 292, 330, Kind::Close, below(1, NONE)).with(Quirk::Duplicates),
    call("fcntl", 72, 55, Kind::Close, below(1, NONE).value(2)).with(Quirk::Duplicates),
    compat("fcntl64", 221, Kind::Close, below(1, NONE).value(2)).with(Quirk::Duplicates),
    call("mmap", 9, 192, Kind::Mmap, below(5, NONE).value(3).second(4)),
    Call { compat: None, ..call("recvmsg", 47, 0, Kind::ReceiveFile, below(1, NONE)) },
    Call { compat: None, ..call("recvmmsg", 299, 0, Kind::ReceiveFile, below(1, NONE)) }.with(Quirk::Messages),
    call("pidfd_getfd", 438, 438, Kind::ReceiveFile, below(1, NONE)).with(Quirk::Takes),
    compat("chown16", 182, Kind::Chown, named(1).value(2).second(3)),
    compat("lchown16", 16, Kind::Chown, named(1).value(2).second(3)),
    compat("fchown16", 95, Kind::Chown, below(1, NONE).value(2).second(3)),
];

impl Call {
    const fn with(self, quirk: Quirk) -> Call {
        Call { quirk, ..self }
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
