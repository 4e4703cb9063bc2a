//! Packets of an agent's sockets as a file: all of them, with whose they are, and nobody else's.

pub(crate) mod asked;
pub(crate) mod written;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::thread::JoinHandle;

use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use agtrack_tests::here;
use agtrack_tests::packets::{Packet, Packets};
use agtrack_tests::place::Place;
use agtrack_tests::steps;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::host::own_name;
use crate::{Outcome, Unable, host, host::place, tests};

tests![
    a_connection_is_in_the_file_to_the_byte,
    a_connection_over_ipv6,
    datagrams_both_ways,
    nobody_elses_packets,
    who_was_handed_the_socket_is_named,
    packets_are_cut_where_that_is_asked,
];

/// `agtrack capture` that has begun.
pub(crate) struct Capture {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

/// The command, of the daemon that listens at `socket`.
pub(crate) fn command(socket: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(here::agtrack());
    command.arg("capture").arg("--socket").arg(socket);
    command.args(arguments);
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

impl Capture {
    /// Starts it, and waits until it says that it takes packets.
    pub(crate) fn begin(mut command: Command) -> Capture {
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        stderr.read_line(&mut said).unwrap();
        assert!(said.contains(" go to "), "{said}");
        Capture {
            child,
            stderr,
            said,
        }
    }

    /// Ends it as ^C does; gives what it said.
    pub(crate) fn end(self) -> String {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT).unwrap();
        self.ended()
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(mut self) -> String {
        self.stderr.read_to_string(&mut self.said).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.said);
        self.said
    }
}

/// What a command says that does not begin.
pub(crate) fn refused(mut command: Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).unwrap()
}

/// The id of a place's session.
pub(crate) fn session(place: &Place<'_>) -> String {
    let start = place.wait("its session", |record| record["kind"] == "session");
    start["agent"]["session"].as_str().unwrap().to_owned()
}

/// A capture of a place's session, and its file.
fn capture(place: &Place<'_>, arguments: &[&str]) -> (Capture, PathBuf) {
    let file = place.file("packets.pcapng");
    let session = session(place);
    let mut command = command(&host::socket(), &["--session", &session, "-w", &file]);
    command.args(arguments);
    (Capture::begin(command), file.into())
}

/// An agent of a daemon of its own.
struct Own {
    group: Group,
    home: Home,
}

impl Own {
    fn new(name: &str) -> Own {
        let name = own_name(name);
        let home = Home::new("alone", &[&format!("/{name}/*")]);
        let group = Group::new(&name);
        Own { group, home }
    }
}

fn send(place: &Place<'_>, bytes: usize) -> u16 {
    let Ok((listener, port)) = listener("127.0.0.1") else {
        panic!("no loopback");
    };
    let peer = peer(listener, Vec::new());
    place.run(&steps! {
        "socket-open", "127.0.0.1", port, "tcp", "+",
        "socket-send", bytes, "+",
        "socket-close",
    });
    assert_eq!(peer.join().unwrap(), bytes);
    port
}

fn listener(ip: &str) -> Result<(TcpListener, u16), Unable> {
    let listener = TcpListener::bind((ip, 0));
    let listener = listener.map_err(|error| Unable(format!("no {ip} here: {error}")))?;
    let port = listener.local_addr().unwrap().port();
    Ok((listener, port))
}

/// Reads to the end, answers with `bytes`, and gives how many there were.
fn peer(listener: TcpListener, bytes: Vec<u8>) -> JoinHandle<usize> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        stream.write_all(&bytes).unwrap();
        got.len()
    })
}

fn exchange(ip: &str) -> Outcome {
    let (listener, port) = listener(ip)?;
    let place = place("capture");
    let (capture, file) = capture(&place, &[]);
    let answer: Vec<_> = (0..5000_u32).map(|number| number as u8).collect();
    let peer = peer(listener, answer.clone());
    let ran = place.run(&steps! {
        "socket-open", ip, port, "tcp", "+",
        "socket-send", 300_000, "+",
        "socket-half", "+",
        "socket-read", 9999, "+",
        "socket-close",
    });
    assert_eq!(ran.result("socket-read"), 5000);
    assert_eq!(peer.join().unwrap(), 300_000);
    let said = capture.end();
    assert!(said.contains("; 0 lost"), "{said}");
    let packets = Packets::read(&file);
    assert_eq!(packets.stream(port, true), vec![7; 300_000]);
    assert_eq!(packets.stream(port, false), answer);
    assert_eq!(packets.totals, Some((packets.all.len() as u64, 0)));
    let comment = format!("[{}], agent e2e, session {}", ran.pid, session(&place));
    let now = std::time::SystemTime::now();
    let now = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos() as u64;
    for packet in &packets.all {
        let headers = packet.headers();
        let port_of_peer = match packet.outbound {
            true => headers.destination,
            false => headers.source,
        };
        assert_eq!((headers.protocol, port_of_peer), (6, port), "{packet:?}");
        assert!(packet.comment.ends_with(&comment), "{}", packet.comment);
        assert!(packet.comment.starts_with("agtrack-trigger["), "{packet:?}");
        assert_eq!(packet.total as usize, packet.bytes.len());
        // The last minutes, not the hours since the machine came up.
        assert!(packet.time <= now && now - packet.time < 600_000_000_000);
    }
    assert!(packets.all[0].headers().syn && packets.all[0].outbound);
    Ok(())
}

fn a_connection_is_in_the_file_to_the_byte() -> Outcome {
    exchange("127.0.0.1")
}

fn a_connection_over_ipv6() -> Outcome {
    exchange("::1")
}

fn datagrams_both_ways() -> Outcome {
    let place = place("datagrams");
    let (capture, file) = capture(&place, &[]);
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let answering = std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        server.send_to(b"an answer", from).unwrap();
        length
    });
    let ran = place.run(&steps! {
        "socket-open", "127.0.0.1", port, "udp", "+",
        "socket-send", 1200, "+",
        "socket-read", 9, "+",
        "socket-close",
    });
    assert_eq!(answering.join().unwrap(), 1200);
    assert_eq!(ran.result("socket-read"), 9);
    capture.end();
    let packets = Packets::read(&file);
    let [out, back] = &packets.all[..] else {
        panic!("{packets:?}");
    };
    assert!(out.outbound && !back.outbound);
    assert_eq!(out.payload(), [7; 1200]);
    assert_eq!(back.payload(), b"an answer");
    assert_eq!(back.headers().source, port);
    Ok(())
}

fn nobody_elses_packets() -> Outcome {
    let (place, neighbour) = (place("own"), place("neighbour"));
    let (capture, file) = capture(&place, &[]);
    // Another session of the same agent, and nobody's process.
    let (listened, other) = listener("127.0.0.1")?;
    let serving = peer(listened, Vec::new());
    neighbour.run(&steps! {
        "socket-open", "127.0.0.1", other, "tcp", "+",
        "socket-send", 10, "+",
        "socket-close",
    });
    assert_eq!(serving.join().unwrap(), 10);
    let (listened, nobodys) = listener("127.0.0.1")?;
    let serving = peer(listened, Vec::new());
    TcpStream::connect(("127.0.0.1", nobodys))
        .unwrap()
        .write_all(&[1; 20])
        .unwrap();
    assert_eq!(serving.join().unwrap(), 20);
    let (listened, own) = listener("127.0.0.1")?;
    let serving = peer(listened, Vec::new());
    place.run(&steps! {
        "socket-open", "127.0.0.1", own, "tcp", "+",
        "socket-send", 30, "+",
        "socket-close",
    });
    assert_eq!(serving.join().unwrap(), 30);
    capture.end();
    let packets = Packets::read(&file);
    assert_eq!(packets.stream(own, true), [7; 30]);
    assert_eq!(packets.of_port(own).len(), packets.all.len());
    Ok(())
}

fn who_was_handed_the_socket_is_named() -> Outcome {
    if !host::sees_objects() && here::is_kernel_before(6, 3) {
        return Err(Unable(
            "before 6.3 this back end does not see who sends".to_owned(),
        ));
    }
    let (listened, port) = listener("127.0.0.1")?;
    let place = place("handed");
    let (capture, file) = capture(&place, &[]);
    let serving = peer(listened, Vec::new());
    let ran = place.run(&steps! {
        "socket-open", "127.0.0.1", port, "tcp", "+",
        "socket-send", 10, "+",
        "socket-handed", 200_000,
    });
    assert_eq!(serving.join().unwrap(), 200_010);
    capture.end();
    let packets = Packets::read(&file);
    let data = |packet: &&Packet| packet.outbound && !packet.payload().is_empty();
    let data: Vec<_> = packets.all.iter().filter(data).collect();
    let is_of = |packet: &Packet, pid| packet.comment.contains(&format!("[{pid}]"));
    let (first, last) = (data[0], data[data.len() - 1]);
    let child = ran.result("socket-handed");
    assert!(is_of(first, ran.pid.into()), "{}", first.comment);
    assert!(is_of(last, child), "{}", last.comment);
    if host::sees_objects() {
        // It is known before the first byte is sent, and not after it.
        assert!(data[1..].iter().all(|packet| is_of(packet, child)));
    }
    Ok(())
}

fn packets_are_cut_where_that_is_asked() -> Outcome {
    let (listened, port) = listener("127.0.0.1")?;
    let place = place("cut");
    let (capture, file) = capture(&place, &["--snaplen", "60"]);
    let serving = peer(listened, Vec::new());
    place.run(&steps! {
        "socket-open", "127.0.0.1", port, "tcp", "+",
        "socket-send", 1000, "+",
        "socket-close",
    });
    assert_eq!(serving.join().unwrap(), 1000);
    capture.end();
    let packets = Packets::read(&file);
    assert!(packets.all.iter().all(|packet| packet.bytes.len() <= 60));
    let cut = packets
        .all
        .iter()
        .find(|packet| packet.total > 1000)
        .unwrap();
    assert_eq!((cut.bytes.len(), cut.headers().destination), (60, port));
    Ok(())
}
