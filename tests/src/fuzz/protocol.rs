//! What is said over sockets, in whole and in pieces.

use std::net::{Ipv4Addr, SocketAddr};

use agtrack::protocol::{Found, HELD, Protocols, Segment, Transport};

/// A message of DNS, and a stream of them.
pub(super) fn dns(bytes: &[u8]) {
    for outbound in [true, false] {
        let segment = Segment {
            transport: Transport::Udp,
            outbound,
            ..segment(53, 0, bytes)
        };
        read(&[segment]);
    }
    stream(53, bytes);
}

/// What a side of a TLS connection says.
pub(super) fn tls(bytes: &[u8]) {
    stream(443, bytes);
}

/// Requests of HTTP/1.
pub(super) fn http(bytes: &[u8]) {
    stream(80, bytes);
}

/// However it comes in pieces, what was found first is the same.
fn stream(port: u16, bytes: &[u8]) {
    let whole = read(&[segment(port, 0, bytes)]);
    // As many pieces as the bytes themselves say.
    let sizes = bytes.iter().map(|byte| usize::from(byte % 23) + 1);
    let mut at = 0;
    let mut pieces: Vec<_> = sizes
        .map_while(|size| {
            let piece = bytes.get(at..bytes.len().min(at + size))?;
            let piece = segment(port, at as u64, piece);
            at += size;
            Some(piece)
        })
        .collect();
    let parted = read(&pieces);
    if let Some(first) = whole.first() {
        assert_eq!(parted.first(), Some(first), "in pieces");
    }
    let half = pieces.len() / 2;
    pieces.rotate_left(half);
    pieces.extend_from_within(..half);
    read(&pieces);
    pieces.reverse();
    read(&pieces);
}

fn segment(port: u16, offset: u64, bytes: &[u8]) -> Segment<'_> {
    Segment {
        socket: 1,
        transport: Transport::Tcp,
        is_dns: port == 53,
        outbound: true,
        local: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 40_000),
        peer: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
        offset,
        total: u32::try_from(bytes.len()).expect("an input is short"),
        bytes,
    }
}

fn read(segments: &[Segment<'_>]) -> Vec<Found> {
    let (mut protocols, mut told) = (Protocols::default(), Vec::new());
    for segment in segments {
        protocols.take(&(), 0, segment, &mut told);
        assert!(protocols.held() <= 2 * HELD, "memory has an end");
    }
    protocols.give_up(u64::MAX, &mut told);
    told.into_iter().map(|(.., found)| found).collect()
}
