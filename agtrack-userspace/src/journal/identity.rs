//! Which log this is: the file `journal.json`, written once when the journal is made.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use rustix::fs::Dir;

use super::directory::Directory;
use super::error::Error;
use super::segment;

pub(super) const NAME: &str = "journal.json";
/// The layout of directory and segments that this code reads and writes.
const FORMAT: u32 = 1;
const LONGEST: u64 = 4096;

#[derive(Serialize, Deserialize)]
struct Text {
    log_id: Uuid,
    format: u32,
    /// Seconds since 1970.
    created: u64,
}

/// The log's id; `None` where there is no journal yet.
pub(super) fn read(directory: &Directory) -> Result<Option<Uuid>, Error> {
    let Some(bytes) = directory.read_small(NAME, LONGEST)? else {
        return Ok(None);
    };
    let wrong = |reason: String| Error::Identity {
        path: directory.path_of(NAME),
        reason,
    };
    let text: Text =
        serde_json::from_slice(&bytes).map_err(|error| wrong(format!("not readable ({error})")))?;
    if text.format != FORMAT {
        let reason = format!(
            "format {} is not known to this agtrack ({FORMAT})",
            text.format
        );
        return Err(wrong(reason));
    }
    Ok(Some(text.log_id))
}

/// The log's id, for a reader: there must be one.
pub(super) fn of_some(directory: &Directory) -> Result<Uuid, Error> {
    if let Some(id) = read(directory)? {
        return Ok(id);
    }
    Err(match segment::list(directory)?.is_empty() {
        true => Error::NotAJournal {
            dir: directory.path().to_path_buf(),
            what: "nothing was recorded there",
        },
        false => missing(directory),
    })
}

/// Refuses a directory that is no journal and holds what is not of one: files of ours would
/// replace files of the same name.
pub(super) fn check_ours(directory: &Directory) -> Result<(), Error> {
    if directory.open_for_reading(NAME)?.is_some() {
        return Ok(());
    }
    if !segment::list(directory)?.is_empty() {
        // A journal that has lost this file, which is told as such.
        return Ok(());
    }
    let failed = |errno| Error::system(directory.path(), "list", errno);
    for entry in Dir::read_from(directory.fd()).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_bytes();
        // Left of a start that failed, or in the root of every file system.
        let known = name.starts_with(NAME.as_bytes())
            || matches!(name, b"." | b".." | b"lock" | b"lost+found");
        if !known {
            return Err(Error::NotEmpty {
                dir: directory.path().to_owned(),
                entry: String::from_utf8_lossy(name).into_owned(),
            });
        }
    }
    Ok(())
}

/// Writes the file of a new journal.
pub(super) fn create(directory: &Directory, log_id: Uuid) -> Result<(), Error> {
    let created = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let text = Text {
        log_id,
        format: FORMAT,
        created,
    };
    let mut bytes = serde_json::to_vec(&text).map_err(|error| Error::Identity {
        path: directory.path_of(NAME),
        reason: error.to_string(),
    })?;
    bytes.push(b'\n');
    directory.write_whole(NAME, &bytes)
}

/// The error for segments without the file that says whose they are.
pub(super) fn missing(directory: &Directory) -> Error {
    let reason = "missing, though there are segments beside it".to_owned();
    Error::Identity {
        path: directory.path_of(NAME),
        reason,
    }
}
