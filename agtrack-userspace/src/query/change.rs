//! Which actions change something that outlives them.

use crate::deed::is_kernel_made;
use crate::record::{Access, Action, Object, OutcomeResult};

/// Actions that change something whatever they say, in files, mounts, the kernel, other processes.
const CHANGES: &[&str] = &[
    "file.unlink",
    "file.rename",
    "file.mkdir",
    "file.rmdir",
    "file.mknod",
    "file.link",
    "file.symlink",
    "file.truncate",
    "file.chmod",
    "file.chown",
    "file.setxattr",
    "file.removexattr",
    "file.close",
    "file.mount",
    "file.umount",
    "process.signal",
    "process.ptrace",
    "kernel.bpf",
    "kernel.key",
    "kernel.module_load",
    "kernel.module_unload",
    "cgroup.create",
    "cgroup.attach",
    "cgroup.remove",
];

/// Requests of io_uring that change nothing but their own process and its connections.
const HARMLESS: &[&str] = &[
    "accept",
    "bind",
    "connect",
    "listen",
    "send",
    "send_zc",
    "sendmsg",
    "sendmsg_zc",
    "shutdown",
    "socket",
];

/// Whether it would be a change if the file was not the kernel's.
pub(super) fn is_of_kernel(action: &Action) -> bool {
    let path = match &action.object {
        Object::Open { path, .. } => Some(path),
        Object::File { path, .. } => Some(path)
            .filter(|_| ["file.close", "file.truncate", "file.mmap"].contains(&&*action.action)),
        Object::Uring(request) => request.path.as_ref(),
        _ => None,
    };
    path.is_some_and(|path| is_kernel_made(&path.0))
}

/// What a record of a change contains, one of these at least.
pub(super) fn literals() -> Vec<Vec<u8>> {
    let action = |name: &&str| format!("\"action\":\"{name}\"").into_bytes();
    let others = [
        "\"access\":\"write\"",
        "\"access\":\"read_write\"",
        "\"created\":true",
        "\"TRUNC\"",
        "\"WRITE\"",
        "\"action\":\"kernel.io_uring\"",
    ];
    let others = others.iter().map(|text| text.as_bytes().to_vec());
    CHANGES.iter().map(action).chain(others).collect()
}

/// Whether it changed something that lasts, or may have: a failure changes nothing.
pub(super) fn is_change(action: &Action) -> bool {
    changes(action) && !is_of_kernel(action)
}

/// The same, files that the kernel makes included.
pub(super) fn changes(action: &Action) -> bool {
    if action.outcome.result == OutcomeResult::Failure {
        return false;
    }
    match &action.object {
        Object::Open {
            access,
            created,
            open_flags,
            ..
        } => *created || writes(*access) || truncates(open_flags),
        Object::File { change, .. } if action.action == "file.mmap" => {
            change.protection.iter().any(|word| word == "WRITE")
        }
        Object::Uring(request) => match request.access {
            Some(access) => {
                let flags = &request.flags;
                writes(access) || truncates(flags) || flags.iter().any(|flag| flag == "CREAT")
            }
            None => {
                // `openat2` whose arguments were not read may be for writing.
                !HARMLESS.contains(&&*request.request)
            }
        },
        Object::File { .. }
        | Object::Rename { .. }
        | Object::Exec { .. }
        | Object::Program { .. }
        | Object::Fork { .. }
        | Object::Exit { .. }
        | Object::Connect(_)
        | Object::Endpoint { .. }
        | Object::Flow(_)
        | Object::Dns(_)
        | Object::Tls(_)
        | Object::Http(_)
        | Object::Quic(_)
        | Object::Cgroup { .. }
        | Object::Socket { .. }
        | Object::Ids { .. }
        | Object::Request { .. } => CHANGES.contains(&&*action.action),
    }
}

fn writes(access: Access) -> bool {
    match access {
        Access::Write | Access::ReadWrite => true,
        Access::Read | Access::None => false,
    }
}

fn truncates(flags: &[String]) -> bool {
    flags.iter().any(|flag| flag == "TRUNC")
}
