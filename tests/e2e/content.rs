//! `net.payload`: what sockets say in the open becomes `net.dns_query`, `net.dns_answer`,
//! `net.tls_hello`, `net.http_request` and `net.quic_hello`.

mod program;
mod server;

use std::ffi::OsString;
use std::net::TcpListener;

use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::{Outcome, Unable, host::place};
use server::{answering, dns_stream, dns_udp, hex, query};

pub(crate) const TESTS: &[crate::Test] = &[
    ("names_asked_of_the_local_resolver_name_peers", resolver),
    ("names_asked_over_tcp_name_peers", over_tcp),
    ("names_asked_over_ipv6_name_peers", over_ipv6),
    ("an_alias_and_a_refusal_are_told", alias),
    ("a_tls_hello_in_pieces_is_read", hello_in_pieces),
    ("an_encrypted_hello_is_named", encrypted_hello),
    ("requests_on_one_connection_are_told_each", requests),
    ("secrets_in_targets_are_redacted", secrets),
    ("quic_is_named", quic),
    ("a_tls_client_is_read", program::tls_client),
    ("an_http_client_is_read", program::http_client),
];

/// A message of the fuzz targets' corpus.
macro_rules! corpus {
    ($path:literal) => {
        include_bytes!(concat!("../fuzz/corpus/", $path)).as_slice()
    };
}

fn success() -> Value {
    json!({"result": "success", "errno": null})
}

/// Asks with these steps for a name that gets 127.0.0.1, connects to that, and expects that all
/// three are told so.
fn named(test: &str, peer: Value, ask: impl FnOnce(&[u8]) -> Vec<OsString>) {
    let place = place(test);
    let name = format!("{test}.example.test");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let question = query(7, &name);
    let mut steps = ask(&question);
    steps.extend(steps!["+", "connect4", "127.0.0.1", port, "tcp"]);
    let ran = place.run(&steps);
    let read = ran
        .steps
        .iter()
        .find(|(_, step, _)| step == "ask" || step == "say");
    assert!(read.unwrap().2 > 0, "{:?}", ran.steps);
    let records = place.records();
    let asked = records.action("net.dns_query");
    let asked = asked.one();
    let questions = json!([{"name": name, "type": "A"}]);
    let object =
        json!({"peer": peer, "direction": "outbound", "dns_id": 7, "questions": questions});
    assert_eq!(asked["object"], object);
    assert_eq!(asked["outcome"], success());
    let answered = records.action("net.dns_answer");
    let answers = json!([{"name": name, "type": "A", "ttl": 60, "data": "127.0.0.1"}]);
    let object = json!({"peer": peer, "direction": "inbound", "dns_id": 7, "questions": questions,
                        "response_code": "NOERROR", "answers": answers});
    assert_eq!(answered.one()["object"], object);
    assert_eq!(answered.one()["completeness"]["truncated"], false);
    let connects = records.action("net.connect");
    let is_ours = |record: &&std::sync::Arc<Value>| record["object"]["port"] == port;
    let connect = connects.0.iter().find(is_ours).unwrap();
    assert_eq!(connect["object"]["domain"], name.as_str(), "{connect}");
}

fn address(ip: &str, port: u16, proto: &str) -> Value {
    json!({"ip": ip, "port": port, "proto": proto, "domain": null})
}

/// The address at which systemd-resolved listens.
fn resolver() -> Outcome {
    let _server = dns_udp("127.0.0.53")?;
    named("resolver", address("127.0.0.53", 53, "udp"), |question| {
        steps!["ask", "127.0.0.53", 53, hex(question)].into()
    });
    Ok(())
}

fn over_tcp() -> Outcome {
    let _server = dns_stream("127.0.0.54")?;
    named("stream", address("127.0.0.54", 53, "tcp"), |question| {
        let length = (question.len() as u16).to_be_bytes();
        let (first, second) = question.split_at(5);
        steps![
            "say",
            "127.0.0.54",
            53,
            hex(&length),
            hex(first),
            hex(second)
        ]
        .into()
    });
    Ok(())
}

fn over_ipv6() -> Outcome {
    let _server = dns_udp("::1")?;
    named("six", address("::1", 53, "udp"), |question| {
        steps!["ask", "::1", 53, hex(question)].into()
    });
    Ok(())
}

fn alias() -> Outcome {
    let aliased = corpus!("dns/answer");
    let refused = corpus!("dns/nxdomain");
    let _server = server::udp("127.0.0.55", move |question| {
        let answer = if question[..2] == aliased[..2] {
            aliased
        } else {
            refused
        };
        answer.to_vec()
    })?;
    let place = place("alias");
    let (first, second) = (
        query(0x1234, "www.example.org"),
        query(7, "no.such.example"),
    );
    place.run(&steps!["ask", "127.0.0.55", 53, hex(&first), hex(&second)]);
    let answers = place.records().action("net.dns_answer");
    let [first, second] = &answers.0[..] else {
        panic!("{answers}");
    };
    let records = first["object"]["answers"].as_array().unwrap().iter();
    let types: Vec<_> = records.map(|answer| answer["type"].clone()).collect();
    assert_eq!(types, ["CNAME", "CNAME", "A", "A"]);
    assert_eq!(second["object"]["response_code"], "NXDOMAIN");
    Ok(())
}

fn hello_in_pieces() -> Outcome {
    let server = answering(corpus!("tls/server-1.3"));
    let place = place("hello");
    let pieces: Vec<_> = corpus!("tls/client-records").chunks(300).map(hex).collect();
    let mut steps: Vec<OsString> = steps!["say", "127.0.0.1", server].into();
    steps.extend(pieces.into_iter().map(OsString::from));
    place.run(&steps);
    let hellos = place.records().action("net.tls_hello");
    let [client, answer] = &hellos.0[..] else {
        panic!("{hellos}");
    };
    assert_eq!(client["object"]["hello"], "client");
    assert_eq!(client["object"]["direction"], "outbound");
    assert_eq!(client["object"]["server_name"], "records.example.org");
    assert_eq!(client["object"]["tls_version"], "1.3");
    assert_eq!(
        client["object"]["peer"],
        address("127.0.0.1", server, "tcp")
    );
    assert_eq!(answer["object"]["hello"], "server");
    assert_eq!(answer["object"]["direction"], "inbound");
    assert_eq!(answer["object"]["tls_version"], "1.3");
    Ok(())
}

fn encrypted_hello() -> Outcome {
    let server = answering(b"");
    let place = place("ech");
    place.run(&steps![
        "say",
        "127.0.0.1",
        server,
        hex(corpus!("tls/client-ech"))
    ]);
    let hellos = place.records().action("net.tls_hello");
    let hello = hellos.one();
    assert_eq!(hello["object"]["ech"], true);
    assert_eq!(hello["object"]["alpn"], json!(["h2", "http/1.1"]));
    assert_eq!(hello["completeness"]["notes"], json!(["outer_server_name"]));
    Ok(())
}

fn requests() -> Outcome {
    let server = answering(b"HTTP/1.1 200 OK\r\n\r\n");
    let place = place("http");
    let first = b"GET /one HTTP/1.1\r\nHost: example.test\r\nCookie: kept=no\r\n\r\n";
    let second = b"POST /two HTTP/1.1\r\nHost: example.test\r\nContent-Length: 9\r\n\r\nGET / and";
    place.run(&steps!["say", "127.0.0.1", server, hex(first), hex(second)]);
    let requests = place.records().action("net.http_request");
    let [first, second] = &requests.0[..] else {
        panic!("{requests}");
    };
    let peer = address("127.0.0.1", server, "tcp");
    let object = json!({"peer": peer, "direction": "outbound", "method": "GET", "target": "/one",
                        "host": "example.test", "http_version": "1.1"});
    assert_eq!(first["object"], object);
    assert!(!first.to_string().contains("kept=no"));
    assert_eq!(second["object"]["method"], "POST");
    assert_eq!(second["object"]["target"], "/two");
    Ok(())
}

fn secrets() -> Outcome {
    let server = answering(b"");
    let place = place("target");
    let token = format!("ghp_{}", "aB3dE6gH9jK2".repeat(3));
    let request = format!("GET /x?token={token} HTTP/1.1\r\nHost: example.test\r\n\r\n");
    place.run(&steps!["say", "127.0.0.1", server, hex(request.as_bytes())]);
    let requests = place.records().action("net.http_request");
    let request = requests.one();
    assert!(!request["object"].to_string().contains(&token), "{request}");
    assert!(
        !request["redacted"].as_array().unwrap().is_empty(),
        "{request}"
    );
    Ok(())
}

fn quic() -> Outcome {
    let place = place("quic");
    let mut packet = vec![0xc3, 0, 0, 0, 1, 8];
    packet.resize(1200, 7);
    place.run(&steps![
        "tell",
        "127.0.0.56",
        443,
        hex(&packet),
        hex(&packet)
    ]);
    let hellos = place.records().action("net.quic_hello");
    let object = json!({"peer": address("127.0.0.56", 443, "udp"), "direction": "outbound",
                        "quic_version": "1"});
    assert_eq!(hellos.one()["object"], object);
    Ok(())
}

/// For the fixture: one of each.
pub(crate) fn scenario() -> Vec<OsString> {
    let forever = |server: Result<server::Server, Unable>| {
        std::mem::forget(server.unwrap_or_else(|error| panic!("{}", error.0)));
    };
    forever(dns_udp("127.0.0.57"));
    let server = answering(b"");
    let mut packet = vec![0xc3, 0, 0, 0, 1, 8];
    packet.resize(1200, 7);
    let question = query(7, "host.example.test");
    let (first, second) = corpus!("tls/client-1.3").split_at(200);
    steps! {
        "ask", "127.0.0.57", 53, hex(&question), "+",
        "connect4", "127.0.0.1", server, "tcp", "+",
        "say", "127.0.0.1", server, hex(first), hex(second), "+",
        "say", "127.0.0.1", server, hex(corpus!("http/pipelined")), "+",
        "tell", "127.0.0.57", 443, hex(&packet),
    }
    .into()
}
