//! Opening, closing, and everything that may stand in the way.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;

fn refusal(dir: &Path) -> Error {
    Journal::open(dir, lazy()).map(|_| ()).unwrap_err()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn fresh_then_clean_then_unclean() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/journal");
    let (mut journal, first) = Journal::open(&path, lazy()).unwrap();
    assert_eq!((first.next_seq, first.previous), (1, Previous::Fresh));
    append(&mut journal, 3);
    assert_eq!(journal.close().unwrap().seq, 3);

    let (mut journal, second) = Journal::open(&path, lazy()).unwrap();
    assert_eq!((second.next_seq, second.previous), (4, Previous::Clean));
    assert_eq!(second.log_id, first.log_id);
    append(&mut journal, 1);
    drop(journal);

    let (_journal, third) = Journal::open(&path, lazy()).unwrap();
    assert_eq!(
        (third.next_seq, third.previous),
        (5, Previous::Unclean { cut: None })
    );
}

#[test]
fn put_back_it_is_as_it_was_found() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Journal::open(dir.path(), lazy()).unwrap();
    let (journal, opened) = open();
    journal.put_back(&opened.previous);
    let (mut journal, opened) = open();
    assert_eq!(opened.previous, Previous::Clean);
    append(&mut journal, 1);
    drop(journal);
    for _ in 0..2 {
        let (journal, opened) = open();
        assert_eq!(opened.previous, Previous::Unclean { cut: None });
        journal.put_back(&opened.previous);
    }
}

#[test]
fn empty_journal_is_closed_and_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 0, lazy());
    let (journal, opened) = Journal::open(dir.path(), lazy()).unwrap();
    assert_eq!((opened.next_seq, opened.previous), (1, Previous::Clean));
    drop(journal);
    closed(dir.path(), 2, lazy());
    assert_eq!(seqs(dir.path(), Start::Beginning), [1, 2]);
}

#[test]
fn given_log_id_is_used_for_a_new_log_only() {
    let dir = tempfile::tempdir().unwrap();
    let given = Uuid::from_u128(7);
    let options = Options {
        log_id: Some(given),
        ..lazy()
    };
    let (journal, opened) = Journal::open(dir.path(), options).unwrap();
    assert_eq!(opened.log_id, given);
    drop(journal);
    let options = Options {
        log_id: Some(Uuid::from_u128(8)),
        ..lazy()
    };
    assert_eq!(Journal::open(dir.path(), options).unwrap().1.log_id, given);
}

#[test]
fn second_writer_is_told_who_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), lazy()).unwrap();
    let error = refusal(dir.path());
    let me = Some(std::process::id());
    assert!(
        matches!(error, Error::InUse { pid, .. } if pid == me),
        "{error}"
    );
    journal.close().unwrap();
    assert!(Journal::open(dir.path(), lazy()).is_ok());
}

#[test]
fn directory_and_files_get_their_modes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    closed(&path, 1, lazy());
    assert_eq!(mode(&path), 0o750);
    for entry in std::fs::read_dir(&path).unwrap() {
        let file = entry.unwrap().path();
        assert_eq!(mode(&file), 0o640, "{}", file.display());
    }
}

#[test]
fn directory_that_others_can_write_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let error = refusal(dir.path());
    assert!(
        matches!(error, Error::Writable { mode: 0o777, .. }),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn directory_of_another_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let owner = Some((std::fs::metadata(dir.path()).unwrap().uid() + 1, 0));
    let error = Journal::open(dir.path(), Options { owner, ..lazy() }).unwrap_err();
    assert!(matches!(error, Error::Owner { .. }), "{error}");
}

#[test]
fn links_in_the_way_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    closed(&real, 1, lazy());
    let link = dir.path().join("link");
    symlink(&real, &link).unwrap();
    for path in [link.clone(), link.join("")] {
        let error = refusal(&path);
        assert!(
            matches!(error, Error::NotPlain { .. }),
            "{}: {error}",
            path.display()
        );
    }

    let victim = dir.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    for name in ["lock", "head", "journal.json", &segment::name(1)] {
        for hard in [false, true] {
            let path = real.join(name);
            let saved = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            if hard {
                std::fs::set_permissions(&victim, PermissionsExt::from_mode(0o640)).unwrap();
                std::fs::hard_link(&victim, &path).unwrap();
            } else {
                symlink(&victim, &path).unwrap();
            }
            assert!(
                Journal::open(&real, lazy()).is_err(),
                "{name}, hard: {hard}"
            );
            assert_eq!(
                std::fs::read(&victim).unwrap(),
                b"precious",
                "{name}, hard: {hard}"
            );
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, saved).unwrap();
        }
    }
    assert!(Journal::open(&real, lazy()).is_ok());
}

#[test]
fn pipe_in_the_way_does_not_hang() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 1, lazy());
    for name in ["lock", "head", "journal.json", &segment::name(1)] {
        let path = dir.path().join(name);
        let saved = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o640);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let error = refusal(dir.path());
        assert!(matches!(error, Error::NotPlain { .. }), "{name}: {error}");
        let read = Reader::open(dir.path(), Start::Beginning)
            .and_then(|mut reader| reader.next_line().map(|_| ()));
        assert!(
            name == "lock" || matches!(read, Err(Error::NotPlain { .. })),
            "{name}: {read:?}"
        );
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, saved).unwrap();
    }
}

#[test]
fn file_in_place_of_the_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(refusal(&file), Error::NotPlain { .. }));
    assert!(matches!(
        refusal(&file.join("below")),
        Error::NotPlain { .. }
    ));
}

#[test]
fn unknown_format_and_lost_identity_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 1, lazy());
    let path = dir.path().join("journal.json");
    let text = std::fs::read_to_string(&path).unwrap();
    for wrong in [
        text.replace(r#""format":1"#, r#""format":2"#),
        String::new(),
    ] {
        std::fs::write(&path, wrong).unwrap();
        assert!(matches!(refusal(dir.path()), Error::Identity { .. }));
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(refusal(dir.path()), Error::Identity { .. }));
}

#[test]
fn refused_records_do_not_use_up_their_number() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(dir.path(), lazy()).unwrap();
    for wrong in [&b"{\"seq\":1}\n"[..], b"{\"seq\":2}", b"nonsense"] {
        assert!(matches!(
            journal.append(wrong),
            Err(Error::Line { seq: 1, .. })
        ));
    }
    assert_eq!(journal.append(b"{\"seq\":1}").unwrap(), 1);
    assert_eq!(journal.close().unwrap().seq, 1);
}

#[test]
fn full_queue_refuses_and_takes_again_after_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(
        dir.path(),
        Options {
            queue_bytes: 1000,
            ..lazy()
        },
    )
    .unwrap();
    journal
        .append(&record(1, 5000))
        .expect("one record always fits");
    let error = journal.append(&record(2, 10)).unwrap_err();
    assert!(
        matches!(error, Error::Backlog { limit: 1000, .. }),
        "{error}"
    );
    assert_eq!(journal.next_seq(), 2);
    assert_eq!(journal.sync().unwrap().seq, 1);
    assert_eq!(journal.append(&record(2, 10)).unwrap(), 2);
    assert_eq!(journal.close().unwrap().seq, 2);
}

#[test]
fn news_is_committed_by_itself_after_the_interval_or_when_there_is_much() {
    let dir = tempfile::tempdir().unwrap();
    for (interval, pad) in [
        (Duration::from_millis(5), 10),
        (Duration::from_secs(3600), 2 << 20),
    ] {
        let options = Options {
            sync_interval: interval,
            ..Options::default()
        };
        let (mut journal, _) = Journal::open(dir.path(), options).unwrap();
        let seq = journal.append(&record(journal.next_seq(), pad)).unwrap();
        let mut reader = Reader::open(dir.path(), Start::Seq(seq)).unwrap();
        assert!(reader.wait(PATIENCE).unwrap());
        assert_eq!(reader.next_line().unwrap().unwrap().seq, seq);
        until(|| journal.subscribe().borrow().seq == seq && journal.status().committed_seq == seq);
        journal.close().unwrap();
    }
}

#[test]
fn a_directory_with_other_files_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["head", "clean", "notes.txt"] {
        let dir = dir.path().join(format!("with-{name}"));
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join(name), "precious").unwrap();
        let error = Journal::open(&dir, lazy()).unwrap_err();
        assert!(matches!(error, Error::NotEmpty { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(std::fs::read_to_string(dir.join(name)).unwrap(), "precious");
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
    }
}

#[test]
fn what_a_start_left_that_failed_at_once_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("lock"), "").unwrap();
    std::fs::create_dir(dir.path().join("lost+found")).unwrap();
    Journal::open(dir.path(), lazy())
        .unwrap()
        .0
        .close()
        .unwrap();
}
