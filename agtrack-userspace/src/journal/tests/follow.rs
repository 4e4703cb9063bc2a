//! Readers: where they start, and how they follow a writer.

use super::*;

#[test]
fn readers_start_where_they_are_told() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 20, small_segments(200));
    assert!(segments(dir.path()).len() > 3);
    let from = |start| seqs(dir.path(), start);
    assert_eq!(from(Start::Beginning), (1..=20).collect::<Vec<_>>());
    assert!(from(Start::End).is_empty());
    assert_eq!(from(Start::Seq(0)), (1..=20).collect::<Vec<_>>());
    for seq in 1..=20 {
        assert_eq!(from(Start::Seq(seq)), (seq..=20).collect::<Vec<_>>());
    }
    assert!(from(Start::Seq(21)).is_empty());
}

#[test]
fn reader_sees_only_what_is_committed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(dir.path(), lazy()).unwrap();
    let mut reader = Reader::open(dir.path(), Start::Beginning).unwrap();
    append(&mut journal, 2);
    assert!(reader.next_line().unwrap().is_none());
    assert!(!reader.wait(Duration::from_millis(20)).unwrap());
    journal.sync().unwrap();
    assert!(reader.wait(Duration::ZERO).unwrap());
    assert_eq!(reader.next_line().unwrap().unwrap().bytes, record(1, 10));
    // Bytes behind the head are not looked at while the writer lives.
    add_to(&segments(dir.path())[0], b"{\"seq\":3}\n");
    assert_eq!(reader.next_line().unwrap().unwrap().seq, 2);
    assert!(reader.next_line().unwrap().is_none());
}

#[test]
fn reader_follows_a_live_writer_across_segments() {
    const RECORDS: u64 = 3000;
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 5000,
        sync_interval: Duration::from_millis(1),
        ..Options::default()
    };
    let (mut journal, opened) = Journal::open(dir.path(), options).unwrap();
    let mut readers = vec![
        (Reader::open(dir.path(), Start::Beginning).unwrap(), 1),
        (Reader::open(dir.path(), Start::End).unwrap(), 1),
        (Reader::open(dir.path(), Start::Seq(2000)).unwrap(), 2000),
    ];
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            append(&mut journal, RECORDS);
            journal.close().unwrap();
        });
        for (reader, first) in &mut readers {
            assert_eq!(reader.log_id(), opened.log_id);
            for seq in *first..=RECORDS {
                assert!(reader.wait(PATIENCE).unwrap(), "no record {seq}");
                assert_eq!(reader.next_line().unwrap().unwrap().seq, seq);
            }
            assert!(reader.next_line().unwrap().is_none());
        }
    });
    assert!(segments(dir.path()).len() > 20);
    assert!(
        start.elapsed() < PATIENCE,
        "woken by time only, not by the writer"
    );
}

#[test]
fn waiting_reader_goes_on_with_the_next_writer() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 2, lazy());
    let mut reader = Reader::open(dir.path(), Start::End).unwrap();
    unclean(dir.path());
    add_to(&segments(dir.path())[0], b"{\"seq\":3,\"torn");
    assert!(reader.next_line().unwrap().is_none());
    closed(dir.path(), 1, lazy());
    assert!(reader.wait(PATIENCE).unwrap());
    assert_eq!(reader.next_line().unwrap().unwrap().bytes, record(3, 10));
}

#[test]
fn whole_lines_of_a_dead_writer_are_read_even_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 12, small_segments(200));
    add_to(&segments(dir.path()).pop().unwrap(), b"{\"seq\":13");
    let head = Committed {
        seq: 1,
        segment: 1,
        offset: record(1, 10).len() as u64 + 1,
    };
    for old in [Some(head), None] {
        match old {
            Some(head) => std::fs::write(dir.path().join("head"), head.encode()).unwrap(),
            None => std::fs::remove_file(dir.path().join("head")).unwrap(),
        }
        assert_eq!(
            seqs(dir.path(), Start::Beginning),
            (1..=12).collect::<Vec<_>>()
        );
        assert!(seqs(dir.path(), Start::End).is_empty());
    }
}

#[test]
fn damage_in_what_a_dead_writer_left_is_told_too() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 2, lazy());
    add_to(&segments(dir.path())[0], b"{\"seq\":3,\n{\"seq\":4}\n");
    let mut reader = Reader::open(dir.path(), Start::Seq(2)).unwrap();
    assert_eq!(reader.next_line().unwrap().unwrap().seq, 2);
    let error = reader.next_line().unwrap_err();
    assert!(matches!(error, Error::Damaged { line: 3, .. }), "{error}");
}

#[test]
fn damage_is_named_by_segment_and_line() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 12, small_segments(200));
    let path = segments(dir.path())[1].clone();
    let first = path
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .parse::<u64>()
        .unwrap();
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    let second = good.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    bad[second] = b'x';
    for (bytes, line) in [
        (&bad[..], 2),
        (&good[..second + 9], 2),
        (&good[second..], 1),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let mut reader = Reader::open(dir.path(), Start::Beginning).unwrap();
        for _ in 1..first + line - 1 {
            reader.next_line().unwrap().unwrap();
        }
        let error = reader.next_line().unwrap_err();
        let named = matches!(&error, Error::Damaged { segment, line: at, .. }
            if *segment == path && *at == line);
        assert!(named, "{error}");
    }
    std::fs::remove_file(&path).unwrap();
    let mut reader = Reader::open(dir.path(), Start::Beginning).unwrap();
    let error = std::iter::repeat_with(|| reader.next_line().map(|_| ())).find_map(Result::err);
    // It can go on behind it.
    let next = segments(dir.path())[1]
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .parse::<u64>();
    assert!(
        matches!(error, Some(Error::Gone { wanted, first: after }) if wanted == first && Ok(after) == next),
        "{error:?}"
    );
}

#[test]
fn record_removed_by_retention_is_told() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 12, small_segments(200));
    std::fs::remove_file(&segments(dir.path())[0]).unwrap();
    let first = seqs(dir.path(), Start::Beginning)[0];
    let error = Reader::open(dir.path(), Start::Seq(1)).unwrap_err();
    assert!(
        matches!(error, Error::Gone { wanted: 1, first: at } if at == first),
        "{error}"
    );
}

#[test]
fn directory_without_a_journal_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_path_buf(), dir.path().join("missing")] {
        let error = Reader::open(&path, Start::Beginning).unwrap_err();
        assert!(matches!(error, Error::NotAJournal { .. }), "{error}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn empty_segment_with_another_behind_it_is_damage() {
    for writer_lives in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        closed(dir.path(), 12, small_segments(200));
        let paths = segments(dir.path());
        std::fs::write(&paths[1], "").unwrap();
        let journal = writer_lives.then(|| Journal::open(dir.path(), lazy()).unwrap());
        check_empty(dir.path(), &paths[1]);
        drop(journal);
        // The head in the segment itself: a dead writer's segments are found without it.
        let first: u64 = paths[1]
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        let head = Committed {
            seq: first - 1,
            segment: first,
            offset: 0,
        };
        std::fs::write(dir.path().join("head"), head.encode()).unwrap();
        check_empty(dir.path(), &paths[1]);
    }
}

#[track_caller]
fn check_empty(dir: &Path, empty: &Path) {
    let mut reader = Reader::open(dir, Start::Beginning).unwrap();
    let error = loop {
        match reader.next_line() {
            Ok(line) => assert!(line.is_some(), "it ends"),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&error, Error::Damaged { segment, line: 1, .. } if segment == empty),
        "{error}"
    );
    assert!(
        error.to_string().contains("the segment is empty"),
        "{error}"
    );
}
