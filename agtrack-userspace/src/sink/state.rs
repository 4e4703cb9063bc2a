//! The directory of what sinks remember, beside the journal's.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::journal;

/// Nobody but root and its group.
const FILE_MODE: u32 = 0o640;

/// Where the sinks of the journal in `journal` keep what they remember.
pub fn directory(journal: &Path) -> PathBuf {
    journal.with_file_name("sinks")
}

/// The directory, made where it is missing.
///
/// # Errors
/// It cannot be made, or others could change what is in it.
pub(super) fn make(journal: &Path) -> Result<PathBuf, journal::Error> {
    let directory = directory(journal);
    journal::make_state(&directory)?;
    Ok(directory)
}

/// Puts a whole small file in place: all of it or nothing, also after a power cut.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let mut file = create(&draft)?;
    file.set_len(0)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// Opens a file of ours to append to, making it where it is missing.
pub(super) fn append(path: &Path) -> io::Result<File> {
    let file = options().append(true).open(path)?;
    settle(&file)?;
    Ok(file)
}

fn create(path: &Path) -> io::Result<File> {
    let file = options().write(true).open(path)?;
    settle(&file)?;
    Ok(file)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    options.create(true).mode(FILE_MODE).custom_flags(flags);
    options
}

/// The exact mode whatever the umask; and no pipe or device in a file's place.
fn settle(file: &File) -> io::Result<()> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    file.set_permissions(Permissions::from_mode(FILE_MODE))
}
