//! A disk that refuses: nothing taken in is lost, and all is well again once there is room.

use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;

/// A file system of the test's own, gone when dropped.
pub(super) struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    /// `None` where mounting is not allowed.
    pub(super) fn tmpfs(at: &'a Path, options: &str) -> Option<Self> {
        let options = std::ffi::CString::new(options).unwrap();
        mount(
            "tmpfs",
            at,
            "tmpfs",
            MountFlags::empty(),
            options.as_c_str(),
        )
        .ok()?;
        Some(Self(at))
    }

    pub(super) fn read_only(&self) {
        mount_remount(self.0, MountFlags::RDONLY, "").unwrap();
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = unmount(self.0, UnmountFlags::DETACH);
    }
}

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

#[test]
fn full_file_system_is_survived() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_mount) = Mount::tmpfs(dir.path(), "size=8m,mode=0755") else {
        eprintln!("not run: mounting needs root; the file size limit is tested instead");
        return;
    };
    let ballast = dir.path().join("ballast");
    std::fs::write(&ballast, vec![0; 6 << 20]).unwrap();
    survive(&dir.path().join("journal"), || {
        std::fs::remove_file(&ballast).unwrap()
    });
}

#[test]
fn full_file_system_is_named_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_mount) = Mount::tmpfs(dir.path(), "size=512k,mode=0755") else {
        eprintln!("not run: mounting needs root");
        return;
    };
    let error = Journal::open(dir.path(), lazy()).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn close_on_a_full_disk_says_what_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_mount) = Mount::tmpfs(dir.path(), "size=2m,mode=0755") else {
        eprintln!("not run: mounting needs root");
        return;
    };
    let path = dir.path().join("journal");
    let options = Options {
        close_wait: Duration::from_millis(150),
        ..lazy()
    };
    let (mut journal, _) = Journal::open(&path, options).unwrap();
    journal.append(&record(1, 3 << 20)).unwrap();
    let error = journal.close().unwrap_err();
    assert!(
        matches!(error, Error::NotCommitted { bytes, .. } if bytes > 3 << 20),
        "{error}"
    );
    let (_journal, opened) = Journal::open(&path, lazy()).unwrap();
    assert_eq!(
        (opened.next_seq, opened.previous),
        (1, Previous::Unclean { cut: None })
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
