//! Processes in containers, when it is learned what these are.

use super::ProcessTable;
use crate::input::ContainerWanted;
use crate::record::{Container, Shared};

impl ProcessTable {
    /// What a runtime says of a container: who is in it is in that one from now on.
    pub(in crate::enrich) fn learn_container(&mut self, container: Container) {
        for entry in self.entries.values_mut() {
            let known = entry.process.container.as_ref();
            let is_it = known.is_some_and(|known| {
                known.id == container.id && known.runtime == container.runtime
            });
            if is_it {
                let mut process = (*entry.process).clone();
                process.container = Some(container.clone());
                entry.process = Shared::new(process);
            }
        }
        self.containers.learn(container);
    }

    /// Containers that were met since the last time and that nobody has asked of.
    pub(in crate::enrich) fn take_wanted(&mut self) -> Vec<ContainerWanted> {
        self.containers.take_wanted()
    }
}
