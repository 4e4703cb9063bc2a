//! What an event was done to.

mod change;
mod close;
mod endpoint;
mod exec;
mod exit;
pub(super) mod flags;
mod flow;
mod request;
mod uring;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use agtrack_common::event::{Connect, Open, Payload, Peer, Rename, Unlink, fmode};
use agtrack_common::wire::{FileId, Path, path_flag};

use super::tamper;
use crate::decode::{PathText, Segments, What, device};
use crate::enrich::Known;
use crate::record::{Access, Address, Completeness, FileChange, Object, PathSource, Text};

/// The action's name.
pub(super) fn name(known: &Known) -> &'static str {
    match &known.event.what {
        What::Happened(payload) => payload.kind().row().action,
        // Results are never actions of their own.
        What::Ended(_) => "unknown",
    }
}

/// The paths an event is about.
pub(super) fn paths(known: &Known) -> Vec<Vec<u8>> {
    let mut data = Segments::new(&known.event.data);
    let What::Happened(payload) = &known.event.what else {
        return Vec::new();
    };
    match payload {
        Payload::Open(body) => vec![data.path(&body.path).bytes],
        Payload::Unlink(body) => vec![data.path(&body.path).bytes],
        Payload::Rename(body) => vec![data.path(&body.from).bytes, data.path(&body.to).bytes],
        Payload::Change(_, body) => vec![data.path(&body.path).bytes],
        Payload::Close(body) => vec![data.path(&body.path).bytes],
        Payload::Fork(_)
        | Payload::Exec(_)
        | Payload::ExecFailed(_)
        | Payload::Exit(_)
        | Payload::Connect(_)
        | Payload::Call(..)
        | Payload::Endpoint(..)
        | Payload::Peer(..)
        | Payload::SetId(_)
        | Payload::Signal(_)
        | Payload::Uring(_)
        | Payload::Flow(_)
        | Payload::Excerpt(_)
        | Payload::Tamper(..)
        | Payload::CgroupCreate(_)
        | Payload::CgroupAttach(_)
        | Payload::CgroupRemove(_) => Vec::new(),
    }
}

/// The object, and how far it can be trusted to be whole.
pub(super) fn object(known: &Known) -> (Object, Completeness) {
    let mut data = Segments::new(&known.event.data);
    let mut whole = Completeness {
        count: 1,
        ..Completeness::default()
    };
    if known.event.parts_lost {
        whole.truncated = true;
        whole.notes.push("parts_lost".to_owned());
    }
    let What::Happened(payload) = &known.event.what else {
        return (Object::Connect(Address::Other { family: 0 }), whole);
    };
    let object = match payload {
        Payload::Fork(body) => Object::Fork {
            child_uid: known.target_uid.clone().unwrap_or_default(),
            child_pid: body.child,
            namespaces: flags::namespaces(body.namespaces),
        },
        Payload::Exec(body) => exec::object(known, body, &mut whole),
        Payload::ExecFailed(body) => exec::failed(body, &mut data, &mut whole),
        Payload::Exit(body) => exit::object(body),
        Payload::Open(body) => open(body, &mut data, &mut whole),
        Payload::Unlink(body) => unlink(body, &mut data, &mut whole),
        Payload::Rename(body) => rename(body, &mut data, &mut whole),
        Payload::Change(kind, body) => change::object(*kind, body, &mut data, &mut whole),
        Payload::Close(body) => close::object(body, &mut data, &mut whole),
        Payload::Endpoint(kind, body) => endpoint::object(*kind, body, &mut data, &mut whole),
        Payload::Call(kind, body) => request::call(*kind, body),
        Payload::SetId(body) => request::ids(body),
        Payload::Uring(body) => uring::object(body, &mut data, &mut whole),
        Payload::Signal(body) => request::signal(body, known.target_uid.clone()),
        Payload::Peer(_, body) => Object::Connect(peer(body)),
        Payload::Connect(body) => Object::Connect(connect(body, &mut data, &mut whole)),
        Payload::Flow(body) => flow::object(body),
        // What is read from it is told.
        Payload::Excerpt(body) => Object::Connect(Address::Other {
            family: body.family,
        }),
        // Told by a record of its own, which nobody asks here.
        Payload::Tamper(kind, body) => tamper::object(*kind, body, &known.event.data, None),
        Payload::CgroupCreate(body) => cgroup(known, body.id, None),
        Payload::CgroupAttach(body) => cgroup(known, body.id, Some(body.target)),
        Payload::CgroupRemove(body) => cgroup(known, body.id, None),
    };
    (object, whole)
}

fn open(body: &Open, data: &mut Segments<'_>, whole: &mut Completeness) -> Object {
    let mut path = data.path(&body.path);
    note(whole, &path);
    whole.count += u64::from(body.repeats);
    // What a namespace file is called in the kernel is a slash, and that would be the root directory.
    let has_no_name = matches!(&*path.bytes, b"" | b"/");
    if has_no_name && path.flags & path_flag::PSEUDO != 0 {
        path.bytes = nameless(&body.file).into_bytes();
    }
    let (inode, device, mode) = identity(&body.file);
    Object::Open {
        path: Text(path.bytes),
        access: access(body),
        created: body.mode & fmode::CREATED != 0 || flags::is_unnamed(body),
        open_flags: flags::open(body.flags),
        inode,
        device,
        mode,
    }
}

/// What `/proc/PID/fd` shows of a file without a name (fs/pipe.c `pipefs_dname`, net/socket.c
/// `sockfs_dname`).
fn nameless(file: &FileId) -> String {
    let kind = match file.mode & 0o170_000 {
        0o010_000 => "pipe",
        0o140_000 => "socket",
        _ => "anon_inode",
    };
    format!("{kind}:[{}]", file.ino)
}

/// `f_mode` says what the kernel granted; a refused open has only the request.
fn access(body: &Open) -> Access {
    let (read, write) = if body.mode != 0 {
        (body.mode & fmode::READ != 0, body.mode & fmode::WRITE != 0)
    } else {
        let request = body.flags & 3;
        (request == 0 || request == 2, request == 1 || request == 2)
    };
    access_of(read, write)
}

fn access_of(read: bool, write: bool) -> Access {
    match (read, write) {
        (true, true) => Access::ReadWrite,
        (true, false) => Access::Read,
        (false, true) => Access::Write,
        (false, false) => Access::None,
    }
}

fn unlink(body: &Unlink, data: &mut Segments<'_>, whole: &mut Completeness) -> Object {
    let path = data.path(&body.path);
    note(whole, &path);
    let (inode, device, _) = identity(&body.file);
    Object::File {
        path: Text(path.bytes),
        inode,
        device,
        change: FileChange::default(),
    }
}

fn rename(body: &Rename, data: &mut Segments<'_>, whole: &mut Completeness) -> Object {
    let from = data.path(&body.from);
    let to = data.path(&body.to);
    note(whole, &from);
    note_cut(whole, &to);
    let (inode, device, _) = identity(&body.file);
    Object::Rename {
        from: Text(from.bytes),
        to: Text(to.bytes),
        rename_flags: flags::rename(body.flags),
        inode,
        device,
    }
}

/// Address families, include/linux/socket.h.
const AF_UNIX: u16 = 1;
pub(super) const AF_INET: u16 = 2;
pub(super) const AF_INET6: u16 = 10;

fn connect(body: &Connect, data: &mut Segments<'_>, whole: &mut Completeness) -> Address {
    if body.argument != 0 {
        whole.path_source = Some(PathSource::Argument);
    }
    match body.family {
        AF_UNIX => {
            let (socket, source) = unix(&body.path, data);
            whole.path_source = Some(source);
            Address::Unix { socket }
        }
        family => inet(
            family,
            body.address,
            body.port,
            (body.protocol, body.socket_type),
        ),
    }
}

/// The name of a socket of `AF_UNIX`, and where that is from.
fn unix(path: &Path, data: &mut Segments<'_>) -> (Text, PathSource) {
    let source = source(path.flags);
    let name = match path.walked > 0 {
        true => data.path(path).bytes,
        false => socket_name(data.bytes(path.name)),
    };
    (Text(name), source)
}

fn peer(body: &Peer) -> Address {
    let socket = (body.protocol, body.socket_type);
    inet(body.family, body.address, body.port, socket)
}

/// An address of the internet, by a socket of this protocol and type.
/// `None`: neither IPv4 nor IPv6.
pub(super) fn ip(family: u16, bytes: [u8; 16]) -> Option<IpAddr> {
    let [a, b, c, d, ..] = bytes;
    match family {
        AF_INET => Some(Ipv4Addr::new(a, b, c, d).into()),
        AF_INET6 => Some(Ipv6Addr::from(bytes).into()),
        _ => None,
    }
}

fn inet(family: u16, bytes: [u8; 16], port: u16, socket: (u16, u16)) -> Address {
    let Some(ip) = ip(family, bytes) else {
        return Address::Other { family };
    };
    Address::Ip {
        ip,
        port,
        proto: flags::protocol(socket.0, socket.1),
        domain: None,
    }
}

/// `sun_path`: ended by NUL, or, where it begins with one, an abstract name of the given length
/// (unix(7)).
fn socket_name(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [0, name @ ..] => [b"@", name].concat(),
        _ => bytes
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or(bytes)
            .to_vec(),
    }
}

fn cgroup(known: &Known, id: u64, target: Option<u32>) -> Object {
    Object::Cgroup {
        cgroup: known.cgroup.clone().unwrap_or_default(),
        cgroup_id: id,
        target_uid: known.target_uid.clone(),
        target_pid: target,
    }
}

/// Inode, device and mode, where a file was seen.
fn identity(file: &FileId) -> (Option<u64>, Option<String>, Option<String>) {
    if file.ino == 0 && file.dev == 0 {
        return (None, None, None);
    }
    (
        Some(file.ino),
        Some(device(file.dev)),
        Some(format!("{:o}", file.mode)),
    )
}

/// Where a path with these marks is from.
fn source(flags: u32) -> PathSource {
    if flags & path_flag::ARGUMENT != 0 {
        PathSource::Argument
    } else if flags & path_flag::FD != 0 {
        PathSource::Fd
    } else {
        PathSource::Kernel
    }
}

/// What the marks of the action's main path say.
fn note(whole: &mut Completeness, path: &PathText) {
    whole.path_source = Some(source(path.flags));
    let marks = [
        (path_flag::DELETED, "deleted"),
        (path_flag::PSEUDO, "pseudo"),
        (path_flag::UNREADABLE, "unreadable"),
    ];
    for (flag, word) in marks {
        if path.flags & flag != 0 {
            whole.notes.push(word.to_owned());
        }
    }
    if path.outside_root {
        whole.notes.push("outside_root".to_owned());
    }
    note_cut(whole, path);
}

fn note_cut(whole: &mut Completeness, path: &PathText) {
    whole.truncated |= path.flags & (path_flag::TRUNCATED | path_flag::DEEP) != 0;
}
