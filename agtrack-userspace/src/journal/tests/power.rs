//! What a disk leaves that lost power: zero bytes where pages never arrived, however many, and
//! whole records behind them.

use super::*;

/// More zero bytes than a line may be long.
const MANY: usize = line::LONGEST + 1000;

/// A journal of so many committed records with such bytes behind them.
fn cut_off(dir: &Path, committed: u64, behind: &[u8]) {
    closed(dir, committed, lazy());
    unclean(dir);
    add_to(&segments(dir)[0], behind);
}

/// As many bytes of records from this one on.
fn records(from: u64, count: u64) -> Vec<u8> {
    let lines = (from..from + count).map(|seq| [&record(seq, 20)[..], b"\n"].concat());
    lines.collect::<Vec<_>>().concat()
}

/// Readers and the next writer see so many records, and the writer says what it cut.
#[track_caller]
fn check(behind: &[u8], whole: u64, torn: usize) {
    let dir = tempfile::tempdir().unwrap();
    cut_off(dir.path(), 3, behind);
    assert_eq!(journal_end(dir.path()), whole, "before");
    let (mut journal, opened) = Journal::open(dir.path(), lazy()).unwrap();
    let cut = Some(Cut {
        segment: segment::name(1),
        bytes: torn as u64,
        last_seq: whole,
    });
    assert_eq!(opened.previous, Previous::Unclean { cut });
    append(&mut journal, 2);
    journal.close().unwrap();
    assert_eq!(journal_end(dir.path()), whole + 2, "after");
}

#[test]
fn zero_bytes_at_the_end_are_torn_however_many() {
    for length in [1, 4096, MANY, 3 * MANY] {
        check(&vec![0; length], 3, length);
    }
    let half = [&record(4, 20)[..10], &vec![0; MANY]].concat();
    check(&half, 3, half.len());
    let loose = [records(4, 1), vec![0; MANY]].concat();
    check(&loose, 4, MANY);
}

#[test]
fn what_stands_behind_a_hole_is_cut_with_it() {
    for hole in [1, 4096, MANY] {
        let behind = [&vec![0; hole][..], b"\n", &records(9, 3)].concat();
        check(&behind, 3, behind.len());
        let torn = [
            &record(5, 20)[..7],
            &vec![0; hole],
            b"d\"}\n",
            &records(9, 3),
        ]
        .concat();
        check(&[records(4, 1), torn.clone()].concat(), 4, torn.len());
    }
}

#[test]
fn hole_in_what_was_committed_is_damage() {
    for hole in [20, MANY] {
        let dir = tempfile::tempdir().unwrap();
        closed(dir.path(), 3, lazy());
        let path = segments(dir.path())[0].clone();
        let whole = std::fs::read(&path).unwrap();
        // The head says that all of it is on disk.
        let (mut journal, _) = Journal::open(dir.path(), lazy()).unwrap();
        journal.append(&record(4, MANY / 2)).unwrap();
        journal.append(&record(5, MANY / 2)).unwrap();
        journal.close().unwrap();
        unclean(dir.path());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[whole.len() + 5..whole.len() + 5 + hole].fill(0);
        std::fs::write(&path, &bytes).unwrap();
        let error = Journal::open(dir.path(), lazy()).unwrap_err();
        assert!(matches!(error, Error::Damaged { line: 4, .. }), "{error}");
        assert!(std::fs::read(&path).unwrap() == bytes, "untouched");
    }
}

#[test]
fn hole_before_records_is_damage_where_nobody_knows_what_was_committed() {
    for hole in [20, MANY] {
        let dir = tempfile::tempdir().unwrap();
        let behind = [&vec![0; hole][..], b"\n", &records(9, 3)].concat();
        cut_off(dir.path(), 3, &behind);
        std::fs::remove_file(dir.path().join("head")).unwrap();
        let error = Journal::open(dir.path(), lazy()).unwrap_err();
        assert!(matches!(error, Error::Damaged { line: 4, .. }), "{error}");
    }
}
