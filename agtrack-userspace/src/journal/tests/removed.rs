//! A journal that somebody removes while it is written.

use super::*;

#[test]
fn that_it_is_gone_is_an_error_that_stays() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("journal");
    let (mut journal, _) = Journal::open(&dir, lazy()).unwrap();
    append(&mut journal, 3);
    journal.sync().unwrap();
    journal.check().unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    append(&mut journal, 1);
    let error = journal.sync().unwrap_err();
    assert!(error.to_string().contains("was removed"), "{error}");
    until(|| journal.check().is_err());
    let error = journal.check().unwrap_err();
    assert!(matches!(error, Error::Removed { seq: 4, .. }), "{error}");
    assert!(!dir.exists(), "nothing is made there behind anybody's back");
    // Another one can begin.
    drop(journal);
    let (journal, opened) = Journal::open(&dir, lazy()).unwrap();
    assert_eq!((opened.previous, journal.next_seq()), (Previous::Fresh, 1));
}
