//! Who may ask for packets, and what is answered.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use agtrack::control::Peer;
use agtrack_tests::daemon::Home;
use agtrack_tests::here;
use agtrack_tests::packets::Packets;
use agtrack_tests::steps;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Capture, Own, command, refused, send, session};
use crate::{Outcome, host, host::place, tests};

tests![
    who_is_not_known_is_told_who_is,
    no_daemon_is_said_so,
    an_agent_may_not_ask,
    an_ordinary_user_may_not_ask,
    nonsense_does_no_harm,
    a_second_daemon_leaves_the_socket_alone,
];

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
    // All of this age begin so, and the place's is not the only one that runs.
    let other = self::place("known-too");
    let text = said(&["--session", shared(&session(&place), &session(&other))]);
    assert!(text.contains("several sessions begin with"), "{text}");
    assert!(!Path::new(&file).exists(), "nothing is left behind");
    std::fs::write(&file, "mine").unwrap();
    let text = said(&["--agent", "e2e"]);
    assert!(text.contains("is there already"), "{text}");
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    Ok(())
}

/// How both begin.
fn shared<'a>(one: &'a str, other: &str) -> &'a str {
    let alike = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b);
    one.get(..alike.count()).unwrap()
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
        assert!(text.contains("only root, and the group"), "{text}");
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
    let id = session(&place);
    let begin = id.strip_suffix(|_: char| true).unwrap();
    let words = ["--session", begin, "-w", &place.file("a")];
    let capture = Capture::begin(command(&host::socket(), &words));
    let port = send(&place, 10);
    capture.end();
    let packets = Packets::read(Path::new(&place.file("a")));
    assert_eq!(packets.stream(port, true), [7; 10]);
    Ok(())
}

fn a_second_daemon_leaves_the_socket_alone() -> Outcome {
    let own = Own::new("-capture-two");
    let first = own.home.start();
    let other = Home::new("other", &["/agtrack-none"]);
    let config = std::fs::read_to_string(other.config()).unwrap();
    let [here, there] = [&own.home, &other].map(|home| home.socket().display().to_string());
    std::fs::write(other.config(), config.replace(&there, &here)).unwrap();
    let second = other.start();
    assert!(second.stop(Signal::SIGTERM).success());
    let said = other.said();
    assert!(said.contains("another daemon listens at"), "{said}");
    assert!(Peer::connect(&own.home.socket()).is_ok());
    // One that was killed leaves it, and the next replaces it.
    first.stop(Signal::SIGKILL);
    assert!(Peer::connect(&own.home.socket()).is_err());
    let _third = own.home.start();
    assert!(Peer::connect(&own.home.socket()).is_ok());
    Ok(())
}
