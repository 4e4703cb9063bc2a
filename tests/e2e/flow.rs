//! `net.flow`: what passed between a socket and its peer, and who held the socket.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;

use agtrack_tests::place::Place;
use agtrack_tests::records::number;
use agtrack_tests::steps;
use serde_json::{Value, json};

use crate::{Outcome, Unable, host, host::place, tests};

tests![
    what_passed_is_counted_to_the_byte,
    ipv6,
    a_connection_that_was_taken,
    a_connection_that_did_not_block,
    a_child_that_sends_holds_the_socket,
    who_was_handed_the_socket_holds_it,
    a_killed_process_leaves_its_flow,
    what_is_refused_or_only_listens_has_none,
    a_connection_that_the_peer_broke_off,
    one_side_may_end_before_the_other,
    what_was_sent_again_is_counted_apart,
    datagrams_are_counted_to_the_byte,
    datagrams_of_several_peers,
    datagrams_that_nobody_read,
];

const ACTION: &str = "net.flow";

fn listener(ip: &str) -> Result<(TcpListener, u16), Unable> {
    let listener = TcpListener::bind((ip, 0));
    let listener = listener.map_err(|error| Unable(format!("no {ip} here: {error}")))?;
    let port = listener.local_addr().unwrap().port();
    Ok((listener, port))
}

/// The flow through a port of the agent's.
fn flow(place: &Place<'_>, local: u16) -> Arc<Value> {
    place.wait("the flow", |record| {
        record["action"] == ACTION && record["object"]["local"]["port"] == local
    })
}

fn success() -> Value {
    json!({"result": "success", "errno": null})
}

/// Bytes out and in.
fn bytes(flow: &Value) -> [u64; 2] {
    ["bytes_out", "bytes_in"].map(|name| number(&flow["object"][name]))
}

/// A peer that says nothing: how many bytes it got, and from which port.
fn silent(listener: TcpListener) -> JoinHandle<(usize, u16)> {
    std::thread::spawn(move || {
        let (stream, from) = listener.accept().unwrap();
        (answer(stream, 0), from.port())
    })
}

/// Whether the sender or receiver of any data is seen, not only who connects.
fn sees_use() -> Outcome {
    if host::sees_objects() || !agtrack_tests::here::is_kernel_before(6, 3) {
        return Ok(());
    }
    Err(Unable(
        "before 6.3 this back end does not see who sends".to_owned(),
    ))
}

/// What a peer does: reads to the end, then answers.
fn answer(mut stream: TcpStream, bytes: usize) -> usize {
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    stream.write_all(&vec![1; bytes]).unwrap();
    got.len()
}

fn exchange(ip: &str) -> Outcome {
    let (listener, port) = listener(ip)?;
    let place = place("flow");
    let peer = std::thread::spawn(move || {
        let (stream, from) = listener.accept().unwrap();
        (answer(stream, 5000), from.port())
    });
    let ran = place.run(&steps! {
        "socket-open", ip, port, "tcp", "+",
        "socket-send", 300_000, "+",
        "socket-half", "+",
        "socket-read", 9999, "+",
        "socket-close",
    });
    assert_eq!(ran.result("socket-read"), 5000);
    let (got, local) = peer.join().unwrap();
    assert_eq!(got, 300_000);
    let flow = flow(&place, local);
    let object = &flow["object"];
    let end = |port| json!({"ip": ip, "port": port, "proto": "tcp", "domain": null});
    assert_eq!(object["local"], end(local));
    assert_eq!(object["peer"], end(port));
    assert_eq!(object["direction"], "outbound");
    assert_eq!(bytes(&flow), [300_000, 5000], "{flow}");
    assert_eq!(flow["outcome"], success());
    assert_eq!(flow["process"]["pid"], ran.pid);
    let [out, inward] = ["packets_out", "packets_in"].map(|name| number(&object[name]));
    assert!(out >= 5 && inward >= 3, "{flow}");
    let [began, ended, took] =
        ["began_boot_time", "ended_boot_time", "duration"].map(|name| number(&object[name]));
    assert_eq!(ended - began, took);
    assert_eq!(number(&flow["boot_time"]), ended);
    Ok(())
}

fn what_passed_is_counted_to_the_byte() -> Outcome {
    exchange("127.0.0.1")
}

fn ipv6() -> Outcome {
    exchange("::1")
}

fn a_connection_that_was_taken() -> Outcome {
    let place = place("taken");
    let mut trigger = place.place(&steps! {
        "socket-listen", "127.0.0.1", "+",
        "socket-accept", "+",
        "socket-read", 70_000, "+",
        "socket-send", 30, "+",
        "socket-close",
    });
    trigger.go();
    let (pid, port) = trigger.until("socket-listen");
    let mut stream = TcpStream::connect(("127.0.0.1", port as u16)).unwrap();
    stream.write_all(&[1; 70_000]).unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    assert_eq!(got.len(), 30);
    let from = stream.local_addr().unwrap().port();
    drop(stream);
    trigger.end();
    let flow = flow(&place, port as u16);
    assert_eq!(flow["object"]["direction"], "inbound", "{flow}");
    assert_eq!(flow["object"]["peer"]["port"], from);
    assert_eq!(bytes(&flow), [30, 70_000], "{flow}");
    assert_eq!(flow["process"]["pid"], pid);
    place.settle(pid);
    // The listening socket has none.
    assert_eq!(place.records().action(ACTION).len(), 1);
    Ok(())
}

fn a_connection_that_did_not_block() -> Outcome {
    let (listener, port) = listener("127.0.0.1")?;
    let place = place("nonblock");
    let peer = silent(listener);
    place.run(&steps! {
        "socket-open", "127.0.0.1", port, "nonblock", "+",
        "socket-poll", "+",
        "socket-send", 12, "+",
        "socket-close",
    });
    let (got, local) = peer.join().unwrap();
    assert_eq!(got, 12);
    let flow = flow(&place, local);
    assert_eq!(flow["object"]["direction"], "outbound");
    assert_eq!(bytes(&flow), [12, 0], "{flow}");
    Ok(())
}

fn a_child_that_sends_holds_the_socket() -> Outcome {
    sees_use()?;
    let (listener, port) = listener("127.0.0.1")?;
    let place = place("child");
    let peer = silent(listener);
    let ran = place.run(&steps! {
        "socket-open", "127.0.0.1", port, "tcp", "+",
        "socket-send", 10, "+",
        "fork", "+",
        "socket-send", 20, "+",
        "socket-close",
    });
    let (got, local) = peer.join().unwrap();
    assert_eq!(got, 30);
    let flow = flow(&place, local);
    assert_eq!(bytes(&flow), [30, 0], "{flow}");
    let child = ran.pid_of("socket-close");
    assert_ne!(child, ran.pid);
    assert_eq!(flow["process"]["pid"], child, "{flow}");
    Ok(())
}

fn who_was_handed_the_socket_holds_it() -> Outcome {
    sees_use()?;
    let (listener, port) = listener("127.0.0.1")?;
    let place = place("handed");
    let peer = silent(listener);
    let ran = place.run(&steps! {
        "socket-open", "127.0.0.1", port, "tcp", "+",
        "socket-send", 10, "+",
        "socket-handed", 20,
    });
    let (got, local) = peer.join().unwrap();
    assert_eq!(got, 30);
    let flow = flow(&place, local);
    assert_eq!(bytes(&flow), [30, 0], "{flow}");
    let handed = ran.result("socket-handed");
    assert_eq!(flow["process"]["pid"], handed, "{flow}");
    Ok(())
}

fn a_killed_process_leaves_its_flow() -> Outcome {
    let (listener, port) = listener("127.0.0.1")?;
    let place = place("killed");
    let peer = silent(listener);
    let ran = place.run(&steps! {
        "socket-open", "127.0.0.1", port, "tcp", "+",
        "socket-send", 10, "+",
        "signal", 9,
    });
    let (got, local) = peer.join().unwrap();
    assert_eq!(got, 10);
    let flow = flow(&place, local);
    assert_eq!(bytes(&flow), [10, 0], "{flow}");
    assert_eq!(flow["process"]["pid"], ran.pid);
    Ok(())
}

fn what_is_refused_or_only_listens_has_none() -> Outcome {
    let place = place("none");
    let (gone, port) = listener("127.0.0.1")?;
    drop(gone);
    let ran = place.run(&steps! {
        "socket-open", "127.0.0.1", port, "tcp", "+",
        "socket-close", "+",
        "socket-listen", "127.0.0.1", "+",
        "socket-bind", "127.0.0.1",
    });
    assert_eq!(ran.result("socket-open") as i32, -libc::ECONNREFUSED);
    assert!(ran.result("socket-listen") >= 0, "{ran:?}");
    assert!(ran.result("socket-bind") >= 0, "{ran:?}");
    place.records().action(ACTION).none();
    Ok(())
}

fn a_connection_that_the_peer_broke_off() -> Outcome {
    let (listener, port) = listener("127.0.0.1")?;
    let place = place("broken");
    let peer = std::thread::spawn(move || {
        let (stream, from) = listener.accept().unwrap();
        // What is there and was not read makes a reset of the close.
        stream.peek(&mut [0]).unwrap();
        from.port()
    });
    let ran = place.run(&steps! {
        "socket-open", "127.0.0.1", port, "tcp", "+",
        "socket-send", 10, "+",
        "socket-read", 1, "+",
        "socket-close",
    });
    assert_eq!(ran.result("socket-read") as i32, -libc::ECONNRESET);
    let flow = flow(&place, peer.join().unwrap());
    let expect = json!({"result": "failure", "errno": "ECONNRESET"});
    assert_eq!(flow["outcome"], expect);
    assert_eq!(bytes(&flow), [10, 0], "{flow}");
    Ok(())
}

fn one_side_may_end_before_the_other() -> Outcome {
    let (listener, port) = listener("127.0.0.1")?;
    let place = place("half");
    let peer = std::thread::spawn(move || {
        let (mut stream, from) = listener.accept().unwrap();
        stream.write_all(&[1; 40]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        (got.len(), from.port())
    });
    place.run(&steps! {
        "socket-open", "127.0.0.1", port, "tcp", "+",
        "socket-read", 999, "+",
        "socket-send", 50, "+",
        "socket-close",
    });
    let (got, local) = peer.join().unwrap();
    assert_eq!(got, 50);
    assert_eq!(bytes(&flow(&place, local)), [50, 40]);
    Ok(())
}

/// A queue that is full drops what asks for a connection, which is asked again a second later.
fn what_was_sent_again_is_counted_apart() -> Outcome {
    use nix::sys::socket::{Backlog, listen};
    let (listener, port) = listener("127.0.0.1")?;
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let place = place("again");
    let first = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut trigger = place.place(&steps! {
        "socket-open", "127.0.0.1", port, "nonblock", "+",
        "wait", "+",
        "socket-poll", "+",
        "socket-send", 60, "+",
        "socket-close",
    });
    trigger.go();
    trigger.until("socket-open");
    drop((listener.accept().unwrap(), first));
    trigger.go();
    let (stream, from) = listener.accept().unwrap();
    assert_eq!(answer(stream, 0), 60);
    trigger.end();
    let flow = flow(&place, from.port());
    assert!(number(&flow["object"]["retransmits"]) >= 1, "{flow}");
    assert_eq!(bytes(&flow), [60, 0], "{flow}");
    Ok(())
}

fn datagrams_are_counted_to_the_byte() -> Outcome {
    for ip in ["127.0.0.1", "::1"] {
        let Ok(peer) = UdpSocket::bind((ip, 0)) else {
            return Err(Unable(format!("no {ip} here")));
        };
        let port = peer.local_addr().unwrap().port();
        let place = place("udp");
        let mut trigger = place.place(&steps! {
            "socket-open", ip, port, "udp", "+",
            "socket-send", 100, "+",
            // More than one packet of the network.
            "socket-send", 5000, "+",
            "socket-read", 7, "+",
            "socket-close",
        });
        trigger.go();
        let mut buffer = [0; 9000];
        let (first, from) = peer.recv_from(&mut buffer).unwrap();
        let (second, _) = peer.recv_from(&mut buffer).unwrap();
        assert_eq!([first, second], [100, 5000]);
        peer.send_to(&[1; 7], from).unwrap();
        trigger.end();
        let flow = flow(&place, from.port());
        let object = &flow["object"];
        let end = |port| json!({"ip": ip, "port": port, "proto": "udp", "domain": null});
        assert_eq!(object["local"], end(from.port()));
        assert_eq!(object["peer"], end(port));
        assert_eq!(object["direction"], "outbound");
        assert_eq!(bytes(&flow), [5100, 7], "{flow}");
        assert_eq!([&object["packets_out"], &object["packets_in"]], [2, 1]);
        assert_eq!(object["retransmits"], Value::Null);
    }
    Ok(())
}

fn datagrams_of_several_peers() -> Outcome {
    let place = place("several");
    let peers = [0; 2].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
    let [one, other] = peers
        .each_ref()
        .map(|peer| peer.local_addr().unwrap().port());
    let ran = place.run(&steps! {
        "socket-bind", "127.0.0.1", "+",
        "socket-sendto", "127.0.0.1", one, 10, "+",
        "socket-sendto", "127.0.0.1", other, 20, "+",
        "socket-close",
    });
    let flow = flow(&place, ran.result("socket-bind") as u16);
    assert_eq!(flow["object"]["peer"], Value::Null);
    assert_eq!(bytes(&flow), [30, 0], "{flow}");
    Ok(())
}

/// It came to the socket all the same.
fn datagrams_that_nobody_read() -> Outcome {
    let place = place("unread");
    let mut trigger = place.place(&steps! {
        "socket-bind", "127.0.0.1", "+",
        "wait", "+",
        "socket-close",
    });
    trigger.go();
    let (_, port) = trigger.until("socket-bind");
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = u16::try_from(port).unwrap();
    peer.send_to(&[1; 33], ("127.0.0.1", port)).unwrap();
    trigger.go();
    trigger.end();
    let flow = flow(&place, port);
    assert_eq!(flow["object"]["direction"], "inbound", "{flow}");
    assert_eq!(bytes(&flow), [0, 33], "{flow}");
    let own = peer.local_addr().unwrap().port();
    assert_eq!(flow["object"]["peer"]["port"], own);
    Ok(())
}
