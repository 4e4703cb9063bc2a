//! What a crash or a hand leaves behind, and what the next open makes of it.

use proptest::prelude::*;

use super::*;

/// A journal with so many committed records whose writer died: its only segment, and the bytes of
/// the `loose` records (padded so) that it was about to write.
fn crashed(dir: &Path, committed: u64, loose: &[usize]) -> (PathBuf, Vec<u8>) {
    closed(dir, committed, lazy());
    unclean(dir);
    let mut tail = Vec::new();
    for (seq, pad) in (committed + 1..).zip(loose) {
        tail.extend(record(seq, *pad));
        tail.push(b'\n');
    }
    (segments(dir)[0].clone(), tail)
}

fn check_cut(dir: &Path, committed: u64, kept: &[u8]) -> Result<(), TestCaseError> {
    let whole = kept.iter().filter(|byte| **byte == b'\n').count() as u64;
    let torn = kept.iter().rev().take_while(|byte| **byte != b'\n').count() as u64;
    prop_assert_eq!(
        journal_end(dir),
        committed + whole,
        "reader before recovery"
    );
    let (mut journal, opened) = Journal::open(dir, lazy()).unwrap();
    let last_seq = committed + whole;
    let cut = (torn > 0).then(|| Cut {
        segment: segment::name(1),
        bytes: torn,
        last_seq,
    });
    prop_assert_eq!(opened.previous, Previous::Unclean { cut });
    prop_assert_eq!(opened.next_seq, last_seq + 1);
    prop_assert_eq!(
        seqs(dir, Start::Beginning),
        (1..=last_seq).collect::<Vec<_>>()
    );
    append(&mut journal, 1);
    journal.close().unwrap();
    prop_assert_eq!(
        seqs(dir, Start::Beginning),
        (1..=last_seq + 1).collect::<Vec<_>>()
    );
    Ok(())
}

#[test]
fn cut_at_every_byte_of_the_last_records_yields_the_whole_ones() {
    let dir = tempfile::tempdir().unwrap();
    let (path, tail) = crashed(dir.path(), 2, &[0, 7]);
    let base = std::fs::read(&path).unwrap();
    let head = std::fs::read(dir.path().join("head")).unwrap();
    for keep in 0..=tail.len() {
        std::fs::write(&path, [&base[..], &tail[..keep]].concat()).unwrap();
        std::fs::write(dir.path().join("head"), &head).unwrap();
        check_cut(dir.path(), 2, &tail[..keep]).unwrap();
        unclean(dir.path());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_cut_yields_exactly_the_whole_records(
        committed in 1u64..5,
        loose in prop::collection::vec(0usize..300, 1..6),
        at in any::<prop::sample::Index>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (path, tail) = crashed(dir.path(), committed, &loose);
        let keep = at.index(tail.len() + 1);
        add_to(&path, &tail[..keep]);
        check_cut(dir.path(), committed, &tail[..keep])?;
    }

    #[test]
    fn any_garbage_behind_the_end_never_costs_a_record(
        garbage in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (path, _) = crashed(dir.path(), 3, &[]);
        add_to(&path, &garbage);
        let (journal, opened) = Journal::open(dir.path(), lazy()).unwrap();
        prop_assert_eq!(opened.next_seq, 4);
        drop(journal);
        prop_assert_eq!(journal_end(dir.path()), 3);
    }

    #[test]
    fn any_changed_byte_is_survived_without_a_panic_and_without_a_wrong_record(
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (path, _) = crashed(dir.path(), 6, &[]);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = value;
        std::fs::write(&path, &bytes).unwrap();
        let mut reader = Reader::open(dir.path(), Start::Beginning).unwrap();
        let mut expected = 1;
        while let Ok(Some(line)) = reader.next_line() {
            prop_assert_eq!(line.seq, expected);
            expected += 1;
        }
        if Journal::open(dir.path(), lazy()).is_err() {
            prop_assert_eq!(std::fs::read(&path).unwrap(), bytes, "untouched");
        }
    }
}

/// Changes the last segment, then expects the refusal to name this line and leave the file alone.
#[track_caller]
fn check_damage(dir: &Path, changed: &[u8], line: u64, word: &str) {
    let path = segments(dir).pop().unwrap();
    std::fs::write(&path, changed).unwrap();
    let error = Journal::open(dir, lazy()).unwrap_err();
    assert!(
        matches!(error, Error::Damaged { line: at, .. } if at == line),
        "{error}"
    );
    assert!(error.to_string().contains(word), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), changed);
}

#[test]
fn earlier_damage_and_jumps_are_errors_that_touch_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = crashed(dir.path(), 4, &[]);
    let good = std::fs::read(&path).unwrap();
    let line = good.len() / 4;
    let mut bad = good.clone();
    bad[line + 3] = 0;
    check_damage(dir.path(), &bad, 2, "not a record");
    let without_second = [&good[..line], &good[2 * line..]].concat();
    check_damage(
        dir.path(),
        &without_second,
        2,
        "record 3 stands where 2 should be",
    );
    let jump_at_the_end = [&good[..], &record(6, 0), b"\n"].concat();
    check_damage(
        dir.path(),
        &jump_at_the_end,
        5,
        "record 6 stands where 5 should be",
    );
    let shorter = &good[..3 * line + 5];
    check_damage(dir.path(), shorter, 4, "though record 4 was committed");
}

#[test]
fn change_after_a_clean_close_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 2, lazy());
    let good = std::fs::read(&segments(dir.path())[0]).unwrap();
    let longer = [&good[..], &record(3, 0), b"\n"].concat();
    check_damage(dir.path(), &longer, 4, "changed since it was closed");
    check_damage(
        dir.path(),
        &[&good[..], b"{"].concat(),
        3,
        "changed since it was closed",
    );
    std::fs::remove_file(dir.path().join("head")).unwrap();
    check_damage(
        dir.path(),
        &good[..good.len() / 2],
        2,
        "changed since it was closed",
    );
}

#[test]
fn removed_last_segment_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 6, small_segments(150));
    let paths = segments(dir.path());
    assert!(paths.len() > 1);
    unclean(dir.path());
    std::fs::remove_file(paths.last().unwrap()).unwrap();
    let error = Journal::open(dir.path(), lazy()).unwrap_err();
    assert!(error.to_string().contains("segment is missing"), "{error}");
    for path in &paths[..paths.len() - 1] {
        std::fs::remove_file(path).unwrap();
    }
    let error = Journal::open(dir.path(), lazy()).unwrap_err();
    assert!(error.to_string().contains("segment is missing"), "{error}");
}

#[test]
fn segment_that_a_crash_left_empty_is_written_on() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 3, lazy());
    unclean(dir.path());
    let path = dir.path().join(segment::name(4));
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    closed(dir.path(), 2, lazy());
    assert_eq!(seqs(dir.path(), Start::Beginning), [1, 2, 3, 4, 5]);
    assert!(std::fs::metadata(&path).unwrap().len() > 0);
}

#[test]
fn torn_first_record_leaves_an_empty_journal() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 0, lazy());
    unclean(dir.path());
    let path = dir.path().join(segment::name(1));
    std::fs::write(&path, "{\"seq\":1").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    assert_eq!(journal_end(dir.path()), 0);
    let (_journal, opened) = Journal::open(dir.path(), lazy()).unwrap();
    let cut = Some(Cut {
        segment: segment::name(1),
        bytes: 8,
        last_seq: 0,
    });
    assert_eq!(
        (opened.next_seq, opened.previous),
        (1, Previous::Unclean { cut })
    );
}
