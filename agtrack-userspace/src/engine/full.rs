//! Tags that the kernel's maps had no room for.

use std::collections::BTreeSet;

use crate::input::Input;
use crate::record::ProcessKey;

/// What could not be tagged since it was last told. That is a gap, not the end of recording: who
/// can fill the maps must not be able to end it.
#[derive(Debug, Default)]
pub(super) struct Refused {
    processes: BTreeSet<ProcessKey>,
    cgroups: BTreeSet<u64>,
}

impl Refused {
    /// There was no room for a process.
    pub(super) fn process(&mut self, key: ProcessKey) {
        self.processes.insert(key);
    }

    /// There was no room for a cgroup.
    pub(super) fn cgroup(&mut self, id: u64) {
        self.cgroups.insert(id);
    }

    /// What there is to tell, once.
    pub(super) fn take(&mut self) -> Option<Input<'static>> {
        let (processes, cgroups) = (self.processes.len() as u64, self.cgroups.len() as u64);
        *self = Refused::default();
        (processes + cgroups > 0).then_some(Input::TagsFull { processes, cgroups })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_that_was_refused_counts_once() {
        let mut refused = Refused::default();
        assert!(refused.take().is_none());
        for _ in 0..2 {
            refused.process(ProcessKey { pid: 1, start: 1 });
            refused.process(ProcessKey { pid: 1, start: 2 });
            refused.cgroup(7);
        }
        let told = refused.take();
        let counted = matches!(
            told,
            Some(Input::TagsFull {
                processes: 2,
                cgroups: 1
            })
        );
        assert!(counted, "{told:?}");
        assert!(refused.take().is_none(), "told once");
    }
}
