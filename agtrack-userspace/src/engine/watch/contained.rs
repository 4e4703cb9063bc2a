//! Agents recognised by their container.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Root, Watch, new_session};
use crate::cgroup::{Cgroup, Hierarchy};
use crate::container;
use crate::engine::AgentRule;
use crate::input::NewSession;
use crate::record::{Binding, Container};

/// What the rules say of a cgroup that is a container's.
pub(super) enum Contained {
    /// The rule at this place wants it, whatever its runtime would say.
    Rule(usize, Container),
    /// It must be known what it is.
    Unknown(Container),
}

/// Whether a rule names a container, as far as that is known.
pub(super) fn names(rule: &AgentRule, container: &Container) -> bool {
    rule.containers.iter().any(|one| one.matches(container))
}

impl Watch {
    /// Whether any rule names containers.
    pub(in crate::engine) fn has_containers(&self) -> bool {
        self.rules
            .iter()
            .any(|(rule, _)| !rule.containers.is_empty())
    }

    /// Whether a rule names this container.
    pub(in crate::engine) fn names(&self, container: &Container) -> bool {
        self.rules.iter().any(|(rule, _)| names(rule, container))
    }

    /// The agent whose rules name this container.
    pub(in crate::engine) fn agent_of_container(&self, container: &Container) -> Option<&str> {
        let (rule, _) = self.rules.iter().find(|(rule, _)| names(rule, container))?;
        Some(&rule.id)
    }

    /// A cgroup whose container is known by now begins a session, where a rule names that.
    pub(in crate::engine) fn bind(
        &mut self,
        cgroup: &Cgroup,
        container: &Container,
    ) -> Option<Root> {
        if self.roots.contains_key(&cgroup.id) || self.lies_below_root(&cgroup.path) {
            return None;
        }
        let mut rules = self.rules.iter();
        let index = rules.position(|(rule, _)| names(rule, container))?;
        self.begin_container(index, cgroup, container)
    }

    pub(super) fn begin_container(
        &mut self,
        index: usize,
        cgroup: &Cgroup,
        container: &Container,
    ) -> Option<Root> {
        let (rule, _) = self.rules.get(index)?;
        let session = NewSession {
            container: Some(crate::engine::container::for_records(container.clone())),
            ..new_session(rule, Binding::Container)
        };
        let root = self.begin(cgroup.clone(), session);
        // Other rules may ask for what does not stand in records.
        if let Some(begun) = self.roots.get_mut(&cgroup.id) {
            begun.container = Some(container.clone());
        }
        Some(root)
    }

    /// What can be said of a cgroup's container without asking. Of two agents the first gets it, so one
    /// before that needs an answer is waited for.
    pub(super) fn contained(&self, cgroup: &Cgroup) -> Option<Contained> {
        if !self.has_containers() {
            return None;
        }
        let container = container::at(cgroup.path.as_os_str().as_bytes())?;
        let can_tell = container.runtime.as_deref() != Some(container::LXC);
        for (index, (rule, _)) in self.rules.iter().enumerate() {
            if names(rule, &container) {
                return Some(Contained::Rule(index, container));
            }
            if can_tell && rule.containers.iter().any(container::Rule::needs_answer) {
                return Some(Contained::Unknown(container));
            }
        }
        None
    }

    /// Whether containers appear directly below a cgroup that rules may name.
    pub(super) fn is_place(&self, path: &Path) -> bool {
        self.has_containers() && container::is_place(path.as_os_str().as_bytes())
    }

    /// The cgroups where containers appear, as [`Watch::parents`].
    pub(in crate::engine) fn places(&self, hierarchy: &Hierarchy) -> Vec<Cgroup> {
        if !self.has_containers() {
            return Vec::new();
        }
        let all = hierarchy.all().unwrap_or_default().into_iter();
        let places = all.filter(|cgroup| self.is_place(&cgroup.path));
        places
            .filter(|cgroup| !self.lies_below_root(&cgroup.path))
            .collect()
    }
}
