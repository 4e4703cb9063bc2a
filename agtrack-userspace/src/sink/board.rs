//! Where sinks say how they are doing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::cursor::Cursor;

/// What sinks said last, by name.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<BTreeMap<String, Posted>>>);

/// What a sink said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    /// How far it has come; none: it has not found its place yet.
    pub cursor: Option<Cursor>,
    /// Since when it waits for the answer to an attempt.
    pub trying: Option<Instant>,
    /// When the next attempt is, after one that failed.
    pub next: Option<Instant>,
}

impl Board {
    /// A sink begins.
    pub(super) fn enter(&self, name: &str) {
        self.all().entry(name.to_owned()).or_default();
    }

    pub(super) fn post(&self, name: &str, cursor: &Cursor) {
        let mut all = self.all();
        all.entry(name.to_owned()).or_default().cursor = Some(cursor.clone());
    }

    /// An attempt begins.
    pub(super) fn tries(&self, name: &str) {
        let mut all = self.all();
        let posted = all.entry(name.to_owned()).or_default();
        (posted.trying, posted.next) = (Some(Instant::now()), None);
    }

    /// An attempt has ended; where it failed there is another one.
    pub(super) fn tried(&self, name: &str, next: Option<Instant>) {
        let mut all = self.all();
        let posted = all.entry(name.to_owned()).or_default();
        (posted.trying, posted.next) = (None, next);
    }

    pub(super) fn remove(&self, name: &str) {
        self.all().remove(name);
    }

    /// What each sink said last, by name.
    #[must_use]
    pub fn read(&self) -> BTreeMap<String, Posted> {
        self.all().clone()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Posted>> {
        // A panic of a sink leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
