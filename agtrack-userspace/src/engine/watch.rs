//! Agents recognised by their cgroup.
//!
//! Which cgroups are watched is decided here: those that match an agent's globs, found at the
//! start, at a reload, and as they are made. Below a watched cgroup the kernel tags new ones by
//! itself.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use agtrack_common::tag::CgroupTag;
use uuid::Uuid;

use super::AgentRule;
use crate::cgroup::{Cgroup, Globs, Hierarchy};
use crate::input::NewSession;
use crate::record::{Binding, Text};

/// The agents' rules and what they match now.
#[derive(Debug, Default)]
pub(super) struct Watch {
    rules: Vec<(AgentRule, Globs)>,
    /// Cgroups that are the root of a session, by id.
    roots: HashMap<u64, PathBuf>,
}

/// A cgroup that begins a session.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) cgroup: Cgroup,
    pub(super) session: NewSession,
}

/// What the rules say of a cgroup.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It begins a session, and is watched from now on.
    Begins(Box<Root>),
    /// It is watched already, or lies below one that is.
    Watched,
    /// No rule wants it.
    Nobodys,
}

impl Watch {
    pub(super) fn new(rules: Vec<AgentRule>) -> anyhow::Result<Watch> {
        let rules = rules
            .into_iter()
            .map(|rule| {
                let globs = Globs::new(&rule.cgroups)?;
                Ok((rule, globs))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Watch {
            rules,
            roots: HashMap::new(),
        })
    }

    /// Whether any process could become an agent's by itself.
    pub(super) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Takes over what another set of rules has found already.
    pub(super) fn continue_from(&mut self, old: Watch) {
        self.roots = old.roots;
    }

    /// Cgroups that match and are not watched yet, outermost first; each is watched from now on.
    pub(super) fn find(&mut self, hierarchy: &Hierarchy) -> Vec<Root> {
        let mut all = hierarchy.all().unwrap_or_default();
        all.sort_by_key(|cgroup| cgroup.path.components().count());
        all.into_iter()
            .filter_map(|cgroup| match self.consider(cgroup) {
                Verdict::Begins(root) => Some(*root),
                Verdict::Watched | Verdict::Nobodys => None,
            })
            .collect()
    }

    /// Whose a cgroup is.
    pub(super) fn consider(&mut self, cgroup: Cgroup) -> Verdict {
        if self.roots.contains_key(&cgroup.id) || self.lies_below_root(&cgroup.path) {
            return Verdict::Watched;
        }
        let rule = self
            .rules
            .iter()
            .find(|(_, globs)| globs.matches(&cgroup.path));
        let Some((rule, _)) = rule else {
            return Verdict::Nobodys;
        };
        let session = new_session(rule, &cgroup);
        self.roots.insert(cgroup.id, cgroup.path.clone());
        Verdict::Begins(Box::new(Root { cgroup, session }))
    }

    /// Forgets a removed cgroup; true if it was a root.
    pub(super) fn forget(&mut self, id: u64) -> bool {
        self.roots.remove(&id).is_some()
    }

    /// Roots that no rule matches any more.
    pub(super) fn unmatched(&self) -> Vec<u64> {
        let matches = |path: &Path| self.rules.iter().any(|(_, globs)| globs.matches(path));
        self.roots
            .iter()
            .filter(|(_, path)| !matches(path))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Existing cgroups whose children could match: those are tagged by the kernel as they are
    /// made, so that nothing in them is missed.
    pub(super) fn parents(&self, hierarchy: &Hierarchy) -> Vec<Cgroup> {
        let mut parents: Vec<_> = self
            .parent_paths()
            .filter_map(|parent| hierarchy.at(parent).ok())
            .collect();
        parents.sort_by_key(|cgroup| cgroup.id);
        parents.dedup_by_key(|cgroup| cgroup.id);
        parents
    }

    /// Whether a cgroup is such a parent.
    pub(super) fn is_parent(&self, path: &Path) -> bool {
        self.parent_paths().any(|parent| parent == path)
    }

    fn parent_paths(&self) -> impl Iterator<Item = &Path> {
        self.rules
            .iter()
            .flat_map(|(rule, _)| &rule.cgroups)
            .filter_map(|glob| Path::new(glob).parent())
            .filter(|parent| !parent.to_string_lossy().contains(['*', '?', '[', '{']))
    }

    fn lies_below_root(&self, path: &Path) -> bool {
        self.roots.values().any(|root| path.starts_with(root))
    }
}

/// The kernel's tag for a session's root.
pub(super) fn root_tag(session: u64) -> CgroupTag {
    CgroupTag {
        session,
        children: 0,
        reserved: 0,
    }
}

/// The kernel's tag for a cgroup whose children may begin sessions.
pub(super) fn parent_tag() -> CgroupTag {
    CgroupTag {
        session: 0,
        children: 1,
        reserved: 0,
    }
}

fn new_session(rule: &AgentRule, cgroup: &Cgroup) -> NewSession {
    use std::os::unix::ffi::OsStrExt;
    NewSession {
        key: cgroup.id,
        id: Uuid::now_v7(),
        agent_id: rule.id.clone(),
        agent_name: rule.name.clone(),
        owner: rule.owner.clone(),
        labels: rule.labels.clone(),
        binding: Binding::Cgroup,
        root: None,
        command: Vec::new(),
        cgroup: Some(Text(cgroup.path.as_os_str().as_bytes().to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(globs: &[&str]) -> Watch {
        let rule = AgentRule {
            id: "agent".to_owned(),
            name: "agent".to_owned(),
            owner: None,
            labels: Default::default(),
            cgroups: globs.iter().map(|glob| (*glob).to_owned()).collect(),
        };
        Watch::new(vec![rule]).unwrap()
    }

    fn cgroup(id: u64, path: &str) -> Cgroup {
        Cgroup {
            path: path.into(),
            dir: PathBuf::from("/nowhere").join(path.trim_start_matches('/')),
            id,
        }
    }

    #[test]
    fn a_cgroup_that_matches_begins_one_session() {
        let mut watch = watch(&["/agents/*"]);
        let verdict = watch.consider(cgroup(7, "/agents/a"));
        let Verdict::Begins(root) = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!((root.session.key, root.cgroup.id), (7, 7));
    }

    /// While agtrack starts, a cgroup may be found by looking and be told of by the kernel as well.
    #[test]
    fn a_cgroup_that_was_found_before_the_kernel_told_of_it_stays_watched() {
        let mut watch = watch(&["/agents/*"]);
        let _ = watch.consider(cgroup(7, "/agents/a"));
        let again = watch.consider(cgroup(7, "/agents/a"));
        assert!(matches!(again, Verdict::Watched), "{again:?}");
        let below = watch.consider(cgroup(8, "/agents/a/b"));
        assert!(matches!(below, Verdict::Watched), "{below:?}");
    }

    #[test]
    fn a_cgroup_that_no_rule_wants_is_nobodys() {
        let mut watch = watch(&["/agents/a*"]);
        let other = watch.consider(cgroup(9, "/agents/b"));
        assert!(matches!(other, Verdict::Nobodys), "{other:?}");
    }
}
