//! The key that the tags of this host are made with.
//!
//! In: the state directory. Out: 32 bytes, the same at every start; made at the first. Never shows
//! them. Who has them can guess weak secrets from their tags, so nobody else may read the file.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::journal;

/// Name of the file in the state directory.
const NAME: &str = "redact.key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    /// It could not be read or made.
    #[error(
        "cannot {what} {path}, where the key for tags of redacted secrets is kept: {cause}; root must \
         be able to write there"
    )]
    File {
        /// What was tried.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason. Not called `source`: the message has it already.
        cause: io::Error,
    },
    /// Others may read or replace it.
    #[error("{0} is not a file that only its owner can read; run `chmod 600` on it, or remove it")]
    Exposed(PathBuf),
    /// It is not 32 bytes long.
    #[error(
        "{0} does not hold a key of 32 bytes; remove it to have a new one made (tags of before \
         will not be comparable with those of after)"
    )]
    Length(PathBuf),
}

/// The key kept in a directory; makes both where they are missing.
///
/// # Errors
/// The file cannot be read or made, can be read by others, or is damaged.
pub(super) fn host_key(directory: &Path) -> Result<[u8; 32], KeyError> {
    let path = directory.join(NAME);
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    make(directory, &path)?;
    // Read again: another agtrack that started at the same moment may have been first.
    read(&path)?.ok_or(KeyError::Length(path))
}

/// The key of this host, for those who only compare tags: none where there is none yet, or where it is
/// not theirs to read.
#[must_use]
pub fn known_key() -> Option<[u8; 32]> {
    read(&Path::new(super::start::STATE).join(NAME)).ok()?
}

fn read(path: &Path) -> Result<Option<[u8; 32]>, KeyError> {
    let failed = |cause| KeyError::File {
        what: "read",
        path: path.to_owned(),
        cause,
    };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.is_file() || found.permissions().mode() & 0o077 != 0 => {
            return Err(KeyError::Exposed(path.to_owned()));
        }
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(33).read_to_end(&mut bytes).map_err(failed)?;
    bytes
        .try_into()
        .map(Some)
        .map_err(|_| KeyError::Length(path.to_owned()))
}

/// Writes a new key beside its place and links it there whole; an existing one stays.
fn make(directory: &Path, path: &Path) -> Result<(), KeyError> {
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |cause| KeyError::File { what, path, cause }
    };
    journal::make_state(directory).map_err(|error| {
        let cause = match error {
            journal::Error::Io { cause, .. } => cause,
            error => io::Error::other(error.to_string()),
        };
        failed("create", directory)(cause)
    })?;
    let mut key = [0; 32];
    let random = Path::new("/dev/urandom");
    File::open(random)
        .and_then(|mut file| file.read_exact(&mut key))
        .map_err(failed("make a key from", random))?;
    let draft = directory.join(format!("{NAME}.{}", std::process::id()));
    let written = write(&draft, &key).and_then(|()| match std::fs::hard_link(&draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(directory)?.sync_all(),
    });
    let removed = std::fs::remove_file(&draft);
    written.map_err(failed("write", path))?;
    removed.map_err(failed("remove", &draft))
}

fn write(draft: &Path, key: &[u8; 32]) -> io::Result<()> {
    // What a killed start left behind is not worth keeping.
    match std::fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(key)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("a/b");
        let key = host_key(&state).unwrap();
        assert_ne!(key, [0; 32]);
        assert_eq!(host_key(&state).unwrap(), key);
        let names: Vec<_> = std::fs::read_dir(&state)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, [NAME], "nothing is left behind");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&state.join(NAME)), 0o600);
        assert_eq!(mode(&state), 0o755, "journals are kept below, too");
        let other = directory.path().join("other");
        assert_ne!(host_key(&other).unwrap(), key);
    }

    #[test]
    fn a_start_that_comes_second_leaves_the_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let first = host_key(path).unwrap();
        // The second to make one finds a file and leaves it.
        make(path, &path.join(NAME)).unwrap();
        assert_eq!(host_key(path).unwrap(), first);
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_damaged_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        host_key(directory.path()).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            host_key(directory.path()),
            Err(KeyError::Exposed(_))
        ));
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, b"short").unwrap();
        assert!(matches!(
            host_key(directory.path()),
            Err(KeyError::Length(_))
        ));
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(matches!(
            host_key(directory.path()),
            Err(KeyError::Exposed(_))
        ));
        let missing = Path::new("/proc/none");
        let refused = host_key(missing).unwrap_err().to_string();
        assert!(
            refused.starts_with("cannot create /proc/none, where the key"),
            "{refused}"
        );
        assert!(matches!(host_key(missing), Err(KeyError::File { .. })));
    }
}
