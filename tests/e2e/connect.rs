//! `net.connect`: a socket was asked to reach a peer.

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use agtrack_tests::records::Records;
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::open::has_i386;
use crate::{Outcome, Unable, host::place, tests};

tests![
    ipv4_reached_and_refused,
    ipv6_reached_and_refused,
    udp_has_a_peer,
    begun_is_not_done,
    unix_sockets_have_paths,
    unix_sockets_without_a_file,
    i386_calls_are_seen,
];

const ACTION: &str = "net.connect";

/// A port that nobody listens on: one that was just given back.
fn free_port(address: &str) -> std::io::Result<u16> {
    Ok(TcpListener::bind((address, 0))?.local_addr()?.port())
}

fn port(connects: &Records, port: u16) -> &Value {
    let found: Vec<_> = connects
        .0
        .iter()
        .filter(|r| r["object"]["port"] == port)
        .collect();
    let [record] = *found else {
        panic!("port {port}: {found:?} in {connects}")
    };
    record
}

fn success() -> Value {
    json!({"result": "success", "errno": null})
}

fn failure(errno: &str) -> Value {
    json!({"result": "failure", "errno": errno})
}

fn ipv4_reached_and_refused() -> Outcome {
    reached_and_refused("connect4", "127.0.0.1")
}

fn ipv6_reached_and_refused() -> Outcome {
    if let Err(error) = TcpListener::bind("[::1]:0") {
        return Err(Unable(format!("there is no IPv6 here: {error}")));
    }
    reached_and_refused("connect6", "::1")
}

fn reached_and_refused(call: &str, address: &str) -> Outcome {
    let place = place(call);
    let listener = TcpListener::bind((address, 0)).unwrap();
    let open = listener.local_addr().unwrap().port();
    let closed = free_port(address).unwrap();
    let ran = place.run(&steps! {
        call, address, open, "tcp", "+",
        call, address, closed, "tcp",
    });
    let results: Vec<_> = ran.steps.iter().map(|(.., ret)| *ret as i32).collect();
    assert_eq!(results, [0, -libc::ECONNREFUSED]);
    let connects = place.records().action(ACTION);
    for (number, outcome) in [(open, success()), (closed, failure("ECONNREFUSED"))] {
        let record = port(&connects, number);
        let expect = json!({"ip": address, "port": number, "proto": "tcp", "domain": null});
        assert_eq!(record["object"], expect);
        assert_eq!(record["outcome"], outcome, "{record}");
    }
    assert_eq!(connects.len(), 2, "{connects}");
    Ok(())
}

fn udp_has_a_peer() -> Outcome {
    let place = place("udp");
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let number = peer.local_addr().unwrap().port();
    place.run(&steps!["connect4", "127.0.0.1", number, "udp"]);
    let connects = place.records().action(ACTION);
    let record = connects.one();
    assert_eq!(record["object"]["proto"], "udp");
    assert_eq!(record["object"]["port"], number);
    assert_eq!(record["outcome"], success());
    Ok(())
}

fn begun_is_not_done() -> Outcome {
    let place = place("nonblock");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = listener.local_addr().unwrap().port();
    let ran = place.run(&steps!["connect4", "127.0.0.1", number, "nonblock"]);
    assert_eq!(ran.result("connect4") as i32, -libc::EINPROGRESS);
    let connects = place.records().action(ACTION);
    let expect = json!({"result": "in_progress", "errno": "EINPROGRESS"});
    assert_eq!(connects.one()["outcome"], expect);
    Ok(())
}

fn unix_sockets_have_paths() -> Outcome {
    let place = place("unix");
    let path = place.file("socket");
    let _listener = UnixListener::bind(&path).unwrap();
    let dead = place.file("dead");
    drop(UnixListener::bind(&dead).unwrap());
    let nothing = place.file("nothing");
    let directory = Path::new(&nothing).parent().unwrap();
    place.run(&steps! {
        "connect-unix", &path, "+",
        "connect-unix", &dead, "+",
        "chdir", directory, "+",
        "connect-unix", "nothing",
    });
    let connects = place.records().action(ACTION);
    assert_eq!(connects.path(&path).one()["outcome"], success());
    assert_eq!(
        connects.path(&dead).one()["outcome"],
        failure("ECONNREFUSED")
    );
    assert_eq!(connects.path(&nothing).one()["outcome"], failure("ENOENT"));
    assert_eq!(connects.len(), 3, "{connects}");
    Ok(())
}

fn unix_sockets_without_a_file() -> Outcome {
    let place = place("abstract");
    let name = format!("agtrack-e2e-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let ran = place.run(&steps!["connect-unix", format!("@{name}")]);
    assert_eq!(ran.result("connect-unix"), 0);
    let connects = place.records().action(ACTION);
    assert_eq!(
        connects.one()["object"],
        json!({"socket": format!("@{name}")})
    );
    assert_eq!(connects.one()["outcome"], success());
    Ok(())
}

fn i386_calls_are_seen() -> Outcome {
    has_i386()?;
    let place = place("i386");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = listener.local_addr().unwrap().port();
    let ran = place.run(&steps!["connect32", number]);
    assert_eq!(ran.result("connect32"), 0);
    let connects = place.records().action(ACTION);
    assert_eq!(port(&connects, number)["outcome"], success());
    assert_eq!(connects.len(), 1, "{connects}");
    Ok(())
}
