//! A socket may be connected again, and keeps its number.

use super::*;

const HELLO: &[u8] = corpus!("tls/client-1.3");

/// To another peer.
fn elsewhere(segment: Segment<'_>) -> Segment<'_> {
    Segment {
        peer: "192.0.2.8:443".parse().unwrap(),
        ..segment
    }
}

#[test]
fn a_socket_that_is_connected_again_is_read_from_the_begin() {
    let again = elsewhere(sent(443, 0, HELLO));
    let found = read(&[sent(443, 0, HELLO), again]);
    assert_eq!(found.len(), 2, "{found:?}");
    let server = corpus!("tls/server-1.3");
    let found = read(&[
        sent(443, 0, HELLO),
        got(443, 0, server),
        again,
        elsewhere(got(443, 0, server)),
    ]);
    assert_eq!(found.len(), 4, "{found:?}");
    let [long, short] = [
        &b"GET /long HTTP/1.1\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    let found = read(&[sent(80, 0, long), elsewhere(sent(80, 0, short))]);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn another_port_of_its_own_is_another_connection() {
    let again = Segment {
        local: "10.0.0.1:40001".parse().unwrap(),
        ..sent(443, 0, HELLO)
    };
    assert_eq!(read(&[sent(443, 0, HELLO), again]).len(), 2);
}

#[test]
fn what_was_begun_before_is_told() {
    let begun = sent(443, 0, &HELLO[..300]);
    let found = read(&[begun, elsewhere(sent(443, 0, HELLO))]);
    let truncated: Vec<_> = found.iter().map(|found| found.truncated).collect();
    assert_eq!(truncated, [true, false]);
}
