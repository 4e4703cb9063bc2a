//! What was done to things, as lists for records.

use super::Deed;
use super::shelf::Shelf;
use crate::record::{Item, Listed};

/// Adds both ways.
pub(super) fn add(sum: &mut [u64; 2], more: [u64; 2]) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = sum.saturating_add(more);
    }
}

/// At most `most` of them, those that tell most first.
pub(super) fn list(shelf: &Shelf<Deed>, most: usize) -> Listed {
    let mut deeds: Vec<_> = shelf.iter().collect();
    deeds.sort_by_key(|(name, deed)| (deed.rank, *name));
    let total = deeds.len() as u64;
    let items = deeds.into_iter().map(|(name, deed)| Item {
        what: deed.what.to_owned(),
        by: deed.by.clone().into(),
        count: deed.count,
        ways: deed.ways.keys().cloned().collect(),
        bytes_out: deed.bytes[0],
        bytes_in: deed.bytes[1],
        ..Item::named(name)
    });
    Listed {
        beyond: shelf.beyond,
        ..Listed::first(total, most, items)
    }
}
