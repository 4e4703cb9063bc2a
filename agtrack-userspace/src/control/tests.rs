//! What is understood, and what a line may be.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use super::*;

const TIME: Duration = Duration::from_secs(20);

fn read_of(bytes: &[u8]) -> io::Result<Option<wire::Line>> {
    let (mut there, here) = UnixStream::pair().unwrap();
    let bytes = bytes.to_vec();
    let writing = std::thread::spawn(move || {
        // Who reads may have had enough.
        let _ = there.write_all(&bytes);
    });
    let line = wire::read(&here, TIME, wire::LONGEST);
    drop(here);
    writing.join().unwrap();
    line
}

fn check(bytes: &[u8], expect: Result<Option<&[u8]>, &str>) {
    let found = read_of(bytes).map(|line| line.map(|line| line.bytes));
    match expect {
        Ok(expect) => assert_eq!(found.unwrap().as_deref(), expect),
        Err(expect) => {
            let error = found.unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        }
    }
}

#[test]
fn a_line_ends_where_it_ends() {
    check(b"one\ntwo\n", Ok(Some(b"one")));
    check(b"\n", Ok(Some(b"")));
    check(b"", Ok(None));
    check(b"no end", Err("has no end"));
    let long = vec![b'x'; wire::LONGEST];
    check(&[&long[..], b"\n"].concat(), Ok(Some(&long)));
    check(&[&long[..], &long[..]].concat(), Err("longer than 65536"));
}

#[test]
fn a_peer_that_keeps_silent_has_its_time_and_no_more() {
    let (_there, here) = UnixStream::pair().unwrap();
    let begun = Instant::now();
    let error = wire::read(&here, Duration::from_millis(50), wire::LONGEST).unwrap_err();
    assert!(error.to_string().contains("in time"), "{error}");
    assert!(begun.elapsed() < TIME);
}

/// What a peer gets that writes so much after it was refused, and how long it is heard.
fn refused(bytes: usize) -> (io::Result<()>, String, Duration) {
    let (mut there, here) = UnixStream::pair().unwrap();
    let answer = Answer::Error("no".to_owned());
    assert!(serve::tell(&here, &answer), "it is refused");
    let begun = Instant::now();
    let leaving = std::thread::spawn(move || {
        see_off(&here, &Arc::default());
        begun.elapsed()
    });
    let written = there.write_all(&vec![b'x'; bytes]);
    let mut text = String::new();
    let read = there.read_to_string(&mut text).map(drop);
    drop(there);
    (written.and(read), text, leaving.join().unwrap())
}

#[test]
fn who_is_refused_before_it_has_asked_is_told_why() {
    for bytes in [0, 10, 3 * wire::LONGEST] {
        let (done, text, _) = refused(bytes);
        done.unwrap();
        assert_eq!(text, "{\"error\":\"no\"}\n", "{bytes}");
    }
}

#[test]
fn who_is_refused_is_not_heard_for_ever() {
    let (done, _, _) = refused(64 << 20);
    assert!(done.is_err(), "so much is not read");
    let (_there, here) = UnixStream::pair().unwrap();
    let begun = Instant::now();
    see_off(&here, &Arc::default());
    assert!(begun.elapsed() < TIME, "one that keeps silent");
    let full = Arc::new(AtomicUsize::new(MOST));
    let begun = Instant::now();
    see_off(&here, &full);
    assert!(begun.elapsed() < Duration::from_millis(900), "one of many");
}

#[test]
fn a_file_comes_along() {
    let (there, here) = UnixStream::pair().unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    wire::write(&there, &"hello", Some(writer.as_fd())).unwrap();
    drop(writer);
    let line = wire::read(&here, TIME, wire::LONGEST).unwrap().unwrap();
    assert_eq!(line.bytes, b"\"hello\"");
    std::fs::File::from(line.file.unwrap())
        .write_all(b"through")
        .unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "through");
}

#[test]
fn requests_and_answers_are_what_the_documentation_shows() {
    let document = include_str!("../../../docs/control.md");
    let shown = |text: &str| assert!(document.contains(text), "{text}");
    let session = "01a22502-f4dd-71e6-9620-98e8bf30ac32";
    let requests = [
        (Some("builder".to_owned()), None),
        (None, Some(session.to_owned())),
    ];
    for (agent, session) in requests {
        let request = Request::Capture {
            agent,
            session,
            longest: LONGEST_PACKET,
        };
        let line = document
            .lines()
            .filter_map(|line| serde_json::from_str::<Request>(line).ok());
        assert!(line.into_iter().any(|line| line == request), "{request:?}");
    }
    let sessions = vec![session.parse().unwrap()];
    let done = crate::engine::CaptureDone {
        packets: 13,
        bytes: 1163,
        ..Default::default()
    };
    for answer in [
        Answer::Ok(serde_json::json!(Begun { sessions })),
        Answer::Done(done),
    ] {
        shown(&serde_json::to_string(&answer).unwrap());
    }
    shown(SOCKET);
}

#[test]
fn every_request_that_the_documentation_shows_is_one() {
    let document = include_str!("../../../docs/control.md");
    let shown = document
        .lines()
        .filter(|line| line.starts_with("{\"request\""));
    let mut verbs = std::collections::BTreeSet::new();
    for line in shown {
        match serde_json::from_str::<Request>(line).unwrap() {
            Request::Tag(words) => {
                words.target().unwrap();
                words.of().unwrap();
                verbs.insert("tag");
            }
            Request::Untag(words) => {
                words.target().unwrap();
                verbs.insert("untag");
            }
            Request::Subscribe(filter) => {
                filter.query().unwrap();
                verbs.insert("subscribe");
            }
            Request::Capture { .. } => drop(verbs.insert("capture")),
            Request::Status {} => drop(verbs.insert("status")),
            Request::Agents {} => drop(verbs.insert("agents")),
            Request::Sessions {} => drop(verbs.insert("sessions")),
        }
    }
    let all = [
        "agents",
        "capture",
        "sessions",
        "status",
        "subscribe",
        "tag",
        "untag",
    ];
    assert_eq!(verbs.into_iter().collect::<Vec<_>>(), all);
}

#[test]
fn a_tag_that_means_nobody_or_several_is_refused() {
    let error = |text: &str| {
        let words: TagWords = serde_json::from_str(text).unwrap();
        let target = words.target().map(drop);
        let of = words.of().map(drop);
        target.and(of).unwrap_err().to_string()
    };
    for (text, why) in [
        ("{\"agent\":\"a\"}", "name one `pid`"),
        (
            "{\"agent\":\"a\",\"pid\":1,\"unit\":\"x\"}",
            "name one `pid`",
        ),
        (
            "{\"agent\":\"a\",\"pid\":1,\"command\":[\"x\"]}",
            "own `cgroup`",
        ),
        ("{\"pid\":1}", "either an `agent`"),
        (
            "{\"pid\":1,\"agent\":\"a\",\"session\":\"0\"}",
            "either an `agent`",
        ),
        (
            "{\"pid\":1,\"session\":\"0\",\"owner\":\"x\"}",
            "leave `name`",
        ),
        ("{\"pid\":1,\"agent\":\"\"}", "1 to 256 bytes"),
        (
            "{\"pid\":1,\"agent\":\"a\\u001b\"}",
            "no control characters",
        ),
    ] {
        let error = error(text);
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn what_is_no_request_is_refused() {
    for text in [
        "{\"request\":\"capture\",\"agent\":\"x\",\"other\":1}",
        "{\"request\":\"capture\",\"agent\":7}",
        "{\"request\":\"capture\",\"agent\":\"x\",\"longest\":-1}",
        "{\"request\":\"stop\"}",
        "{\"agent\":\"x\"}",
        "null",
    ] {
        assert!(serde_json::from_str::<Request>(text).is_err(), "{text}");
    }
}

#[test]
fn so_many_are_served_and_no_more() {
    let served = Arc::default();
    let places: Vec<_> = (0..MOST).map(|_| Place::take(&served)).collect();
    assert!(places.iter().all(Option::is_some));
    assert!(Place::take(&served).is_none());
    drop(places);
    assert!(Place::take(&served).is_some());
    assert_eq!(served.load(Ordering::Relaxed), 0);
}

#[test]
fn what_stands_at_the_place_is_replaced_only_if_it_is_a_dead_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run/control.sock");
    make_way(&path).unwrap();
    let made = std::fs::metadata(path.parent().unwrap()).unwrap();
    assert_eq!(made.permissions().mode() & 0o777, 0o755);
    let listener = UnixListener::bind(&path).unwrap();
    let error = make_way(&path).unwrap_err().to_string();
    assert!(error.contains("another daemon listens"), "{error}");
    drop(listener);
    make_way(&path).unwrap();
    assert!(!path.exists());
    std::fs::write(&path, "mine").unwrap();
    let error = make_way(&path).unwrap_err().to_string();
    assert!(error.contains("is no socket"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}
