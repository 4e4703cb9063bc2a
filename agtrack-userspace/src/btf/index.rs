//! Finds types by name.
//!
//! In: all types. Out: the ids of those that have a given name. One sorted list of hash and id
//! (8 bytes a type) takes a tenth of the time and memory of a map of strings.

use super::raw::{Kind, Raw};

/// Named structs, unions, typedefs and functions, sorted by the hash of their names.
#[derive(Debug)]
pub(super) struct Index(Vec<(u32, u32)>);

impl Index {
    pub(super) fn new(raw: &Raw) -> Self {
        let named = |&id: &u32| {
            matches!(
                raw.kind(id),
                Some(Kind::Struct | Kind::Union | Kind::Typedef | Kind::Function)
            )
        };
        let mut entries: Vec<(u32, u32)> = raw
            .ids()
            .filter(named)
            .filter_map(|id| raw.name(id).map(|name| (name, id)))
            .filter(|(name, _)| !name.is_empty())
            .map(|(name, id)| (hash(name), id))
            .collect();
        entries.sort_unstable();
        Self(entries)
    }

    /// Ids of the types with this name, in the order of the file.
    pub(super) fn find<'a>(
        &'a self,
        raw: &'a Raw,
        name: &'a [u8],
    ) -> impl Iterator<Item = u32> + 'a {
        let wanted = hash(name);
        let first = self.0.partition_point(|&(hash, _)| hash < wanted);
        self.0
            .get(first..)
            .unwrap_or_default()
            .iter()
            .take_while(move |&&(hash, _)| hash == wanted)
            .map(|&(_, id)| id)
            .filter(move |&id| raw.name(id) == Some(name))
    }
}

/// FNV-1a. Collisions cost time only: names are compared.
fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
