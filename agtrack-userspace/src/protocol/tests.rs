//! Real messages, in whole and in pieces. They are the corpus of the fuzz targets: captured from
//! openssl and curl, those of DNS written by hand.

mod bounds;
mod dns;
mod http;
mod ports;
mod reuse;
mod tls;

use super::*;
use crate::record::{Dns, HttpRequest, TlsHello};

/// A message of the corpus.
macro_rules! corpus {
    ($path:literal) => {
        include_bytes!(concat!("../../../../tests/fuzz/corpus/", $path)).as_slice()
    };
}
use corpus;

const LOCAL: &str = "10.0.0.1:40000";

/// A piece of what socket 1 sent to a port of its peer.
fn sent(port: u16, offset: u64, bytes: &[u8]) -> Segment<'_> {
    Segment {
        socket: 1,
        transport: Transport::Tcp,
        is_dns: port == 53,
        outbound: true,
        local: LOCAL.parse().unwrap(),
        peer: SocketAddr::new("192.0.2.7".parse().unwrap(), port),
        offset,
        total: bytes.len() as u32,
        bytes,
    }
}

fn got(port: u16, offset: u64, bytes: &[u8]) -> Segment<'_> {
    Segment {
        outbound: false,
        ..sent(port, offset, bytes)
    }
}

/// A whole datagram.
fn datagram(port: u16, outbound: bool, bytes: &[u8]) -> Segment<'_> {
    Segment {
        transport: Transport::Udp,
        outbound,
        ..sent(port, 0, bytes)
    }
}

/// In pieces of so many bytes.
fn pieces(port: u16, bytes: &[u8], size: usize) -> Vec<Segment<'_>> {
    let chunks = bytes.chunks(size).enumerate();
    chunks
        .map(|(number, piece)| sent(port, (number * size) as u64, piece))
        .collect()
}

/// What is found when the segments come a millisecond apart, and then nothing for a minute.
fn read(segments: &[Segment<'_>]) -> Vec<Found> {
    let (mut protocols, mut told) = (Protocols::default(), Vec::new());
    for (number, segment) in segments.iter().enumerate() {
        protocols.take(&(), number as u64 * 1_000_000, segment, &mut told);
    }
    protocols.give_up(60_000_000_000, &mut told);
    assert_eq!(protocols.held(), 0, "nothing waits any more");
    told.into_iter().map(|(.., found)| found).collect()
}

fn one(segments: &[Segment<'_>]) -> Found {
    let mut found = read(segments);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn as_dns(found: &Found) -> &Dns {
    match &found.object {
        Object::Dns(dns) => dns,
        other => panic!("{other:?}"),
    }
}

fn as_tls(found: &Found) -> &TlsHello {
    match &found.object {
        Object::Tls(hello) => hello,
        other => panic!("{other:?}"),
    }
}

fn as_http(found: &Found) -> &HttpRequest {
    match &found.object {
        Object::Http(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn quic_is_named_once_a_peer() {
    let mut packet = vec![0xc3, 0, 0, 0, 1, 8];
    packet.resize(1200, 7);
    let hello = datagram(443, true, &packet);
    let found = one(&[hello, hello]);
    assert_eq!(found.action, "net.quic_hello");
    let Object::Quic(quic) = found.object else {
        panic!("{found:?}");
    };
    assert_eq!(quic.quic_version, "1");
    assert_eq!(quic.direction, Direction::Outbound);
    let elsewhere = Segment {
        peer: "[2001:db8::1]:443".parse().unwrap(),
        ..hello
    };
    assert_eq!(read(&[hello, elsewhere, hello]).len(), 2);
    let versions = |version: u32, first: u8| {
        packet[0] = first;
        packet[1..5].copy_from_slice(&version.to_be_bytes());
        read(&[datagram(443, true, &packet)]).len()
    };
    let mut versions = versions;
    assert_eq!(versions(0x6b33_43cf, 0xd3), 1, "version 2 counts otherwise");
    assert_eq!(versions(0xff00_001d, 0xc0), 1, "a draft");
    assert_eq!(versions(1, 0x43), 0, "a short header");
    assert_eq!(versions(1, 0xe3), 0, "of a handshake");
    assert_eq!(versions(0x1234_5678, 0xc3), 0);
}
