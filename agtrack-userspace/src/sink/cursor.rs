//! How far a sink has come, in a file that outlives the daemon: one for each log, as daemons with other
//! journals may keep theirs in the same directory.

use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::state;

/// The longest that such a file ever is.
const LONGEST: u64 = 64 << 10;

/// So many cursors of other logs are kept for a sink: those that were written last.
const MOST_OTHERS: usize = 8;

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
    /// Records that the receiver acknowledged, or was handed where it acknowledges nothing; those sent
    /// again included.
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

    /// The file of the sink of this name in this log.
    pub(super) fn path(directory: &Path, name: &str, log_id: Uuid) -> PathBuf {
        directory.join(format!("{name}.{log_id}.json"))
    }

    /// The file of the sink of this name before each log had its own.
    fn old_path(directory: &Path, name: &str) -> PathBuf {
        directory.join(format!("{name}.json"))
    }

    /// Reads the cursor of a sink in this log; none where it has none yet.
    ///
    /// # Errors
    /// The file cannot be read, or is no cursor of this log.
    pub fn read(directory: &Path, name: &str, log_id: Uuid) -> io::Result<Option<Cursor>> {
        match read_file(&Cursor::path(directory, name, log_id))? {
            Some(cursor) if cursor.log_id == log_id => Ok(Some(cursor)),
            Some(_) => Err(io::Error::other("it is of another journal than its name")),
            None => {
                let old = read_file(&Cursor::old_path(directory, name))?;
                Ok(old.filter(|cursor| cursor.log_id == log_id))
            }
        }
    }

    /// Gives a cursor of this log that has the old name its own. One of another log is left to that one's
    /// daemon.
    pub(super) fn rename_old(directory: &Path, name: &str, log_id: Uuid) {
        let own = Cursor::path(directory, name, log_id);
        let old = Cursor::old_path(directory, name);
        let is_ours = |cursor: Cursor| cursor.log_id == log_id;
        if !own.exists() && read_file(&old).is_ok_and(|cursor| cursor.is_some_and(is_ours)) {
            // Where that fails the old one is read again next time.
            let _ = std::fs::rename(old, own);
        }
    }

    /// The logs but this one that the sink has cursors of, that of the cursor written last first.
    #[must_use]
    pub fn others(directory: &Path, name: &str, log_id: Option<Uuid>) -> Vec<Uuid> {
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        let mut others: Vec<_> = entries
            .filter_map(|entry| written(&entry.ok()?, name))
            .filter(|(_, other)| Some(*other) != log_id)
            .collect();
        others.sort_unstable();
        others.into_iter().rev().map(|(_, other)| other).collect()
    }

    /// Removes the cursors of other logs that were written longest ago, where they are too many.
    pub(super) fn sweep(directory: &Path, name: &str, log_id: Uuid) {
        let others = Cursor::others(directory, name, Some(log_id));
        for other in others.into_iter().skip(MOST_OTHERS) {
            // One that stays does no harm.
            let _ = std::fs::remove_file(Cursor::path(directory, name, other));
        }
    }

    /// Puts it on disk.
    ///
    /// # Errors
    /// Whatever the system answers; the one before stays then.
    pub(super) fn write(&self, directory: &Path, name: &str) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(self).map_err(io::Error::from)?;
        bytes.push(b'\n');
        state::write_whole(&Cursor::path(directory, name, self.log_id), &bytes)
    }
}

fn read_file(path: &Path) -> io::Result<Option<Cursor>> {
    use std::io::Read;
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    let cursor = serde_json::from_slice(&bytes).map_err(io::Error::from)?;
    Ok(Some(cursor))
}

/// When a cursor of the sink of this name was written, and of which log it is; none: it is another file.
fn written(entry: &DirEntry, name: &str) -> Option<(SystemTime, Uuid)> {
    let file = entry.file_name();
    let rest = file.to_str()?.strip_prefix(name)?.strip_suffix(".json")?;
    let log_id = match rest {
        "" => read_file(&entry.path()).ok()??.log_id,
        rest => rest.strip_prefix('.')?.parse().ok()?,
    };
    Some((entry.metadata().ok()?.modified().ok()?, log_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let log = Uuid::new_v4();
        assert_eq!(Cursor::read(dir.path(), "x", log).unwrap(), None);
        let mut cursor = Cursor::new(log, 1842);
        cursor.write(dir.path(), "x").unwrap();
        cursor.delivered = 7;
        cursor.error = Some(Fault::new("no route to host".to_owned()));
        cursor.write(dir.path(), "x").unwrap();
        assert_eq!(Cursor::read(dir.path(), "x", log).unwrap(), Some(cursor));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn each_log_has_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let cursors = [1842, 7].map(|next| Cursor::new(Uuid::new_v4(), next));
        for cursor in &cursors {
            cursor.write(dir.path(), "x").unwrap();
        }
        for cursor in &cursors {
            let read = Cursor::read(dir.path(), "x", cursor.log_id).unwrap();
            assert_eq!(read.as_ref(), Some(cursor));
        }
        let [first, second] = cursors.map(|cursor| cursor.log_id);
        assert_eq!(Cursor::others(dir.path(), "x", Some(first)), [second]);
        assert_eq!(Cursor::others(dir.path(), "x", None).len(), 2);
        assert!(Cursor::others(dir.path(), "y", None).is_empty());
    }

    #[test]
    fn one_with_the_old_name_is_taken_over_by_its_own_log_alone() {
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join("x.json");
        let cursor = Cursor::new(Uuid::new_v4(), 1842);
        std::fs::write(&old, serde_json::to_vec(&cursor).unwrap()).unwrap();
        let other = Uuid::new_v4();
        assert_eq!(Cursor::read(dir.path(), "x", other).unwrap(), None);
        Cursor::rename_old(dir.path(), "x", other);
        assert!(old.exists());
        let others = Cursor::others(dir.path(), "x", Some(other));
        assert_eq!(others, [cursor.log_id]);
        for _ in 0..2 {
            let read = Cursor::read(dir.path(), "x", cursor.log_id).unwrap();
            assert_eq!(read.as_ref(), Some(&cursor));
            Cursor::rename_old(dir.path(), "x", cursor.log_id);
            assert!(!old.exists());
        }
    }

    #[test]
    fn only_those_that_were_written_last_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let logs: Vec<_> = (1..=20).map(Uuid::from_u128).collect();
        let begin = SystemTime::UNIX_EPOCH;
        for (log, second) in logs.iter().zip(1..) {
            Cursor::new(*log, 5).write(dir.path(), "x").unwrap();
            let file = std::fs::File::open(Cursor::path(dir.path(), "x", *log)).unwrap();
            let when = begin + std::time::Duration::from_secs(second);
            file.set_modified(when).unwrap();
        }
        Cursor::new(Uuid::nil(), 5).write(dir.path(), "y").unwrap();
        Cursor::sweep(dir.path(), "x", logs[0]);
        let kept: Vec<_> = logs.iter().rev().take(MOST_OTHERS).copied().collect();
        assert_eq!(Cursor::others(dir.path(), "x", Some(logs[0])), kept);
        assert!(Cursor::read(dir.path(), "x", logs[0]).unwrap().is_some());
        assert_eq!(Cursor::others(dir.path(), "y", None).len(), 1);
    }

    #[test]
    fn what_is_no_cursor_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = Cursor::path(dir.path(), "x", Uuid::nil());
        let other = serde_json::to_string(&Cursor::new(Uuid::max(), 5)).unwrap();
        for text in ["", "{}", "{\"log_id\":\"x\"}", "\0\0\0\0", &other] {
            std::fs::write(&path, text).unwrap();
            let read = Cursor::read(dir.path(), "x", Uuid::nil());
            assert!(read.is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_link_in_the_place_of_the_draft_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let cursor = Cursor::new(Uuid::nil(), 1);
        let draft = dir.path().join(format!("x.{}.json.new", cursor.log_id));
        std::os::unix::fs::symlink(&victim, draft).unwrap();
        assert!(cursor.write(dir.path(), "x").is_err());
        assert_eq!(std::fs::read_to_string(victim).unwrap(), "precious");
    }
}
