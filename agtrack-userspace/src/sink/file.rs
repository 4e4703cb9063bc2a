//! A file of lines, followed by a new one when it is full.
//!
//! Acknowledgement: the bytes are written and synced. After a crash the end of the file may be a torn
//! line: it is cut off before anything is written behind it, and its record comes again.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::batch::Batch;
use super::settings::Settings;
use super::state;
use super::transport::{Accepted, Doing, Transport, Trouble, apart};

const MAX_BYTES: u64 = 256 << 20;
const KEEP: u32 = 4;
/// How much is read at a time to find the last newline.
const STEP: u64 = 64 << 10;

pub(super) fn open(settings: &Settings) -> Result<Box<dyn Transport>, Trouble> {
    let path = settings.path.clone();
    let path = path.ok_or_else(|| Trouble::Misconfigured("no `path` is given".to_owned()))?;
    Ok(Box::new(Lines(Arc::new(Mutex::new(Writer {
        path,
        max_bytes: settings.max_bytes.unwrap_or(MAX_BYTES),
        keep: settings.keep.unwrap_or(KEEP),
        open: None,
    })))))
}

struct Lines(Arc<Mutex<Writer>>);

impl Transport for Lines {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> Doing<'a, Result<Accepted, Trouble>> {
        let (writer, lines) = (Arc::clone(&self.0), batch.lines());
        Box::pin(apart(move || {
            // A panic would leave a file that is looked at again, not a broken one.
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.write(&lines)?;
            Ok(Accepted {
                said: format!("{} bytes are on disk", lines.len()),
                ..Accepted::default()
            })
        }))
    }
}

struct Writer {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    /// The file and how many bytes of it are whole lines.
    open: Option<(File, u64)>,
}

impl Writer {
    fn write(&mut self, lines: &[u8]) -> Result<(), Trouble> {
        let result = self.try_write(lines);
        if result.is_err() {
            // Whatever was written of it is cut off when it is opened again.
            self.open = None;
        }
        result
    }

    fn try_write(&mut self, lines: &[u8]) -> Result<(), Trouble> {
        let (mut file, mut length) = self.file()?;
        if length > 0 && length + lines.len() as u64 > self.max_bytes {
            drop(file);
            self.rotate()
                .map_err(|error| self.failed("rotate", &error))?;
            (file, length) = self.file()?;
        }
        file.write_all(lines)
            .and_then(|()| file.sync_data())
            .map_err(|error| self.failed("write", &error))?;
        self.open = Some((file, length + lines.len() as u64));
        Ok(())
    }

    /// The file, opened anew where somebody has moved or removed it.
    fn file(&mut self) -> Result<(File, u64), Trouble> {
        if let Some((file, length)) = self.open.take()
            && is_still_there(&self.path, &file, length)
        {
            return Ok((file, length));
        }
        let opened = state::append(&self.path);
        let file = opened.map_err(|error| self.failed("open", &error))?;
        let length = self.mend(&file)?;
        if let Some(directory) = self.path.parent() {
            let synced = File::open(directory).and_then(|directory| directory.sync_all());
            synced.map_err(|error| self.failed("open", &error))?;
        }
        Ok((file, length))
    }

    /// Cuts off a torn line. Gives how long the file is then.
    fn mend(&self, file: &File) -> Result<u64, Trouble> {
        let failed = |error: io::Error| self.failed("read", &error);
        // That it was opened to append to does not allow to read.
        let reading = File::open(&self.path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let whole = behind_last_newline(&reading, length).map_err(failed)?;
        if whole == length {
            return Ok(length);
        }
        let mut first = [0];
        reading.read_exact_at(&mut first, whole).map_err(failed)?;
        if first != *b"{" {
            return Err(Trouble::Misconfigured(format!(
                "{} does not end as a file of records does: name another file, or end its last line",
                self.path.display()
            )));
        }
        file.set_len(whole).map_err(failed)?;
        Ok(whole)
    }

    /// `x` becomes `x.1`, that `x.2` and so on; the last one goes.
    fn rotate(&self) -> io::Result<()> {
        let old = |number: u32| -> PathBuf {
            if number == 0 {
                return self.path.clone();
            }
            let mut name = self.path.as_os_str().to_owned();
            name.push(format!(".{number}"));
            name.into()
        };
        if self.keep == 0 {
            return std::fs::remove_file(&self.path);
        }
        for number in (0..self.keep).rev() {
            match std::fs::rename(old(number), old(number + 1)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => result?,
            }
        }
        Ok(())
    }

    fn failed(&self, doing: &str, error: &io::Error) -> Trouble {
        let reason = format!("cannot {doing} {}: {error}", self.path.display());
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Trouble::Misconfigured(
                format!("{reason}; make its directory, or name another file"),
            ),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Trouble::Misconfigured(format!(
                    "{reason}; name a file that the daemon may write, or allow it in the unit \
                     (ReadWritePaths=)"
                ))
            }
            _ if is_link(error) => Trouble::Misconfigured(format!(
                "{reason}; links are not followed, so name the file itself"
            )),
            _ => Trouble::later(reason),
        }
    }
}

fn is_link(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP)
}

/// Whether the name still leads to the file, with what was written to it and nothing more.
fn is_still_there(path: &Path, file: &File, length: u64) -> bool {
    let id = |metadata: &std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (std::fs::symlink_metadata(path), file.metadata()) {
        (Ok(named), Ok(open)) => id(&named) == id(&open) && open.len() == length,
        _ => false,
    }
}

fn behind_last_newline(file: &File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let begin = end.saturating_sub(STEP);
        let mut bytes = vec![0; usize::try_from(end - begin).unwrap_or_default()];
        file.read_exact_at(&mut bytes, begin)?;
        if let Some(at) = memchr::memrchr(b'\n', &bytes) {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::batch::made;

    fn writer(path: &Path, max_bytes: u64, keep: u32) -> Writer {
        Writer {
            path: path.to_owned(),
            max_bytes,
            keep,
            open: None,
        }
    }

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn records_are_appended_a_line_each() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jsonl");
        let mut writer = writer(&path, 1 << 20, 2);
        writer.write(&made(1..=2).lines()).unwrap();
        writer.write(&made(3..=3).lines()).unwrap();
        assert_eq!(text(&path).as_bytes(), made(1..=3).lines());
    }

    #[test]
    fn full_files_are_put_aside_and_so_many_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jsonl");
        let mut writer = writer(&path, 70, 2);
        for seq in 1..=10 {
            writer.write(&made(seq..=seq).lines()).unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["x.jsonl", "x.jsonl.1", "x.jsonl.2"]);
        let all = [2, 1].map(|number| text(&dir.path().join(format!("x.jsonl.{number}"))));
        let all = all.concat() + &text(&path);
        assert!(all.ends_with(&String::from_utf8(made(10..=10).lines()).unwrap()));
        assert!(all.lines().count() >= 5, "{all}");
        assert!(
            all.lines()
                .all(|line| line.len() < 70 && line.ends_with('}')),
            "{all}"
        );
    }

    #[test]
    fn a_torn_line_is_cut_off_before_the_next_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jsonl");
        let whole = made(1..=1).lines();
        let torn = made(2..=2).lines();
        for cut in 1..torn.len() {
            std::fs::write(&path, [&whole[..], &torn[..cut]].concat()).unwrap();
            writer(&path, 1 << 20, 2).write(&torn).unwrap();
            assert_eq!(text(&path).as_bytes(), made(1..=2).lines(), "{cut}");
        }
    }

    #[test]
    fn a_file_of_something_else_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.conf");
        std::fs::write(&path, "[section]\nkey = 1").unwrap();
        let trouble = writer(&path, 1 << 20, 2).write(b"{}\n").unwrap_err();
        assert!(matches!(trouble, Trouble::Misconfigured(_)), "{trouble:?}");
        assert_eq!(text(&path), "[section]\nkey = 1");
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("x.jsonl"), dir.path().join("moved"));
        let mut writer = writer(&path, 1 << 20, 2);
        writer.write(&made(1..=1).lines()).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        writer.write(&made(2..=2).lines()).unwrap();
        assert_eq!(text(&moved).as_bytes(), made(1..=1).lines());
        assert_eq!(text(&path).as_bytes(), made(2..=2).lines());
    }

    #[test]
    fn what_cannot_be_written_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing/x.jsonl");
        let trouble = writer(&missing, 1 << 20, 2).write(b"{}\n").unwrap_err();
        assert!(
            trouble.reason().contains("make its directory"),
            "{trouble:?}"
        );
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
        let trouble = writer(&link, 1 << 20, 2).write(b"{}\n").unwrap_err();
        assert!(
            trouble.reason().contains("links are not followed"),
            "{trouble:?}"
        );
    }
}
