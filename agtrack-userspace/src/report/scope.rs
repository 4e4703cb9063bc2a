//! What a call, a group of direct actions or a whole session came to.

use std::collections::HashMap;

use super::bounds::CALL_HASHES;
use super::host::Hosts;
use super::model::{Capped, HostDone};
use crate::deed::Deeds;
use crate::record::{Action, Effects, Item, Object, Sha256};

/// Gathers actions.
#[derive(Debug)]
pub(super) struct Scope {
    deeds: Deeds,
    contents: HashMap<Vec<u8>, (Option<u64>, Sha256)>,
    hosts: Hosts,
}

impl Scope {
    /// Of one of many.
    pub(super) fn of_call(hosts: usize) -> Scope {
        Scope {
            deeds: Deeds::of_call(),
            contents: HashMap::new(),
            hosts: Hosts::new(hosts),
        }
    }

    pub(super) fn add(&mut self, action: &Action) {
        self.deeds.add(action);
        self.hosts.add(action, None);
        let effect = action.effect.as_ref();
        let Some((size, sha256)) = effect.and_then(|effect| Some((effect.size, effect.sha256?)))
        else {
            return;
        };
        let path = match &action.object {
            Object::File { path, .. } if action.action == "file.close" => path,
            Object::Rename { to, .. } => to,
            _ => return,
        };
        if self.contents.len() < CALL_HASHES || self.contents.contains_key(&path.0) {
            self.contents.insert(path.0.clone(), (size, sha256));
        }
    }

    /// What came of it, with at most `most` names in each list.
    pub(super) fn finish(self, most: usize) -> (Effects, Capped<HostDone>) {
        let mut effects = self.deeds.effects(most);
        let lists = [
            &mut effects.created,
            &mut effects.written,
            &mut effects.renamed,
        ];
        for item in lists.into_iter().flat_map(|list| &mut list.items) {
            let name = item.to.as_ref().unwrap_or(&item.name);
            if let Some((size, sha256)) = self.contents.get(&name.0) {
                item.size = *size;
                item.sha256 = Some(*sha256);
            }
        }
        (effects, self.hosts.finish())
    }
}

/// Names in all lists.
pub(super) fn names(effects: &Effects) -> usize {
    lists(effects).map(<[Item]>::len).sum()
}

/// More than programs: something outside the process was touched.
pub(super) fn is_notable(effects: &Effects) -> bool {
    names(effects) > effects.programs.items.len()
}

fn lists(effects: &Effects) -> impl Iterator<Item = &[Item]> {
    [
        &effects.programs,
        &effects.credentials,
        &effects.created,
        &effects.written,
        &effects.deleted,
        &effects.renamed,
        &effects.peers,
        &effects.refused,
        &effects.killed,
    ]
    .into_iter()
    .map(|list| &list.items[..])
}
