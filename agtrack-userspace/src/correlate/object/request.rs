//! What a process asked of the kernel, or did to another process.

use agtrack_common::call;
use agtrack_common::event::{Call, CallKind, SetId, Signal};

use super::flags;
use crate::record::Object;

pub(super) fn signal(body: &Signal, target_uid: Option<String>) -> Object {
    Object::Request {
        request: flags::signal(body.signal as i32),
        target_pid: Some(body.target),
        target_uid,
        namespaces: Vec::new(),
    }
}

pub(super) fn ids(body: &SetId) -> Object {
    Object::Ids {
        user: body.uid,
        euser: body.euid,
        suser: body.suid,
        group: body.gid,
        egroup: body.egid,
        sgroup: body.sgid,
        capabilities: format!("{:x}", body.capabilities),
    }
}

/// The call's own name where no argument says it better.
pub(super) fn call(kind: CallKind, body: &Call) -> Object {
    let name = call::Call::of(body.number).map_or("unknown", |call| call.name);
    let [first, second, ..] = body.arguments;
    let request = |word: Option<&str>| match word {
        Some(word) => word.to_owned(),
        None => format!("{name} {first}"),
    };
    let (request, target, namespaces) = match kind {
        CallKind::Socket => return socket(body.arguments),
        CallKind::Unshare => (name.to_owned(), None, first),
        CallKind::Setns => (name.to_owned(), None, second),
        CallKind::Ptrace => {
            let target = (first != flags::PTRACE_TRACEME).then_some(second as u32);
            (request(flags::ptrace(first)), target, 0)
        }
        CallKind::Bpf => (request(flags::bpf(first)), None, 0),
        // A process id of 0 is the caller itself, -1 every process.
        CallKind::PerfEventOpen => {
            let target = Some(second as u32).filter(|pid| !matches!(*pid, 0 | u32::MAX));
            (name.to_owned(), target, 0)
        }
        CallKind::Key if name == "keyctl" => (request(flags::keyctl(first)), None, 0),
        CallKind::Key | CallKind::ModuleLoad | CallKind::ModuleUnload | CallKind::IoUringSetup => {
            (name.to_owned(), None, 0)
        }
    };
    Object::Request {
        request,
        target_pid: target,
        target_uid: None,
        namespaces: flags::namespaces(namespaces as u32),
    }
}

/// Families, types and the order of bytes: socket(2), packet(7).
pub(super) fn socket([family, kind, protocol, _]: [u64; 4]) -> Object {
    const AF_PACKET: u64 = 17;
    let family_name = match family {
        2 => "inet",
        10 => "inet6",
        AF_PACKET => "packet",
        44 => "xdp",
        _ => "other",
    };
    let proto = match family {
        AF_PACKET => format!("{:#06x}", u16::from_be(protocol as u16)),
        _ => flags::protocol(protocol as u16, 0),
    };
    Object::Socket {
        family: family_name.to_owned(),
        socket_type: match kind & 15 {
            1 => "stream",
            2 => "dgram",
            3 => "raw",
            _ => "other",
        }
        .to_owned(),
        proto,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `CLONE_NEWNS | CLONE_NEWNET`.
    const BOTH: u64 = 0x4002_0000;

    fn check(
        kind: CallKind,
        number: u32,
        arguments: [u64; 2],
        expect: (&str, Option<u32>, &[&str]),
    ) {
        let [a, b] = arguments;
        let arguments = [a, b, 0, 0];
        let body = Call {
            arguments,
            number,
            ret: 0,
        };
        let (request, target_pid, namespaces) = expect;
        let expect = Object::Request {
            request: request.to_owned(),
            target_pid,
            target_uid: None,
            namespaces: namespaces.iter().map(|word| (*word).to_owned()).collect(),
        };
        assert_eq!(call(kind, &body), expect);
    }

    #[test]
    fn calls_are_told_by_their_arguments() {
        check(
            CallKind::Unshare,
            272,
            [BOTH, 0],
            ("unshare", None, &["mnt", "net"]),
        );
        check(CallKind::Ptrace, 101, [16, 7], ("ATTACH", Some(7), &[]));
        check(CallKind::Ptrace, 101, [0, 7], ("TRACEME", None, &[]));
        check(CallKind::Bpf, 321, [5, 0], ("PROG_LOAD", None, &[]));
        check(CallKind::Bpf, 321, [999, 0], ("bpf 999", None, &[]));
        check(CallKind::Key, 250, [3, 0], ("REVOKE", None, &[]));
        check(CallKind::Key, 248, [3, 0], ("add_key", None, &[]));
        check(
            CallKind::ModuleLoad,
            313,
            [3, 0],
            ("finit_module", None, &[]),
        );
        let compat = agtrack_common::event::COMPAT;
        check(
            CallKind::ModuleLoad,
            128 | compat,
            [3, 0],
            ("init_module", None, &[]),
        );
        let everybody = u64::from(u32::MAX);
        check(
            CallKind::PerfEventOpen,
            298,
            [0, everybody],
            ("perf_event_open", None, &[]),
        );
    }
}
