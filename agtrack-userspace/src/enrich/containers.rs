//! What runtimes have said of containers, and of which it is to be asked.

use std::collections::{HashMap, VecDeque};

use crate::container;
use crate::input::ContainerWanted;
use crate::record::{Container, Process, Text};

/// Containers that are kept in mind; of one that was forgotten it is asked again when it is met again.
const MOST: usize = 1024;

/// Containers by id.
#[derive(Debug, Default)]
pub(super) struct Containers {
    /// As they stand in records; those without an answer, or before it, have but their ids.
    known: HashMap<String, Container>,
    /// Their ids, the oldest first.
    order: VecDeque<String>,
    wanted: Vec<ContainerWanted>,
}

impl Containers {
    /// Puts a process into the cgroup at `path`, and so into a container or out of one.
    pub(super) fn place(&self, process: &mut Process, path: Option<Text>) {
        let found = path.as_ref().and_then(|path| container::around(&path.0));
        process.container = found.map(|found| match self.known.get(&found.id) {
            // Of the same id, as one of another runtime may choose its own.
            Some(known) if known.runtime == found.runtime => known.clone(),
            _ => found,
        });
        process.cgroup = path;
    }

    /// A tracked process is in a container: of one that nobody has asked of it is asked, once.
    pub(super) fn meet(&mut self, process: &Process) {
        let (Some(container), Some(cgroup)) = (&process.container, &process.cgroup) else {
            return;
        };
        if self.known.contains_key(&container.id) {
            return;
        }
        self.keep(container.clone());
        // LXC has told the name, and has nobody to be asked.
        if container.runtime.as_deref() != Some(container::LXC) {
            self.wanted.push(ContainerWanted {
                container: container.clone(),
                cgroup: cgroup.clone(),
            });
        }
    }

    /// What a runtime says.
    pub(super) fn learn(&mut self, container: Container) {
        self.keep(container);
    }

    fn keep(&mut self, container: Container) {
        let id = container.id.clone();
        if self.known.insert(id.clone(), container).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Of which it is to be asked since the last time.
    pub(super) fn take_wanted(&mut self) -> Vec<ContainerWanted> {
        std::mem::take(&mut self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1c2f0a9be6f2c0d94b1f5d8c1a7e3360b7ad52ce14f9e8b6a5d4c3b2a19080";

    fn within(containers: &Containers, path: &str) -> Process {
        let mut process = Process::default();
        containers.place(&mut process, Some(path.into()));
        process
    }

    #[test]
    fn a_process_that_leaves_a_container_is_in_none() {
        let containers = Containers::default();
        let mut process = within(&containers, &format!("/docker/{ID}"));
        let found = process.container.as_ref().map(|found| found.id.as_str());
        assert_eq!(found, Some(ID));
        containers.place(&mut process, Some("/agents/a".into()));
        assert_eq!(process.container, None);
        assert_eq!(process.cgroup, Some("/agents/a".into()));
        containers.place(&mut process, None);
        assert_eq!((process.cgroup, process.container), (None, None));
    }

    #[test]
    fn a_container_is_asked_of_once_and_known_from_then_on() {
        let mut containers = Containers::default();
        let path = format!("/docker/{ID}");
        for expect in [1, 0] {
            let process = within(&containers, &path);
            containers.meet(&process);
            assert_eq!(containers.take_wanted().len(), expect);
        }
        let told = Container {
            name: Some("box".to_owned()),
            ..within(&containers, &path).container.unwrap()
        };
        containers.learn(told.clone());
        let process = within(&containers, &format!("{path}/init"));
        assert_eq!(process.container, Some(told));
        containers.meet(&process);
        assert!(containers.take_wanted().is_empty());
        // Another runtime's of the same id is another one.
        let other = within(&containers, &format!("/machine.slice/libpod-{ID}.scope"));
        assert_eq!(other.container.unwrap().name, None);
    }

    #[test]
    fn what_is_kept_has_an_end() {
        let mut containers = Containers::default();
        for number in 0..3 * MOST {
            let process = within(&containers, &format!("/docker/{number:064x}"));
            containers.meet(&process);
        }
        assert_eq!(containers.known.len(), MOST);
        assert_eq!(containers.order.len(), MOST);
    }

    #[test]
    fn lxc_is_not_asked() {
        let mut containers = Containers::default();
        let process = within(&containers, "/lxc.payload.web-1");
        containers.meet(&process);
        assert!(process.container.is_some() && containers.take_wanted().is_empty());
    }
}
