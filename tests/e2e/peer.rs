//! `net.send`, `net.receive`: datagrams on sockets that are not connected.

use std::net::UdpSocket;

use agtrack_tests::steps;
use serde_json::json;

use crate::{Outcome, Unable, host::place, tests};

tests![
    each_peer_is_told_once_a_socket,
    ipv6_peers_are_told,
    who_sent_a_datagram_is_told,
    what_a_connected_socket_sends_is_not_told_again,
];

/// Two ports that somebody listens on.
fn listeners(address: &str) -> std::io::Result<[UdpSocket; 2]> {
    Ok([
        UdpSocket::bind((address, 0))?,
        UdpSocket::bind((address, 0))?,
    ])
}

fn each_peer_is_told_once_a_socket() -> Outcome {
    let place = place("send4");
    let listeners = listeners("127.0.0.1").unwrap();
    let [one, other] = listeners
        .each_ref()
        .map(|to| to.local_addr().unwrap().port());
    place.run(&steps! {
        "send4", "127.0.0.1", one, 5, "+",
        "send4", "127.0.0.1", other, 1, "+",
        "send4", "127.0.0.1", one, 1,
    });
    let sends = place.records().action("net.send");
    let ports: Vec<_> = sends
        .0
        .iter()
        .map(|record| record["object"]["port"].clone())
        .collect();
    assert_eq!(ports, [json!(one), json!(other), json!(one)], "{sends}");
    let expect = json!({"ip": "127.0.0.1", "port": one, "proto": "udp", "domain": null});
    assert_eq!(sends.0[0]["object"], expect);
    let unknown = json!({"result": "unknown", "errno": null});
    assert_eq!(sends.0[0]["outcome"], unknown);
    Ok(())
}

fn ipv6_peers_are_told() -> Outcome {
    let listeners = listeners("::1");
    let [listener, _] =
        listeners.map_err(|error| Unable(format!("there is no IPv6 here: {error}")))?;
    let place = place("send6");
    let port = listener.local_addr().unwrap().port();
    place.run(&steps!["send6", "::1", port, 2, "+", "echo6", "::1"]);
    let records = place.records();
    let sends = records.action("net.send");
    assert_eq!(sends.len(), 2, "{sends}");
    let expect = json!({"ip": "::1", "port": port, "proto": "udp", "domain": null});
    assert_eq!(sends.0[0]["object"], expect);
    let received = records.action("net.receive");
    assert_eq!(
        received.one()["object"],
        sends.0[1]["object"],
        "from itself"
    );
    Ok(())
}

fn who_sent_a_datagram_is_told() -> Outcome {
    let place = place("echo");
    place.run(&steps!["echo4", "127.0.0.1"]);
    let records = place.records();
    let (sent, received) = (records.action("net.send"), records.action("net.receive"));
    assert_eq!(
        received.one()["object"],
        sent.one()["object"],
        "from itself"
    );
    let success = json!({"result": "success", "errno": null});
    assert_eq!(received.one()["outcome"], success);
    Ok(())
}

fn what_a_connected_socket_sends_is_not_told_again() -> Outcome {
    let place = place("connected");
    let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ran = place.run(&steps!["talk4", "127.0.0.1", port]);
    assert_eq!(ran.result("talk4"), 8, "it sends");
    let records = place.records();
    assert_eq!(records.action("net.connect").len(), 1);
    assert_eq!(records.action("net.send").len(), 0);
    Ok(())
}
