//! The journal on file systems that refuse, and for an owner that is not root. No recorder needed.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use agtrack::journal::{Error, Journal, Options, Previous, Reader, Start};
use agtrack_tests::here;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;

use crate::{Outcome, Unable, tests};

tests![
    a_full_file_system_is_survived,
    a_full_file_system_is_named_before_anything_is_written,
    closing_on_a_full_disk_says_what_is_lost,
    a_read_only_file_system_is_named,
    files_are_handed_to_the_owner,
];

/// A small file system, gone when the test forgets it.
struct Disk(TempDir);

impl Disk {
    fn new(options: &str) -> Result<Disk, Unable> {
        let directory = TempDir::new().unwrap();
        let kind = Some("tmpfs");
        mount(
            kind,
            directory.path(),
            kind,
            MsFlags::empty(),
            Some(options),
        )
        .map_err(|error| Unable(format!("tmpfs cannot be mounted: {error}")))?;
        Ok(Disk(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(self.path(), MntFlags::MNT_DETACH);
    }
}

/// Nothing is synced by itself.
fn lazy() -> Options {
    Options {
        sync_interval: Duration::from_secs(3600),
        ..Options::default()
    }
}

fn append(journal: &mut Journal, pad: usize) {
    let seq = journal.next_seq();
    let pad = "p".repeat(pad);
    let line = format!(r#"{{"v":1,"seq":{seq},"pad":"{pad}"}}"#);
    assert_eq!(journal.append(line.as_bytes()).unwrap(), seq);
}

fn until(condition: impl Fn() -> bool) {
    let end = Instant::now() + here::patience();
    while !condition() {
        assert!(Instant::now() < end, "waited too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn a_full_file_system_is_survived() -> Outcome {
    let disk = Disk::new("size=8m,mode=0755")?;
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 6 << 20]).unwrap();
    let path = disk.path().join("journal");
    let (mut journal, _) = Journal::open(&path, Options::default()).unwrap();
    while journal.status().error.is_none() {
        assert!(journal.next_seq() < 10_000, "the disk never refused");
        append(&mut journal, 2000);
        let _ = journal.sync();
    }
    for _ in 0..2000 {
        append(&mut journal, 10);
    }
    let last = journal.next_seq() - 1;
    assert!(journal.status().committed_seq < last);
    std::fs::remove_file(&ballast).unwrap();
    until(|| journal.sync().is_ok_and(|committed| committed.seq == last));
    until(|| journal.status().error.is_none());
    let mut reader = Reader::open(&path, Start::Beginning).unwrap();
    for seq in 1..=last {
        assert_eq!(reader.next_line().unwrap().map(|line| line.seq), Some(seq));
    }
    journal.close().unwrap();
    assert_eq!(
        Journal::open(&path, lazy()).unwrap().1.previous,
        Previous::Clean
    );
    Ok(())
}

fn a_full_file_system_is_named_before_anything_is_written() -> Outcome {
    let disk = Disk::new("size=512k,mode=0755")?;
    let error = Journal::open(disk.path(), lazy()).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 0);
    Ok(())
}

fn closing_on_a_full_disk_says_what_is_lost() -> Outcome {
    let disk = Disk::new("size=2m,mode=0755")?;
    let path = disk.path().join("journal");
    let options = Options {
        close_wait: Duration::from_millis(150),
        ..lazy()
    };
    let (mut journal, _) = Journal::open(&path, options).unwrap();
    append(&mut journal, 3 << 20);
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
    Ok(())
}

fn a_read_only_file_system_is_named() -> Outcome {
    let disk = Disk::new("size=4m,mode=0750")?;
    let again = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    let none: Option<&str> = None;
    mount(none, disk.path(), none, again, none).unwrap();
    for path in [disk.path().to_path_buf(), disk.path().join("below")] {
        let error = Journal::open(&path, lazy()).unwrap_err();
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
    }
    Ok(())
}

fn files_are_handed_to_the_owner() -> Outcome {
    let directory = TempDir::new().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    let path = directory.path().join("journal");
    let options = Options {
        owner: Some((12345, 23456)),
        ..lazy()
    };
    let (mut journal, _) = Journal::open(&path, options).unwrap();
    append(&mut journal, 10);
    journal.close().unwrap();
    let entries = std::fs::read_dir(&path).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(paths.len() > 3, "{paths:?}");
    paths.push(path);
    for path in paths {
        let found = std::fs::metadata(&path).unwrap();
        let owner = (found.uid(), found.gid());
        assert_eq!(owner, (12345, 23456), "{}", path.display());
    }
    Ok(())
}
