//! Which log this is: the file `journal.json`, written once when the journal is made.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::directory::Directory;
use super::error::Error;

const NAME: &str = "journal.json";
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
