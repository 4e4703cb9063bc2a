//! Whether other processes change the recorder's own files: the journal and the configuration, with
//! the directory of agents beside it, and what its probes are pinned by.
//!
//! Comes in: what fanotify says of their directories. Goes out: who did what to which file, repeated
//! changes counted. Never: what is only read, or what this process does itself.
//!
//! The recorder's own commits are writes in the journal's directory, many a second. So writes have
//! a group of their own, which wakes nobody and is read on the clock: the kernel keeps all commits
//! between two looks as one event (measured on 6.18: 1 µs a write, 56 bytes for 100,000 of them). What
//! else happens there is rare and wakes the reader, which
//! then has the best chance to see who it was.

mod group;
mod message;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::config::AGENTS;
use crate::input::FileTouch;
use crate::load::Pins;
use crate::record::HookReport;
use group::{Group, RARE, Seen, WRITES};

/// How long the same change by the same process is counted before it is told again.
const REPEAT: Duration = Duration::from_secs(1);
/// Changed files that are kept in mind for that.
const KEPT: usize = 256;

/// A file that another process changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Touch {
    /// The process; 0 where the kernel does not say.
    pub(super) pid: u32,
    /// The file.
    pub(super) path: PathBuf,
    /// What became of it.
    pub(super) changes: Vec<FileTouch>,
    /// How often.
    pub(super) count: u64,
}

/// What has happened since the last look.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Changed files.
    pub(super) touches: Vec<Touch>,
    /// There was more than the kernel keeps.
    pub(super) lost: bool,
}

/// One directory.
#[derive(Debug)]
struct Place {
    group: Group,
    /// The only name that counts; any where there is none.
    only: Option<OsString>,
    /// What happens here wakes the reader.
    wakes: bool,
}

/// The directories that are watched.
#[derive(Debug, Default)]
pub(super) struct Guard {
    places: Vec<Place>,
    repeats: Repeats,
}

impl Guard {
    /// Watches them, and says what came of it. A configuration that is reached through a link is
    /// watched at both ends. A directory of agents that is made later is not watched.
    pub(super) fn new(journal: &Path, config: Option<&Path>) -> (Guard, Vec<HookReport>) {
        let mut guard = Guard::default();
        let mut reports = vec![
            guard.add(journal, None, RARE, true),
            guard.add(journal, None, WRITES, false),
        ];
        let real = config.and_then(|config| config.canonicalize().ok());
        let ends: BTreeSet<_> = [config, real.as_deref()].into_iter().flatten().collect();
        for file in ends {
            if let (Some(directory), Some(name)) = (directory(file), file.file_name()) {
                reports.push(guard.add(directory, Some(name), RARE | WRITES, true));
            }
            let agents = file.with_file_name(AGENTS);
            if agents.is_dir() {
                reports.push(guard.add(&agents, None, RARE | WRITES, true));
            }
        }
        (guard, reports)
    }

    /// Watches what keeps the probes when this process is gone. Whoever removes all of it is seen at the top
    /// of it too.
    pub(super) fn watch_pins(&mut self, pins: &Pins) -> HookReport {
        self.add(pins.links(), None, RARE, true);
        self.add(pins.place(), None, RARE, true)
    }

    fn add(
        &mut self,
        directory: &Path,
        only: Option<&OsStr>,
        mask: nix::sys::fanotify::MaskFlags,
        wakes: bool,
    ) -> HookReport {
        let group = Group::new(directory, mask);
        let reason = match &group {
            Ok(group) if group.has_names() => None,
            Ok(_) => Some(
                "the file system has no file handles: writes to open files are seen, other \
                 changes are not"
                    .to_owned(),
            ),
            Err(error) => Some(format!("the kernel refuses to watch: {error}")),
        };
        let report = HookReport {
            action: if mask == WRITES {
                "tracker.write"
            } else {
                "tracker.*"
            }
            .to_owned(),
            program: "fanotify".to_owned(),
            target: only
                .map_or_else(|| directory.into(), |only| directory.join(only))
                .display()
                .to_string(),
            attached: reason.is_none(),
            reason,
        };
        if let Ok(group) = group {
            let only = only.map(OsStr::to_owned);
            self.places.push(Place { group, only, wakes });
        }
        report
    }

    /// What a reader should be woken by.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let waking = self.places.iter().filter(|place| place.wakes);
        waking.map(|place| place.group.as_fd())
    }

    /// What has happened since the last look.
    pub(super) fn look(&mut self) -> News {
        let mut changed: BTreeMap<(u32, PathBuf), BTreeSet<FileTouch>> = BTreeMap::new();
        let mut lost = false;
        let ready = self.ready();
        let own = if ready.is_empty() {
            0
        } else {
            std::process::id()
        };
        for place in ready {
            place.group.read(|seen| match seen {
                Seen::Change { pid, name, changes } if pid != own && place.concerns(&name) => {
                    let path = place.path(name);
                    changed.entry((pid, path)).or_default().extend(changes);
                }
                Seen::Change { .. } => {}
                Seen::Overflow => lost = true,
            });
        }
        let touches = self.repeats.told(changed, Instant::now());
        News { touches, lost }
    }

    /// Where something has happened. There are many looks and little to see, so all are asked at once.
    fn ready(&self) -> Vec<&Place> {
        let mut all: Vec<_> = self
            .places
            .iter()
            .map(|place| PollFd::from_borrowed_fd(place.group.as_fd(), PollFlags::IN))
            .collect();
        let is_known = poll(&mut all, Some(&Timespec::default())).is_ok();
        let places = self.places.iter().zip(all);
        places
            .filter(|(_, asked)| !is_known || !asked.revents().is_empty())
            .map(|(place, _)| place)
            .collect()
    }

    /// What was only counted so far.
    pub(super) fn rest(&mut self) -> Vec<Touch> {
        self.repeats.due(Instant::now() + REPEAT)
    }
}

impl Place {
    fn concerns(&self, name: &Option<OsString>) -> bool {
        match (&self.only, name) {
            (Some(only), Some(name)) => only == name,
            _ => true,
        }
    }

    fn path(&self, name: Option<OsString>) -> PathBuf {
        let directory = self.group.directory();
        name.map_or_else(|| directory.to_owned(), |name| directory.join(name))
    }
}

/// The directory of a file; a name alone is in the working directory.
fn directory(file: &Path) -> Option<&Path> {
    let above = file.parent()?;
    Some(if above.as_os_str().is_empty() {
        Path::new(".")
    } else {
        above
    })
}

/// Changes that were told a moment ago.
#[derive(Debug, Default)]
struct Repeats(BTreeMap<(u32, PathBuf), Repeat>);

#[derive(Debug)]
struct Repeat {
    told: BTreeSet<FileTouch>,
    at: Instant,
    /// How often it happened since.
    more: u64,
}

impl Repeats {
    /// What is new is told at once; what was told a moment ago is counted.
    fn told(
        &mut self,
        changed: BTreeMap<(u32, PathBuf), BTreeSet<FileTouch>>,
        now: Instant,
    ) -> Vec<Touch> {
        let mut touches = self.due(now);
        for (key, changes) in changed {
            if let Some(repeat) = self.0.get_mut(&key)
                && changes.is_subset(&repeat.told)
            {
                repeat.more += 1;
                continue;
            }
            touches.push(touch(&key, &changes, 1));
            let before = self.0.remove(&key);
            let told = before.iter().flat_map(|repeat| &repeat.told).copied();
            let told = told.chain(changes).collect();
            let more = before.map_or(0, |repeat| repeat.more);
            if self.0.len() < KEPT {
                self.0.insert(
                    key,
                    Repeat {
                        told,
                        at: now,
                        more,
                    },
                );
            }
        }
        touches
    }

    /// What was counted until a second after it was told.
    fn due(&mut self, now: Instant) -> Vec<Touch> {
        let over = |repeat: &Repeat| now.duration_since(repeat.at) >= REPEAT;
        let ended: Vec<_> = self.0.extract_if(.., |_, repeat| over(repeat)).collect();
        let counted = ended.into_iter().filter(|(_, repeat)| repeat.more > 0);
        let mut touches = Vec::new();
        for (key, repeat) in counted {
            touches.push(touch(&key, &repeat.told, repeat.more));
            self.0.insert(
                key,
                Repeat {
                    at: now,
                    more: 0,
                    ..repeat
                },
            );
        }
        touches
    }
}

fn touch((pid, path): &(u32, PathBuf), changes: &BTreeSet<FileTouch>, count: u64) -> Touch {
    Touch {
        pid: *pid,
        path: path.clone(),
        changes: changes.iter().copied().collect(),
        count,
    }
}

#[cfg(test)]
mod tests;
