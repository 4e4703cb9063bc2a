//! What was done to a file, as data; the words for it stand here alone.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::record::{Action, Object};

/// One thing that was done to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The words for them stand below.
pub enum Touch {
    Created,
    Written,
    /// It was there, and holds nothing now.
    Emptied,
    Truncated,
    /// Into memory, for writing: what is written then nobody sees.
    Mapped,
    Deleted,
    MovedAway,
    MovedHere,
    Linked,
    SymbolicLink,
    /// A device, pipe or socket.
    Made,
    DirectoryMade,
    DirectoryRemoved,
    /// Its new mode in octal digits, where it is known.
    Mode(Option<String>),
    Owner,
    Attribute,
}

impl Touch {
    /// What an action is to the file that it is about, if it changes one. A rename concerns two.
    pub(super) fn of(action: &Action) -> Option<Touch> {
        let Object::File { change, .. } = &action.object else {
            return None;
        };
        let written = change.content.as_ref();
        match &*action.action {
            "file.close" if written.is_some_and(|content| content.written > 0) => {
                Some(Touch::Written)
            }
            "file.close" if written.is_some_and(|content| content.emptied) => Some(Touch::Emptied),
            "file.close" if written.is_some_and(|content| content.created) => Some(Touch::Created),
            "file.mkdir" => Some(Touch::DirectoryMade),
            "file.rmdir" => Some(Touch::DirectoryRemoved),
            "file.unlink" => Some(Touch::Deleted),
            "file.link" => Some(Touch::Linked),
            "file.symlink" => Some(Touch::SymbolicLink),
            "file.mknod" => Some(Touch::Made),
            "file.truncate" => Some(Touch::Truncated),
            "file.mmap" if change.protection.iter().any(|word| word == "WRITE") => {
                Some(Touch::Mapped)
            }
            "file.chmod" => Some(Touch::Mode(change.mode.clone())),
            "file.chown" => Some(Touch::Owner),
            "file.setxattr" | "file.removexattr" => Some(Touch::Attribute),
            _ => None,
        }
    }

    /// Whether it leaves neither content nor a name, so that lists of files written, deleted and moved
    /// do not have it.
    pub(super) fn is_beside_content(&self) -> bool {
        match self {
            Touch::Linked
            | Touch::Made
            | Touch::DirectoryMade
            | Touch::DirectoryRemoved
            | Touch::Mapped
            | Touch::Mode(_)
            | Touch::Owner
            | Touch::Attribute => true,
            Touch::Created
            | Touch::Written
            | Touch::Emptied
            | Touch::Truncated
            | Touch::Deleted
            | Touch::MovedAway
            | Touch::MovedHere
            | Touch::SymbolicLink => false,
        }
    }
}

impl fmt::Display for Touch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Touch::Created => "created",
            Touch::Written => "written",
            Touch::Emptied => "emptied",
            Touch::Truncated => "truncated",
            Touch::Mapped => "mapped",
            Touch::Deleted => "deleted",
            Touch::MovedAway => "moved away",
            Touch::MovedHere => "moved here",
            Touch::Linked => "linked",
            Touch::SymbolicLink => "symbolic link",
            Touch::Made => "made",
            Touch::DirectoryMade => "directory made",
            Touch::DirectoryRemoved => "directory removed",
            Touch::Mode(Some(mode)) => return write!(f, "mode {mode}"),
            Touch::Mode(None) => "mode changed",
            Touch::Owner => "owner changed",
            Touch::Attribute => "attribute changed",
        })
    }
}

impl Serialize for Touch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
