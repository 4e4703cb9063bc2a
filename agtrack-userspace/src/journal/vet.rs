//! Who may own and change the journal's files. In: what `fstat` says; out: yes or a clear error.
//! Pure: never touches a file itself.

use std::path::Path;

use rustix::fs::{FileType, Stat};

use super::error::Error;

/// Permission bits that let others than the owner write.
const OTHERS_WRITE: u32 = 0o022;

/// The facts of one file that matter here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) kind: FileType,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
    pub(super) links: u64,
}

impl Facts {
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            uid: stat.st_uid,
            gid: stat.st_gid,
            mode: stat.st_mode & 0o7777,
            links: stat.st_nlink,
        }
    }

    /// What it is, for messages.
    pub(super) fn called(self) -> String {
        let kind = match self.kind {
            FileType::Directory => "a directory",
            FileType::Symlink => "a symbolic link",
            FileType::RegularFile if self.links > 1 => "a file with other hard links",
            FileType::RegularFile => "a file",
            _ => "a pipe, socket or device",
        };
        kind.to_owned()
    }
}

/// May user `expected` keep a journal in this directory?
pub(super) fn directory(path: &Path, facts: Facts, expected: u32) -> Result<(), Error> {
    if facts.kind != FileType::Directory {
        return Err(Error::NotPlain {
            path: path.to_path_buf(),
            found: facts.called(),
            expected: "a directory",
        });
    }
    owned_and_closed(path, facts, expected)
}

/// May this file be written to as a part of the journal of user `expected`?
///
/// A second hard link would let a write land in a file that lives elsewhere.
pub(super) fn file(path: &Path, facts: Facts, expected: u32) -> Result<(), Error> {
    regular(path, facts)?;
    if facts.links != 1 {
        return Err(Error::NotPlain {
            path: path.to_path_buf(),
            found: facts.called(),
            expected: "a file of its own",
        });
    }
    owned_and_closed(path, facts, expected)
}

/// Is this a regular file? Reading from a pipe or device could block or never end.
pub(super) fn regular(path: &Path, facts: Facts) -> Result<(), Error> {
    if facts.kind != FileType::RegularFile {
        return Err(Error::NotPlain {
            path: path.to_path_buf(),
            found: facts.called(),
            expected: "a regular file",
        });
    }
    Ok(())
}

/// Could user `uid` have made a directory in this one? Root must not do it in a stranger's stead.
pub(super) fn may_create_in(
    path: &Path,
    parent: Facts,
    (uid, gid): (u32, u32),
) -> Result<(), Error> {
    let bit = if parent.uid == uid {
        0o200
    } else if parent.gid == gid {
        0o020
    } else {
        0o002
    };
    if uid == 0 || parent.mode & bit != 0 {
        return Ok(());
    }
    Err(Error::Denied {
        path: path.to_path_buf(),
        doing: "create a directory in",
    })
}

fn owned_and_closed(path: &Path, facts: Facts, expected: u32) -> Result<(), Error> {
    if facts.uid != expected {
        return Err(Error::Owner {
            path: path.to_path_buf(),
            found: facts.uid,
            expected,
        });
    }
    if facts.mode & OTHERS_WRITE != 0 {
        return Err(Error::Writable {
            path: path.to_path_buf(),
            mode: facts.mode,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Facts = Facts {
        kind: FileType::RegularFile,
        uid: 1000,
        gid: 1000,
        mode: 0o640,
        links: 1,
    };
    const DIRECTORY: Facts = Facts {
        kind: FileType::Directory,
        mode: 0o750,
        links: 2,
        ..PLAIN
    };

    fn path() -> &'static Path {
        Path::new("/j")
    }

    #[test]
    fn own_closed_directory_is_accepted() {
        assert!(directory(path(), DIRECTORY, 1000).is_ok());
        assert!(
            directory(
                path(),
                Facts {
                    mode: 0o755,
                    ..DIRECTORY
                },
                1000
            )
            .is_ok()
        );
    }

    #[test]
    fn directory_of_another_is_refused_even_to_root() {
        let error = directory(path(), DIRECTORY, 0).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Owner {
                    found: 1000,
                    expected: 0,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn directory_others_can_write_is_refused() {
        for mode in [0o770, 0o702, 0o777, 0o1777] {
            let error = directory(path(), Facts { mode, ..DIRECTORY }, 1000).unwrap_err();
            assert!(matches!(error, Error::Writable { .. }), "{mode:o}: {error}");
        }
    }

    #[test]
    fn file_tricks_are_refused() {
        assert!(file(path(), PLAIN, 1000).is_ok());
        let cases = [
            Facts {
                kind: FileType::Symlink,
                ..PLAIN
            },
            Facts {
                kind: FileType::Fifo,
                ..PLAIN
            },
            Facts { links: 2, ..PLAIN },
            Facts { uid: 0, ..PLAIN },
            Facts {
                mode: 0o660,
                ..PLAIN
            },
        ];
        for facts in cases {
            assert!(file(path(), facts, 1000).is_err(), "{facts:?}");
        }
    }

    #[test]
    fn root_creates_only_where_the_owner_could() {
        let of_root = Facts {
            uid: 0,
            gid: 0,
            mode: 0o755,
            ..DIRECTORY
        };
        assert!(may_create_in(path(), of_root, (1000, 1000)).is_err());
        assert!(may_create_in(path(), of_root, (0, 0)).is_ok());
        assert!(
            may_create_in(
                path(),
                Facts {
                    mode: 0o1777,
                    ..of_root
                },
                (1000, 1000)
            )
            .is_ok()
        );
        assert!(may_create_in(path(), DIRECTORY, (1000, 1000)).is_ok());
        let of_group = Facts {
            uid: 0,
            mode: 0o775,
            ..DIRECTORY
        };
        assert!(may_create_in(path(), of_group, (1000, 1000)).is_ok());
        assert!(may_create_in(path(), of_group, (1001, 1001)).is_err());
    }
}
