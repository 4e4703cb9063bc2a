//! What was said over a socket, in a few words.

use super::{cut, flags, peer, printable};
use crate::record::{Answer, Direction, Dns, HttpRequest, Object, QuicHello, Side, Text, TlsHello};

/// Characters of a target that are shown.
const TARGET: usize = 160;
/// Answers that are shown.
const ANSWERS: usize = 4;

pub(super) fn dns(dns: &Dns) -> String {
    let questions = dns.questions.iter().map(|question| {
        let kind = printable(&question.record_type);
        format!("{} {kind}", printable(&question.name))
    });
    let opcode = dns.opcode.iter().map(|opcode| printable(opcode));
    let asked: Vec<_> = opcode.chain(questions).collect();
    let told = match dns.response_code.as_deref() {
        None => String::new(),
        Some("NOERROR") => format!(" = {}", answers(&dns.answers)),
        Some(code) => format!(" = {}", printable(code)),
    };
    format!(
        "{}{told} {}",
        asked.join(", "),
        with(dns.direction, &peer(&dns.peer))
    )
}

/// Addresses and names; how often they were pointed to on the way tells nothing more.
fn answers(answers: &[Answer]) -> String {
    let is_alias = |answer: &&Answer| answer.record_type != "CNAME";
    let of_interest: Vec<_> = answers.iter().filter(is_alias).collect();
    let shown = of_interest.iter().take(ANSWERS).map(|answer| {
        let data = answer.data.as_ref().unwrap_or(&answer.record_type);
        printable(data)
    });
    let shown: Vec<_> = shown.collect();
    match (of_interest.len(), of_interest.len().saturating_sub(ANSWERS)) {
        (0, _) => "nothing".to_owned(),
        (_, 0) => shown.join(", "),
        (_, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What a connection begins with.
pub(super) fn begun(object: &Object) -> String {
    match object {
        Object::Tls(hello) => tls(hello),
        Object::Http(request) => http(request),
        Object::Quic(hello) => quic(hello),
        _ => String::new(),
    }
}

fn tls(hello: &TlsHello) -> String {
    let side = match hello.hello {
        Side::Client => "client",
        Side::Server => "server",
    };
    let name = hello.server_name.as_ref().map(Text::printable);
    let name = name.map_or(String::new(), |name| format!(" for {name}"));
    let mut marks = vec![format!("TLS {}", printable(&hello.tls_version))];
    marks.extend(hello.alpn.iter().map(Text::printable));
    marks.extend(hello.ech.then(|| "encrypted hello".to_owned()));
    let with = with(hello.direction, &peer(&hello.peer));
    format!("{side}{name} {with}{}", flags(&marks))
}

fn http(request: &HttpRequest) -> String {
    let host = request.host.as_ref().map(Text::printable);
    let host = host.map_or(String::new(), |host| format!(" of {host}"));
    let target = cut(&request.target.printable(), TARGET);
    let with = with(request.direction, &peer(&request.peer));
    format!("{} {target}{host} {with}", request.method.printable())
}

fn quic(hello: &QuicHello) -> String {
    let with = with(hello.direction, &peer(&hello.peer));
    format!("{with} (QUIC {})", printable(&hello.quic_version))
}

fn with(direction: Direction, peer: &str) -> String {
    match direction {
        Direction::Outbound => format!("to {peer}"),
        Direction::Inbound => format!("from {peer}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::words;

    fn check(mut object: Value, port: u16, direction: &str, expect: &str) {
        object["peer"] = json!({"ip": "10.0.0.1", "port": port, "proto": "tcp", "domain": null});
        object["direction"] = direction.into();
        assert_eq!(words(&serde_json::from_value(object).unwrap()), expect);
    }

    #[test]
    fn questions_and_answers() {
        let questions = json!([{"name": "example.org\u{1b}", "type": "A"}]);
        check(
            json!({"dns_id": 1, "questions": questions}),
            53,
            "outbound",
            "example.org\\u{1b} A to 10.0.0.1:53 tcp",
        );
        let answer =
            |kind: &str, data: &str| json!({"name": "x", "type": kind, "ttl": 1, "data": data});
        let told = |code: &str, answers: Vec<Value>, expect: &str| {
            let object = json!({"dns_id": 1, "questions": [{"name": "x", "type": "A"}],
                                "response_code": code, "answers": answers});
            check(object, 53, "inbound", expect);
        };
        told("NXDOMAIN", vec![], "x A = NXDOMAIN from 10.0.0.1:53 tcp");
        told("NOERROR", vec![], "x A = nothing from 10.0.0.1:53 tcp");
        told(
            "NOERROR",
            vec![answer("CNAME", "y"), answer("A", "10.0.0.9")],
            "x A = 10.0.0.9 from 10.0.0.1:53 tcp",
        );
        told(
            "NOERROR",
            (0..6)
                .map(|n| answer("A", &format!("10.0.0.{n}")))
                .collect(),
            "x A = 10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3 and 2 more from 10.0.0.1:53 tcp",
        );
    }

    #[test]
    fn hellos_and_requests() {
        check(
            json!({"hello": "client", "server_name": "example.org", "alpn": ["h2"],
                   "tls_version": "1.3", "ech": true}),
            443,
            "outbound",
            "client for example.org to 10.0.0.1:443 tcp (TLS 1.3, h2, encrypted hello)",
        );
        check(
            json!({"hello": "server", "server_name": null, "tls_version": "1.2"}),
            443,
            "inbound",
            "server from 10.0.0.1:443 tcp (TLS 1.2)",
        );
        check(
            json!({"method": "GET", "target": "/a\\x07", "host": "example.org",
                   "http_version": "1.1"}),
            80,
            "outbound",
            "GET /a\\u{7} of example.org to 10.0.0.1:80 tcp",
        );
        check(
            json!({"quic_version": "1"}),
            443,
            "outbound",
            "to 10.0.0.1:443 tcp (QUIC 1)",
        );
    }
}
