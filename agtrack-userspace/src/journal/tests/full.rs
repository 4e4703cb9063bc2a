//! A disk that refuses: nothing taken in is lost, and all is well again once there is room. On real
//! file systems, which needs root to mount them: tests/e2e/disk.rs.

use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;

/// Appends until the disk refuses, goes on appending, makes room, and looks for every record.
fn survive(dir: &Path, make_room: impl FnOnce()) {
    let options = Options {
        segment_bytes: 1 << 20,
        ..Options::default()
    };
    let (mut journal, _) = Journal::open(dir, options).unwrap();
    let mut refused = None;
    while refused.is_none() && journal.next_seq() < 10_000 {
        journal.append(&record(journal.next_seq(), 2000)).unwrap();
        refused = journal.sync().err();
    }
    let error = refused.expect("the disk never refused");
    assert!(matches!(error, Error::NotCommitted { .. }), "{error}");
    let before = journal.status();
    assert!(
        before.error.is_some() && before.since.is_some(),
        "{before:?}"
    );
    append(&mut journal, 2000);
    let last = journal.next_seq() - 1;
    until(|| journal.sync().is_err() && journal.status().queued_bytes > before.queued_bytes);
    assert_eq!(
        journal_end(dir),
        journal.status().committed_seq,
        "readers see committed ones"
    );

    make_room();
    until(|| journal.sync().is_ok());
    let after = journal.status();
    assert_eq!((after.committed_seq, after.queued_bytes), (last, 0));
    until(|| journal.status().error.is_none());
    assert_eq!(seqs(dir, Start::Beginning), (1..=last).collect::<Vec<_>>());
    journal.close().unwrap();
    assert_eq!(
        Journal::open(dir, lazy()).unwrap().1.previous,
        Previous::Clean
    );
}

/// Needs no root: the child may write files of some ten KiB only, until it lifts its own limit. The
/// shell makes it ignore the signal that would come with that.
#[test]
fn refused_writes_are_survived_without_root() {
    let name = "refused_writes_are_survived_without_root";
    if let Some(dir) = super::crash::child_directory() {
        return survive(&dir, || {
            let maximum = getrlimit(Resource::Fsize).maximum;
            setrlimit(
                Resource::Fsize,
                Rlimit {
                    current: maximum,
                    maximum,
                },
            )
            .unwrap();
        });
    }
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    let script = r#"trap '' XFSZ; ulimit -S -f 80; exec "$0" "$@""#;
    command
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap());
    let child = super::crash::again(&mut command, module_path!(), name, dir.path());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}
