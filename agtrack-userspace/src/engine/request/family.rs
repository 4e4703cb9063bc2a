//! A process and those that come from it.

use std::collections::{BTreeMap, HashSet};

/// A process's descendants as /proc has them now, parents first. Those whose parents have ended are
/// nobody's any more, and not among them.
pub(super) fn descendants(root: u32) -> Vec<u32> {
    below(root, &parents())
}

/// The parent of each process.
fn parents() -> BTreeMap<u32, u32> {
    let stat = |process: procfs::process::Process| {
        let stat = process.stat().ok()?;
        Some((stat.pid.try_into().ok()?, stat.ppid.try_into().ok()?))
    };
    let all = procfs::process::all_processes();
    let all = all.into_iter().flatten().flatten();
    all.filter_map(stat).collect()
}

fn below(root: u32, parents: &BTreeMap<u32, u32>) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (pid, parent) in parents {
        children.entry(*parent).or_default().push(*pid);
    }
    let (mut found, mut met) = (Vec::new(), HashSet::from([root]));
    let mut next = vec![root];
    while let Some(pid) = next.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            // What is read one by one may be a ring.
            if met.insert(*child) {
                found.push(*child);
                next.push(*child);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_those_below_and_no_others() {
        let parents = BTreeMap::from([(2, 1), (3, 2), (4, 3), (5, 2), (6, 1), (7, 6)]);
        let mut found = below(2, &parents);
        let place = |found: &[u32], pid| found.iter().position(|one| *one == pid);
        assert!(place(&found, 3) < place(&found, 4), "parents first");
        found.sort_unstable();
        assert_eq!(found, [3, 4, 5]);
        assert_eq!(below(7, &parents), [0; 0]);
    }

    #[test]
    fn a_ring_has_an_end() {
        let parents = BTreeMap::from([(2, 3), (3, 2)]);
        assert_eq!(below(2, &parents), [3]);
    }

    #[test]
    fn ones_own_child_is_found() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let found = descendants(std::process::id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&child.id()));
    }
}
