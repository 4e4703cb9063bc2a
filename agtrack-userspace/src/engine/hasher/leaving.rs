//! Files that have lost their name by the time their hash is asked for.
//!
//! What is asked at one moment has all happened before it. Where a file was written and then removed
//! or renamed, looking for it by the old name finds nothing, and disturbs whoever works in that
//! directory: the kernel holds it for the look.

use std::collections::HashMap;

use crate::input::{Deed, HashWanted};
use crate::record::Text;

/// Who has lost its name: the inode, where it is known, and else the process that did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Inode(u64),
    Process(u32),
}

/// Departures that are still to come in what is asked.
#[derive(Debug, Default)]
pub(super) struct Leaving(HashMap<Text, Vec<Who>>);

impl Leaving {
    /// Of what is asked at one moment, in its order.
    pub(super) fn new(wanted: &[HashWanted]) -> Leaving {
        let mut leaving = Leaving::default();
        for wanted in wanted.iter().filter(|wanted| leaves(&wanted.deed)) {
            let all = leaving.0.entry(wanted.path.clone()).or_default();
            all.push(who(wanted));
        }
        leaving
    }

    /// It is this one's turn: what it did lies behind those that follow.
    pub(super) fn pass(&mut self, wanted: &HashWanted) {
        if !leaves(&wanted.deed) {
            return;
        }
        if let Some(all) = self.0.get_mut(&wanted.path) {
            let place = all.iter().position(|it| *it == who(wanted));
            place.map(|place| all.remove(place));
        }
    }

    /// Whether a file loses this name later in what is asked.
    pub(super) fn has(&self, wanted: &HashWanted) -> bool {
        let is_it = |who: &Who| match who {
            Who::Inode(inode) => wanted.inode == Some(*inode),
            // Another process may mean another file by this name.
            Who::Process(pid) => wanted.pids[0] == *pid,
        };
        let all = self.0.get(&wanted.path);
        all.is_some_and(|all| all.iter().any(is_it))
    }
}

fn leaves(deed: &Deed) -> bool {
    match deed {
        Deed::Removed | Deed::Renamed { .. } => true,
        Deed::Written { .. } | Deed::Executed { .. } => false,
    }
}

fn who(wanted: &HashWanted) -> Who {
    match wanted.inode {
        Some(inode) => Who::Inode(inode),
        None => Who::Process(wanted.pids[0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(path: &str, deed: Deed, pid: u32, inode: Option<u64>) -> HashWanted {
        HashWanted {
            ticket: 0,
            deed,
            path: Text(path.into()),
            pids: [pid, 1],
            device: None,
            inode,
            size: None,
            at: 0,
        }
    }

    fn written(path: &str, pid: u32, inode: u64) -> HashWanted {
        question(path, Deed::Written { created: true }, pid, Some(inode))
    }

    #[test]
    fn a_file_leaves_until_its_removal_is_passed() {
        let first = written("/a", 5, 10);
        let gone = question("/a", Deed::Removed, 5, Some(10));
        let again = written("/a", 5, 10);
        let asked = [first, gone, again];
        let mut leaving = Leaving::new(&asked);
        let mut seen = Vec::new();
        for wanted in &asked {
            leaving.pass(wanted);
            seen.push(leaving.has(wanted));
        }
        assert_eq!(seen, [true, false, false]);
    }

    #[test]
    fn the_inode_decides_and_where_it_is_unknown_the_process() {
        let check = |inode, pid, expect: bool| {
            let to = Text("/b".into());
            let exchanged = false;
            let moved = question("/a", Deed::Renamed { to, exchanged }, pid, inode);
            let asked = [written("/a", 5, 10), moved];
            assert_eq!(Leaving::new(&asked).has(&asked[0]), expect, "{asked:?}");
        };
        check(Some(10), 6, true);
        check(Some(11), 5, false);
        check(None, 5, true);
        check(None, 6, false);
    }

    #[test]
    fn other_names_stay() {
        let asked = [
            written("/a", 5, 10),
            question("/b", Deed::Removed, 5, Some(10)),
        ];
        assert!(!Leaving::new(&asked).has(&asked[0]));
    }
}
