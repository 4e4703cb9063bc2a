//! A map that never grows beyond its bounds.
//!
//! Comes in: names that an agent chose. Goes out: what is known of each. Never: more than its
//! limits; a name that finds no room is counted.

use std::collections::BTreeMap;
use std::ops::Bound;

/// What an entry costs beside its bytes, roughly.
const OVERHEAD: usize = 128;

/// Names, and what is known of each.
#[derive(Debug)]
pub(super) struct Shelf<V> {
    entries: BTreeMap<Vec<u8>, V>,
    /// What the entries cost.
    bytes: usize,
    most: usize,
    /// Bytes that a value holds outside itself.
    weigh: fn(&V) -> usize,
    /// Times a name found no room: not told apart from each other.
    pub(super) beyond: u64,
}

impl<V> Shelf<V> {
    /// At most `most` bytes. `weigh` says what a value holds outside itself.
    pub(super) fn new(most: usize, weigh: fn(&V) -> usize) -> Self {
        Shelf {
            entries: BTreeMap::new(),
            bytes: 0,
            most,
            weigh,
            beyond: 0,
        }
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&V> {
        self.entries.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.entries.iter().map(|(name, value)| (&name[..], value))
    }

    /// Removes it.
    pub(super) fn take(&mut self, name: &[u8]) -> Option<V> {
        let value = self.entries.remove(name)?;
        self.bytes -= self.cost(name, &value);
        Some(value)
    }

    /// Puts it in the place of what has this name; counts it where there is no room.
    pub(super) fn put(&mut self, name: &[u8], value: V) {
        self.take(name);
        let cost = self.cost(name, &value);
        if self.bytes + cost > self.most {
            self.beyond += 1;
            return;
        }
        self.bytes += cost;
        self.entries.insert(name.to_vec(), value);
    }

    /// What is known of this name, if anything.
    pub(super) fn get_mut(&mut self, name: &[u8]) -> Option<&mut V> {
        self.entries.get_mut(name)
    }

    /// What is known of this name, from nothing on; none where there is no room. What is done to it
    /// must not change its weight.
    pub(super) fn at(&mut self, name: &[u8]) -> Option<&mut V>
    where
        V: Default,
    {
        if !self.entries.contains_key(name) {
            self.put(name, V::default());
        }
        self.entries.get_mut(name)
    }

    /// At most `most` names below this directory.
    pub(super) fn below(&self, directory: &[u8], most: usize) -> Vec<Vec<u8>> {
        let first = [directory, b"/"].concat();
        // The byte after the slash.
        let end = [directory, b"0"].concat();
        self.entries
            .range::<[u8], _>((Bound::Excluded(&first[..]), Bound::Excluded(&end[..])))
            .map(|(name, _)| name.clone())
            .take(most)
            .collect()
    }

    fn cost(&self, name: &[u8], value: &V) -> usize {
        OVERHEAD + name.len() + size_of::<V>() + (self.weigh)(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_grows_beyond_its_bounds() {
        let mut shelf = Shelf::new(10_000, Vec::len);
        for number in 0..100_000_u32 {
            shelf.put(&number.to_be_bytes(), vec![0_u8; 100]);
        }
        let kept = shelf.iter().count();
        assert!((20..50).contains(&kept), "{kept}");
        assert_eq!(shelf.beyond, 100_000 - kept as u64);
        assert!(shelf.at(b"another").is_none());
        // What is taken out makes room.
        shelf.take(&0_u32.to_be_bytes());
        assert!(shelf.at(b"another").is_some());
    }

    #[test]
    fn what_is_below_a_directory_is_found() {
        let mut shelf = Shelf::new(10_000, |_: &()| 0);
        for name in [
            &b"/a"[..],
            b"/a/",
            b"/a/b",
            b"/a/b/c",
            b"/a0",
            b"/a.b",
            b"/b",
        ] {
            shelf.put(name, ());
        }
        assert_eq!(
            shelf.below(b"/a", 9),
            [b"/a/b".to_vec(), b"/a/b/c".to_vec()]
        );
        assert_eq!(shelf.below(b"/a", 1).len(), 1);
        assert!(shelf.below(b"/c", 9).is_empty());
    }
}
