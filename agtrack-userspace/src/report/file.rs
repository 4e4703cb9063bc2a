//! Files that a session changed, one by one.

use std::borrow::Cow;
use std::collections::HashMap;

use super::bounds::FILES;
use super::host::{by, once};
use super::model::{Capped, FileDone};
use crate::deed::{is_kernel_made, is_of_tool};
use crate::record::{Action, Effect, Object, OutcomeResult, Text};

/// Files by their paths.
#[derive(Debug, Default)]
pub(super) struct Files {
    places: HashMap<Vec<u8>, usize>,
    files: Capped<FileDone>,
}

impl Files {
    pub(super) fn add(&mut self, action: &Action, call: u64) {
        if action.outcome.result == OutcomeResult::Failure {
            return;
        }
        let effect = action.effect.as_ref();
        match &action.object {
            Object::Open {
                path,
                created: true,
                ..
            } => drop(self.note(path, "created", call)),
            Object::File { path, change, .. } => {
                let Some(what) = what(action) else { return };
                let what = &*what;
                let created = change
                    .content
                    .as_ref()
                    .is_some_and(|content| content.created);
                if created {
                    self.note(path, "created", call);
                }
                let Some(file) = self.note(path, what, call) else {
                    return;
                };
                became(file, what, (effect, change.size));
                if let Some(target) = &change.target {
                    file.other = Some(target.clone());
                }
            }
            Object::Rename { from, to, .. } => {
                let before = self.note(from, "moved away", call).map(|file| {
                    file.other = Some(to.clone());
                    let sha256 = file.sha256.take();
                    let size = file.size.take();
                    gone(file, None);
                    let modes = file.what.iter().filter(|what| is_mode(what));
                    (size, sha256, modes.cloned().collect::<Vec<_>>())
                });
                if let Some(file) = self.note(to, "moved here", call) {
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
            }
            _ => {}
        }
    }

    fn note(&mut self, path: &Text, what: &str, call: u64) -> Option<&mut FileDone> {
        // Pipes and files in memory have no place where they could stay.
        if path.0.first() != Some(&b'/') || is_kernel_made(&path.0) {
            return None;
        }
        let place = match self.places.get(&path.0) {
            Some(place) => *place,
            None if self.files.items.len() >= FILES => {
                self.files.more += 1;
                return None;
            }
            None => {
                let place = self.files.items.len();
                self.files.items.push(FileDone {
                    path: path.clone(),
                    of_tool: is_of_tool(&path.0),
                    ..FileDone::default()
                });
                self.places.insert(path.0.clone(), place);
                place
            }
        };
        let file = self.files.items.get_mut(place)?;
        file.gone = false;
        once(&mut file.what, Some(what.to_owned()));
        by(&mut file.calls, Some(call));
        Some(file)
    }

    pub(super) fn finish(mut self) -> Capped<FileDone> {
        // Of files that came and went the numbers are told; directories around them were to hold them.
        let is_told =
            |file: &FileDone| !file.gone || file.what.first().is_none_or(|what| what != MADE);
        self.files.items.retain(is_told);
        self.files.items.sort_by(|a, b| a.path.cmp(&b.path));
        self.files
    }
}

/// What is said of a directory that is new.
const MADE: &str = "directory made";
/// What a file's mode was changed to begins with.
const MODE: &str = "mode ";

/// Whether it says to what a file's mode was changed.
pub(super) fn is_mode(what: &str) -> bool {
    what.starts_with(MODE)
}

/// What an action is to a file, if it changes one.
fn what(action: &Action) -> Option<Cow<'static, str>> {
    let Object::File { change, .. } = &action.object else {
        return None;
    };
    if let ("file.chmod", Some(mode)) = (&*action.action, &change.mode) {
        return Some(format!("{MODE}{mode}").into());
    }
    let written = change.content.as_ref();
    let what = match &*action.action {
        "file.close" if written.is_some_and(|content| content.written > 0) => Some("written"),
        "file.close" if written.is_some_and(|content| content.emptied) => Some("emptied"),
        "file.close" if written.is_some_and(|content| content.created) => Some("created"),
        "file.mkdir" => Some(MADE),
        "file.rmdir" => Some("directory removed"),
        "file.unlink" => Some("deleted"),
        "file.link" => Some("linked"),
        "file.symlink" => Some("symbolic link"),
        "file.mknod" => Some("made"),
        "file.truncate" => Some("truncated"),
        "file.mmap" if change.protection.iter().any(|word| word == "WRITE") => Some("mapped"),
        "file.chmod" => Some("mode changed"),
        "file.chown" => Some("owner changed"),
        "file.setxattr" | "file.removexattr" => Some("attribute changed"),
        _ => None,
    };
    what.map(Cow::Borrowed)
}

/// What a file is after something was done to it.
fn became(file: &mut FileDone, what: &str, (effect, size): (Option<&Effect>, Option<u64>)) {
    match what {
        "deleted" => gone(file, effect),
        "directory removed" => file.gone = true,
        "truncated" => truncated(file, size),
        "mapped" => file.changed_since |= file.sha256.is_some(),
        // What a new name was not read by says nothing of the file.
        "linked" => holds(file, effect.filter(|effect| effect.sha256.is_some())),
        _ => holds(file, effect),
    }
}

/// What it holds now nobody has read.
fn truncated(file: &mut FileDone, size: Option<u64>) {
    let before = file.sha256.take();
    if file.what.first().is_none_or(|what| what != "created") {
        file.previous_sha256 = file.previous_sha256.or(before);
    }
    (file.size, file.unhashed) = (size, None);
}

fn holds(file: &mut FileDone, effect: Option<&Effect>) {
    let Some(effect) = effect else { return };
    // What was there before the session's first change says most.
    if file.what.first().is_none_or(|what| what != "created") {
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
