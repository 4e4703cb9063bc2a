//! What was asked of the kernel through io_uring.

use agtrack_common::event::{Uring, uring_flag};
use agtrack_common::uring;
use agtrack_common::wire::path_flag;

use super::{
    AF_INET, AF_INET6, AF_UNIX, flags, identity, inet, nameless, note, note_cut, request,
    socket_name,
};
use crate::decode::Segments;
use crate::record::{Access, Address, Completeness, Object, PathSource, Text, UringRequest};

pub(super) fn object(body: &Uring, data: &mut Segments<'_>, whole: &mut Completeness) -> Object {
    let name = uring::name(body.opcode);
    let mut path = data.path(&body.path);
    let has_path = body.path.walked > 0 || body.path.name > 0;
    if has_path {
        note(whole, &path);
    }
    if path.bytes.is_empty() && path.flags & path_flag::PSEUDO != 0 {
        path.bytes = nameless(&body.file).into_bytes();
    }
    let second = second(body, data, name.unwrap_or_default(), whole);
    let (inode, device, _) = identity(&body.file);
    let mut told = UringRequest {
        request: name.map_or_else(|| body.opcode.to_string(), str::to_owned),
        opcode: body.opcode,
        attribute: second.attribute,
        target: second.target,
        path: has_path.then_some(Text(path.bytes)),
        descriptor: (body.descriptor >= 0).then_some(body.descriptor),
        registered: body.flags & uring_flag::REGISTERED != 0,
        address: address(body, data, whole),
        inode,
        device,
        ..UringRequest::default()
    };
    detail(body, name.unwrap_or_default(), &mut told);
    Object::Uring(told)
}

#[derive(Default)]
struct Second {
    target: Option<Text>,
    attribute: Option<Text>,
}

/// A second path, or a text that is none.
fn second(body: &Uring, data: &mut Segments<'_>, name: &str, whole: &mut Completeness) -> Second {
    let mut second = Second::default();
    if body.other.walked == 0 && body.other.name == 0 {
        return second;
    }
    match name {
        "setxattr" | "fsetxattr" => {
            second.attribute = Some(Text(data.bytes(body.other.name).to_vec()));
        }
        "symlinkat" => second.target = Some(Text(data.bytes(body.other.name).to_vec())),
        _ => {
            let path = data.path(&body.other);
            note_cut(whole, &path);
            second.target = Some(Text(path.bytes));
        }
    }
    second
}

/// What its one number means.
fn detail(body: &Uring, name: &str, told: &mut UringRequest) {
    const AT_REMOVEDIR: u64 = 0x200;
    let value = body.value;
    match name {
        "openat" | "openat2" => {
            told.flags = flags::open(value as u32);
            told.access = Some(match value & 3 {
                0 => Access::Read,
                1 => Access::Write,
                2 => Access::ReadWrite,
                _ => Access::None,
            });
        }
        "renameat" => told.flags = flags::rename(value as u32),
        "unlinkat" if value & AT_REMOVEDIR != 0 => told.flags = vec!["REMOVEDIR".to_owned()],
        "mkdirat" => told.mode = Some(format!("{value:o}")),
        "ftruncate" => told.size = Some(value),
        "uring_cmd" | "uring_cmd128" => told.command = Some(value as u32),
        "socket" => told.socket = Some(socket(value)),
        // `SHUT_RD`, `SHUT_WR`, `SHUT_RDWR`.
        "shutdown" => {
            let ends = ["RD", "WR", "RDWR"].get(value as usize);
            told.flags = ends.map(|end| (*end).to_owned()).into_iter().collect();
        }
        _ => {}
    }
}

/// Family, type and protocol, 16 bits each.
fn socket(value: u64) -> String {
    let part = |place: u32| value >> (16 * place) & 0xffff;
    match request::socket([part(0), part(1), part(2), 0]) {
        Object::Socket {
            family,
            socket_type,
            proto,
        } => format!("{family} {socket_type} {proto}"),
        _ => String::new(),
    }
}

/// A `sockaddr`, as the kernel or the caller had it, or what the socket has itself.
fn address(body: &Uring, data: &mut Segments<'_>, whole: &mut Completeness) -> Option<Address> {
    if body.flags & uring_flag::UNREADABLE != 0 {
        whole.notes.push("unreadable".to_owned());
        return None;
    }
    let [low, high, rest @ ..] = data.bytes(body.address) else {
        return None;
    };
    let is = |flag| body.flags & flag != 0;
    whole.path_source = Some(if is(uring_flag::ARGUMENT) {
        PathSource::Argument
    } else if is(uring_flag::FOUND) {
        PathSource::Fd
    } else {
        PathSource::Kernel
    });
    let family = u16::from_ne_bytes([*low, *high]);
    let socket = (body.protocol, body.socket_type);
    let mut ip = [0; 16];
    if is(uring_flag::OWN) {
        let (port, bytes) = rest.split_first_chunk::<2>()?;
        ip.get_mut(..bytes.len())?.copy_from_slice(bytes);
        return Some(inet(family, ip, u16::from_ne_bytes(*port), socket));
    }
    match (family, rest) {
        (AF_UNIX, name) => {
            return Some(Address::Unix {
                socket: Text(socket_name(name)),
            });
        }
        (AF_INET, [_, _, a, b, c, d, ..]) => ip[..4].copy_from_slice(&[*a, *b, *c, *d]),
        (AF_INET6, [_, _, _, _, _, _, behind @ ..]) => ip = *behind.first_chunk()?,
        _ => return Some(Address::Other { family }),
    }
    let port = u16::from_be_bytes(*rest.first_chunk::<2>()?);
    Some(inet(family, ip, port, socket))
}

#[cfg(test)]
mod tests {
    use agtrack_common::wire::Path;

    use super::*;

    fn told(body: Uring, data: &[u8]) -> (UringRequest, Completeness) {
        let mut whole = Completeness::default();
        match object(&body, &mut Segments::new(data), &mut whole) {
            Object::Uring(request) => (request, whole),
            other => panic!("{other:?}"),
        }
    }

    /// What the kernel has copied of a `sockaddr`, cut at any place.
    #[test]
    fn addresses_of_any_length_are_read_or_left() {
        let ipv4 = [2, 0, 0, 80, 10, 0, 0, 7];
        let mut ipv6 = vec![10, 0, 0, 80, 0, 0, 0, 0];
        ipv6.extend([0; 15]);
        ipv6.push(1);
        for (whole, expect) in [(&ipv4[..], "10.0.0.7"), (&ipv6[..], "::1")] {
            for length in 0..=whole.len() {
                let body = Uring {
                    opcode: 16,
                    address: length as u32,
                    protocol: 6,
                    ..Uring::default()
                };
                let (request, _) = told(body, &whole[..length]);
                let is_whole = length == whole.len();
                match request.address {
                    Some(Address::Ip { ip, port, .. }) => {
                        assert!(is_whole, "{length}");
                        assert_eq!((ip.to_string().as_str(), port), (expect, 80));
                    }
                    Some(Address::Other { .. }) | None => assert!(!is_whole, "{length}"),
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    /// As the kernel keeps it in the socket, cut at any place.
    #[test]
    fn the_address_that_a_socket_has_is_told() {
        let mut own = 2_u16.to_ne_bytes().to_vec();
        own.extend(8080_u16.to_ne_bytes());
        own.extend([10, 0, 0, 7]);
        for length in 0..=own.len() {
            let body = Uring {
                opcode: 57,
                address: length as u32,
                protocol: 6,
                flags: uring_flag::OWN | uring_flag::FOUND,
                ..Uring::default()
            };
            let (request, whole) = told(body, &own[..length]);
            assert_eq!(request.address.is_some(), length >= 4, "{length}");
            if length == own.len() {
                let Some(Address::Ip { ip, port, .. }) = request.address else {
                    panic!("{request:?}")
                };
                assert_eq!((ip.to_string().as_str(), port), ("10.0.0.7", 8080));
                assert_eq!(whole.path_source, Some(PathSource::Fd));
            }
        }
    }

    #[test]
    fn a_shutdown_says_of_which_end() {
        let shutdown = |value| Uring {
            opcode: 34,
            value,
            ..Uring::default()
        };
        assert_eq!(told(shutdown(1), b"").0.flags, ["WR"]);
        assert_eq!(told(shutdown(u64::MAX), b"").0.flags, [""; 0]);
    }

    #[test]
    fn a_request_newer_than_the_table_has_its_number() {
        let body = Uring {
            opcode: 99,
            descriptor: 3,
            ..Uring::default()
        };
        let (request, whole) = told(body, b"");
        assert_eq!((&*request.request, request.descriptor), ("99", Some(3)));
        assert_eq!(whole.path_source, None);
    }

    #[test]
    fn an_address_that_was_not_read_is_not_told() {
        let body = Uring {
            opcode: 9,
            flags: uring_flag::UNREADABLE | uring_flag::ARGUMENT,
            ..Uring::default()
        };
        let (request, whole) = told(body, b"");
        assert_eq!(
            (request.address, whole.notes),
            (None, vec!["unreadable".to_owned()])
        );
    }

    #[test]
    fn a_text_is_not_taken_for_a_path() {
        let body = Uring {
            opcode: 38,
            path: Path {
                name: 2,
                ..Path::default()
            },
            other: Path {
                name: 4,
                ..Path::default()
            },
            ..Uring::default()
        };
        let (request, _) = told(body, b"/a../b");
        assert_eq!(request.target, Some(Text(b"../b".to_vec())));
    }
}
