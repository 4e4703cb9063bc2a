//! Who may ask for packets, what is answered, and what a capture costs the daemon: nothing that it
//! would wait for.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agtrack::control::{Answer, Peer, Request};
use agtrack_tests::daemon::Home;
use agtrack_tests::group::Group;
use agtrack_tests::here;
use agtrack_tests::packets::Packets;
use agtrack_tests::place::Place;
use agtrack_tests::records::Records;
use agtrack_tests::steps;
use serde_json::Value;

use super::{Capture, command, listener, peer, refused, session};
use crate::host::own_name;
use crate::{Outcome, host, host::place, tests};

tests![
    all_sessions_of_an_agent_and_who_asked,
    the_end_of_the_session_is_the_end_of_the_capture,
    the_time_is_up,
    who_is_not_known_is_told_who_is,
    no_daemon_is_said_so,
    an_agent_may_not_ask,
    an_ordinary_user_may_not_ask,
    nonsense_does_no_harm,
    a_reader_that_does_not_read_loses_and_nobody_waits,
    a_run_has_its_packets_from_the_first_on,
    a_second_daemon_leaves_the_socket_alone,
];

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

fn all_sessions_of_an_agent_and_who_asked() -> Outcome {
    let own = Own::new("-capture-all");
    let daemon = own.home.start();
    let file = own.home.journal().with_file_name("all.pcapng");
    let name = file.to_str().unwrap();
    let socket = own.home.socket();
    let command = command(&socket, &["--agent", "alone", "-w", name]);
    let capture = Capture::begin(command);
    // A session that begins later: it is taken up within some milliseconds.
    let place = Place::new(&own.group, "later", daemon.follower());
    session(&place);
    std::thread::sleep(Duration::from_millis(200));
    let port = send(&place, 5000);
    let said = capture.end();
    assert!(said.contains("no session of alone runs now"), "{said}");
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert_eq!(Packets::read(&file).stream(port, true), [7; 5000]);
    drop(place);
    daemon.stop(nix::sys::signal::Signal::SIGTERM);
    assert!(!socket.exists());
    let records = own.home.records();
    let told = |change: &str| {
        let found = records.iter().find(|record| record["change"] == change);
        found.unwrap()["detail"].as_str().unwrap().to_owned()
    };
    let agtrack = here::agtrack().canonicalize().unwrap();
    let (start, end) = (told("capture_start"), told("capture_end"));
    assert!(start.contains("agent alone (no session)"), "{start}");
    assert!(start.contains(agtrack.to_str().unwrap()), "{start}");
    assert!(
        end.contains(" of user 0: ") && end.contains(", 0 lost"),
        "{end}"
    );
    Ok(())
}

fn the_end_of_the_session_is_the_end_of_the_capture() -> Outcome {
    let place = place("over");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a");
    let words = ["--session", &session(&place), "-w", file.to_str().unwrap()];
    let capture = Capture::begin(command(&host::socket(), &words));
    let port = send(&place, 100);
    drop(place);
    let said = capture.ended();
    assert!(said.contains("; 0 lost"), "{said}");
    assert_eq!(Packets::read(&file).stream(port, true), [7; 100]);
    Ok(())
}

fn the_time_is_up() -> Outcome {
    let place = place("seconds");
    let words = ["--session", &session(&place), "-w", "-", "--seconds", "1"];
    let mut command = command(&host::socket(), &words);
    let output = command.stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(Packets::parse(&output.stdout).totals, Some((0, 0)));
    Ok(())
}

fn who_is_not_known_is_told_who_is() -> Outcome {
    let place = place("known");
    let file = place.file("none");
    let said = |words: &[&str]| {
        let words = [words, &["-w", &file]].concat();
        refused(command(&host::socket(), &words))
    };
    let text = said(&["--agent", "nobody"]);
    assert!(text.contains("no agent is called \"nobody\""), "{text}");
    assert!(text.contains("agents: e2e"), "{text}");
    let text = said(&["--session", "00000000-0000-7000-8000-000000000000"]);
    assert!(text.contains(&session(&place)), "{text}");
    assert!(!Path::new(&file).exists(), "nothing is left behind");
    std::fs::write(&file, "mine").unwrap();
    let text = said(&["--agent", "e2e"]);
    assert!(text.contains("is there already"), "{text}");
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    Ok(())
}

fn no_daemon_is_said_so() -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a");
    let words = ["--agent", "x", "-w", file.to_str().unwrap()];
    let text = refused(command(&directory.path().join("none"), &words));
    assert!(text.contains("no daemon listens at"), "{text}");
    assert!(text.contains("systemctl start agtrack"), "{text}");
    assert!(!file.exists());
    Ok(())
}

fn an_agent_may_not_ask() -> Outcome {
    let place = place("asks");
    let said = place.file("said");
    let line = format!(
        "{} capture --socket {} --agent e2e -w {} 2>{said}",
        here::agtrack().display(),
        host::socket().display(),
        place.file("packets")
    );
    place.run(&steps! { "exec", "/bin/sh", "sh", "-c", line });
    let text = std::fs::read_to_string(said).unwrap();
    assert!(text.contains("belongs to an agent"), "{text}");
    assert!(!Path::new(&place.file("packets")).exists());
    Ok(())
}

fn an_ordinary_user_may_not_ask() -> Outcome {
    let place = place("user");
    let socket = host::socket();
    assert_eq!(std::fs::metadata(&socket).unwrap().mode() & 0o777, 0o600);
    let above = socket.parent().unwrap();
    // Even where the user comes as far as the socket, and then where it is open to all.
    std::fs::set_permissions(above, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ask = || {
        let words = ["--agent", "e2e", "-w", "/dev/full"];
        let mut command = command(&socket, &words);
        refused_or_unable(command.uid(65_534).gid(65_534))
    };
    if let Some(text) = ask() {
        assert!(text.contains("only root may ask"), "{text}");
    }
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    let text = as_user(&socket);
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(text.contains("only root may ask"), "{text}");
    drop(place);
    Ok(())
}

/// What the command says; nothing where this user cannot come to execute it.
fn refused_or_unable(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    assert!(!output.status.success());
    Some(String::from_utf8(output.stderr).unwrap())
}

/// What the daemon answers a process of another user.
fn as_user(socket: &Path) -> String {
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            // Of this thread only.
            let user = rustix::process::Uid::from_raw(65_534);
            rustix::thread::set_thread_res_uid(user, user, user).unwrap();
            let mut stream = UnixStream::connect(socket).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        });
        asking.join().unwrap()
    })
}

/// What the daemon answers to these bytes.
fn answer(bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(host::socket()).unwrap();
    stream.set_read_timeout(Some(here::patience())).unwrap();
    // One that has read enough may have ended already.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    // It refuses what it did not read, and its answer comes before that.
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

fn nonsense_does_no_harm() -> Outcome {
    let place = place("nonsense");
    // Those that say nothing have no more than their time, and are not too many.
    let silent: Vec<_> = (0..40)
        .map(|_| UnixStream::connect(host::socket()).unwrap())
        .collect();
    drop(silent);
    let said = |bytes: &[u8]| {
        let until = Instant::now() + here::patience();
        // Those that are gone may still be served.
        let text = loop {
            let text = answer(bytes);
            if !text.contains("are served already") || Instant::now() > until {
                break text;
            }
        };
        let value: Value = serde_json::from_str(text.trim()).unwrap_or_default();
        value["error"].as_str().unwrap_or_default().to_owned()
    };
    for bytes in [
        &b"\x00\xff\x1b[31m\n"[..],
        b"{}\n",
        b"[1,2]\n",
        b"{\"request\":\"x\"}\n",
    ] {
        assert!(said(bytes).contains("that is no request"), "{bytes:?}");
    }
    let both = b"{\"request\":\"capture\"}\n";
    assert!(said(both).contains("either an `agent` or a `session`"));
    let none = b"{\"request\":\"capture\",\"agent\":\"e2e\"}\n";
    assert!(said(none).contains("no open file came"));
    assert!(said(b"{\"request\"").contains("the line has no end"));
    assert!(said(b"").contains("no request came"));
    assert!(said(&vec![b'x'; 100_000]).contains("longer than"));
    // And then as ever.
    let words = ["--session", &session(&place), "-w", &place.file("a")];
    let capture = Capture::begin(command(&host::socket(), &words));
    let port = send(&place, 10);
    capture.end();
    let packets = Packets::read(Path::new(&place.file("a")));
    assert_eq!(packets.stream(port, true), [7; 10]);
    Ok(())
}

fn a_reader_that_does_not_read_loses_and_nobody_waits() -> Outcome {
    let own = Own::new("-capture-slow");
    let daemon = own.home.start();
    let place = Place::new(&own.group, "slow", daemon.follower());
    let session = session(&place);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let peer = Peer::connect(&own.home.socket()).unwrap();
    let request = Request::Capture {
        agent: None,
        session: Some(session.parse().unwrap()),
        longest: 65_536,
    };
    let begun = peer.ask(&request, Some(writer.as_fd())).unwrap();
    assert!(matches!(begun, Answer::Ok(_)), "{begun:?}");
    drop(writer);
    // More than the pipe, the daemon's memory for a file and the ring hold together.
    let begun = Instant::now();
    send(&place, 64 << 20);
    // Records go on meanwhile.
    let path = place.make("file");
    place.run(&steps! { "unlink", &path });
    let told = place.wait("the unlink", |record| record["action"] == "file.unlink");
    assert_eq!(told["object"]["path"], path);
    assert!(begun.elapsed() < here::patience());
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    });
    peer.enough();
    let Answer::Done(done) = peer.answer().unwrap() else {
        panic!("not its end");
    };
    let packets = Packets::parse(&reading.join().unwrap());
    assert_eq!(done.error, None, "{done:?}");
    assert!(done.lost > 0, "{done:?}");
    assert_eq!(packets.all.len() as u64, done.packets);
    let all = done.packets + done.lost;
    assert_eq!(packets.totals, Some((all, done.lost)));
    let between: u64 = packets.all.iter().map(|packet| packet.lost).sum();
    assert!(between <= done.lost);
    drop(place);
    assert!(daemon.stop(nix::sys::signal::Signal::SIGTERM).success());
    Ok(())
}

fn a_run_has_its_packets_from_the_first_on() -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("journal");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = peer(listener, b"answer".to_vec());
    let mut run = Command::new(here::agtrack());
    run.args([
        "run",
        "--packets",
        "--backend",
        &here::backend(),
        "--journal",
    ]);
    run.arg(&journal).arg("--").arg(here::trigger());
    run.args(steps! {
        "socket-open", "127.0.0.1", port, "tcp", "+",
        "socket-send", 4000, "+",
        "socket-half", "+",
        "socket-read", 6, "+",
        "socket-close",
    });
    let output = run.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(serving.join().unwrap(), 4000);
    let file = journal.join("packets.pcapng");
    assert!(said.contains(file.to_str().unwrap()), "{said}");
    let packets = Packets::read(&file);
    assert!(packets.all[0].headers().syn);
    assert_eq!(packets.stream(port, true), [7; 4000]);
    assert_eq!(packets.stream(port, false), b"answer");
    if !here::is_machine() {
        let said = tshark(&file);
        assert_eq!(said.len(), packets.all.len());
        let begin = format!("{port} agtrack-trigger[");
        assert!(said[0].starts_with(&begin), "{said:?}");
    }
    // It lies in the journal's directory as the journal's own files do, and nobody stumbles on it.
    let facts = |name: &str| {
        let found = std::fs::metadata(journal.join(name)).unwrap();
        (found.uid(), found.gid(), found.mode() & 0o777)
    };
    assert_eq!(facts("packets.pcapng"), facts("head"));
    let records = Records::read(&journal);
    let changes = records.keep(|record| record["kind"] == "lifecycle");
    let changes: Vec<_> = changes
        .0
        .iter()
        .map(|record| record["change"].clone())
        .collect();
    assert_eq!(changes, ["start", "capture_start", "capture_end", "end"]);
    Ok(())
}

/// To which port each packet goes, and its comment, as tshark reads them.
fn tshark(file: &Path) -> Vec<String> {
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(file);
    tshark.args(["-T", "fields", "-E", "separator=/s"]);
    tshark.args(["-e", "tcp.dstport", "-e", "frame.comment"]);
    let output = tshark
        .output()
        .expect("tshark, which `cargo xtask setup` installs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn a_second_daemon_leaves_the_socket_alone() -> Outcome {
    let own = Own::new("-capture-two");
    let first = own.home.start();
    let other = Home::new("other", &["/agtrack-none"]);
    let config = std::fs::read_to_string(other.config()).unwrap();
    let [here, there] = [&own.home, &other].map(|home| home.socket().display().to_string());
    std::fs::write(other.config(), config.replace(&there, &here)).unwrap();
    let second = other.start();
    assert!(second.stop(nix::sys::signal::Signal::SIGTERM).success());
    let said = other.said();
    assert!(said.contains("another daemon listens at"), "{said}");
    assert!(Peer::connect(&own.home.socket()).is_ok());
    // One that was killed leaves it, and the next replaces it.
    first.stop(nix::sys::signal::Signal::SIGKILL);
    assert!(Peer::connect(&own.home.socket()).is_err());
    let _third = own.home.start();
    assert!(Peer::connect(&own.home.socket()).is_ok());
    Ok(())
}
