//! Reads that say something about the machine rather than about what the agent does: shared
//! libraries, locales, fonts, what a process asks of itself in `/proc`.
//!
//! Comes in: finished actions. Goes out: those that are to be recorded; the others are counted, by
//! process and class, and told with the end of the process and of the session. What belongs to which
//! class stands in `noise/table.rs` and can be configured. Never: counts away what changes
//! something, what failed, a well-known credential, or a file that the process could have written.

mod class;
mod table;

use std::collections::BTreeMap;

use foldhash::HashMap;

pub use class::{BadGlob, Classes, check};
pub use table::{TABLE, built_in};

use crate::correlate::Done;
use crate::credential;
use crate::record::{Access, Action, Object, OutcomeResult};

/// Globs by class, as they are configured. A class named like a built-in one stands in its place.
pub type Globs = BTreeMap<String, Vec<String>>;

/// Opens that were counted, by class.
type Counts = BTreeMap<String, u64>;

/// Of more processes at a time reads are recorded, whatever they are.
const MOST: usize = 64 * 1024;

/// Counts reads.
#[derive(Debug, Default)]
pub struct Noise {
    classes: Classes,
    /// By uid of the process.
    counted: HashMap<String, Counts>,
}

impl Noise {
    /// Counts reads of these classes; records all where there are none, or some that nobody checked.
    pub fn new(globs: &Globs) -> Noise {
        Noise {
            classes: Classes::new(globs).unwrap_or_default(),
            counted: HashMap::default(),
        }
    }

    /// Whether the action is counted instead of recorded, and for which class. What is counted of a
    /// process is put into the action that tells its end.
    pub fn take(&mut self, done: &mut Done) -> Option<&str> {
        let process = &done.action.process;
        if let Object::Exit { counted_opens, .. } = &mut done.action.object {
            for (class, count) in self.counted.remove(&process.uid).unwrap_or_default() {
                *counted_opens.entry(class).or_default() += count;
            }
            return None;
        }
        if !done.unwritable {
            return None;
        }
        let class = self.classes.of(read_of(&done.action)?, process.pid)?;
        if !self.counted.contains_key(&process.uid) {
            if self.counted.len() >= MOST {
                return None;
            }
            self.counted.insert(process.uid.clone(), Counts::new());
        }
        let counts = self.counted.get_mut(&process.uid)?;
        *counts.entry(class.to_owned()).or_default() += done.action.completeness.count;
        Some(class)
    }

    /// The process has ended, and nobody told.
    pub fn forget(&mut self, process_uid: &str) {
        self.counted.remove(process_uid);
    }
}

#[cfg(test)]
mod tests;

/// The path, where this opened a file for nothing but reading and it is no well-known credential.
fn read_of(action: &Action) -> Option<&[u8]> {
    let Object::Open {
        path,
        access: Access::Read,
        created: false,
        open_flags,
        ..
    } = &action.object
    else {
        return None;
    };
    // An open for reading can truncate.
    let is_plain = action.outcome.result == OutcomeResult::Success
        && !action.completeness.truncated
        && action.completeness.notes.is_empty()
        && !open_flags.iter().any(|flag| flag == "TRUNC");
    (is_plain && credential::at(&path.0).is_none()).then_some(&path.0)
}
