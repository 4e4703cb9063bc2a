//! Sinks as a whole, with a journal and receivers that behave as they please.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::journal::{Journal, Options};

mod later;
mod place;

/// A journal that is written, and sinks beside it.
struct Host {
    home: tempfile::TempDir,
    journal: Option<Journal>,
    log_id: uuid::Uuid,
}

impl Host {
    fn new() -> Host {
        let home = tempfile::tempdir().unwrap();
        let mut host = Host {
            journal: None,
            log_id: uuid::Uuid::nil(),
            home,
        };
        host.open();
        host
    }

    fn dir(&self) -> PathBuf {
        self.home.path().join("journal")
    }

    fn open(&mut self) {
        let options = Options {
            sync_interval: Duration::from_millis(1),
            ..Options::default()
        };
        let (journal, opened) = Journal::open(&self.dir(), options).unwrap();
        self.log_id = opened.log_id;
        self.journal = Some(journal);
    }

    fn record(&mut self, count: u64) {
        let journal = self.journal.as_mut().unwrap();
        for _ in 0..count {
            let seq = journal.next_seq();
            let record = json!({
                "v": 1, "seq": seq, "id": format!("{}:{seq}", self.log_id),
                "time": "2026-11-22T21:03:11.482913004Z", "kind": "gap",
            });
            journal.append(record.to_string().as_bytes()).unwrap();
        }
        journal.sync().unwrap();
    }

    fn sinks(&self, settings: &[Settings]) -> Sinks {
        let now = Journal::committed(&self.dir()).unwrap().seq + 1;
        let news = self.journal.as_ref().unwrap().subscribe();
        Sinks::start(&self.dir(), settings, now, news, quiet).unwrap()
    }

    fn cursor(&self, name: &str) -> Option<Cursor> {
        Cursor::read(&directory(&self.dir()), name, self.log_id).unwrap()
    }
}

fn quiet(_: &str) {}

fn settings(keys: Value) -> Settings {
    serde_json::from_value(keys).unwrap()
}

fn file_sink(path: &Path) -> Settings {
    settings(json!({"name": "f", "type": "file", "path": path, "batch_ms": 5}))
}

/// Waits until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn seqs(path: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["seq"]
                .as_u64()
                .unwrap()
        })
        .collect()
}

#[test]
fn what_is_recorded_from_now_on_arrives_in_order() {
    let mut host = Host::new();
    let path = host.home.path().join("out.jsonl");
    host.record(3);
    let sinks = host.sinks(&[file_sink(&path)]);
    host.record(5);
    until("it arrives", || seqs(&path).len() == 5);
    host.record(2);
    drop(host.journal.take());
    sinks.stop();
    assert_eq!(seqs(&path), (4..=10).collect::<Vec<_>>());
    let cursor = host.cursor("f").unwrap();
    assert_eq!(
        (cursor.next_seq, cursor.delivered, cursor.refused),
        (11, 7, 0)
    );
    assert_eq!(cursor.log_id, host.log_id);
}

#[test]
fn a_sink_goes_on_where_it_was() {
    let mut host = Host::new();
    let path = host.home.path().join("out.jsonl");
    for _ in 0..5 {
        let sinks = host.sinks(&[file_sink(&path)]);
        host.record(4);
        drop(host.journal.take());
        sinks.stop();
        host.open();
        // While no sink runs.
        host.record(3);
    }
    let sinks = host.sinks(&[file_sink(&path)]);
    drop(host.journal.take());
    sinks.stop();
    assert_eq!(seqs(&path), (1..=35).collect::<Vec<_>>());
}

#[test]
fn a_sink_begins_where_it_is_told() {
    for (start, first) in [
        (json!("beginning"), 1),
        (json!(4), 4),
        (json!(11), 11),
        (json!("now"), 10),
        (json!("2026-11-22T21:03:11.482913004Z"), 1),
        (json!("2026-11-22T21:03:12Z"), 10),
    ] {
        let mut host = Host::new();
        let path = host.home.path().join("out.jsonl");
        host.record(9);
        let keys =
            json!({"name": "s", "type": "file", "path": path, "start": start, "batch_ms": 5});
        let sinks = host.sinks(&[settings(keys)]);
        until("it knows its place", || host.cursor("s").is_some());
        host.record(3);
        drop(host.journal.take());
        sinks.stop();
        assert_eq!(seqs(&path), (first..=12).collect::<Vec<_>>(), "{start}");
    }
}

#[test]
fn a_sink_that_fails_holds_up_no_other_and_loses_nothing() {
    let mut host = Host::new();
    let path = host.home.path().join("out.jsonl");
    let socket = host.home.path().join("nobody");
    let broken = settings(json!({"name": "b", "type": "unix", "path": socket, "batch_ms": 5}));
    let sinks = host.sinks(&[broken, file_sink(&path)]);
    host.record(5);
    until("it arrives", || seqs(&path).len() == 5);
    until("the other says why it does not", || {
        host.cursor("b")
            .is_some_and(|cursor| cursor.error.is_some())
    });
    let fault = host.cursor("b").unwrap().error.unwrap();
    assert!(fault.reason.contains("nobody: No such file"), "{fault:?}");
    assert_eq!(sinks.board().read().len(), 2);
    let told = |name: &str| {
        let posted = sinks.board().read();
        let cursor = posted[name].cursor.as_ref().unwrap();
        (
            cursor.next_seq,
            cursor.error.clone().map(|fault| fault.reason),
        )
    };
    assert_eq!(told("b"), (1, Some(fault.reason)));
    until("the good one is told to be well", || told("f") == (6, None));
    until("it says when it tries again", || {
        let posted = &sinks.board().read()["b"];
        posted.next.is_some() && posted.trying.is_none()
    });
    // And once somebody is there, all comes.
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let (stream, _) = listener.accept().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(stream));
    assert_eq!(lines.take(5).filter(Result::is_ok).count(), 5);
    until("all is well", || host.cursor("b").unwrap().error.is_none());
    drop(host.journal.take());
    sinks.stop();
}

/// Takes the next connection and reads so many records of it.
fn receive(
    listener: &std::os::unix::net::UnixListener,
    count: usize,
) -> (std::os::unix::net::UnixStream, Vec<u64>) {
    let (stream, _) = listener.accept().unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(stream.try_clone().unwrap()));
    let seq = |line: String| serde_json::from_str::<Value>(&line).unwrap()["seq"].as_u64();
    let seqs = lines.take(count).map(|line| seq(line.unwrap()).unwrap());
    let seqs = seqs.collect();
    (stream, seqs)
}

#[test]
fn what_was_sent_just_before_a_connection_broke_is_sent_again() {
    let mut host = Host::new();
    let socket = host.home.path().join("receiver");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let keys = json!({
        "name": "u", "type": "unix", "path": socket, "batch_ms": 5, "resend_ms": 600_000,
    });
    let sinks = host.sinks(&[settings(keys)]);
    host.record(5);
    let (stream, seqs) = receive(&listener, 5);
    assert_eq!(seqs, [1, 2, 3, 4, 5]);
    until("it is noted", || {
        host.cursor("u").is_some_and(|cursor| cursor.sent_seq == 6)
    });
    assert_eq!(host.cursor("u").unwrap().next_seq, 1, "nothing is sure yet");
    drop(stream);
    host.record(1);
    let (_stream, seqs) = receive(&listener, 6);
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6]);
    drop(host.journal.take());
    sinks.stop();
}

#[test]
fn what_was_sent_long_before_a_connection_broke_is_not_sent_again() {
    let mut host = Host::new();
    let socket = host.home.path().join("receiver");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let keys = json!({
        "name": "u", "type": "unix", "path": socket, "batch_ms": 5, "resend_ms": 50,
    });
    let sinks = host.sinks(&[settings(keys)]);
    host.record(5);
    let (stream, _) = receive(&listener, 5);
    until("it is sure", || {
        host.cursor("u").is_some_and(|cursor| cursor.next_seq == 6)
    });
    until("it is said to be sure, though nothing else comes", || {
        let posted = sinks.board().read();
        let cursor = posted["u"].cursor.as_ref();
        cursor.is_some_and(|cursor| cursor.next_seq == 6)
    });
    drop(stream);
    host.record(1);
    let (_stream, seqs) = receive(&listener, 1);
    assert_eq!(seqs, [6]);
    drop(host.journal.take());
    sinks.stop();
}

#[test]
fn a_reload_touches_only_what_has_changed() {
    let mut host = Host::new();
    let (one, two) = (host.home.path().join("one"), host.home.path().join("two"));
    let first =
        |path: &Path| settings(json!({"name": "a", "type": "file", "path": path, "batch_ms": 5}));
    let second = settings(json!({"name": "b", "type": "file", "path": two, "batch_ms": 5}));
    let sinks = host.sinks(&[first(&one), second]);
    host.record(2);
    // What stands in a file and was not synced yet would be sent again.
    until("both have it", || {
        let posted = sinks.board().read();
        let has_two = |one: &Posted| {
            one.cursor
                .as_ref()
                .is_some_and(|cursor| cursor.next_seq == 3)
        };
        posted.len() == 2 && posted.values().all(has_two)
    });
    let other = host.home.path().join("other");
    sinks.reload(&[first(&other)], 3);
    // Until it has stopped, a sink delivers what is committed.
    until("the one that is not named any more has ended", || {
        !sinks.board().read().contains_key("b")
    });
    host.record(2);
    until("the changed one goes on", || seqs(&other).len() == 2);
    host.record(1);
    until("once more", || seqs(&other).len() == 3);
    drop(host.journal.take());
    sinks.stop();
    assert_eq!((seqs(&one), seqs(&other)), (vec![1, 2], vec![3, 4, 5]));
    assert_eq!(seqs(&two), [1, 2]);
    assert_eq!(host.cursor("b").unwrap().next_seq, 3, "the cursor stays");
}

/// A receiver that answers as a script says, and remembers what it took.
struct Scripted {
    taken: Arc<Mutex<Vec<u64>>>,
    poison: Vec<u64>,
    later: u32,
}

impl transport::Transport for Scripted {
    fn deliver<'a>(
        &'a mut self,
        batch: &'a batch::Batch,
    ) -> transport::Doing<'a, Result<transport::Accepted, transport::Trouble>> {
        Box::pin(async {
            if self.later > 0 {
                self.later -= 1;
                return Err(transport::Trouble::later("busy"));
            }
            let seqs: Vec<_> = batch.items.iter().map(|item| item.seq).collect();
            if let Some(bad) = seqs.iter().find(|seq| self.poison.contains(seq)) {
                return Err(transport::Trouble::Refused(format!("cannot parse {bad}")));
            }
            self.taken.lock().unwrap().extend(seqs);
            Ok(transport::Accepted::default())
        })
    }
}

/// A task that has no transport yet, and where it keeps its state.
async fn task() -> (task::Task, PathBuf, Host) {
    let mut host = Host::new();
    host.record(1);
    let state = state::make(&host.dir()).unwrap();
    let place = Place {
        journal: host.dir(),
        state: state.clone(),
        now: 1,
        news: host.journal.as_ref().unwrap().subscribe(),
        board: Board::default(),
        tell: quiet,
    };
    // A sink whose orders end goes on.
    let (_, stopped) = watch::channel(None);
    let settings = settings(json!({"name": "p", "type": "stdout"}));
    let task = task::Task::begin(settings, place, stopped).await;
    (task, state, host)
}

#[tokio::test]
async fn a_record_that_poisons_its_batch_is_put_aside_alone() {
    let (mut task, state, _host) = task().await;
    let taken = Arc::new(Mutex::new(Vec::new()));
    task.transport = Some(Box::new(Scripted {
        taken: Arc::clone(&taken),
        poison: vec![3, 17],
        later: 1,
    }));
    let delivered = task.deliver(batch::made(1..=20)).await;
    assert_eq!(delivered, delivery::Delivered::All);
    let expect: Vec<_> = (1..=20).filter(|seq| ![3, 17].contains(seq)).collect();
    assert_eq!(*taken.lock().unwrap(), expect);
    let cursor = &task.cursor;
    assert_eq!(
        (cursor.next_seq, cursor.delivered, cursor.refused),
        (21, 18, 2)
    );
    assert_eq!(cursor.error, None);
    let letters = std::fs::read_to_string(state.join("p.refused.jsonl")).unwrap();
    assert_eq!(letters.lines().count(), 2);
    assert!(letters.contains("cannot parse 17"), "{letters}");
}
