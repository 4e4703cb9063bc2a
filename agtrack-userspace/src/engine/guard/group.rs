//! One fanotify group: what others do in one directory.

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};

use super::message;
use crate::input::FileTouch;

/// `FAN_REPORT_DIR_FID | FAN_REPORT_NAME` (include/uapi/linux/fanotify.h), since 5.9: events come with
/// the name, and those on names come at all.
const REPORT_NAMES: u32 = 0x400 | 0x800;
/// Reads at a time; the rest waits for the next round.
const READS: usize = 8;
/// Bytes of a read.
const BUFFER: usize = 8192;
/// What `/proc/self/fd` shows behind the name of a file that has none any more.
const DELETED: &[u8] = b" (deleted)";

/// What happens to names and marks, and the end of a write. The recorder keeps its files open, so of
/// its own work this tells when it begins another segment.
pub(super) const RARE: MaskFlags = MaskFlags::FAN_CLOSE_WRITE
    .union(MaskFlags::FAN_ATTRIB)
    .union(MaskFlags::FAN_CREATE)
    .union(MaskFlags::FAN_DELETE)
    .union(MaskFlags::FAN_MOVED_FROM)
    .union(MaskFlags::FAN_MOVED_TO)
    .union(MaskFlags::FAN_DELETE_SELF)
    .union(MaskFlags::FAN_MOVE_SELF)
    .union(MaskFlags::FAN_ONDIR);
/// Writes: also each commit of the recorder's own, which the kernel keeps as one until it is read.
pub(super) const WRITES: MaskFlags = MaskFlags::FAN_MODIFY;
/// What can be had of a file system that cannot name its files by handles.
const NAMELESS: MaskFlags = MaskFlags::FAN_CLOSE_WRITE.union(MaskFlags::FAN_MODIFY);

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Somebody changed a file.
    Change {
        /// The process; 0 where the kernel does not say.
        pid: u32,
        /// Name in the directory; none: the directory itself.
        name: Option<OsString>,
        /// What became of it.
        changes: Vec<FileTouch>,
    },
    /// More happened than the kernel keeps.
    Overflow,
}

/// Watches a directory.
#[derive(Debug)]
pub(super) struct Group {
    fanotify: Fanotify,
    directory: PathBuf,
    names: bool,
    /// What the directory itself was like at the last look.
    own: Cell<Option<Own>>,
}

/// Attributes of a directory: when they changed last (s, ns), and the permissions and owners that a clock
/// of some milliseconds would hide.
type Own = (i64, i64, u32, u32, u32);

/// Nothing where the directory is not there any more.
fn own(directory: &Path) -> Option<Own> {
    let found = std::fs::symlink_metadata(directory).ok()?;
    Some((
        found.ctime(),
        found.ctime_nsec(),
        found.mode(),
        found.uid(),
        found.gid(),
    ))
}

impl Group {
    /// Watches for `mask`. Where the file system has no handles: for writes only, or not at all where
    /// `mask` has none that can be seen so.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn new(directory: &Path, mask: MaskFlags) -> nix::Result<Group> {
        match Group::with(directory, mask, true) {
            // By version and file system: no handles, or none that are worth anything.
            Err(Errno::ENODEV | Errno::EOPNOTSUPP | Errno::EXDEV | Errno::EINVAL) => {
                Group::with(directory, mask & NAMELESS, false)
            }
            other => other,
        }
    }

    fn with(directory: &Path, mask: MaskFlags, names: bool) -> nix::Result<Group> {
        let flags = InitFlags::FAN_CLASS_NOTIF | InitFlags::FAN_CLOEXEC | InitFlags::FAN_NONBLOCK;
        let report = InitFlags::from_bits_retain(if names { REPORT_NAMES } else { 0 });
        let files = EventFFlags::O_RDONLY | EventFFlags::O_LARGEFILE | EventFFlags::O_CLOEXEC;
        let fanotify = Fanotify::init(flags | report, files)?;
        let add = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_ONLYDIR;
        let mask = mask | MaskFlags::FAN_EVENT_ON_CHILD;
        fanotify.mark(add, mask, AT_FDCWD, Some(directory))?;
        let directory = directory.to_owned();
        let own = Cell::new(own(&directory));
        Ok(Group {
            fanotify,
            directory,
            names,
            own,
        })
    }

    /// Whether removed, moved and created files are seen, too.
    pub(super) fn has_names(&self) -> bool {
        self.names
    }

    /// The directory as it was named.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What has happened since; nothing where it cannot be read.
    pub(super) fn read(&self, mut take: impl FnMut(Seen)) {
        for _ in 0..READS {
            let more = match self.names {
                true => self.read_named(&mut take),
                false => self.read_files(&mut take),
            };
            if !more {
                return;
            }
        }
    }

    fn read_named(&self, take: &mut impl FnMut(Seen)) -> bool {
        let mut buffer = [0; BUFFER];
        let Ok(length) = rustix::io::read(&self.fanotify, &mut buffer) else {
            return false;
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        let now = own(&self.directory);
        let is_same = now.is_some() && self.own.replace(now) == now;
        for event in message::events(bytes) {
            // A directory in this one says the same of itself as this one does of itself.
            let is_attribute = event.mask & MaskFlags::FAN_ATTRIB.bits() != 0;
            if is_same && is_attribute && event.name == Some(b".") {
                continue;
            }
            let name = event.name.filter(|name| *name != b".");
            let name = name.map(|name| OsStr::from_bytes(name).to_owned());
            take(seen(event.mask, event.pid, name));
        }
        length > 0
    }

    /// Each event comes with the file, opened.
    fn read_files(&self, take: &mut impl FnMut(Seen)) -> bool {
        let Ok(events) = self.fanotify.read_events() else {
            return false;
        };
        for event in &events {
            let name = event.fd().and_then(|file| {
                let link = format!("/proc/self/fd/{}", file.as_raw_fd());
                let path = std::fs::read_link(link).ok()?;
                let name = path.file_name()?.as_bytes();
                Some(OsStr::from_bytes(name.strip_suffix(DELETED).unwrap_or(name)).to_owned())
            });
            take(seen(event.mask().bits(), event.pid(), name));
        }
        !events.is_empty()
    }
}

impl AsFd for Group {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fanotify.as_fd()
    }
}

fn seen(mask: u64, pid: i32, name: Option<OsString>) -> Seen {
    let mask = MaskFlags::from_bits_retain(mask);
    if mask.contains(MaskFlags::FAN_Q_OVERFLOW) {
        return Seen::Overflow;
    }
    Seen::Change {
        pid: pid.try_into().unwrap_or(0),
        name,
        changes: changes(mask),
    }
}

fn changes(mask: MaskFlags) -> Vec<FileTouch> {
    [
        (MaskFlags::FAN_DELETE, FileTouch::Delete),
        (MaskFlags::FAN_DELETE_SELF, FileTouch::Delete),
        (MaskFlags::FAN_MOVED_FROM, FileTouch::MovedFrom),
        (MaskFlags::FAN_MOVE_SELF, FileTouch::MovedFrom),
        (MaskFlags::FAN_MOVED_TO, FileTouch::MovedTo),
        (MaskFlags::FAN_CREATE, FileTouch::Create),
        (MaskFlags::FAN_MODIFY, FileTouch::Write),
        (MaskFlags::FAN_CLOSE_WRITE, FileTouch::CloseAfterWrite),
        (MaskFlags::FAN_ATTRIB, FileTouch::Attribute),
    ]
    .into_iter()
    .filter(|(bit, _)| mask.contains(*bit))
    .map(|(_, touch)| touch)
    .collect()
}
