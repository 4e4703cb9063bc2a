//! What the table consists of.

use super::{Attach, HOOKS, Kind};

/// One event of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The event.
    pub kind: Kind,
    /// The struct of its body, which several may share.
    pub body: &'static str,
    /// Its name in records, as in `file.open`.
    pub action: &'static str,
    /// What it means, in one line.
    pub description: &'static str,
    /// Which ring carries it.
    pub ring: Ring,
}

/// One attachment of one program for one event.
#[derive(Clone, Copy, Debug)]
pub struct Hook {
    /// Index of its counters.
    pub id: u16,
    /// The event it feeds.
    pub kind: Kind,
    /// The back ends it belongs to (bits).
    pub backends: u8,
    /// Where it attaches.
    pub attach: Attach,
    /// The program's name in the object. Several hooks may share one.
    pub program: &'static str,
}

impl Hook {
    /// The hook with this id.
    pub fn by_id(id: u16) -> Option<&'static Hook> {
        HOOKS.iter().find(|hook| hook.id == id)
    }
}

/// Rings: the storm of one must not starve the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Processes and tags. Rare and never given up.
    Lifecycle = 0,
    /// Files and sockets.
    Bulk = 1,
}
