//! Names of files that are open for writing.
//!
//! Back end `tracepoint` tells of a close when it is over, and a file that was deleted before has no
//! name in the kernel any more: it is told by the name it was opened by.

use std::collections::{BTreeMap, HashMap};

use agtrack_common::event::{Close, Open, close_flag, fmode};
use agtrack_common::wire::{FileId, path_flag};

use super::object;
use crate::enrich::Known;
use crate::record::{Object, Text};

/// More are not kept; the oldest goes first.
const MOST: usize = 4096;
/// Longer ones are not kept, bytes.
const LONGEST: usize = 1024;

/// Device and inode.
type Key = (u32, u64);

#[derive(Debug, Default)]
pub(super) struct Names {
    /// With when they were learned.
    names: HashMap<Key, (u64, Vec<u8>)>,
    order: BTreeMap<u64, Key>,
    learned: u64,
}

fn key(file: &FileId) -> Key {
    (file.dev, file.ino)
}

impl Names {
    /// A file was opened, if it was.
    pub(super) fn opened(&mut self, known: &Known, body: &Open) {
        let may_be_asked = body.path.flags & path_flag::FD != 0 && body.mode & fmode::WRITE != 0;
        if !may_be_asked || body.ret < 0 || body.file.ino == 0 {
            return;
        }
        let Some(name) = object::paths(known).pop() else {
            return;
        };
        let key = key(&body.file);
        if name.len() <= LONGEST {
            self.learn(key, name);
        }
    }

    fn learn(&mut self, key: Key, name: Vec<u8>) {
        self.forget(&key);
        self.learned += 1;
        self.order.insert(self.learned, key);
        self.names.insert(key, (self.learned, name));
        if self.names.len() > MOST
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.names.remove(&oldest);
        }
    }

    fn forget(&mut self, key: &Key) {
        if let Some((learned, _)) = self.names.remove(key) {
            self.order.remove(&learned);
        }
    }

    /// A file was closed: names it, where the kernel could not.
    pub(super) fn closed(&mut self, body: &Close, object: &mut Object) {
        if let Object::File { path, .. } = object
            && path.0.is_empty()
            && let Some((_, name)) = self.names.get(&key(&body.file))
        {
            *path = Text(name.clone());
        }
        if body.flags & close_flag::LAST != 0 {
            self.forget(&key(&body.file));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::FileChange;

    fn closed(names: &mut Names, ino: u64, flags: u32) -> Vec<u8> {
        let mut object = Object::File {
            path: Text(Vec::new()),
            inode: None,
            device: None,
            change: FileChange::default(),
        };
        let body = Close {
            file: FileId {
                ino,
                ..FileId::default()
            },
            flags,
            ..Close::default()
        };
        names.closed(&body, &mut object);
        match object {
            Object::File { path, .. } => path.0,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_has_its_name_until_nobody_has_it_open() {
        let mut names = Names::default();
        names.learn((0, 7), b"/tmp/x".to_vec());
        assert_eq!(closed(&mut names, 8, 0), b"");
        assert_eq!(closed(&mut names, 7, close_flag::HELD), b"/tmp/x");
        assert_eq!(closed(&mut names, 7, close_flag::LAST), b"/tmp/x");
        assert_eq!(closed(&mut names, 7, close_flag::LAST), b"");
    }

    /// A file that was closed and opened again is as new as its last open.
    #[test]
    fn the_one_opened_longest_ago_goes_first() {
        let mut names = Names::default();
        names.learn((0, 1), b"/tmp/x".to_vec());
        closed(&mut names, 1, close_flag::LAST);
        for ino in 2..=MOST as u64 {
            names.learn((0, ino), b"/tmp/y".to_vec());
        }
        names.learn((0, 1), b"/tmp/z".to_vec());
        names.learn((0, 0), b"/tmp/0".to_vec());
        assert_eq!(names.names.len(), MOST);
        assert_eq!(names.order.len(), MOST);
        assert_eq!(closed(&mut names, 1, 0), b"/tmp/z");
    }
}
