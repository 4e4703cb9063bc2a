//! What was hashed before: the last hash of each file.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use super::file::Stat;
use crate::record::Sha256;

/// More are not kept; the one that was used longest ago goes first.
pub(super) const MOST: usize = 64 * 1024;

/// Device and inode as stat(2) has them.
type Key = ((u32, u32), u64);

/// A file as it was when it was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) sha256: Sha256,
    pub(super) stat: Stat,
    /// When, wall clock, ns.
    pub(super) as_of: u64,
    /// The hash is surely of what these times stand for.
    pub(super) is_settled: bool,
    /// It may be of what came after the write that it was read for.
    pub(super) is_later: bool,
}

/// An entry and its place.
#[derive(Debug)]
struct Kept {
    entry: Entry,
    /// Its path, as a number that nobody outside can foretell.
    name: u64,
    used: u64,
}

/// The last hashes.
#[derive(Debug, Default)]
pub(super) struct Known {
    files: HashMap<Key, Kept>,
    names: HashMap<u64, Key>,
    order: BTreeMap<u64, Key>,
    used: u64,
    keys: RandomState,
}

impl Known {
    /// A file with this path was hashed.
    pub(super) fn put(&mut self, path: &[u8], entry: Entry) {
        let key = (entry.stat.device, entry.stat.inode);
        let name = self.keys.hash_one(path);
        if self.renew(key, &entry, name) {
            return;
        }
        self.forget(key);
        self.keep(key, entry, name);
        if self.files.len() > MOST
            && let Some((_, oldest)) = self.order.first_key_value()
        {
            self.forget(*oldest);
        }
    }

    /// Whether it was known by this name, and is so still.
    fn renew(&mut self, key: Key, entry: &Entry, name: u64) -> bool {
        let Some(kept) = self.files.get_mut(&key) else {
            return false;
        };
        if kept.name != name || self.names.get(&name) != Some(&key) {
            return false;
        }
        self.order.remove(&kept.used);
        self.used += 1;
        kept.used = self.used;
        kept.entry = *entry;
        self.order.insert(kept.used, key);
        true
    }

    fn keep(&mut self, key: Key, entry: Entry, name: u64) {
        self.used += 1;
        let used = self.used;
        self.order.insert(used, key);
        self.names.insert(name, key);
        self.files.insert(key, Kept { entry, name, used });
    }

    fn forget(&mut self, key: Key) -> Option<Entry> {
        let kept = self.files.remove(&key)?;
        self.order.remove(&kept.used);
        if self.names.get(&kept.name) == Some(&key) {
            self.names.remove(&kept.name);
        }
        Some(kept.entry)
    }

    /// What is known of the same file. An inode number is used again; when it was made tells.
    pub(super) fn of(&self, stat: &Stat) -> Option<Entry> {
        let kept = self.files.get(&(stat.device, stat.inode))?;
        (kept.entry.stat.born == stat.born).then_some(kept.entry)
    }

    /// The hash of this very content.
    pub(super) fn same(&self, stat: &Stat) -> Option<Sha256> {
        let entry = self.of(stat)?;
        (entry.is_settled && entry.stat == *stat).then_some(entry.sha256)
    }

    /// What is known of the file of this name, and by `inode` where it is known.
    pub(super) fn named(&self, path: &[u8], inode: Option<u64>) -> Option<Entry> {
        let key = self.names.get(&self.keys.hash_one(path))?;
        let is_meant = inode.is_none_or(|inode| key.1 == inode);
        let kept = self.files.get(key)?;
        is_meant.then_some(kept.entry)
    }

    /// A name is gone, and with it what was known of the file.
    pub(super) fn removed(&mut self, path: &[u8]) {
        if let Some(key) = self.names.get(&self.keys.hash_one(path)).copied() {
            self.forget(key);
        }
    }

    /// A file has another name, and what had that name is gone, or has the old one.
    pub(super) fn renamed(&mut self, from: &[u8], to: &[u8], exchanged: bool) {
        let [from, to] = [from, to].map(|path| self.keys.hash_one(path));
        let [moved, other] = [from, to].map(|name| self.names.remove(&name));
        if let Some(key) = other {
            if exchanged {
                self.name(key, from);
            } else {
                self.forget(key);
            }
        }
        if let Some(key) = moved {
            self.name(key, to);
        }
    }

    fn name(&mut self, key: Key, name: u64) {
        if let Some(kept) = self.files.get_mut(&key) {
            kept.name = name;
            self.names.insert(name, key);
        }
    }

    #[cfg(test)]
    fn len(&self) -> [usize; 3] {
        [self.files.len(), self.names.len(), self.order.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(inode: u64, born: u64) -> Entry {
        let stat = Stat {
            device: (8, 1),
            inode,
            born,
            size: 0,
            modified: 0,
            changed: 0,
        };
        let sha256 = Sha256([inode as u8; 32]);
        Entry {
            sha256,
            stat,
            as_of: 0,
            is_settled: true,
            is_later: false,
        }
    }

    fn inode(known: &Known, path: &str) -> Option<u64> {
        known
            .named(path.as_bytes(), None)
            .map(|entry| entry.stat.inode)
    }

    #[test]
    fn a_file_is_known_by_itself_and_by_its_name() {
        let mut known = Known::default();
        known.put(b"/a", entry(1, 5));
        assert_eq!(known.of(&entry(1, 5).stat), Some(entry(1, 5)));
        assert_eq!(
            known.of(&entry(1, 6).stat),
            None,
            "another one with its number"
        );
        assert_eq!(known.named(b"/a", Some(1)), Some(entry(1, 5)));
        assert_eq!(known.named(b"/a", Some(2)), None);
        assert_eq!(known.named(b"/b", None), None);
        known.removed(b"/a");
        assert_eq!(known.len(), [0; 3]);
    }

    #[test]
    fn only_the_same_times_and_size_are_the_same_content() {
        let mut known = Known::default();
        known.put(b"/a", entry(1, 5));
        assert!(known.same(&entry(1, 5).stat).is_some());
        let check = |change: fn(&mut Stat)| {
            let mut stat = entry(1, 5).stat;
            change(&mut stat);
            assert_eq!(known.same(&stat), None);
        };
        check(|stat| stat.size += 1);
        check(|stat| stat.modified += 1);
        check(|stat| stat.changed += 1);
        known.put(
            b"/a",
            Entry {
                is_settled: false,
                ..entry(1, 5)
            },
        );
        assert_eq!(known.same(&entry(1, 5).stat), None);
    }

    #[test]
    fn names_follow_renames() {
        let mut known = Known::default();
        known.put(b"/a", entry(1, 0));
        known.put(b"/b", entry(2, 0));
        known.renamed(b"/a", b"/c", false);
        assert_eq!((inode(&known, "/a"), inode(&known, "/c")), (None, Some(1)));
        known.renamed(b"/b", b"/c", true);
        assert_eq!(
            (inode(&known, "/b"), inode(&known, "/c")),
            (Some(1), Some(2))
        );
        known.renamed(b"/b", b"/c", false);
        assert_eq!((inode(&known, "/b"), inode(&known, "/c")), (None, Some(1)));
        assert_eq!(known.len(), [1; 3]);
        // One of which nothing is known takes the name.
        known.renamed(b"/x", b"/c", false);
        assert_eq!(known.len(), [0; 3]);
    }

    #[test]
    fn what_is_hashed_again_is_the_latest() {
        let mut known = Known::default();
        known.put(b"/a", entry(1, 0));
        known.put(b"/b", entry(2, 0));
        let again = Entry {
            as_of: 9,
            ..entry(1, 0)
        };
        known.put(b"/a", again);
        assert_eq!(known.named(b"/a", None), Some(again));
        assert_eq!(known.len(), [2; 3]);
        let oldest = known.order.first_key_value();
        assert_eq!(oldest.map(|(_, key)| key.1), Some(2));
        // By another name it is somewhere else.
        known.put(b"/c", again);
        assert_eq!((inode(&known, "/a"), inode(&known, "/c")), (None, Some(1)));
        assert_eq!(known.len(), [2; 3]);
    }

    #[test]
    fn memory_has_an_end() {
        let mut known = Known::default();
        for inode in 0..MOST as u64 + 10 {
            known.put(format!("/{inode}").as_bytes(), entry(inode, 0));
        }
        assert_eq!(known.len(), [MOST; 3]);
        assert_eq!(
            (inode(&known, "/9"), inode(&known, "/10")),
            (None, Some(10))
        );
    }
}
