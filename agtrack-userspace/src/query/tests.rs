//! What matches, and that the fast way finds the same as parsing everything.

mod property;

use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::sieve::Sieve;
use super::*;
use crate::journal::{Extent, Journal, Options};

const SESSION: &str = "01a20a26-3de0-73cf-be28-e8d0e3408978";

/// A record as agtrack writes it: fields in the order of the types.
fn line(seq: u64, body: Value) -> String {
    let mut record = json!({
        "v": 1, "seq": seq, "id": format!("l:{seq}"), "time": "2026-11-22T21:03:11.482913004Z",
        "boot_time": 1, "host": { "id": "", "name": "", "boot_id": "" },
        "agent": { "id": "spiffe://x/agent/code", "name": "co\"de", "owner": null,
                   "session": SESSION, "binding": "launcher" },
    });
    for (key, value) in body.as_object().unwrap() {
        record[key] = value.clone();
    }
    let record: Record = serde_json::from_value(record).unwrap();
    serde_json::to_string(&record).unwrap()
}

fn act(action: &str, object: Value, result: &str) -> Value {
    json!({
        "kind": "action", "tool_call": { "id": "call-1", "command": [] }, "action": action, "object": object,
        "process": { "uid": "b-7-1", "pid": 7, "exe": "/usr/bin/rm", "args": [], "ancestry": [] },
        "outcome": { "result": result, "errno": null },
        "decision": { "effect": "flag" }, "effect": null, "maps": [],
        "completeness": { "path_source": "kernel", "truncated": false, "count": 1 },
    })
}

fn file(action: &str, path: &str) -> Value {
    let object = json!({ "path": path, "inode": null, "device": null });
    act(action, object, "success")
}

fn ip(ip: &str, port: u16, domain: Option<&str>) -> Value {
    json!({ "ip": ip, "port": port, "proto": "tcp", "domain": domain })
}

fn slow(query: &Query, lines: &[String]) -> Vec<u64> {
    let records = lines
        .iter()
        .map(|line| serde_json::from_str::<Record>(line).unwrap());
    let found = records.filter(|record| query.matches(record));
    found.map(|record| record.seq).collect()
}

/// What the sieve lets pass and then matches, in one block.
fn fast(query: &Query, lines: &[String]) -> Vec<u64> {
    let mut found = Vec::new();
    let block = lines.join("\n") + "\n";
    let _ = Sieve::new(query).sift(block.as_bytes(), |line| {
        let record: Record = serde_json::from_slice(line).unwrap();
        let matches = query.may_match(line) && query.matches(&record);
        found.extend(matches.then_some(record.seq));
        ControlFlow::Continue(())
    });
    found
}

/// The numbers of the bodies that match, from 1, by both ways.
fn check(query: &Query, bodies: &[Value], expect: &[u64]) {
    let lines: Vec<_> = (1..)
        .zip(bodies)
        .map(|(seq, body)| line(seq, body.clone()))
        .collect();
    assert_eq!(slow(query, &lines), expect, "{query:?}");
    assert_eq!(fast(query, &lines), expect, "{query:?}");
}

fn path(glob: &str) -> Query {
    Query {
        paths: vec![Glob::path(glob.as_bytes()).unwrap()],
        ..Query::default()
    }
}

fn host(text: &str) -> Query {
    Query {
        hosts: vec![text.parse().unwrap()],
        ..Query::default()
    }
}

fn words(globs: &[&str]) -> Vec<Glob> {
    let glob = |text: &&str| Glob::word(text.as_bytes()).unwrap();
    globs.iter().map(glob).collect()
}

#[test]
fn every_path_of_an_object_is_looked_at() {
    let uring = json!({ "request": "renameat", "opcode": 35, "path": "/q", "target": "/a/wanted" });
    let rename = |from: &str, to: &str| json!({ "from": from, "to": to, "rename_flags": [], "inode": null, "device": null });
    let exec = json!({
        "exe": "/usr/bin/bash", "inode": 1, "device": "8:1", "args": ["/a/wanted"],
        "args_bytes": 1, "group": 0, "egroup": 0, "cwd": "/a/wanted", "script": "/a/wanted",
    });
    let mut link = file("file.link", "/a/new");
    link["object"]["target"] = "/a/wanted".into();
    let bodies = [
        file("file.unlink", "/a/wanted"),
        file("file.unlink", "/a/wanted/not"),
        act("file.rename", rename("/a/wanted", "/b"), "success"),
        act("file.rename", rename("/b", "/a/wanted"), "success"),
        act("process.exec", exec, "success"),
        act("process.exec", json!({ "exe": "/a/wanted" }), "failure"),
        act("net.connect", json!({ "socket": "/a/wanted" }), "success"),
        act("kernel.io_uring", uring, "unknown"),
        link,
    ];
    check(&path("/a/wanted"), &bodies, &[1, 3, 4, 5, 6, 7, 8, 9]);
    check(&path("wanted"), &bodies, &[1, 3, 4, 5, 6, 7, 8, 9]);
    check(&path("/a/"), &bodies, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    check(&path("/usr/**"), &bodies, &[5]);
    check(&path("/nothing"), &bodies, &[]);
}

#[test]
fn a_name_that_leads_out_of_a_directory_again_is_found_where_it_ends() {
    let names = [
        "/a/b/../wanted",
        "/a/b/c/../..",
        "/../a/wanted",
        "/a/..wanted",
        "/b/../../c/x",
    ];
    let bodies = names.map(|name| file("file.unlink", name));
    check(&path("/a/wanted"), &bodies, &[1, 3]);
    check(&path("/a/b/../wanted"), &bodies, &[1]);
    check(&path("/a/"), &bodies, &[1, 2, 3, 4]);
    check(&path("/a"), &bodies, &[2]);
    check(&path("/c/x"), &bodies, &[5]);
    check(&path("/c/"), &bodies, &[5]);
}

#[test]
fn odd_names_are_found_as_they_are_written() {
    let names = [
        r"/a\xff",
        r"/a\x5cxff",
        r"/a\",
        "/a\"\n\u{1b}",
        "/aü",
        r"/a\xc3",
    ];
    let bodies = names.map(|name| file("file.unlink", name));
    check(&path(r"/a\xff"), &bodies, &[1]);
    check(&path(r"/a\\xff"), &bodies, &[2]);
    check(&path(r"/a\\"), &bodies, &[3]);
    check(&path(r"/a\\*"), &bodies, &[2, 3]);
    check(&path("/a\"*\u{1b}"), &bodies, &[4]);
    check(&path(r#"/a"\u{a}\u{1b}"#), &bodies, &[4]);
    check(&path("/aü"), &bodies, &[5]);
    // The first byte of the letter, and whatever follows.
    check(&path(r"/a\xc3*"), &bodies, &[5, 6]);
    check(&path("/a?"), &bodies, &[1, 3, 5, 6]);
}

#[test]
fn hosts_are_peers_and_what_is_said_of_them() {
    let peer = ip("10.0.0.7", 443, Some("api.example.org"));
    let resolver = ip("10.0.0.53", 53, None);
    let dns = |name: &str, answers: Value| {
        json!({ "peer": resolver, "direction": "outbound", "dns_id": 1,
                "questions": [{ "name": name, "type": "A" }], "answers": answers })
    };
    let answer = json!([{ "name": "example.org", "type": "A", "ttl": 1, "data": "10.0.0.7" }]);
    let http = |method: &str, target: &str, host: &str| {
        json!({ "peer": ip("10.9.9.9", 3128, None), "direction": "outbound", "method": method,
                "target": target, "host": host, "http_version": "1.1" })
    };
    let tls = json!({ "peer": peer, "direction": "outbound", "hello": "client",
                      "server_name": "API.example.org", "tls_version": "1.3" });
    let flow = json!({ "local": ip("10.0.0.1", 1, None), "peer": peer, "direction": null,
        "bytes_out": 1, "bytes_in": 1, "packets_out": 1, "packets_in": 1, "retransmits": 0,
        "began_boot_time": 1, "ended_boot_time": 2, "duration": 1 });
    let accept = json!({ "local": peer, "peer": ip("::ffff:10.0.0.8", 9, None) });
    let bodies = [
        act("net.connect", peer.clone(), "in_progress"),
        act(
            "net.dns_query",
            dns("api.example.org", json!([])),
            "success",
        ),
        act("net.dns_answer", dns("example.org", answer), "success"),
        act("net.tls_hello", tls, "success"),
        act(
            "net.http_request",
            http("CONNECT", "api.example.org:443", "x"),
            "success",
        ),
        act(
            "net.http_request",
            http("GET", "http://u@example.org/?/", "Example.org"),
            "success",
        ),
        act("net.flow", flow, "success"),
        act("net.accept", accept, "success"),
        file("file.unlink", "/10.0.0.7/api.example.org"),
    ];
    check(&host("api.example.org"), &bodies, &[1, 2, 4, 5, 7]);
    check(&host(".example.org"), &bodies, &[1, 2, 3, 4, 5, 6, 7]);
    check(&host("EXAMPLE.org"), &bodies, &[3, 6]);
    check(&host("api.example.org:443"), &bodies, &[1, 4, 5, 7]);
    check(&host("example.org:3128"), &bodies, &[6]);
    check(&host("10.0.0.7"), &bodies, &[1, 3, 4, 7]);
    check(&host("10.0.0.0/29:443"), &bodies, &[1, 4, 7]);
    check(&host("10.0.0.8"), &bodies, &[8]);
    check(&host("10.0.0.0/8"), &bodies, &[1, 2, 3, 4, 5, 6, 7, 8]);
    check(&host("::1"), &bodies, &[]);
}

/// Sets one filter.
type Set<'a> = &'a dyn Fn(&mut Query);

#[test]
fn who_did_it_is_found() {
    let other = json!({ "uid": "b-8-1", "pid": 77, "exe": "/usr/bin/curl", "args": [],
                        "ancestry": [] });
    let mut second = file("file.chmod", "/x");
    second["process"] = other;
    second["agent"] = json!({ "id": "two", "name": "two", "owner": null, "binding": "cgroup",
                              "session": "02a20a26-3de0-73cf-be28-e8d0e3408978" });
    second["tool_call"] = Value::Null;
    second["decision"] = Value::Null;
    let gap = json!({ "kind": "gap", "reason": "ring_full", "hook": null, "count": 1,
        "action": "file.unlink", "from": 1, "until": 2, "detail": "", "agent": null });
    let bodies = [file("file.unlink", "/x"), second, gap];
    let ask = |set: Set<'_>| {
        let mut query = Query::default();
        set(&mut query);
        query
    };
    let checks: [(Set<'_>, &[u64]); 15] = [
        (&|_| {}, &[1, 2, 3]),
        (&|query| query.agents = words(&["spiffe://*"]), &[1]),
        (&|query| query.agents = words(&["co\"de"]), &[1]),
        (&|query| query.agents = words(&["two", "co*"]), &[1, 2]),
        (&|query| query.sessions = vec![SESSION.to_owned()], &[1]),
        (
            &|query| query.sessions = vec!["02a2".to_owned(), "ff".to_owned()],
            &[2],
        ),
        (&|query| query.tool_calls = vec!["call-1".to_owned()], &[1]),
        (&|query| query.tool_calls = vec!["call".to_owned()], &[]),
        (&|query| query.pids = vec![7], &[1]),
        (
            &|query| query.exes = vec![Glob::path(b"curl").unwrap()],
            &[2],
        ),
        (&|query| query.decisions = vec!["flag".to_owned()], &[1]),
        (&|query| query.kinds = vec!["gap".to_owned()], &[3]),
        (&|query| query.actions = words(&["file.*"]), &[1, 2]),
        (&|query| query.actions = words(&["file.chmod"]), &[2]),
        (&|query| query.outcomes = vec![OutcomeResult::Failure], &[]),
    ];
    for (set, expect) in checks {
        check(&ask(set), &bodies, expect);
    }
}

#[test]
fn changes_are_what_outlives_the_action() {
    let open = |access: &str, created: bool, flags: &[&str], result: &str| {
        let object = json!({ "path": "/x", "access": access, "created": created,
            "open_flags": flags, "inode": null, "device": null, "mode": null });
        act("file.open", object, result)
    };
    let map = |protection: &[&str]| {
        let mut map = file("file.mmap", "/x");
        map["object"]["protection"] = json!(protection);
        map
    };
    let ring = |request: &str, access: Option<&str>| {
        let object = json!({ "request": request, "opcode": 1, "access": access });
        act("kernel.io_uring", object, "unknown")
    };
    let bodies = [
        open("read", false, &[], "success"),
        open("write", false, &[], "success"),
        open("read", true, &["CREAT"], "success"),
        open("read", false, &["TRUNC"], "success"),
        open("read_write", false, &[], "failure"),
        file("file.unlink", "/x"),
        map(&["READ"]),
        map(&["READ", "WRITE"]),
        ring("openat", Some("read")),
        ring("openat", Some("write")),
        ring("unlinkat", None),
        ring("connect", None),
        ring("99", None),
        act("net.connect", ip("10.0.0.1", 1, None), "success"),
        act(
            "process.signal",
            json!({ "request": "SIGKILL", "target_pid": 9 }),
            "success",
        ),
    ];
    let query = Query {
        changes: true,
        ..Query::default()
    };
    check(&query, &bodies, &[2, 3, 4, 6, 8, 10, 11, 13, 15]);
}

#[test]
fn all_options_must_be_met() {
    let bodies = [
        file("file.unlink", "/a"),
        file("file.chmod", "/a"),
        file("file.unlink", "/b"),
    ];
    let query = Query {
        actions: words(&["file.unlink"]),
        ..path("/a")
    };
    check(&query, &bodies, &[1]);
}

#[test]
fn a_segment_that_goes_away_meanwhile_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 1 << 10,
        ..Options::default()
    };
    let (mut journal, _) = Journal::open(dir.path(), options).unwrap();
    for seq in 1..=4 {
        let line = line(seq, file("file.unlink", "/a"));
        journal.append(line.as_bytes()).unwrap();
    }
    journal.close().unwrap();
    let extent = Extent::open(dir.path()).unwrap();
    let [first, second, ..] = *extent.segments() else {
        panic!("several segments: {:?}", extent.segments())
    };
    std::fs::remove_file(extent.path(first)).unwrap();
    let mut found = Vec::new();
    let told = scan(
        &extent,
        &path("/a"),
        |record, _| record.seq,
        |more| {
            found.extend(more);
            ControlFlow::Continue(())
        },
    );
    let expect = Told {
        gone: 1,
        ..Told::default()
    };
    assert_eq!(told.unwrap(), expect);
    assert_eq!(found, (second..=4).collect::<Vec<_>>());
}
