//! Sockets whose work io_uring does.

use std::net::UdpSocket;

use agtrack_tests::launch::Ran;
use agtrack_tests::steps;
use serde_json::{Value, json};

use super::{ACTION, ended, has_ring, kernel, knows, request};
use crate::host::place;
use crate::{Outcome, Unable, tests};

tests![
    sends_to_an_address,
    binds_and_listens,
    binds_to_a_name,
    accepts,
    accepts_at_a_registered_socket,
    shuts_down,
];

fn tcp(port: i64) -> Value {
    json!({"ip": "127.0.0.1", "port": port, "proto": "tcp", "domain": null})
}

fn source(record: &Value, expect: &str) {
    let source = &record["completeness"]["path_source"];
    assert_eq!(source, expect, "{record}");
}

fn sends_to_an_address() -> Outcome {
    for (step, name) in [
        ("uring-socket-send4", "send"),
        ("uring-socket-send-zc4", "send_zc"),
    ] {
        let place = place(&format!("uring-{name}"));
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = peer.local_addr().unwrap().port();
        let ran = place.run(&steps! {
            "uring-ring", "plain", "+",
            step, "127.0.0.1", port,
        });
        knows(&ran, step)?;
        if ran.result(step) == -i64::from(libc::EDESTADDRREQ) {
            place.records().action(ACTION).none();
            return Err(Unable("send of this kernel takes no address".to_owned()));
        }
        assert_eq!(ran.result(step), 5);
        let record = request(&place, name);
        let address = json!({"ip": "127.0.0.1", "port": port, "proto": "udp", "domain": null});
        assert_eq!(record["object"]["address"], address, "{record}");
        // Newer kernels have copied it when they tell of the request.
        let is_copied = kernel() >= (6, 15);
        source(&record, if is_copied { "kernel" } else { "argument" });
        // Without a copy the memory is in use until a second result says that it is free again.
        if name == "send" {
            ended(&record, 5);
        }
    }
    Ok(())
}

fn binds_and_listens() -> Outcome {
    let place = place("uring-bind");
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-socket-bind4", "127.0.0.1", 0, "+",
        "uring-socket-listen",
    });
    knows(&ran, "uring-socket-bind4")?;
    assert_eq!(ran.result("uring-socket-listen"), 0);
    let bound = request(&place, "bind");
    assert_eq!(bound["object"]["address"], tcp(0), "{bound}");
    source(&bound, "kernel");
    ended(&bound, 0);
    let listening = request(&place, "listen");
    let address = tcp(ran.result("port"));
    assert_eq!(listening["object"]["address"], address, "{listening}");
    source(&listening, "fd");
    ended(&listening, 0);
    Ok(())
}

fn binds_to_a_name() -> Outcome {
    let place = place("uring-bind-unix");
    let path = place.file("socket");
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        "uring-socket-bind-unix", &path, "+",
        "uring-socket-listen",
    });
    knows(&ran, "uring-socket-bind-unix")?;
    assert_eq!(ran.result("uring-socket-listen"), 0);
    for name in ["bind", "listen"] {
        let record = request(&place, name);
        let address = json!({"socket": path});
        assert_eq!(record["object"]["address"], address, "{record}");
    }
    Ok(())
}

/// The record of an accept, at this place.
fn accepted(name: &str, step: &str) -> Result<(Ran, Value), Unable> {
    let place = place(name);
    let ran = place.run(&steps! {
        "uring-ring", "plain", "+",
        step, "127.0.0.1", 0,
    });
    has_ring(&ran)?;
    assert!(ran.result(step) >= 0, "{}", ran.result(step));
    let record = request(&place, "accept");
    let address = tcp(ran.result("port"));
    assert_eq!(record["object"]["address"], address, "{record}");
    // 5.10 has looked up the socket when it tells of the request.
    let is_known = kernel() < (5, 11);
    source(&record, if is_known { "kernel" } else { "fd" });
    ended(&record, 0);
    Ok((ran, record))
}

fn accepts() -> Outcome {
    let (_, record) = accepted("uring-accept", "uring-socket-accept4")?;
    assert_eq!(record["object"].get("registered"), None, "{record}");
    Ok(())
}

fn accepts_at_a_registered_socket() -> Outcome {
    let step = "uring-socket-accept-registered4";
    let (_, record) = accepted("uring-accept-registered", step)?;
    assert_eq!(record["object"]["registered"], true, "{record}");
    Ok(())
}

fn shuts_down() -> Outcome {
    let place = place("uring-shutdown");
    let ran = place.run(&steps!["uring-ring", "plain", "+", "uring-socket-shutdown"]);
    knows(&ran, "uring-socket-shutdown")?;
    let record = request(&place, "shutdown");
    assert_eq!(record["object"]["flags"], json!(["WR"]), "{record}");
    ended(&record, 0);
    Ok(())
}
