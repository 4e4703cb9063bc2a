//! Files that a session changed, one by one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::bounds::FILES;
use super::host::{by, once};
use super::model::{Capped, FileDone};
use super::touch::Touch;
use crate::deed::{is_kernel_made, is_of_tool};
use crate::record::{Action, Effect, FileChange, Object, OutcomeResult, Text};

/// Files by their paths.
#[derive(Debug, Default)]
pub(super) struct Files {
    files: BTreeMap<Text, FileDone>,
    /// Changes of files that found no place.
    more: u64,
    /// The names of files that were made without one (`O_TMPFILE`), by what the kernel calls those.
    named: BTreeMap<Text, Text>,
}

impl Files {
    pub(super) fn add(&mut self, action: &Action, call: u64) {
        if action.outcome.result == OutcomeResult::Failure {
            return;
        }
        match &action.object {
            Object::Open {
                path,
                created: true,
                open_flags,
                ..
            } => {
                let is_nameless = open_flags.iter().any(|flag| flag == "TMPFILE");
                if let Some(file) = self.note(path, Touch::Created, call) {
                    file.gone = is_nameless;
                }
            }
            Object::File { path, change, .. } => self.changed(action, (path, change), call),
            Object::Rename { from, to, .. } => self.moved((from, to), action.effect.as_ref(), call),
            _ => {}
        }
    }

    fn changed(&mut self, action: &Action, (path, change): (&Text, &FileChange), call: u64) {
        let Some(touch) = Touch::of(action) else {
            return;
        };
        if let (true, Some(before)) = (change.unnamed, &change.target) {
            return self.name(before, path, call);
        }
        let named = self.named.get(path).cloned();
        let is_deleted = named.is_none() && is_deleted(action);
        let path = named.as_ref().unwrap_or(path);
        let created = change
            .content
            .as_ref()
            .is_some_and(|content| content.created);
        if created {
            self.note(path, Touch::Created, call);
        }
        let Some(file) = self.note(path, touch.clone(), call) else {
            return;
        };
        became(file, &touch, (action.effect.as_ref(), change.size));
        file.gone |= is_deleted;
        if let Some(target) = &change.target {
            file.other = Some(target.clone());
        }
        self.leave(path);
    }

    fn moved(&mut self, (from, to): (&Text, &Text), effect: Option<&Effect>, call: u64) {
        let before = self.note(from, Touch::MovedAway, call).map(|file| {
            file.other = Some(to.clone());
            let sha256 = file.sha256.take();
            let size = file.size.take();
            gone(file, None);
            let is_mode = |touch: &&Touch| matches!(touch, Touch::Mode(_));
            let modes = file.what.iter().filter(is_mode);
            (size, sha256, modes.cloned().collect::<Vec<_>>())
        });
        if let Some(file) = self.note(to, Touch::MovedHere, call) {
            file.other = Some(from.clone());
            let (size, sha256, modes) = before.unwrap_or_default();
            for mode in modes {
                once(&mut file.what, Some(mode));
            }
            if let Some(sha256) = sha256 {
                file.previous_sha256 = file.previous_sha256.or(file.sha256);
                (file.size, file.sha256) = (size, Some(sha256));
            }
            holds(file, effect);
        }
        self.leave(from);
    }

    fn note(&mut self, path: &Text, touch: Touch, call: u64) -> Option<&mut FileDone> {
        // Pipes and files in memory have no place where they could stay.
        if path.0.first() != Some(&b'/') || is_kernel_made(&path.0) {
            return None;
        }
        let has_room = self.files.len() < FILES;
        let file = match self.files.entry(path.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) if has_room => place.insert(FileDone {
                path: path.clone(),
                of_tool: is_of_tool(&path.0),
                ..FileDone::default()
            }),
            Entry::Vacant(_) => {
                self.more += 1;
                return None;
            }
        };
        file.gone = false;
        once(&mut file.what, Some(touch));
        by(&mut file.calls, Some(call));
        Some(file)
    }

    /// A file that had no name, or has lost it, gets one.
    fn name(&mut self, before: &Text, path: &Text, call: u64) {
        if let Some(file) = self.files.remove(before) {
            self.files.insert(
                path.clone(),
                FileDone {
                    path: path.clone(),
                    ..file
                },
            );
        }
        self.note(path, Touch::Created, call);
        if self.named.len() < FILES {
            self.named.insert(before.clone(), path.clone());
        }
    }

    /// Of files that came and went the numbers are told; directories around them were to hold them.
    fn leave(&mut self, path: &Text) {
        if let Entry::Occupied(file) = self.files.entry(path.clone())
            && file.get().gone
            && file.get().what.first() == Some(&Touch::DirectoryMade)
        {
            file.remove();
        }
    }

    pub(super) fn finish(self) -> Capped<FileDone> {
        Capped {
            items: self.files.into_values().collect(),
            more: self.more,
        }
    }
}

/// What was done to it was done after it had lost its name.
fn is_deleted(action: &Action) -> bool {
    action
        .completeness
        .notes
        .iter()
        .any(|note| note == "deleted")
}

/// What a file is after something was done to it.
fn became(file: &mut FileDone, touch: &Touch, (effect, size): (Option<&Effect>, Option<u64>)) {
    match touch {
        Touch::Deleted => gone(file, effect),
        Touch::DirectoryRemoved => file.gone = true,
        Touch::Truncated => truncated(file, size),
        Touch::Mapped => file.changed_since |= file.sha256.is_some(),
        // What a new name was not read by says nothing of the file.
        Touch::Linked => holds(file, effect.filter(|effect| effect.sha256.is_some())),
        _ => holds(file, effect),
    }
}

/// What it holds now nobody has read.
fn truncated(file: &mut FileDone, size: Option<u64>) {
    let before = file.sha256.take();
    if file.what.first() != Some(&Touch::Created) {
        file.previous_sha256 = file.previous_sha256.or(before);
    }
    (file.size, file.unhashed) = (size, None);
}

fn holds(file: &mut FileDone, effect: Option<&Effect>) {
    let Some(effect) = effect else { return };
    // What was there before the session's first change says most.
    if file.what.first() != Some(&Touch::Created) {
        file.previous_sha256 = file.previous_sha256.or(effect.previous_sha256);
    }
    file.sha256 = effect.sha256;
    file.size = effect.size;
    file.changed_since = effect.changed_since;
    file.unhashed = effect.unhashed;
}

/// What a deleted file held last is kept: nobody can look any more.
fn gone(file: &mut FileDone, effect: Option<&Effect>) {
    if let Some(effect) = effect.filter(|effect| effect.sha256.is_some()) {
        (file.sha256, file.size) = (effect.sha256, effect.size);
    }
    file.unhashed = None;
    file.gone = true;
}
