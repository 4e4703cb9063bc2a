//! `net.bind`, `net.listen`, `net.accept`: sockets that others can reach.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::{Outcome, Unable, host::place, tests};

tests![
    a_port_that_the_kernel_chose,
    ipv6,
    a_port_that_is_taken,
    unix_sockets_with_a_file,
    unix_sockets_without_a_file,
    unix_names_that_are_taken,
];

fn success() -> Value {
    json!({"result": "success", "errno": null})
}

fn serves(call: &str, ip: &str) -> Outcome {
    let place = place(call);
    let ran = place.run(&steps![call, ip, 0]);
    assert_eq!(ran.result(call), 0, "{ran:?}");
    let records = place.records();
    let [bind, listen, accept] =
        ["net.bind", "net.listen", "net.accept"].map(|action| records.action(action));
    let local = &bind.one()["object"]["local"];
    assert_eq!(local["ip"], ip, "{bind}");
    assert_eq!(local["proto"], "tcp", "{bind}");
    assert_ne!(local["port"], 0, "{bind}");
    for record in [bind.one(), listen.one(), accept.one()] {
        assert_eq!(record["object"]["local"], *local, "{record}");
        assert_eq!(record["outcome"], success(), "{record}");
    }
    let peer = &accept.one()["object"]["peer"];
    assert_eq!(peer["ip"], ip, "{accept}");
    assert_ne!(peer["port"], 0, "{accept}");
    let connect = records.action("net.connect");
    assert_eq!(connect.one()["object"]["port"], local["port"], "{connect}");
    Ok(())
}

fn a_port_that_the_kernel_chose() -> Outcome {
    serves("serve4", "127.0.0.1")
}

fn ipv6() -> Outcome {
    if let Err(error) = TcpListener::bind("[::1]:0") {
        return Err(Unable(format!("there is no IPv6 here: {error}")));
    }
    serves("serve6", "::1")
}

fn a_port_that_is_taken() -> Outcome {
    let place = place("taken");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    place.run(&steps!["serve4", "127.0.0.1", port]);
    let binds = place.records().action("net.bind");
    let record = binds.one();
    let local = json!({"ip": "127.0.0.1", "port": port, "proto": "tcp", "domain": null});
    assert_eq!(
        record["object"],
        json!({"local": local, "peer": null}),
        "{record}"
    );
    let taken = json!({"result": "failure", "errno": "EADDRINUSE"});
    assert_eq!(record["outcome"], taken, "{record}");
    Ok(())
}

fn serves_unix(at: &str) -> Outcome {
    let place = place("unix");
    let at = match at.strip_prefix('@') {
        Some(_) => at.to_owned(),
        None => place.file(at),
    };
    let ran = place.run(&steps!["serve-unix", &at]);
    assert_eq!(ran.result("serve-unix"), 0, "{ran:?}");
    let records = place.records();
    for action in ["net.bind", "net.listen", "net.accept"] {
        let found = records.action(action);
        let expect = json!({"local": {"socket": at}, "peer": null});
        assert_eq!(found.one()["object"], expect, "{action}");
    }
    Ok(())
}

fn unix_sockets_with_a_file() -> Outcome {
    serves_unix("socket")
}

fn unix_sockets_without_a_file() -> Outcome {
    serves_unix("@agtrack-endpoint")
}

/// Each is told as it was asked for; one that is relative, with its directory.
fn unix_names_that_are_taken() -> Outcome {
    let place = place("unix-taken");
    let file = place.file("taken");
    let nameless = "@agtrack-endpoint-taken";
    let _file = UnixListener::bind(&file).unwrap();
    let address = SocketAddr::from_abstract_name(&nameless[1..]).unwrap();
    let _nameless = UnixListener::bind_addr(&address).unwrap();
    let directory = Path::new(&file).parent().unwrap();
    place.run(&steps! {
        "serve-unix", &file, "+",
        "serve-unix", nameless, "+",
        "chdir", directory, "+",
        "serve-unix", "taken",
    });
    let binds = place.records().action("net.bind");
    let names: Vec<_> = binds
        .0
        .iter()
        .map(|bind| bind["object"]["local"]["socket"].clone())
        .collect();
    assert_eq!(names, [&*file, nameless, &*file], "{binds}");
    let taken = json!({"result": "failure", "errno": "EADDRINUSE"});
    assert!(
        binds.0.iter().all(|bind| bind["outcome"] == taken),
        "{binds}"
    );
    Ok(())
}
