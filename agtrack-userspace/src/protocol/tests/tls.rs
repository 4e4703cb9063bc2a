use super::*;
use crate::record::Side;

const CLIENT: &[u8] = corpus!("tls/client-1.3");

fn check(bytes: &[u8], name: Option<&str>, alpn: &[&str], version: &str) {
    let found = one(&[sent(443, 0, bytes)]);
    assert_eq!(found.action, "net.tls_hello");
    assert!(!found.truncated);
    let hello = as_tls(&found);
    let server_name = hello.server_name.as_ref().map(|name| name.escaped());
    assert_eq!(server_name.as_deref(), name);
    let protocols: Vec<_> = hello.alpn.iter().map(|name| name.escaped()).collect();
    assert_eq!(protocols, alpn);
    assert_eq!(hello.tls_version, version);
    assert!(!hello.ech);
}

#[test]
fn hellos_of_clients() {
    check(CLIENT, Some("api.example.org"), &["h2", "http/1.1"], "1.3");
    check(
        corpus!("tls/client-1.2"),
        Some("old.example.org"),
        &[],
        "1.2",
    );
    check(corpus!("tls/client-nameless"), None, &[], "1.3");
}

#[test]
fn hellos_of_servers() {
    for (bytes, version, alpn) in [
        (corpus!("tls/server-1.3"), "1.3", vec![]),
        (corpus!("tls/server-1.2"), "1.2", vec!["http/1.1"]),
    ] {
        let found = one(&[got(443, 0, bytes)]);
        let hello = as_tls(&found);
        assert_eq!(
            (hello.hello, hello.direction),
            (Side::Server, Direction::Inbound)
        );
        assert_eq!(hello.tls_version, version);
        assert_eq!(
            hello.alpn,
            alpn.into_iter().map(Into::into).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_hello_in_several_records() {
    let found = one(&[sent(443, 0, corpus!("tls/client-records"))]);
    let hello = as_tls(&found);
    assert_eq!(hello.server_name, Some("records.example.org".into()));
    assert_eq!(hello.alpn.len(), 16, "not all are kept");
    assert!(found.truncated);
}

#[test]
fn an_encrypted_hello_is_named() {
    let found = one(&[sent(443, 0, corpus!("tls/client-ech"))]);
    assert!(as_tls(&found).ech);
    assert_eq!(as_tls(&found).server_name, Some("api.example.org".into()));
    assert_eq!(found.notes, ["outer_server_name"]);
}

#[test]
fn pieces_of_any_size_in_any_order_give_the_same() {
    for bytes in [
        CLIENT,
        corpus!("tls/client-records"),
        corpus!("tls/client-ech"),
    ] {
        let expect = one(&[sent(443, 0, bytes)]);
        for size in 1..bytes.len() {
            assert_eq!(one(&pieces(443, bytes, size)), expect, "{size}");
        }
        for size in bytes.len() / 40..bytes.len() {
            let mut segments = pieces(443, bytes, size);
            segments.reverse();
            assert_eq!(one(&segments), expect, "{size} backwards");
            let middle = segments.len() / 2;
            segments.rotate_left(middle);
            assert_eq!(one(&segments), expect, "{size} from the middle");
        }
    }
}

#[test]
fn pieces_that_come_twice_or_overlap_give_the_same() {
    let expect = one(&[sent(443, 0, CLIENT)]);
    let mut segments = Vec::new();
    for at in (0..CLIENT.len()).step_by(20) {
        let end = CLIENT.len().min(at + 50);
        segments.push(sent(443, at as u64, &CLIENT[at..end]));
        segments.push(sent(443, 0, &CLIENT[..20]));
    }
    assert_eq!(one(&segments), expect);
}

#[test]
fn what_follows_is_not_read() {
    let behind = CLIENT.len() as u64;
    let request = b"GET / HTTP/1.1\r\n\r\n";
    let segments = [
        sent(443, 0, CLIENT),
        sent(443, behind, CLIENT),
        sent(443, 2 * behind, request),
    ];
    assert_eq!(read(&segments).len(), 1);
}

#[test]
fn a_hello_whose_end_does_not_come_is_told_as_far_as_it_goes() {
    let names: Vec<_> = (0..CLIENT.len())
        .filter_map(|length| {
            let found = read(&[sent(443, 0, &CLIENT[..length])]);
            assert!(found.iter().all(|found| found.truncated), "{length}");
            as_tls(found.first()?).server_name.clone()
        })
        .collect();
    assert!(names.len() > 100, "{}", names.len());
    assert!(names.iter().all(|name| *name == "api.example.org".into()));
    let cut = Segment {
        total: 1400,
        ..sent(443, 0, &CLIENT[..300])
    };
    let (mut protocols, mut told) = (Protocols::default(), Vec::new());
    protocols.take(&(), 0, &cut, &mut told);
    assert_eq!(
        told.len(),
        1,
        "the end of a packet was not copied, and will not be"
    );
}

#[test]
fn an_extension_that_is_wrong_hides_no_other() {
    // Of the extension that names groups, a length that is not so: servers may not look at it.
    let at = CLIENT.windows(2).position(|two| two == [0, 10]).unwrap();
    let mut bytes = CLIENT.to_vec();
    bytes[at + 4] = 0xff;
    check(&bytes, Some("api.example.org"), &["h2", "http/1.1"], "1.3");
}

#[test]
fn other_records_are_no_hello() {
    for bytes in [
        &b"\x16\x03\x03\0\x04\x0e\0\0\0"[..],
        b"\x16\x03\x01\0\0\x16\x03\x01\0\0",
        b"\x16\x03\x01\xff\xff\x01",
        b"\x17\x03\x03\0\x01x",
    ] {
        assert_eq!(read(&[sent(443, 0, bytes)]), [], "{bytes:?}");
    }
}
