//! One question after the other.

use std::collections::HashMap;
use std::time::Instant;

use super::budget::Budget;
use super::file::{Found, PIECE, Place, Stat};
use super::known::{Entry, Known};
use crate::engine::clock;
use crate::input::{Clock, Deed, HashWanted, Hashed};
use crate::record::{Effect, Sha256, Text, Unhashed, timestamp};

/// A file that was changed so shortly before it was hashed may be changed again without another time
/// standing in its inode, ns: some file systems keep two seconds apart.
const SETTLES: u64 = 3_000_000_000;
/// The two clocks by which a change and an event are timed are not read at once, ns.
const SLACK: u64 = 100_000;

/// So many files are kept in mind that had no name before.
const NAMED: usize = 256;

/// Answers questions, and remembers what it read.
pub(super) struct Desk {
    max_bytes: u64,
    known: Known,
    /// The names that files got which were made without one (`O_TMPFILE`), by what the kernel calls those.
    named: HashMap<Text, Text>,
    budget: Budget,
    /// Room for what is read.
    piece: Vec<u8>,
}

/// A file that was hashed.
struct Read {
    sha256: Sha256,
    size: u64,
    /// As it was before.
    stat: Stat,
    /// It was changed while it was read.
    moved: bool,
}

impl Desk {
    pub(super) fn new(max_bytes: u64) -> Desk {
        Desk {
            max_bytes,
            known: Known::default(),
            named: HashMap::new(),
            budget: Budget::new(),
            piece: vec![0; PIECE],
        }
    }

    /// Answers one.
    pub(super) fn answer(&mut self, wanted: &HashWanted) -> Hashed {
        let (file, script) = match &wanted.deed {
            Deed::Written { created } => {
                let named = self.named.get(&wanted.path).map(|path| HashWanted {
                    path: path.clone(),
                    ..wanted.clone()
                });
                let wanted = named.as_ref().unwrap_or(wanted);
                let here = (&wanted.path, wanted.at);
                (Some(self.written(wanted, *created, here)), None)
            }
            Deed::Executed { script } => {
                let script = script.as_ref().map(|script| self.script(wanted, script));
                (Some(self.executed(wanted)), script)
            }
            Deed::Removed => (self.removed(wanted), None),
            Deed::Renamed { to, exchanged } => (self.renamed(wanted, to, *exchanged), None),
        };
        Hashed {
            ticket: wanted.ticket,
            file,
            script,
        }
    }

    /// Answers one about a file that was written and has had another name since `at`, wall clock, ns.
    pub(super) fn answer_moved(&mut self, wanted: &HashWanted, to: &Text, at: u64) -> Hashed {
        match wanted.deed {
            Deed::Written { created } => Hashed {
                ticket: wanted.ticket,
                file: Some(self.written(wanted, created, (to, at.max(wanted.at)))),
                script: None,
            },
            Deed::Executed { .. } | Deed::Removed | Deed::Renamed { .. } => self.answer(wanted),
        }
    }

    /// A file is at a path, where it got by something that was done to its inode until then.
    fn written(
        &mut self,
        wanted: &HashWanted,
        created: bool,
        (path, until): (&Text, u64),
    ) -> Effect {
        let found = place(wanted, &path.0).find();
        let read = match found.and_then(|found| self.read(&found)) {
            Ok(read) => read,
            Err(reason) => return Effect::without(wanted.size, reason),
        };
        let is_later = read.moved
            || read.stat.modified > wanted.at.saturating_add(SLACK)
            || read.stat.changed > until.saturating_add(SLACK)
            || wanted.size.is_some_and(|size| size != read.size);
        let previous = self.known.of(&read.stat);
        let previous = previous.filter(|entry| !created && !entry.is_later);
        // Whoever asks for it by the old name, as its rename does, comes after this.
        self.keep(&wanted.path.0, &read, is_later);
        Effect {
            size: Some(read.size),
            sha256: Some(read.sha256),
            previous_sha256: previous.map(|entry| entry.sha256),
            changed_since: is_later,
            ..Effect::default()
        }
    }

    fn executed(&mut self, wanted: &HashWanted) -> Effect {
        let place = Place {
            is_running: true,
            ..place(wanted, &wanted.path.0)
        };
        self.run(wanted, &wanted.path, place)
    }

    /// A script has nothing but its name; the kernel does not say which file it read.
    fn script(&mut self, wanted: &HashWanted, script: &Text) -> Effect {
        let place = Place {
            identity: None,
            ..place(wanted, &script.0)
        };
        self.run(wanted, script, place)
    }

    fn run(&mut self, wanted: &HashWanted, path: &Text, place: Place<'_>) -> Effect {
        let read = match self.unchanged(&place) {
            Some(read) => read,
            None => match place.find().and_then(|found| self.read(&found)) {
                Ok(read) => read,
                Err(reason) => return Effect::without(None, reason),
            },
        };
        let is_later = read.moved || read.stat.changed > wanted.at.saturating_add(SLACK);
        self.keep(&path.0, &read, is_later);
        Effect {
            size: Some(read.size),
            sha256: Some(read.sha256),
            changed_since: is_later,
            ..Effect::default()
        }
    }

    fn removed(&mut self, wanted: &HashWanted) -> Option<Effect> {
        let known = self.last(&wanted.path, wanted.inode, wanted.at);
        self.known.removed(&wanted.path.0);
        known.map(last)
    }

    fn renamed(&mut self, wanted: &HashWanted, to: &Text, exchanged: bool) -> Option<Effect> {
        let moved = self.last(&wanted.path, wanted.inode, wanted.at);
        let replaced = self.last(to, None, wanted.at);
        self.known.renamed(&wanted.path.0, &to.0, exchanged);
        if is_nameless(&wanted.path, wanted.inode) {
            if self.named.len() >= NAMED {
                self.named.clear();
            }
            self.named.insert(wanted.path.clone(), to.clone());
        }
        let effect = Effect {
            previous_sha256: replaced.map(|entry| entry.sha256),
            ..moved.map(last).unwrap_or_default()
        };
        (effect != Effect::default()).then_some(effect)
    }

    /// What is known of a file as it was before it lost its name at that time (wall clock, ns): not
    /// what was read afterwards and may be another's.
    pub(super) fn last(&self, path: &Text, inode: Option<u64>, at: u64) -> Option<Entry> {
        let known = self.known.named(&path.0, inode);
        known.filter(|entry| !entry.is_later || entry.as_of <= at)
    }

    /// The same few programs run again and again: one look tells that they are as they were.
    fn unchanged(&self, place: &Place<'_>) -> Option<Read> {
        self.known(place.glance()?)
    }

    /// What this very content was when it was read.
    fn known(&self, stat: Stat) -> Option<Read> {
        Some(Read {
            sha256: self.known.same(&stat)?,
            size: stat.size,
            stat,
            moved: false,
        })
    }

    fn read(&mut self, found: &Found) -> Result<Read, Unhashed> {
        let stat = found.stat;
        if stat.size > self.max_bytes {
            return Err(Unhashed::TooLarge);
        }
        if let Some(read) = self.known(stat) {
            return Ok(read);
        }
        if !self.budget.take(stat.size, Instant::now()) {
            return Err(Unhashed::Busy);
        }
        let (sha256, size, moved) = found.hash(self.max_bytes, &mut self.piece)?;
        Ok(Read {
            sha256,
            size,
            stat,
            moved,
        })
    }

    fn keep(&mut self, path: &[u8], read: &Read, is_later: bool) {
        let as_of = clock::now().wall;
        let entry = Entry {
            sha256: read.sha256,
            stat: Stat {
                size: read.size,
                ..read.stat
            },
            as_of,
            is_settled: !read.moved && read.stat.changed.saturating_add(SETTLES) < as_of,
            is_later,
        };
        self.known.put(path, entry);
    }
}

/// What `O_TMPFILE` makes is called by its inode (fs/namei.c, `d_tmpfile`).
fn is_nameless(path: &Text, inode: Option<u64>) -> bool {
    inode.is_some_and(|inode| path.0.ends_with(format!("/#{inode}").as_bytes()))
}

fn place<'a>(wanted: &'a HashWanted, path: &'a [u8]) -> Place<'a> {
    Place {
        path,
        pids: wanted.pids,
        // What nobody has seen cannot be proven: an inode that is 0 is nobody's.
        identity: Some((
            wanted.device.as_deref().unwrap_or_default(),
            wanted.inode.unwrap_or(0),
        )),
        made_before: wanted.at.saturating_add(SLACK),
        is_running: false,
    }
}

/// What is known of a file that is not looked at.
fn last(entry: Entry) -> Effect {
    let clock = Clock {
        boot: entry.as_of,
        wall: entry.as_of,
    };
    Effect {
        size: Some(entry.stat.size),
        sha256: Some(entry.sha256),
        as_of: Some(timestamp(clock, entry.as_of)),
        ..Effect::default()
    }
}
