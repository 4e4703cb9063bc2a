//! What a capture writes, from its begin to its end, and what it costs the daemon: nothing that it
//! would wait for.

use std::io::Read;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agtrack::control::{Answer, Begun, Peer, Request};
use agtrack_tests::here;
use agtrack_tests::packets::Packets;
use agtrack_tests::place::Place;
use agtrack_tests::records::Records;
use agtrack_tests::steps;
use nix::sys::signal::Signal;

use super::{Capture, Own, command, peer, send, session};
use crate::{Outcome, host, host::place, tests};

tests![
    all_sessions_of_an_agent_and_who_asked,
    the_end_of_the_session_is_the_end_of_the_capture,
    the_time_is_up,
    a_reader_that_does_not_read_loses_and_nobody_waits,
    a_run_has_its_packets_from_the_first_on,
];

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
    daemon.stop(Signal::SIGTERM);
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

fn a_reader_that_does_not_read_loses_and_nobody_waits() -> Outcome {
    let own = Own::new("-capture-slow");
    let daemon = own.home.start();
    let place = Place::new(&own.group, "slow", daemon.follower());
    let session = session(&place);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let peer = Peer::connect(&own.home.socket()).unwrap();
    let request = Request::Capture {
        agent: None,
        session: Some(session),
        longest: 65_536,
    };
    let begun: Begun = peer.ask(&request, Some(writer.as_fd())).unwrap();
    assert_eq!(begun.sessions.len(), 1, "{begun:?}");
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
    assert!(daemon.stop(Signal::SIGTERM).success());
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
