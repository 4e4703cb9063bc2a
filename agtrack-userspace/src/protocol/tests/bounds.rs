//! Whatever comes, memory has an end and nothing panics.

use proptest::prelude::*;

use super::*;

#[test]
fn a_hello_without_end_is_let_go() {
    let begun = [&b"\x16\x03\x01\x40\0\x01\0\x3f\xfc\x03\x03"[..], &[7; 33]].concat();
    let mut protocols = Protocols::default();
    let mut told = Vec::new();
    for number in 0..2_000_u64 {
        for offset in (0..100).map(|piece| piece * 1000) {
            let bytes = if offset == 0 { &begun[..] } else { &[0; 1000] };
            for outbound in [true, false] {
                let segment = Segment {
                    socket: number,
                    outbound,
                    ..sent(443, offset + u64::from(offset > 0) * 50, bytes)
                };
                protocols.take(&(), number, &segment, &mut told);
            }
        }
        assert!(protocols.held() <= MOST_HELD);
    }
    protocols.give_up(u64::MAX, &mut told);
}

#[test]
fn who_is_let_go_is_told_first() {
    let (mut protocols, mut told) = (Protocols::default(), Vec::new());
    let hello = corpus!("tls/client-1.3");
    for number in 0..=SOCKETS as u64 {
        let segment = Segment {
            socket: number,
            ..sent(443, 0, &hello[..hello.len() - 1])
        };
        protocols.take(&number, 0, &segment, &mut told);
    }
    assert_eq!(told.len(), 1, "the first, to make room for the last");
    assert_eq!(told[0].0, 0, "and it is told of its own owner");
    assert!(told[0].2.truncated);
}

#[derive(Clone, Debug)]
struct Piece {
    socket: u64,
    udp: bool,
    outbound: bool,
    port: u16,
    offset: u64,
    total: u32,
    bytes: Vec<u8>,
}

fn piece() -> impl Strategy<Value = Piece> {
    let seeds = prop_oneof![
        Just(corpus!("tls/client-records").to_vec()),
        Just(corpus!("dns/stream").to_vec()),
        Just(corpus!("dns/answer").to_vec()),
        Just(corpus!("http/pipelined").to_vec()),
        prop::collection::vec(any::<u8>(), 0..3000),
    ];
    let offset = prop_oneof![Just(0), 0_u64..4000, any::<u64>()];
    let port = prop_oneof![Just(53_u16), Just(443), Just(80)];
    let way = (0_u64..3, any::<bool>(), any::<bool>(), port);
    (
        way,
        offset,
        any::<(u32, prop::sample::Index, prop::sample::Index)>(),
        seeds,
    )
        .prop_map(
            |((socket, udp, outbound, port), offset, (total, from, to), seed)| {
                let (from, to) = (from.index(seed.len() + 1), to.index(seed.len() + 1));
                let bytes = seed[from.min(to)..from.max(to)].to_vec();
                Piece {
                    socket,
                    udp,
                    outbound,
                    port,
                    offset,
                    total,
                    bytes,
                }
            },
        )
}

proptest! {
    #[test]
    fn any_pieces_are_taken(pieces in prop::collection::vec(piece(), 0..80)) {
        let (mut protocols, mut told) = (Protocols::default(), Vec::new());
        for (number, piece) in pieces.iter().enumerate() {
            let transport = if piece.udp { Transport::Udp } else { Transport::Tcp };
            let segment = Segment {
                socket: piece.socket,
                transport,
                outbound: piece.outbound,
                total: piece.total,
                ..sent(piece.port, piece.offset, &piece.bytes)
            };
            protocols.take(&number, number as u64, &segment, &mut told);
            prop_assert!(protocols.held() <= 3 * 2 * HELD);
        }
        protocols.give_up(u64::MAX, &mut told);
        for (.., found) in told {
            let object = serde_json::to_string(&found.object).unwrap();
            let again: Object = serde_json::from_str(&object).unwrap();
            prop_assert_eq!(again, found.object, "it is what it was in the journal");
        }
    }
}
