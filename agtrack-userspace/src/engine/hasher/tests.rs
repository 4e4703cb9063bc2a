//! On real files: who asks knows them as the kernel does, by device and inode.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::*;

mod names;
mod program;
mod thread;
use crate::record::{Sha256, Text};

const MAX: u64 = 1 << 20;

/// A directory, and a desk at which questions are asked about what is in it.
struct Bench {
    desk: Desk,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            desk: Desk::new(MAX),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn ask(&mut self, wanted: &HashWanted) -> Option<Effect> {
        self.desk.answer(wanted).file
    }

    /// What came of a write that was closed just now.
    fn closed(&mut self, path: &Path) -> Effect {
        self.ask(&question(path, written())).unwrap()
    }
}

fn text(path: &Path) -> Text {
    crate::engine::hands::path_text(path)
}

fn written() -> Deed {
    Deed::Written { created: false }
}

fn now() -> u64 {
    crate::engine::clock::now().wall
}

/// As the pipeline asks about a file that is there.
fn question(path: &Path, deed: Deed) -> HashWanted {
    let stat = fs::symlink_metadata(path).unwrap();
    let (major, minor) = (
        nix::sys::stat::major(stat.dev()),
        nix::sys::stat::minor(stat.dev()),
    );
    HashWanted {
        ticket: 1,
        deed,
        path: text(path),
        pids: [std::process::id(), 0],
        device: Some(format!("{major}:{minor}")),
        inode: Some(stat.ino()),
        size: Some(stat.len()),
        at: now(),
    }
}

fn sha256(content: &[u8]) -> Sha256 {
    use sha2::Digest;
    Sha256(sha2::Sha256::digest(content).into())
}

fn hashed(content: &[u8]) -> Effect {
    Effect {
        size: Some(content.len() as u64),
        sha256: Some(sha256(content)),
        ..Effect::default()
    }
}

fn unhashed(size: u64, reason: Unhashed) -> Effect {
    Effect::without(Some(size), reason)
}

#[test]
fn a_file_has_the_hash_of_its_content_and_the_one_before() {
    let mut bench = Bench::new();
    let path = bench.write("file", b"abc");
    let first = bench.closed(&path);
    assert_eq!(first, hashed(b"abc"));
    // FIPS 180-2, appendix B.1.
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(first.sha256.unwrap().to_string(), known);
    fs::write(&path, b"other").unwrap();
    let expect = Effect {
        previous_sha256: first.sha256,
        ..hashed(b"other")
    };
    assert_eq!(bench.closed(&path), expect);
    // One that was created has no past, whoever had its number.
    let created = bench.ask(&question(&path, Deed::Written { created: true }));
    assert_eq!(created, Some(hashed(b"other")));
}

#[test]
fn another_file_of_that_name_is_not_taken_for_it() {
    let mut bench = Bench::new();
    let path = bench.write("file", b"mine");
    let asked = question(&path, written());
    let other = bench.write("other", b"theirs");
    fs::rename(&other, &path).unwrap();
    assert_eq!(bench.ask(&asked), Some(unhashed(4, Unhashed::Gone)));
    // Nor what a link of that name leads to, be it the file itself.
    let file = bench.write("target", b"mine");
    let asked = HashWanted {
        path: text(&bench.path("link")),
        ..question(&file, written())
    };
    std::os::unix::fs::symlink(&file, bench.path("link")).unwrap();
    assert_eq!(bench.ask(&asked), Some(unhashed(4, Unhashed::Gone)));
    fs::remove_file(&file).unwrap();
    let asked = HashWanted {
        path: text(&file),
        ..asked
    };
    assert_eq!(bench.ask(&asked), Some(unhashed(4, Unhashed::Gone)));
}

/// Where the file system knows when a file was made.
#[test]
fn a_file_that_was_made_later_is_another_one() {
    let mut bench = Bench::new();
    let path = bench.write("file", b"mine");
    let asked = question(&path, written());
    let asked = HashWanted {
        at: asked.at - 3_600_000_000_000,
        ..asked
    };
    let effect = bench.ask(&asked).unwrap();
    match fs::metadata(&path).unwrap().created() {
        Ok(_) => assert_eq!(effect, unhashed(4, Unhashed::Gone)),
        Err(_) => assert!(effect.changed_since, "{effect:?}"),
    }
}

#[test]
fn what_nobody_has_identified_is_not_hashed() {
    let mut bench = Bench::new();
    let path = bench.write("file", b"mine");
    let asked = HashWanted {
        inode: None,
        device: None,
        ..question(&path, written())
    };
    assert_eq!(bench.ask(&asked), Some(unhashed(4, Unhashed::Gone)));
}

/// Another device than the file system's does not go, and neither does a number alone.
#[test]
fn the_device_is_compared() {
    let mut bench = Bench::new();
    let path = bench.write("file", b"mine");
    let device = Some("4095:77".to_owned());
    let asked = HashWanted {
        device,
        ..question(&path, written())
    };
    assert_eq!(bench.ask(&asked), Some(unhashed(4, Unhashed::Gone)));
}

#[test]
fn a_change_since_is_told() {
    let mut bench = Bench::new();
    let path = bench.write("file", b"abcdef");
    let asked = question(&path, written());
    let changed = || {
        let stat = fs::metadata(&path).unwrap();
        (stat.ctime() * 1_000_000_000 + stat.ctime_nsec()) as u64
    };
    // The kernel's time of a change stands still for some milliseconds.
    while changed() <= asked.at + 1_000_000 {
        fs::write(&path, b"fedcba").unwrap();
    }
    let effect = bench.ask(&asked);
    assert_eq!(
        effect,
        Some(Effect {
            changed_since: true,
            ..hashed(b"fedcba")
        })
    );
    // Another length says so where the times do not.
    fs::write(&path, b"abc").unwrap();
    let effect = bench.ask(&HashWanted { at: now(), ..asked }).unwrap();
    assert!(effect.changed_since && effect.size == Some(3), "{effect:?}");
}

#[test]
fn a_file_that_is_written_meanwhile_is_told_as_changed() {
    let mut bench = Bench::new();
    bench.desk = Desk::new(64 << 20);
    let path = bench.write("file", &vec![b'a'; 32 << 20]);
    let asked = question(&path, written());
    let stop = Arc::new(AtomicU64::new(0));
    let (until, target) = (Arc::clone(&stop), path.clone());
    let writer = std::thread::spawn(move || {
        use std::os::unix::fs::FileExt;
        let file = fs::OpenOptions::new().write(true).open(target).unwrap();
        while until.load(Ordering::Relaxed) == 0 {
            file.write_at(b"b", 0).unwrap();
        }
    });
    let effect = bench.ask(&asked).unwrap();
    stop.store(1, Ordering::Relaxed);
    writer.join().unwrap();
    assert!(
        effect.changed_since && effect.sha256.is_some(),
        "{effect:?}"
    );
}

#[test]
fn only_regular_files_are_opened() {
    let mut bench = Bench::new();
    let pipe = bench.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let directory = bench.path("directory");
    fs::create_dir(&directory).unwrap();
    // What reads them may change them, or wait for ever.
    for path in [
        &*pipe,
        &*directory,
        "/dev/zero".as_ref(),
        "/proc/self/comm".as_ref(),
    ] {
        let asked = question(path, written());
        let expect = Effect::without(asked.size, Unhashed::NotRegular);
        assert_eq!(bench.ask(&asked), Some(expect), "{path:?}");
    }
}

#[test]
fn a_large_file_is_not_read() {
    let mut bench = Bench::new();
    let path = bench.write("file", b"");
    // A hole of a terabyte.
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_eq!(bench.closed(&path), unhashed(1 << 40, Unhashed::TooLarge));
    file.set_len(MAX).unwrap();
    assert_eq!(bench.closed(&path), hashed(&vec![0; MAX as usize]));
}
