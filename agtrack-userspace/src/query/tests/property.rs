//! Random records, random questions: searching for literals never finds less than parsing.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::{fast, ip, line, slow};
use crate::query::{Glob, Period, Query};
use crate::record::Text;

/// What escapes are made of.
const PIECES: &[&[u8]] = &[
    b"a",
    b"b",
    b"x",
    b"x5c",
    b"xff",
    b"\\",
    b"/",
    b".",
    b"\"",
    b"\n",
    b"\x1b",
    b"\xff",
    b"\xc3",
    b"\xbc",
    b"\xe2\x80",
    "ü".as_bytes(),
    "\u{202e}".as_bytes(),
    b"*",
    b"[",
    b"{",
];
const DOMAINS: &[&str] = &["example.org", "a.Example.org", "b.org", "xexample.org"];
const ADDRESSES: &[&str] = &[
    "10.0.0.7",
    "10.0.0.70",
    "::ffff:10.0.0.7",
    "fd00::1",
    "192.0.2.1",
];

fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(select(PIECES), 0..8).prop_map(|pieces| {
        let mut name = b"/".to_vec();
        pieces
            .iter()
            .for_each(|piece| name.extend_from_slice(piece));
        name
    })
}

/// A path with some of its bytes replaced by a wildcard, that matches it.
fn glob(path: &[u8], from: Index, to: Index, wildcard: &str) -> Vec<u8> {
    let (one, other) = (from.index(path.len() + 1), to.index(path.len() + 1));
    let (from, to) = (one.min(other), one.max(other));
    let literal = |bytes: &[u8]| -> Vec<u8> {
        let byte = |byte: &u8| match byte.is_ascii_graphic() && *byte != b'x' && *byte != b'u' {
            true => vec![b'\\', *byte],
            false => format!("\\x{byte:02x}").into_bytes(),
        };
        bytes.iter().flat_map(byte).collect()
    };
    [
        literal(&path[..from]),
        wildcard.into(),
        literal(&path[to..]),
    ]
    .concat()
}

fn body() -> impl Strategy<Value = Value> {
    let file = (
        name(),
        name(),
        select(vec!["file.unlink", "file.chmod", "file.link"]),
    );
    let file = file.prop_map(|(path, target, action)| {
        let mut body = super::file(action, &Text(path).escaped());
        if action == "file.link" {
            body["object"]["target"] = Text(target).escaped().into();
        }
        body
    });
    let talk = (
        select(ADDRESSES),
        1..3u16,
        prop::option::of(select(DOMAINS)),
    );
    let talk = talk.prop_map(|(address, port, domain)| {
        super::act("net.connect", ip(address, port, domain), "in_progress")
    });
    let ask = (select(DOMAINS), select(ADDRESSES)).prop_map(|(name, address)| {
        let object = json!({ "peer": ip("10.0.0.53", 53, None), "direction": "inbound",
            "dns_id": 1, "questions": [{ "name": name, "type": "A" }], "answers":
            [{ "name": name, "type": "A", "ttl": 1, "data": address }] });
        super::act("net.dns_answer", object, "success")
    });
    let who = (
        prop_oneof![file, talk, ask],
        name(),
        1..4u32,
        select(vec!["a", "b\\x", "c\"\u{1}"]),
    );
    who.prop_map(|(mut body, exe, pid, agent)| {
        body["process"]["pid"] = pid.into();
        body["process"]["exe"] = Text(exe).escaped().into();
        body["agent"] = json!({ "id": agent, "name": "n", "owner": null, "binding": "cgroup",
            "session": format!("0{pid}a20a26-3de0-73cf-be28-e8d0e3408978") });
        body["time"] = format!("2026-11-22T21:03:0{pid}.000000000Z").into();
        body
    })
}

/// One filter, most of the time one that something matches.
fn query(paths: Vec<Vec<u8>>) -> impl Strategy<Value = Query> {
    let wildcards = vec!["*", "**", "?", "[!q]", "*?"];
    let paths = (
        select(paths),
        any::<Index>(),
        any::<Index>(),
        select(wildcards),
    );
    let path = paths.prop_filter_map("too short", |(path, from, to, wildcard)| {
        Glob::path(&glob(&path, from, to, wildcard)).ok()
    });
    let hosts = vec![
        "example.org",
        ".example.org",
        "b.org:1",
        "10.0.0.7",
        "10.0.0.0/29:2",
        "10.0.0.0/8",
        "fd00::/8",
        "::1",
    ];
    let agents = vec!["a", r"b\\x", "c*", "*"];
    let path = &path.boxed();
    let choice = prop_oneof![
        4 => path.clone().prop_map(|glob| Query { paths: vec![glob], ..Query::default() }),
        1 => path.clone().prop_map(|glob| Query { exes: vec![glob], ..Query::default() }),
        2 => vec(select(hosts), 1..3).prop_map(|hosts| Query {
            hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            ..Query::default()
        }),
        1 => select(agents).prop_map(|agent| Query {
            agents: vec![Glob::word(agent.as_bytes()).unwrap()],
            ..Query::default()
        }),
    ];
    let rest = (prop::option::of(1..4u32), 0..5i8, any::<bool>());
    (choice, rest).prop_map(|(mut query, (pid, second, changes))| {
        query.pids = pid.into_iter().collect();
        query.changes = changes && second > 2;
        let since = format!("2026-11-22T21:03:0{second}Z");
        query.period = Period {
            since: (second < 4).then(|| since.parse().unwrap()),
            until: None,
        };
        query
    })
}

fn paths(bodies: &[Value]) -> Vec<Vec<u8>> {
    let fields = bodies
        .iter()
        .flat_map(|body| [&body["object"]["path"], &body["process"]["exe"]]);
    let paths = fields
        .filter_map(Value::as_str)
        .map(|text| Text::from_escaped(text).0);
    paths.collect()
}

fn case() -> impl Strategy<Value = (Vec<Value>, Query)> {
    vec(body(), 1..12).prop_flat_map(|bodies| {
        let query = query(paths(&bodies));
        (Just(bodies), query)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_way_finds_what_the_slow_one_does((bodies, query) in case()) {
        let lines: Vec<_> = (1..).zip(bodies).map(|(seq, body)| line(seq, body)).collect();
        prop_assert_eq!(fast(&query, &lines), slow(&query, &lines), "{:?}", query);
    }

    #[test]
    fn a_glob_made_of_a_path_matches_it(path in name(), from in any::<Index>(), to in any::<Index>()) {
        let glob = glob(&path, from, to, "**");
        let matcher = Glob::path(&glob).unwrap();
        // `/` at its end means what is below.
        if !path.ends_with(b"/") || glob.ends_with(b"*") {
            prop_assert!(matcher.matches(&path), "{:?}", String::from_utf8_lossy(&glob));
        }
    }
}
