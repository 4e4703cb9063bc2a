use std::collections::BTreeSet;

use agtrack_common::event::TABLE;
use serde_json::{Value, json};

use super::table::{ROWS, URING, Which};
use super::{document, event};
use crate::record::Record;

/// A record of an action, as the journal has it.
fn record(action: &str, object: &Value) -> Value {
    json!({
        "v": 1, "seq": 7, "id": "00000000-0000-0000-0000-000000000001:7",
        "time": "2026-11-23T20:43:16.685692998Z", "boot_time": 5_000_000_000u64,
        "host": {"id": "1eb7", "name": "vm", "boot_id": "0b8985de-8b8e-4447-93a7-e9aa416b6e60"},
        "agent": {
            "id": "spiffe://x/agent/a", "name": "a", "owner": "o", "labels": {"team": "t"},
            "session": "0193a5c2-7e10-7000-8000-000000000001", "binding": "launcher",
        },
        "kind": "action",
        "tool_call": {"id": "0b8985de-10-5", "command": ["ls"]},
        "process": {
            "uid": "0b8985de-10-5", "pid": 10, "start": "2026-11-23T20:43:16.000000000Z",
            "parent_uid": "0b8985de-9-4", "ppid": 9, "exe": "/usr/bin/ls",
            "args": ["ls", "a b"], "cwd": "/w", "user": 1000, "euser": 1000, "login_user": 1000,
            "cgroup": "/a", "container": {"runtime": "docker", "id": "abc"},
            "ancestry": [{"uid": "0b8985de-9-4", "name": "bash"}],
        },
        "action": action, "object": object,
        "outcome": {"result": "success", "errno": null},
        "decision": null, "effect": null, "maps": [],
        "completeness": {"path_source": null, "truncated": false, "count": 1},
    })
}

fn encode(record: Value) -> Value {
    event(&serde_json::from_value::<Record>(record).unwrap())
}

fn encoded(action: &str, object: &Value) -> Value {
    encode(record(action, object))
}

/// What an event has at some places.
fn check(event: &Value, expect: &[(&str, Value)]) {
    for (place, value) in expect {
        let found = event.pointer(place).unwrap_or(&Value::Null);
        assert_eq!(found, value, "{place} of {event:#}");
    }
}

/// Rows of the event table that lead to records of actions.
fn actions() -> BTreeSet<&'static str> {
    let actions = TABLE.iter().flat_map(|row| row.kind.actions());
    actions
        .filter(|action| !action.starts_with("tracker."))
        .collect()
}

#[test]
fn every_action_has_one_row_and_every_row_an_action() {
    let rows: Vec<_> = ROWS.iter().map(|row| row.action).collect();
    let once: BTreeSet<_> = rows.iter().copied().collect();
    assert_eq!(once.len(), rows.len());
    assert_eq!(once, actions());
}

#[test]
fn every_likeness_of_a_request_is_one_that_is_recorded() {
    let known: BTreeSet<_> = (0..=255u32)
        .filter_map(agtrack_common::uring::name)
        .collect();
    for (request, action) in URING {
        assert!(known.contains(request), "{request}");
        assert!(ROWS.iter().any(|row| row.action == *action), "{action}");
    }
}

/// An object of each shape, with actions that have it.
fn shapes() -> Vec<(Vec<String>, Value)> {
    let shapes: Vec<Value> = serde_json::from_str(include_str!("tests/shapes.json")).unwrap();
    let one = |shape: &Value| {
        let actions = serde_json::from_value(shape["actions"].clone()).unwrap();
        (actions, shape["object"].clone())
    };
    shapes.iter().map(one).collect()
}

/// The last object there of an action.
fn object(action: &str) -> Value {
    let mut shapes = shapes().into_iter().rev();
    let found = shapes.find(|(actions, _)| actions.iter().any(|name| name == action));
    found.unwrap().1
}

#[test]
fn every_action_and_every_object_is_placed_in_the_class_of_its_row() {
    let mut seen = BTreeSet::new();
    for (names, object) in shapes() {
        for action in &names {
            let row = ROWS.iter().find(|row| row.action == action).unwrap();
            let event = encoded(action, &object);
            assert_eq!(event["class_uid"], row.class.uid, "{action}: {event:#}");
            let activity = event["activity_id"].as_u64().unwrap();
            let may = row.activity.all();
            assert!(
                may.iter().any(|one| u64::from(one.0) == activity),
                "{action}"
            );
            let type_uid = u64::from(row.class.uid) * 100 + activity;
            assert_eq!(event["type_uid"], type_uid, "{action}");
            assert_eq!(
                event["unmapped"]["agtrack"]["object"],
                full(action, &object)
            );
            seen.insert(row.action);
        }
    }
    assert_eq!(seen, actions());
}

/// An object as the record writes it again, with what it leaves out and fills in.
fn full(action: &str, object: &Value) -> Value {
    let record: Record = serde_json::from_value(record(action, object)).unwrap();
    serde_json::to_value(&record).unwrap()["object"].clone()
}

#[test]
fn each_activity_that_a_row_tells_of_has_one_name() {
    let mut names = std::collections::BTreeMap::new();
    for row in ROWS {
        let all = row.activity.all();
        assert!(!all.is_empty());
        assert!(!matches!(row.activity, Which::Of(all, _) if all.len() < 2));
        for one in all.iter().filter(|one| one.0 != 99) {
            let known = names.entry((row.class.uid, one.0)).or_insert(one.1);
            assert_eq!(*known, one.1, "{}", row.action);
        }
    }
}

#[test]
fn what_no_row_is_for_is_told_as_it_is() {
    for (action, object) in [
        (
            "file.teleport",
            json!({"path": "/w/f", "inode": null, "device": null}),
        ),
        ("file.open", json!({"exe": "/bin/ls"})),
    ] {
        let event = encoded(action, &object);
        check(
            &event,
            &[
                ("/class_uid", json!(0)),
                ("/type_uid", json!(99)),
                ("/unmapped/agtrack/action", json!(action)),
            ],
        );
    }
}

#[test]
fn agent_and_record_can_be_found_again() {
    let event = encoded("file.open", &object("file.open"));
    check(
        &event,
        &[
            (
                "/metadata/uid",
                json!("00000000-0000-0000-0000-000000000001:7"),
            ),
            ("/metadata/sequence", json!(7)),
            (
                "/metadata/correlation_uid",
                json!("0193a5c2-7e10-7000-8000-000000000001"),
            ),
            ("/metadata/tags/0", json!({"name": "team", "value": "t"})),
            ("/actor/app_uid", json!("spiffe://x/agent/a")),
            (
                "/actor/session/uid",
                json!("0193a5c2-7e10-7000-8000-000000000001"),
            ),
            ("/actor/process/cmd_line", json!("ls 'a b'")),
            ("/actor/process/container/uid", json!("abc")),
            ("/time", json!(1_795_466_596_685u64)),
            (
                "/metadata/original_time",
                json!("2026-11-23T20:43:16.685692998Z"),
            ),
            ("/unmapped/agtrack/agent/binding", json!("launcher")),
            ("/unmapped/agtrack/cgroup", json!("/a")),
            ("/message_context", Value::Null),
            ("/file/type_id", json!(1)),
        ],
    );
}

#[test]
fn a_started_program_has_its_parent_as_actor() {
    let event = encoded("process.exec", &object("process.exec"));
    check(
        &event,
        &[
            ("/process/name", json!("git")),
            ("/process/pid", json!(10)),
            ("/actor/process/name", json!("bash")),
            ("/actor/process/pid", json!(9)),
            ("/message_context/ai_role", json!("Tool")),
            ("/severity", json!("High")),
        ],
    );
}

#[test]
fn bytes_are_counted_from_the_side_that_began() {
    let event = encoded("net.flow", &object("net.flow"));
    check(
        &event,
        &[
            ("/traffic/bytes_in", json!(1)),
            ("/traffic/bytes_out", json!(2)),
            ("/traffic/bytes", json!(3)),
            ("/duration", json!(2000)),
            ("/start_time", json!(1_795_466_593_685u64)),
            ("/end_time", json!(1_795_466_595_685u64)),
        ],
    );
}

#[test]
fn a_request_of_io_uring_is_found_where_the_call_would_be() {
    let open = json!({"request": "openat", "opcode": 18, "path": "/root/.ssh/id_rsa"});
    let event = encoded("kernel.io_uring", &open);
    check(
        &event,
        &[
            ("/class_uid", json!(1001)),
            ("/activity_id", json!(14)),
            ("/file/name", json!("id_rsa")),
            ("/metadata/event_code", json!("kernel.io_uring")),
            ("/metadata/labels/0", json!("credential:SSH key")),
            ("/severity_id", json!(3)),
        ],
    );
    // Without its name it is still a request.
    let nameless = json!({"request": "openat", "opcode": 18});
    check(
        &encoded("kernel.io_uring", &nameless),
        &[("/class_uid", json!(1003))],
    );
}

#[test]
fn what_lends_its_identity_is_worth_a_look() {
    let named = |name: &str, value: &str| json!({"path": "/w/f", "inode": null, "device": null, name: value});
    for (action, object, severity) in [
        ("file.chmod", named("mode", "4755"), 3),
        ("file.chmod", named("mode", "102755"), 3),
        ("file.chmod", named("mode", "1777"), 1),
        ("file.chmod", named("mode", "no mode"), 1),
        ("file.mkdir", named("mode", "2755"), 1),
        (
            "file.setxattr",
            named("attribute", "security.capability"),
            3,
        ),
        ("file.setxattr", named("attribute", "user.capability"), 1),
    ] {
        check(
            &encoded(action, &object),
            &[("/severity_id", json!(severity))],
        );
    }
}

#[test]
fn requests_say_what_was_asked_of_whom() {
    let event = encoded("net.http_request", &object("net.http_request"));
    check(
        &event,
        &[
            ("/activity_name", json!("Get")),
            (
                "/http_request/url/url_string",
                json!("http://a.test:443/a?b=c"),
            ),
            ("/http_request/url/hostname", json!("a.test")),
            ("/http_request/url/query_string", json!("b=c")),
            ("/src_endpoint/hostname", json!("vm")),
            ("/dst_endpoint/ip", json!("10.0.0.1")),
        ],
    );
    // An agent that answers is asked by its peer.
    let event = encoded("net.dns_answer", &object("net.dns_answer"));
    check(
        &event,
        &[
            ("/src_endpoint/ip", json!("10.0.0.1")),
            ("/dst_endpoint/hostname", json!("vm")),
            ("/query/hostname", json!("a.test")),
        ],
    );
}

#[test]
fn refused_and_open_ends_are_told_apart() {
    let peer = json!({"ip": "::1", "port": 1, "proto": "tcp", "domain": null});
    let ended = |result: &str, errno: Value| {
        let mut record = record("net.connect", &peer);
        record["outcome"] = json!({"result": result, "errno": errno});
        encode(record)
    };
    let refused = ended("failure", json!("ECONNREFUSED"));
    check(
        &refused,
        &[("/activity_id", json!(5)), ("/status_id", json!(2))],
    );
    let begun = ended("in_progress", Value::Null);
    check(
        &begun,
        &[("/activity_id", json!(1)), ("/status_id", json!(99))],
    );
    let unknown = ended("unknown", Value::Null);
    check(&unknown, &[("/status_id", json!(0))]);
}

#[test]
fn the_documented_table_has_a_line_for_every_row() {
    assert_eq!(document::actions().lines().count(), ROWS.len() + 2);
    assert!(document::requests().contains("`connect` as `net.connect`"));
}
