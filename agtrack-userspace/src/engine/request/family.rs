//! A process and those that come from it.

use std::collections::{BTreeMap, HashSet};

use anyhow::{anyhow, ensure};
use procfs::process::{Process, Stat, StatFlags};

/// When a process began that may be tagged, with all that descends from it.
///
/// # Errors
/// There is none, or it is nobody's that an agent could be.
pub(super) fn start_of(pid: u32) -> anyhow::Result<u64> {
    ensure!(
        pid != std::process::id(),
        "process {pid} is the recorder itself, and no agent"
    );
    ensure!(
        pid > 1,
        "process {pid} is not an agent's: everything descends from it, the recorder too; name one below"
    );
    let process = pid.try_into().ok().and_then(|pid| Process::new(pid).ok());
    let stat = process.and_then(|process| process.stat().ok());
    let stat = stat.ok_or_else(|| anyhow!("there is no process {pid}"))?;
    ensure!(
        !is_kernels(&stat),
        "process {pid} ({}) is a thread of the kernel's, and no agent's: name a process that executes a program",
        stat.comm
    );
    Ok(stat.starttime)
}

fn is_kernels(stat: &Stat) -> bool {
    StatFlags::from_bits_truncate(stat.flags).contains(StatFlags::PF_KTHREAD)
}

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
    fn what_is_no_agents_is_not_tagged() {
        let why = |pid| start_of(pid).unwrap_err().to_string();
        assert!(why(1).contains("everything descends from it"));
        assert!(why(0).contains("everything descends from it"));
        assert!(why(std::process::id()).contains("the recorder itself"));
        assert!(why(999_999_999).contains("there is no process"));
    }

    #[test]
    fn a_thread_of_the_kernels_is_known() {
        let stat = |begin: &str| {
            let rest = "0 0 0 0 0 3 0 0 20 0 1 0 24 0 0 18446744073709551615 0 0 0 0 0 0 0 2147483647 0 1 \
                        0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0";
            let line = format!("{begin} {rest}\n");
            <Stat as procfs::FromRead>::from_read(line.as_bytes()).unwrap()
        };
        assert!(is_kernels(&stat("2 (kthreadd) S 0 0 0 0 -1 2129984")));
        assert!(!is_kernels(&stat("7 (kthreadd) S 0 0 0 0 -1 4194560")));
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
