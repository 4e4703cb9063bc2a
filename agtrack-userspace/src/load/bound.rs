//! What the kernel compares at an exec to find an agent: programs and users that rules name.

use std::collections::BTreeMap;

use agtrack_common::tag::{BOUND_NAME, BoundFile};
use anyhow::Context;
use aya::maps::HashMap;
use zerocopy::IntoBytes;

use super::Probes;

const FILE: usize = size_of::<BoundFile>();

/// What is compared, each with the number of its rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Files of programs.
    pub files: BTreeMap<BoundFile, u32>,
    /// Names that are asked for, shorter than [`BOUND_NAME`] - 1 bytes; longer ones are left out.
    pub names: BTreeMap<Vec<u8>, u32>,
    /// Real users.
    pub users: BTreeMap<u32, u32>,
}

impl Bounds {
    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.names.is_empty() && self.users.is_empty()
    }
}

impl Probes {
    /// Compares with `now` in place of `before` from now on. What is in both stays in force all the while.
    ///
    /// # Errors
    /// A map is full.
    pub fn bind(&mut self, before: &Bounds, now: &Bounds) -> anyhow::Result<()> {
        let file = |(file, rule): (&BoundFile, &u32)| {
            let mut key = [0; FILE];
            key.copy_from_slice(file.as_bytes());
            Some((key, *rule))
        };
        let name = |(name, rule): (&Vec<u8>, &u32)| {
            let mut key = [0; BOUND_NAME];
            key.get_mut(..name.len())?.copy_from_slice(name);
            Some((key, *rule))
        };
        let user = |(user, rule): (&u32, &u32)| Some((*user, *rule));
        let files = (&before.files, &now.files);
        self.exchange("BOUND_FILES", pairs(files, file))?;
        let names = (&before.names, &now.names);
        self.exchange("BOUND_NAMES", pairs(names, name))?;
        let users = (&before.users, &now.users);
        self.exchange("BOUND_USERS", pairs(users, user))?;
        self.set_binding(!now.is_empty())
    }

    /// Puts in what is new and takes out what is over.
    fn exchange<K: aya::Pod + Ord>(
        &mut self,
        map: &str,
        (before, now): Exchange<K>,
    ) -> anyhow::Result<()> {
        let mut map = HashMap::<_, K, u32>::try_from(self.map_mut(map)?)?;
        for (key, rule) in &now {
            if before.get(key) != Some(rule) {
                map.insert(key, rule, 0).context(
                    "as many programs or users are named as agtrack can compare at a time; name fewer \
                     in the configuration",
                )?;
            }
        }
        // Also what a recorder before has left there.
        let stale: Vec<_> = map.keys().filter_map(Result::ok).collect();
        for key in stale.iter().filter(|key| !now.contains_key(key)) {
            let _ = map.remove(key);
        }
        Ok(())
    }
}

/// What is in a map, and what is to be.
type Exchange<K> = (BTreeMap<K, u32>, BTreeMap<K, u32>);

fn pairs<T, K: Ord>(
    (before, now): (&BTreeMap<T, u32>, &BTreeMap<T, u32>),
    key: impl Fn((&T, &u32)) -> Option<(K, u32)>,
) -> Exchange<K> {
    let of = |all: &BTreeMap<T, u32>| all.iter().filter_map(&key).collect();
    (of(before), of(now))
}
