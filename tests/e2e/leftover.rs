//! What a run must not leave behind.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agtrack::cgroup::{Cgroup, Hierarchy};

/// One at a time: a run that goes on makes a cgroup of its own, which is no leftover of another.
static ONE: Mutex<()> = Mutex::new(());

/// The cgroups that were there before a run.
pub(crate) struct Before {
    cgroups: BTreeSet<PathBuf>,
    _one: MutexGuard<'static, ()>,
}

impl Before {
    /// Looks now. No other run begins while this lives.
    pub(crate) fn new() -> Before {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        Before {
            cgroups: cgroups(|_| true),
            _one: one,
        }
    }

    /// Cgroups made since then that stay and hold nobody. Other runs on this machine may make and
    /// remove theirs meanwhile, which hold somebody all but a moment.
    pub(crate) fn left(&self) -> BTreeSet<PathBuf> {
        let until = Instant::now() + Duration::from_secs(2);
        let is_empty = |cgroup: &Cgroup| cgroup.pids().is_ok_and(|pids| pids.is_empty());
        let mut left = cgroups(is_empty);
        left.retain(|path| !self.cgroups.contains(path));
        while !left.is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
            let now = cgroups(is_empty);
            left.retain(|path| now.contains(path));
        }
        left
    }
}

/// Cgroups of this kind that no test made.
fn cgroups(kind: impl Fn(&Cgroup) -> bool) -> BTreeSet<PathBuf> {
    let own = |path: &Path| {
        let path = path.to_string_lossy();
        path.starts_with("/agtrack-e2e-")
    };
    let all = Hierarchy::find().unwrap().all().unwrap();
    all.into_iter()
        .filter(|cgroup| kind(cgroup) && !own(&cgroup.path))
        .map(|cgroup| cgroup.path)
        .collect()
}
