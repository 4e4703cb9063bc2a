//! Calls that need nothing around them, as a table.

use crate::trigger::call::{address, call};
use crate::trigger::{compat, file};
use crate::{Ret, Step, complain};

/// A step's name, the call's number, and its arguments: `p` a path, `d` a directory or descriptor,
/// `n` a number.
const CALLS: &[(&str, i64, &str)] = &[
    ("mkdir", libc::SYS_mkdir, "pn"),
    ("mkdirat", libc::SYS_mkdirat, "dpn"),
    ("rmdir", libc::SYS_rmdir, "p"),
    ("mknod", libc::SYS_mknod, "pnn"),
    ("mknodat", libc::SYS_mknodat, "dpnn"),
    ("link", libc::SYS_link, "pp"),
    ("linkat", libc::SYS_linkat, "dpdpn"),
    ("symlink", libc::SYS_symlink, "pp"),
    ("symlinkat", libc::SYS_symlinkat, "pdp"),
    ("truncate", libc::SYS_truncate, "pn"),
    ("ftruncate", libc::SYS_ftruncate, "dn"),
    ("chmod", libc::SYS_chmod, "pn"),
    ("fchmod", libc::SYS_fchmod, "dn"),
    ("fchmodat", libc::SYS_fchmodat, "dpn"),
    ("chown", libc::SYS_chown, "pnn"),
    ("lchown", libc::SYS_lchown, "pnn"),
    ("fchown", libc::SYS_fchown, "dnn"),
    ("fchownat", libc::SYS_fchownat, "dpnnn"),
    ("chroot", libc::SYS_chroot, "p"),
    ("pivot_root", libc::SYS_pivot_root, "pp"),
    ("setxattr", libc::SYS_setxattr, "pppnn"),
    ("lsetxattr", libc::SYS_lsetxattr, "pppnn"),
    ("fsetxattr", libc::SYS_fsetxattr, "dppnn"),
    ("removexattr", libc::SYS_removexattr, "pp"),
    ("lremovexattr", libc::SYS_lremovexattr, "pp"),
    ("fremovexattr", libc::SYS_fremovexattr, "dp"),
    ("unshare", libc::SYS_unshare, "n"),
    ("setns", libc::SYS_setns, "dn"),
    ("kill", libc::SYS_kill, "nn"),
    ("tgkill", libc::SYS_tgkill, "nnn"),
    ("setgid", libc::SYS_setgid, "n"),
    ("setreuid", libc::SYS_setreuid, "nn"),
    ("setresuid", libc::SYS_setresuid, "nnn"),
    ("socket", libc::SYS_socket, "nnn"),
    ("ptrace", libc::SYS_ptrace, "nnnn"),
    ("process_vm_writev", libc::SYS_process_vm_writev, "nnnnn"),
    ("bpf", libc::SYS_bpf, "nnn"),
    ("init_module", libc::SYS_init_module, "nnp"),
    ("finit_module", libc::SYS_finit_module, "dpn"),
    ("delete_module", libc::SYS_delete_module, "pn"),
    ("perf_event_open", libc::SYS_perf_event_open, "nnnnn"),
    ("add_key", libc::SYS_add_key, "ppnnn"),
    ("request_key", libc::SYS_request_key, "ppnn"),
    ("keyctl", libc::SYS_keyctl, "nnnn"),
    ("mount", libc::SYS_mount, "pppnn"),
    ("mount-with", libc::SYS_mount, "pppnp"),
    ("umount", libc::SYS_umount2, "pn"),
    ("move_mount", libc::SYS_move_mount, "dpdpn"),
];

/// The same of i386 (arch/x86/entry/syscalls/syscall_32.tbl).
const COMPAT: &[(&str, u32, &str)] = &[
    ("mkdir32", 39, "pn"),
    ("symlink32", 83, "pp"),
    ("chmod32", 15, "pn"),
    ("chown32", 212, "pnn"),
    // The length in two halves, the lower one first.
    ("truncate64", 193, "pnn"),
    ("setuid32", 213, "n"),
    ("unshare32", 310, "n"),
    ("kill32", 37, "nn"),
];

/// Whether a step of this name stands here.
pub(crate) fn knows(name: &[u8]) -> bool {
    native(name).is_some() || compat(name).is_some()
}

/// Makes the call.
pub(crate) fn perform(name: &[u8], step: &mut Step) -> Ret {
    if let Some((number, kinds)) = compat(name) {
        return compat::perform_as(number, &arguments(kinds, step));
    }
    let Some((number, kinds)) = native(name) else {
        complain("no such call");
    };
    let mut raw = [0; 5];
    let given = arguments(kinds, step);
    for (raw, argument) in raw.iter_mut().zip(&given) {
        *raw = match argument {
            Argument::Path(path) => address(&**path),
            Argument::Number(number) => *number,
        };
    }
    call(number, raw)
}

/// An argument of a call.
pub(crate) enum Argument {
    /// Ended by NUL.
    Path(Vec<u8>),
    /// A number or descriptor.
    Number(i64),
}

fn arguments(kinds: &str, step: &mut Step) -> Vec<Argument> {
    let argument = |kind| match kind {
        'p' => Argument::Path(step.path()),
        'd' => Argument::Number(file::directory(step)),
        _ => Argument::Number(step.number()),
    };
    kinds.chars().map(argument).collect()
}

fn native(name: &[u8]) -> Option<(i64, &'static str)> {
    let call = CALLS.iter().find(|(call, ..)| call.as_bytes() == name);
    call.map(|(_, number, kinds)| (*number, *kinds))
}

fn compat(name: &[u8]) -> Option<(u32, &'static str)> {
    let call = COMPAT.iter().find(|(call, ..)| call.as_bytes() == name);
    call.map(|(_, number, kinds)| (*number, *kinds))
}
