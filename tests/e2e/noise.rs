//! Reads that say something about the machine: counted by class, of files that their reader could not
//! have written.

use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use agtrack_tests::records::Records;
use agtrack_tests::steps;
use libc::{O_RDONLY, O_RDWR};
use tempfile::TempDir;

use crate::repeat::{at_end, counted, counts, recorded_in};
use crate::{Outcome, tests};

tests![
    reads_of_what_the_reader_cannot_write_are_counted,
    whoever_owns_a_file_has_its_reads_told,
    whoever_may_write_everything_has_all_reads_told,
    writes_and_credentials_are_never_counted,
    the_built_in_classes_are_counted,
    each_read_is_told_where_that_is_asked_for,
];

/// Somebody without rights.
const NOBODY: u32 = 65_534;

/// A directory with files of root's, which all may read.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Place {
        let directory = TempDir::new().unwrap();
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        Place { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap()
    }

    /// Makes a file.
    fn file(&self, name: &str, mode: u32, owner: u32) -> String {
        let path = self.path().join(name);
        std::fs::write(&path, b"").unwrap();
        chown(&path, Some(owner), Some(owner)).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    /// What is recorded of these opens by `user`, where all that lies here is of the class `zoo`.
    fn opens(&self, test: &str, reads: &'static str, user: u32, opens: &[(&str, i32)]) -> Records {
        let class = format!("noise = {{ zoo = [\"{}/**\"] }}\n", self.path().display());
        let mut steps: Vec<OsString> = steps!["setuid", user].into();
        for (path, flags) in opens {
            steps.extend(steps!["+", "open", *path, *flags, 0]);
        }
        recorded_in(Path::new("/"), test, (reads, &class), &steps)
    }
}

fn reads_of_what_the_reader_cannot_write_are_counted() -> Outcome {
    let place = Place::new();
    let (one, other) = (place.file("one", 0o644, 0), place.file("other", 0o444, 0));
    let opens = [(&*one, O_RDONLY), (&other, O_RDONLY)];
    let records = place.opens("noise", "counted", NOBODY, &opens);
    assert_eq!(counts(&records, &one), [0; 0]);
    assert_eq!(counts(&records, &other), [0; 0]);
    assert_eq!(counted(&records, "zoo"), 2);
    assert_eq!(at_end(&records, "zoo"), 2);
    Ok(())
}

fn whoever_owns_a_file_has_its_reads_told() -> Outcome {
    let place = Place::new();
    let files = [
        place.file("own", 0o644, NOBODY),
        // Who owns it may change that.
        place.file("own-sealed", 0o444, NOBODY),
        place.file("anybodys", 0o666, 0),
        // Who is in the group, or in an access control list, is not looked up.
        place.file("groups", 0o664, 0),
    ];
    let opens: Vec<_> = files.iter().map(|file| (&**file, O_RDONLY)).collect();
    let records = place.opens("noise-own", "counted", NOBODY, &opens);
    for file in &files {
        assert_eq!(counts(&records, file), [1], "{file}");
    }
    assert_eq!(counted(&records, "zoo"), 0);
    Ok(())
}

fn whoever_may_write_everything_has_all_reads_told() -> Outcome {
    let place = Place::new();
    let file = place.file("file", 0o444, 0);
    let records = place.opens("noise-root", "counted", 0, &[(&file, O_RDONLY)]);
    assert_eq!(counts(&records, &file), [1]);
    Ok(())
}

fn writes_and_credentials_are_never_counted() -> Outcome {
    let place = Place::new();
    let (file, secret) = (place.file("file", 0o644, 0), place.file(".netrc", 0o644, 0));
    // Of credentials, too, what is read again at once is counted.
    let opens = [(&*file, O_RDWR), (&secret, O_RDONLY), (&secret, O_RDONLY)];
    let records = place.opens("noise-never", "counted", NOBODY, &opens);
    assert_eq!(counts(&records, &file), [1], "refused");
    assert_eq!(counts(&records, &secret), [1], "a credential");
    assert_eq!(counted(&records, "zoo"), 0);
    assert_eq!(counted(&records, "repeated"), 1);
    Ok(())
}

fn the_built_in_classes_are_counted() -> Outcome {
    let opens = [
        ("/etc/ld.so.cache", O_RDONLY),
        ("/proc/self/maps", O_RDONLY),
        ("/proc/meminfo", O_RDONLY),
        ("/etc/passwd", O_RDONLY),
    ];
    let records = Place::new().opens("noise-built-in", "counted", NOBODY, &opens);
    for class in ["library", "self", "kernel"] {
        assert_eq!(counted(&records, class), 1, "{class}");
    }
    assert_eq!(counts(&records, "/etc/passwd"), [1]);
    Ok(())
}

fn each_read_is_told_where_that_is_asked_for() -> Outcome {
    let place = Place::new();
    let file = place.file("file", 0o644, 0);
    let records = place.opens("noise-all", "all", NOBODY, &[(&file, O_RDONLY)]);
    assert_eq!(counts(&records, &file), [1]);
    assert_eq!(counted(&records, "zoo"), 0);
    Ok(())
}
