use super::*;
use crate::record::Text;

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: example.org\r\nCookie: secret\r\n\r\n";

fn told(found: &[Found]) -> Vec<String> {
    let told = found.iter().map(|found| {
        let request = as_http(found);
        let host = request.host.clone().unwrap_or_default();
        let words =
            [&request.method, &request.target, &host].map(|text| text.escaped().into_owned());
        words.join(" ")
    });
    told.collect()
}

fn check(segments: &[Segment<'_>], expect: &[&str]) {
    assert_eq!(told(&read(segments)), expect);
}

#[test]
fn requests_as_curl_makes_them() {
    let whole = |bytes, expect| check(&[sent(80, 0, bytes)], &[expect]);
    whole(
        corpus!("http/get"),
        "GET /path?q=1&token=abc www.example.org",
    );
    let proxy = one(&[sent(3128, 0, corpus!("http/proxy"))]);
    assert_eq!(as_http(&proxy).target, "api.example.org:443".into());
    whole(
        corpus!("http/proxied"),
        "GET http://api.example.org/a api.example.org",
    );
    let found = one(&[sent(80, 0, corpus!("http/prior-knowledge"))]);
    assert_eq!(as_http(&found).http_version.as_deref(), Some("2.0"));
    let found = one(&[sent(80, 0, GET)]);
    assert_eq!(found.action, "net.http_request");
    assert_eq!(as_http(&found).http_version.as_deref(), Some("1.1"));
    assert_eq!(as_http(&found).direction, Direction::Outbound);
}

#[test]
fn pieces_of_any_size_give_the_same() {
    let bytes = corpus!("http/pipelined");
    for size in 1..=bytes.len() {
        check(
            &pieces(80, bytes, size),
            &["GET /1 a", "POST /2 b", "GET /3 c"],
        );
    }
}

#[test]
fn requests_follow_on_the_same_connection() {
    let [first, second] = [GET.len() as u64, 2 * GET.len() as u64];
    let again = [
        sent(80, 0, GET),
        sent(80, first, GET),
        sent(80, second, GET),
    ];
    check(&again, &["GET /a example.org"; 3]);
    // What was between them was no request, and not copied.
    check(
        &[sent(80, 5000, GET), sent(80, 90_000, GET)],
        &["GET /a example.org"; 2],
    );
    // The same packet twice.
    check(
        &[sent(80, 5000, GET), sent(80, 5000, GET)],
        &["GET /a example.org"],
    );
}

#[test]
fn a_body_is_no_request() {
    let head = b"POST /up HTTP/1.1\r\nHost: a\r\ncontent-length: 100\r\n\r\n";
    let at = head.len() as u64;
    check(
        &[
            sent(80, 0, head),
            sent(80, at, GET),
            sent(80, at + 100, GET),
        ],
        &["POST /up a", "GET /a example.org"],
    );
    let post = corpus!("http/post");
    assert_eq!(read(&[sent(80, 0, post)]).len(), 1);
}

#[test]
fn a_tunnel_begins_with_a_request() {
    let hello = corpus!("tls/client-1.3");
    let connect = corpus!("http/proxy");
    let found = read(&[
        sent(3128, 0, connect),
        sent(3128, connect.len() as u64, hello),
    ]);
    let actions: Vec<_> = found.iter().map(|found| found.action).collect();
    assert_eq!(actions, ["net.http_request", "net.tls_hello"]);
}

#[test]
fn what_is_wrong_or_missing_behind_the_request_line_does_not_hide_it() {
    for rest in [
        &b"Host: a\r\nno header\r\n\r\n"[..],
        b"Host: a\r\nX: \x01\r\n\r\n",
        b"Host: a\r\nUser-Ag",
        &[&b"Host: a\r\n"[..], &b"X: y\r\n".repeat(300)].concat(),
    ] {
        let found = one(&[sent(80, 0, &[b"GET /x HTTP/1.1\r\n", rest].concat())]);
        assert_eq!(told(std::slice::from_ref(&found)), ["GET /x a"]);
        assert!(found.truncated);
    }
}

#[test]
fn a_target_without_end_is_cut() {
    let long = [&b"GET /"[..], &b"x".repeat(20_000)].concat();
    for segments in [vec![sent(80, 0, &long)], pieces(80, &long, 1000)] {
        let found = one(&segments);
        assert!(found.truncated);
        assert_eq!(as_http(&found).target.0.len(), 4096);
        assert_eq!(as_http(&found).http_version, None);
    }
}

#[test]
fn bytes_survive() {
    let found = one(&[sent(80, 0, b"GET /\xff HTTP/1.0\r\nhost: \xfe\r\n\r\n")]);
    assert_eq!(as_http(&found).host, Some(Text(vec![0xfe])));
    assert_eq!(as_http(&found).target, Text(b"/\xff".to_vec()));
}

#[test]
fn other_streams_are_nothing() {
    for bytes in [
        &b"SSH-2.0-x\r\n"[..],
        b"GETTING / x\r\n",
        b"GE",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ] {
        assert_eq!(read(&[sent(80, 0, bytes)]), []);
    }
}

#[test]
fn a_byte_that_begins_nothing_hides_nothing() {
    // A server of PostgreSQL answers so before TLS begins.
    let hello = corpus!("tls/server-1.3");
    let found = read(&[got(5432, 0, b"S"), got(5432, 1, hello)]);
    assert_eq!(found.len(), 1);
    as_tls(&found[0]);
}
