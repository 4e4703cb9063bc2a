//! What became of files: what persists of all that was created, written, renamed and deleted.
//!
//! Comes in: each change, in order. Goes out: a file once, by what it is now compared with what it
//! was before the session. Never: asks the file system, or keeps more than its shelves hold.

use super::kernel::is_kernel_made;
use super::shelf::Shelf;
use crate::record::{Item, Listed};

/// Bytes kept of the names of files, and as much again of those in folders of tools.
const BYTES: usize = 2 << 20;
/// Names below a renamed directory that follow it.
const FOLLOW: usize = 4096;
/// Names that follow renamed directories in a whole session; it bounds the work.
const FOLLOW_ALL: usize = 1 << 20;

/// Folders whose content is the business of a tool, not of people: they are listed by name, with
/// the number of files in them.
const FOLDERS: &[&[u8]] = &[
    b".cache",
    b".git",
    b".hg",
    b".jj",
    b".mypy_cache",
    b".npm",
    b".pytest_cache",
    b".ruff_cache",
    b".svn",
    b".venv",
    b"__pycache__",
    b"dist-packages",
    b"node_modules",
    b"site-packages",
];

/// All files that a session changed.
#[derive(Debug)]
pub(super) struct Files {
    plain: Shelf<File>,
    /// Those in folders of tools, so that they do not displace the others.
    inner: Shelf<File>,
    /// Created and gone again.
    pub(super) temporary: u64,
    followed: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    before: Before,
    now: Now,
}

/// What had this name before the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Something,
    /// A rename put a file here; whether it replaced one is not told.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Now {
    Deleted,
    /// It has another name now.
    Moved,
    Here {
        written: bool,
        /// The name it had before the session.
        from: Option<Vec<u8>>,
    },
}

const UNTOUCHED: File = File {
    before: Before::Something,
    now: Now::Here {
        written: false,
        from: None,
    },
};

impl Files {
    /// They hold that part of what those of a session do.
    pub(super) fn new(part: usize) -> Self {
        let weigh = |file: &File| match &file.now {
            Now::Here {
                from: Some(from), ..
            } => from.len(),
            Now::Here { from: None, .. } | Now::Deleted | Now::Moved => 0,
        };
        Files {
            plain: Shelf::new(BYTES / part, weigh),
            inner: Shelf::new(BYTES / part, weigh),
            temporary: 0,
            followed: 0,
        }
    }

    /// It was opened for writing.
    pub(super) fn write(&mut self, path: &[u8], created: bool) {
        // Pipes and files in memory have no place where they could stay.
        let placeless = path.first() != Some(&b'/');
        if placeless || is_kernel_made(path) {
            return;
        }
        let shelf = self.shelf(path);
        if matches!(
            shelf.get(path),
            Some(File {
                now: Now::Here { written: true, .. },
                ..
            })
        ) {
            return;
        }
        let before = match created {
            true => Before::Nothing,
            false => Before::Something,
        };
        let old = shelf.take(path);
        let from = match &old {
            Some(File {
                now: Now::Here { from, .. },
                ..
            }) => from.clone(),
            _ => None,
        };
        let file = File {
            before: old.map_or(before, |file| file.before),
            now: Now::Here {
                written: true,
                from,
            },
        };
        shelf.put(path, file);
    }

    /// It was deleted.
    pub(super) fn delete(&mut self, path: &[u8]) {
        let file = self.shelf(path).take(path).unwrap_or(UNTOUCHED);
        let origin = match file.now {
            Now::Here { from, .. } => from,
            Now::Deleted | Now::Moved => None,
        };
        if let Some(origin) = &origin {
            self.lose(origin);
        }
        match (file.before, origin) {
            (Before::Nothing, None) => self.temporary += 1,
            (Before::Nothing | Before::Unknown, Some(_)) => {}
            (Before::Something, _) | (Before::Unknown, None) => {
                self.put(path, file.before, Now::Deleted);
            }
        }
    }

    /// It was renamed. `fresh`: nothing had the new name.
    pub(super) fn rename(&mut self, from: &[u8], to: &[u8], fresh: bool) {
        if from == to {
            return;
        }
        let file = self.shelf(from).take(from).unwrap_or(UNTOUCHED);
        let (written, origin, left) = match (file.now, file.before) {
            // What had this name before was replaced already.
            (
                Now::Here {
                    written,
                    from: Some(origin),
                },
                _,
            ) => (written, Some(origin), Now::Deleted),
            (
                Now::Here {
                    written,
                    from: None,
                },
                Before::Something,
            ) => (written, Some(from.to_vec()), Now::Moved),
            (Now::Here { .. }, _) => (true, None, Now::Moved),
            // It came back in a way that is not recorded, as by a link.
            (left @ (Now::Deleted | Now::Moved), _) => (true, None, left),
        };
        if file.before == Before::Something {
            self.put(from, Before::Something, left);
        }
        let old = self.shelf(to).take(to);
        if let Some(File {
            now: Now::Here {
                from: Some(lost), ..
            },
            ..
        }) = &old
        {
            self.lose(lost);
        }
        let before = match (old, fresh) {
            (Some(old), _) => old.before,
            (None, true) => Before::Nothing,
            (None, false) => Before::Unknown,
        };
        let origin = origin.filter(|origin| origin != to);
        if written || origin.is_some() {
            self.put(
                to,
                before,
                Now::Here {
                    written,
                    from: origin,
                },
            );
        }
        self.follow(from, to);
    }

    /// Two names changed places.
    pub(super) fn exchange(&mut self, one: &[u8], other: &[u8]) {
        self.write(one, false);
        self.write(other, false);
    }

    /// A file that was there before the session, and has had another name since, is gone.
    fn lose(&mut self, path: &[u8]) {
        let moved = matches!(
            self.shelf(path).get(path),
            Some(File {
                now: Now::Moved,
                ..
            })
        );
        if moved {
            self.put(path, Before::Something, Now::Deleted);
        }
    }

    /// What is below a renamed directory has other names now.
    fn follow(&mut self, from: &[u8], to: &[u8]) {
        let most = FOLLOW.min(FOLLOW_ALL - self.followed);
        let mut names = self.plain.below(from, most);
        names.extend(self.inner.below(from, most - names.len()));
        self.followed += names.len();
        for name in names {
            let is_here = |file: &&File| matches!(file.now, Now::Here { .. });
            if self.shelf(&name).get(&name).filter(is_here).is_none() {
                continue;
            }
            if let Some(file) = self.shelf(&name).take(&name) {
                let new = [to, name.get(from.len()..).unwrap_or_default()].concat();
                self.shelf(&new).put(&new, file);
            }
        }
    }

    fn put(&mut self, path: &[u8], before: Before, now: Now) {
        self.shelf(path).put(path, File { before, now });
    }

    fn shelf(&mut self, path: &[u8]) -> &mut Shelf<File> {
        match place(path) {
            Place::Inner(_) => &mut self.inner,
            Place::Plain | Place::Telling => &mut self.plain,
        }
    }

    /// Created, written, deleted, renamed. What lies outside `base` comes first.
    pub(super) fn lists(&self, base: &[u8], most: usize) -> [Listed; 4] {
        let mut lists = [const { Vec::new() }; 4];
        for (path, file) in self.plain.iter().chain(self.inner.iter()) {
            let (place, from) = match (&file.now, file.before) {
                (
                    Now::Here {
                        from: Some(from), ..
                    },
                    _,
                ) => (3, Some(from)),
                (Now::Here { .. }, Before::Nothing) => (0, None),
                (Now::Here { .. }, Before::Something | Before::Unknown) => (1, None),
                (Now::Deleted, _) => (2, None),
                (Now::Moved, _) => continue,
            };
            lists[place].push((path, from));
        }
        // Which list a name without room would have been in is not known: it was written mostly.
        let beyond = self.plain.beyond + self.inner.beyond;
        let mut lists = lists.map(|paths| listed(paths, base, most));
        lists[1].beyond = beyond;
        lists
    }
}

/// A name, the one it had before, and how many files stand behind it.
type Line<'a> = (&'a [u8], Option<&'a Vec<u8>>, u64);

fn listed(paths: Vec<(&[u8], Option<&Vec<u8>>)>, base: &[u8], most: usize) -> Listed {
    let total = paths.len() as u64;
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (path, from) in paths {
        let name = match place(path) {
            Place::Inner(end) => &path[..end],
            Place::Telling | Place::Plain => path,
        };
        match lines.last_mut() {
            Some((last, None, count)) if *last == name => *count += 1,
            _ => lines.push((name, from.filter(|_| name == path), 1)),
        }
    }
    lines.sort_by_key(|(name, ..)| {
        let depth = name.iter().filter(|byte| **byte == b'/').count();
        (rank(name, base), depth, *name)
    });
    let items = lines.into_iter().map(|(name, from, count)| Item {
        to: from.map(|_| Item::named(name).name),
        count,
        ..Item::named(from.map_or(name, |from| &from[..]))
    });
    Listed::first(total, most, items)
}

/// What a person should see first.
fn rank(path: &[u8], base: &[u8]) -> u8 {
    let rest = path.strip_prefix(base);
    match (place(path), rest.is_some_and(|rest| rest.starts_with(b"/"))) {
        (Place::Telling, _) => 0,
        (Place::Plain, false) => 1,
        (Place::Plain, true) => 2,
        (Place::Inner(_), _) => 3,
    }
}

/// Whose business a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// People's.
    Plain,
    /// A tool's; the name of its folder ends here, the slash included.
    Inner(usize),
    /// It lies in a tool's folder, and the tool will execute it or obey it.
    Telling,
}

/// Whether a file lies in a folder that is a tool's own business, and is not one that the tool
/// executes or obeys.
pub fn is_of_tool(path: &[u8]) -> bool {
    matches!(place(path), Place::Inner(_))
}

fn place(path: &[u8]) -> Place {
    let mut start = 0;
    for slash in memchr::memchr_iter(b'/', path) {
        let name = path.get(start..slash).unwrap_or_default();
        if FOLDERS.contains(&name) {
            let rest = path.get(slash + 1..).unwrap_or_default();
            let is_telling = match name {
                b".git" => {
                    rest == b"config"
                        || (rest.starts_with(b"hooks/") && !rest.ends_with(b".sample"))
                }
                _ => rest.ends_with(b".pth"),
            };
            return match is_telling {
                true => Place::Telling,
                false => Place::Inner(slash + 1),
            };
        }
        start = slash + 1;
    }
    Place::Plain
}

#[cfg(test)]
#[path = "files/tests.rs"]
mod tests;
