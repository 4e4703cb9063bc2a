//! What was said over connections.

use serde_json::{Value, json};

use super::Deed;
use super::network::{Way, connection, endpoint};
use crate::record::{Address, Answer, Direction, Dns, HttpRequest, Object, Side};
use crate::sink::ocsf::actor;
use crate::sink::ocsf::fields::{Fields, text};

/// `rcode_id` is the number that the protocol has.
const RCODES: &[(&str, u32)] = &[
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("YXDOMAIN", 6),
    ("YXRRSET", 7),
    ("NXRRSET", 8),
    ("NOTAUTH", 9),
    ("NOTZONE", 10),
];
/// `opcode_id`; that of an ordinary question is 0.
const OPCODES: &[(&str, u32)] = &[("STATUS", 2), ("NOTIFY", 4), ("UPDATE", 5)];
const OTHER: u32 = 99;
/// Methods that the schema has.
const METHODS: &[&str] = &[
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE", "PATCH",
];
/// Number of the extension of TLS that names protocols.
const ALPN: u32 = 16;

/// Both ends, and which way: `asks` where the agent's side is the one that asks.
fn ends(deed: Deed<'_>, peer: &Address, asks: bool, direction: Direction) -> Fields {
    let (own, other) = (actor::endpoint(deed.host), endpoint(peer));
    let (source, target) = match asks {
        true => (own, other),
        false => (other, own),
    };
    Fields::default()
        .with("src_endpoint", source)
        .with("dst_endpoint", target)
        .with("connection_info", connection(peer, Way::from(direction)))
}

pub(super) fn dns(deed: Deed<'_>) -> Option<Fields> {
    let Object::Dns(dns) = &deed.action.object else {
        return None;
    };
    let outbound = dns.direction == Direction::Outbound;
    let asks = outbound == (deed.action.action == "net.dns_query");
    let rcode = dns.response_code.as_deref();
    let answers = dns.answers.iter();
    let answers = answers.filter_map(|answer| self::answer(dns, answer));
    let fields = ends(deed, &dns.peer, asks, dns.direction)
        .maybe("query", query(dns))
        .maybe("rcode", rcode)
        .maybe("rcode_id", rcode.map(|code| number(RCODES, code)))
        .list("answers", answers.collect());
    Some(fields)
}

/// The first question: nobody asks several at a time.
fn query(dns: &Dns) -> Option<Fields> {
    let question = dns.questions.first()?;
    let opcode = dns.opcode.as_deref();
    Some(
        Fields::default()
            .with("hostname", question.name.clone())
            .with("type", question.record_type.clone())
            .with("packet_uid", dns.dns_id)
            .maybe("opcode", opcode)
            .with("opcode_id", opcode.map_or(0, |code| number(OPCODES, code))),
    )
}

/// One whose data is not read is in `unmapped` only.
fn answer(dns: &Dns, answer: &Answer) -> Option<Value> {
    let data = answer.data.as_ref()?;
    Some(json!({
        "rdata": data,
        "type": answer.record_type,
        "ttl": answer.ttl,
        "packet_uid": dns.dns_id,
    }))
}

fn number(table: &[(&str, u32)], word: &str) -> u32 {
    let row = table.iter().find(|(name, _)| *name == word);
    row.map_or(OTHER, |(_, number)| *number)
}

pub(super) fn tls(deed: Deed<'_>) -> Option<Fields> {
    let Object::Tls(hello) = &deed.action.object else {
        return None;
    };
    let asks = (hello.direction == Direction::Outbound) == (hello.hello == Side::Client);
    let alpn: Vec<_> = hello.alpn.iter().map(text).collect();
    let extensions = (!alpn.is_empty()).then(|| {
        json!([{
            "type_id": ALPN,
            "type": "application_layer_protocol_negotiation",
            "data": alpn,
        }])
    });
    let tls = Fields::default()
        .with("version", hello.tls_version.clone())
        .maybe("sni", hello.server_name.as_ref().map(text))
        .maybe("tls_extension_list", extensions);
    let fields = ends(deed, &hello.peer, asks, hello.direction)
        .with("app_protocol_name", "tls")
        .with("tls", tls);
    Some(fields)
}

pub(super) fn quic(deed: Deed<'_>) -> Option<Fields> {
    let Object::Quic(hello) = &deed.action.object else {
        return None;
    };
    let asks = hello.direction == Direction::Outbound;
    let fields = ends(deed, &hello.peer, asks, hello.direction);
    Some(fields.with("app_protocol_name", "quic"))
}

pub(super) fn http(deed: Deed<'_>) -> Option<Fields> {
    let Object::Http(http) = &deed.action.object else {
        return None;
    };
    let method = text(&http.method);
    let known = METHODS.contains(&method.as_str()).then_some(method);
    let request = Fields::default()
        .maybe("http_method", known)
        .maybe("version", http.http_version.clone())
        .with("url", url(http));
    let asks = http.direction == Direction::Outbound;
    let fields = ends(deed, &http.peer, asks, http.direction)
        .with("app_protocol_name", "http")
        .with("http_request", request);
    Some(fields)
}

/// What was requested: a path of the host that the request names, or a whole URL for a proxy.
fn url(http: &HttpRequest) -> Fields {
    let target = text(&http.target);
    let host = http.host.as_ref().map(text);
    if !target.starts_with('/') {
        return Fields::default()
            .with("url_string", target)
            .maybe("hostname", host.as_deref().map(without_port));
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (target.clone(), None),
    };
    let whole = host.as_ref().map(|host| format!("http://{host}{target}"));
    Fields::default()
        .with("path", path)
        .maybe("query_string", query)
        .with("scheme", "http")
        .maybe("hostname", host.as_deref().map(without_port))
        .maybe("url_string", whole)
        .maybe("port", port(&http.peer))
}

/// `[::1]:80` has its brackets kept.
fn without_port(host: &str) -> String {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name.to_owned(),
        _ => host.to_owned(),
    }
}

fn port(peer: &Address) -> Option<u16> {
    match peer {
        Address::Ip { port, .. } => Some(*port),
        Address::Unix { .. } | Address::Other { .. } => None,
    }
}
