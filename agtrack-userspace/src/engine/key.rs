//! The host's key for the tags of redacted values: equal secrets get equal tags, and nobody who
//! has the journal alone can guess a secret from its tag.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, ensure};

const NAME: &str = "redaction.key";

/// Reads the key from the directory, or makes one.
///
/// # Errors
/// The file cannot be read or made, or is not a key.
pub(super) fn of_host(state: &Path) -> anyhow::Result<[u8; 32]> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(state)
        .with_context(|| format!("cannot make {}", state.display()))?;
    let path = state.join(NAME);
    match read(&path)? {
        Some(key) => Ok(key),
        None => make(state, &path),
    }
}

fn read(path: &Path) -> anyhow::Result<Option<[u8; 32]>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other
            .and_then(|file| file.take(33).read_to_end(&mut bytes))
            .with_context(|| format!("cannot read {}", path.display()))?,
    };
    let key = <[u8; 32]>::try_from(bytes);
    ensure!(
        key.is_ok(),
        "{} is not a key of 32 bytes; remove it, and a new one is made",
        path.display()
    );
    Ok(key.ok())
}

/// Linked into place whole: two recorders that start together agree on one key.
fn make(state: &Path, path: &Path) -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut key))
        .context("cannot read /dev/urandom")?;
    let new = state.join(format!("{NAME}.{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(&key).and_then(|()| file.sync_all()))
        .and_then(|()| match std::fs::hard_link(&new, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            other => other,
        });
    // Whatever became of it, the name is not needed any more.
    let _ = std::fs::remove_file(&new);
    written.with_context(|| format!("cannot write {}", path.display()))?;
    read(path)?.with_context(|| format!("{} is gone again", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays() {
        let state = tempfile::tempdir().unwrap();
        let key = of_host(state.path()).unwrap();
        assert_ne!(key, [0; 32]);
        assert_eq!(of_host(state.path()).unwrap(), key);
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 1);
    }

    #[test]
    fn something_else_is_not_taken_for_a_key() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join(NAME), b"short").unwrap();
        let error = of_host(state.path()).unwrap_err().to_string();
        assert!(error.contains("is not a key"), "{error}");
    }
}
