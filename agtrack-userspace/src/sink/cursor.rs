//! How far a sink has come, in a file that outlives the daemon.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::state;

/// The longest that such a file ever is.
const LONGEST: u64 = 64 << 10;

/// How far a sink has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Which log its numbers are of.
    pub log_id: Uuid,
    /// The next record to send; all before are delivered, refused, or not meant for it.
    pub next_seq: u64,
    /// The record behind those that the receiver was handed; further than `next_seq` where what was handed
    /// over last may still be lost with the connection.
    #[serde(default)]
    pub sent_seq: u64,
    /// Records that the receiver acknowledged, those sent again included.
    #[serde(default)]
    pub delivered: u64,
    /// Records that the receiver refused for good.
    #[serde(default)]
    pub refused: u64,
    /// Records that were not kept any more when their turn came.
    #[serde(default)]
    pub missed: u64,
    /// What is wrong now; none while it delivers.
    #[serde(default)]
    pub error: Option<Fault>,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Since when it goes wrong, RFC 3339.
    pub since: String,
    /// The last reason, safe to show.
    pub reason: String,
}

impl Fault {
    pub(super) fn new(reason: String) -> Fault {
        Fault {
            since: now(),
            reason,
        }
    }
}

/// The wall clock, RFC 3339 in UTC with milliseconds.
pub(super) fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

impl Cursor {
    /// One that has delivered nothing.
    pub(super) fn new(log_id: Uuid, next_seq: u64) -> Cursor {
        Cursor {
            log_id,
            next_seq,
            sent_seq: next_seq,
            delivered: 0,
            refused: 0,
            missed: 0,
            error: None,
        }
    }

    /// The file of the sink of this name.
    pub(super) fn path(directory: &Path, name: &str) -> PathBuf {
        directory.join(format!("{name}.json"))
    }

    /// Reads the cursor of a sink; none where it has none yet.
    ///
    /// # Errors
    /// The file cannot be read, or is no cursor.
    pub fn read(directory: &Path, name: &str) -> io::Result<Option<Cursor>> {
        use std::io::Read;
        let file = match std::fs::File::open(Cursor::path(directory, name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes)?;
        let cursor = serde_json::from_slice(&bytes).map_err(io::Error::from)?;
        Ok(Some(cursor))
    }

    /// Puts it on disk.
    ///
    /// # Errors
    /// Whatever the system answers; the one before stays then.
    pub(super) fn write(&self, directory: &Path, name: &str) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(self).map_err(io::Error::from)?;
        bytes.push(b'\n');
        state::write_whole(&Cursor::path(directory, name), &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_file() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Cursor::read(dir.path(), "x").unwrap(), None);
        let mut cursor = Cursor::new(Uuid::new_v4(), 1842);
        cursor.write(dir.path(), "x").unwrap();
        cursor.delivered = 7;
        cursor.error = Some(Fault::new("no route to host".to_owned()));
        cursor.write(dir.path(), "x").unwrap();
        assert_eq!(Cursor::read(dir.path(), "x").unwrap(), Some(cursor));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_cursor_is_told() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "{}", "{\"log_id\":\"x\"}", "\0\0\0\0"] {
            std::fs::write(dir.path().join("x.json"), text).unwrap();
            assert!(Cursor::read(dir.path(), "x").is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_link_in_the_place_of_the_draft_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join("x.json.new")).unwrap();
        assert!(Cursor::new(Uuid::nil(), 1).write(dir.path(), "x").is_err());
        assert_eq!(std::fs::read_to_string(victim).unwrap(), "precious");
    }
}
