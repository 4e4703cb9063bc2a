//! Whose cursor a sink goes on from.

use super::*;

#[test]
fn the_cursor_of_another_journal_is_not_taken() {
    let mut host = Host::new();
    host.record(3);
    let path = host.home.path().join("out.jsonl");
    let state = directory(&host.dir());
    std::fs::create_dir(&state).unwrap();
    // As it was named before each journal had its own.
    let other = Cursor::new(uuid::Uuid::new_v4(), 3000);
    let text = serde_json::to_vec(&other).unwrap();
    std::fs::write(state.join("f.json"), &text).unwrap();
    let keys =
        json!({"name": "f", "type": "file", "path": path, "start": "beginning", "batch_ms": 5});
    let sinks = host.sinks(&[settings(keys)]);
    until("all arrives", || seqs(&path).len() == 3);
    sinks.stop();
    assert_eq!(host.cursor("f").unwrap().log_id, host.log_id);
    let kept = Cursor::read(&state, "f", other.log_id).unwrap();
    assert_eq!(kept, Some(other));
}

#[test]
fn a_sink_with_a_cursor_of_the_old_name_goes_on_there() {
    let mut host = Host::new();
    host.record(5);
    let path = host.home.path().join("out.jsonl");
    let state = directory(&host.dir());
    std::fs::create_dir(&state).unwrap();
    let old = state.join("f.json");
    let text = serde_json::to_vec(&Cursor::new(host.log_id, 3)).unwrap();
    std::fs::write(&old, text).unwrap();
    let sinks = host.sinks(&[file_sink(&path)]);
    until("the rest arrives", || seqs(&path).len() == 3);
    sinks.stop();
    assert_eq!(seqs(&path), [3, 4, 5]);
    assert!(!old.exists());
    assert_eq!(host.cursor("f").unwrap().next_seq, 6);
}

#[test]
fn journals_beside_each_other_take_nothing_from_each_other() {
    let mut host = Host::new();
    let path = host.home.path().join("out.jsonl");
    let sinks = host.sinks(&[file_sink(&path)]);
    host.record(2);
    drop(host.journal.take());
    sinks.stop();
    let (mut beside, _) = Journal::open(&host.home.path().join("j3"), Options::default()).unwrap();
    let record =
        json!({"v": 1, "seq": 1, "id": "x:1", "time": "2026-11-22T21:03:11Z", "kind": "gap"});
    let dir = host.home.path().join("j3");
    let other = host.home.path().join("other.jsonl");
    let sinks = Sinks::start(&dir, &[file_sink(&other)], 1, beside.subscribe(), quiet).unwrap();
    beside.append(record.to_string().as_bytes()).unwrap();
    beside.close().unwrap();
    sinks.stop();
    assert_eq!(seqs(&other), [1]);
    // While no sink ran.
    host.open();
    host.record(3);
    let sinks = host.sinks(&[file_sink(&path)]);
    drop(host.journal.take());
    sinks.stop();
    assert_eq!(seqs(&path), [1, 2, 3, 4, 5]);
}
