//! Files of the recorder's own that others reached for.

use serde::{Deserialize, Serialize};

use crate::record::Text;

/// Another process changed a file of the recorder's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// When this was known, boot clock, ns: all that came before is told before.
    pub at: u64,
    /// The process.
    pub pid: u32,
    /// Its start, ticks since boot; 0: it has ended already.
    pub start: u64,
    /// Session key from its tag; 0: it has none, or has ended.
    pub session: u64,
    /// The file.
    pub path: Text,
    /// What became of it.
    pub changes: Vec<FileTouch>,
    /// How often that was seen.
    pub count: u64,
}

/// What became of a file, in the kernel's words (fanotify(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileTouch {
    /// It is gone.
    Delete,
    /// It had this name.
    MovedFrom,
    /// It got this name.
    MovedTo,
    /// It was made.
    Create,
    /// Its bytes or its length changed.
    Write,
    /// It was closed after it had been open for writing.
    CloseAfterWrite,
    /// Its permissions, owner, times, links or extended attributes changed.
    Attribute,
    /// It is the control socket: something was asked for there, and refused for who asked. No word of
    /// fanotify's.
    Request,
}
