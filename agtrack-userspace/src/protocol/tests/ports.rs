//! Ports decide nothing, and where DNS is spoken others may be too.

use super::*;

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const HELLO: &[u8] = corpus!("tls/client-1.3");

fn actions(found: &[Found]) -> Vec<&str> {
    found.iter().map(|found| found.action).collect()
}

#[test]
fn a_port_of_neighbours_is_a_port_like_any_other() {
    for port in [5353, 5355, 8080] {
        assert_eq!(
            actions(&read(&[sent(port, 0, GET)])),
            ["net.http_request"],
            "{port}"
        );
        let from = Segment {
            local: SocketAddr::new("10.0.0.1".parse().unwrap(), port),
            ..sent(443, 0, GET)
        };
        assert_eq!(actions(&read(&[from])), ["net.http_request"], "{port}");
    }
    let mut packet = vec![0xc3, 0, 0, 0, 1, 8];
    packet.resize(1200, 7);
    let from = Segment {
        local: "10.0.0.1:5353".parse().unwrap(),
        ..datagram(443, true, &packet)
    };
    assert_eq!(actions(&read(&[from])), ["net.quic_hello"]);
}

#[test]
fn others_may_speak_where_dns_is_spoken() {
    for size in 1..=HELLO.len() {
        let requests = GET.repeat(2);
        let found = read(&pieces(53, &requests, size));
        assert_eq!(actions(&found), ["net.http_request"; 2], "{size}");
        let found = read(&pieces(53, HELLO, size));
        assert_eq!(actions(&found), ["net.tls_hello"], "{size}");
    }
}

/// A question in a message whose length and number are those bytes, filled up to that length.
fn question(begin: [u8; 4]) -> Vec<u8> {
    let query = corpus!("dns/query");
    let mut bytes = [&begin[..], &query[2..]].concat();
    let length = u16::from_be_bytes([begin[0], begin[1]]);
    bytes.resize(usize::from(length) + 2, b'\n');
    bytes
}

#[test]
fn a_message_that_looks_like_another_one_is_told() {
    for begin in [*b"GET ", [0x16, 3, 1, 0]] {
        let mut bytes = question(begin);
        if begin[0] == 0x16 {
            // Of a hello the sixth byte is 1.
            bytes[4..6].copy_from_slice(&[0, 1]);
        }
        for segments in [vec![sent(53, 0, &bytes)], pieces(53, &bytes, 1000)] {
            let found = read(&segments);
            assert_eq!(actions(&found), ["net.dns_query"], "{begin:?}");
            assert_eq!(as_dns(&found[0]).questions.len(), 1);
        }
    }
}
