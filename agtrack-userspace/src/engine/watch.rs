//! Agents recognised by their cgroup, or by their container, which is a cgroup too; those by program or
//! user stand in `bound.rs`.
//!
//! Which cgroups are watched is decided here: those that match an agent's globs, found at the
//! start, at a reload, and as they are made. Below a watched cgroup the kernel tags new ones by
//! itself.

mod contained;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use agtrack_common::tag::CgroupTag;
use uuid::Uuid;

use super::AgentRule;
use super::bound::Bound;
use super::hands::path_text;
use crate::cgroup::{self, Cgroup, Globs, Hierarchy};
use crate::input::NewSession;
use crate::record::{Binding, Container};
use contained::{Contained, names};

/// The agents' rules and what they match now.
#[derive(Debug, Default)]
pub(super) struct Watch {
    rules: Vec<(AgentRule, Globs)>,
    /// Cgroups that are the root of a session, by id.
    roots: BTreeMap<u64, Begun>,
    /// The root that was looked at last.
    seen: u64,
    /// What the rules say of programs and users.
    pub(super) bound: Bound,
}

/// A cgroup that has begun a session.
#[derive(Debug)]
struct Begun {
    path: PathBuf,
    /// Of one that a rule names as a container: it.
    container: Option<Container>,
    kept: Kept,
}

/// What keeps a cgroup watched.
#[derive(Debug)]
enum Kept {
    /// Rules of the configuration that name it.
    Named,
    /// This agent, as long as it is configured, whatever its rules say.
    Agent(String),
    /// Somebody who asked for it, until somebody asks for the end.
    Request,
}

/// A cgroup of a container of which it is not known yet what it is.
#[derive(Debug)]
pub(super) struct Suspected {
    pub(super) cgroup: Cgroup,
    pub(super) container: Container,
}

/// What there is now that the rules may mean.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) roots: Vec<Root>,
    pub(super) suspected: Vec<Suspected>,
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
    /// It is a container's, and whether a rule wants that is not known yet.
    Suspected(Box<Suspected>),
    /// No rule wants it, but one could want a cgroup directly in it.
    Parent,
    /// No rule wants it.
    Nobodys,
}

impl Watch {
    pub(super) fn new(rules: Vec<AgentRule>) -> anyhow::Result<Watch> {
        let bound = Bound::new(&rules)?;
        let rules = rules
            .into_iter()
            .map(|rule| {
                let globs = Globs::new(&rule.cgroups)?;
                Ok((rule, globs))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Watch {
            rules,
            roots: BTreeMap::new(),
            seen: 0,
            bound,
        })
    }

    /// Whether any process could become an agent's by itself.
    pub(super) fn has_rules(&self) -> bool {
        let mut roots = self.roots.values();
        !self.rules.is_empty() || roots.any(|root| matches!(root.kept, Kept::Request))
    }

    /// Id and name of every agent that a rule names.
    pub(super) fn agents(&self) -> impl Iterator<Item = (&String, &String)> {
        self.rules.iter().map(|(rule, _)| (&rule.id, &rule.name))
    }

    /// The rule of the agent of this id.
    pub(super) fn rule(&self, id: &str) -> Option<&AgentRule> {
        let mut rules = self.rules.iter().map(|(rule, _)| rule);
        rules.find(|rule| rule.id == id)
    }

    /// Other rules from now on. Gives the sessions that none of them wants, which are not watched any
    /// more.
    ///
    /// # Errors
    /// There have been too many rules; those before stay in force.
    pub(super) fn replace_rules(&mut self, new: Watch) -> anyhow::Result<Vec<u64>> {
        let unbound = self.bound.replace(new.bound)?;
        self.rules = new.rules;
        let matches = |begun: &Begun| {
            let container = begun.container.as_ref();
            let is_named = |(rule, globs): &(AgentRule, Globs)| {
                globs.matches(&begun.path) || container.is_some_and(|it| names(rule, it))
            };
            match &begun.kept {
                Kept::Named => self.rules.iter().any(is_named),
                Kept::Agent(agent) => self.rules.iter().any(|(rule, _)| rule.id == *agent),
                Kept::Request => true,
            }
        };
        let gone = self.roots.extract_if(.., |_, begun| !matches(begun));
        Ok(gone.map(|(id, _)| id).chain(unbound).collect())
    }

    /// Cgroups that match and are not watched yet, outermost first; each is watched from now on. And
    /// those that could match when it is known what they are.
    pub(super) fn find(&mut self, hierarchy: &Hierarchy) -> Found {
        let mut all = hierarchy.all().unwrap_or_default();
        all.sort_by_key(|cgroup| cgroup.path.components().count());
        let mut found = Found::default();
        for cgroup in all {
            match self.consider(cgroup) {
                Verdict::Begins(root) => found.roots.push(*root),
                Verdict::Suspected(suspected) => found.suspected.push(*suspected),
                Verdict::Watched | Verdict::Parent | Verdict::Nobodys => {}
            }
        }
        found
    }

    /// Whose a cgroup is.
    pub(super) fn consider(&mut self, cgroup: Cgroup) -> Verdict {
        if self.roots.contains_key(&cgroup.id) || self.lies_below_root(&cgroup.path) {
            return Verdict::Watched;
        }
        if let Some(rule) = self.rule_for(&cgroup.path) {
            let session = new_session(rule, Binding::Cgroup);
            return Verdict::Begins(Box::new(self.begin(cgroup, session)));
        }
        match self.contained(&cgroup) {
            Some(Contained::Rule(index, container)) => {
                match self.begin_container(index, &cgroup, &container) {
                    Some(root) => Verdict::Begins(Box::new(root)),
                    None => Verdict::Nobodys,
                }
            }
            Some(Contained::Unknown(container)) => {
                Verdict::Suspected(Box::new(Suspected { cgroup, container }))
            }
            None if self.is_parent(&cgroup.path) => Verdict::Parent,
            None => Verdict::Nobodys,
        }
    }

    fn begin(&mut self, cgroup: Cgroup, session: NewSession) -> Root {
        let session = NewSession {
            key: cgroup.id,
            cgroup: Some(path_text(&cgroup.path)),
            cgroup_id: Some(cgroup.id),
            ..session
        };
        let begun = Begun {
            path: cgroup.path.clone(),
            container: session.container.clone(),
            kept: Kept::Named,
        };
        self.roots.insert(cgroup.id, begun);
        Root { cgroup, session }
    }

    /// A cgroup is the root of a session of this agent's, for another reason than a glob.
    pub(super) fn keep(&mut self, cgroup: &Cgroup, agent: String) {
        self.take(cgroup, Kept::Agent(agent));
    }

    /// A cgroup is the root of a session that somebody asked for.
    pub(super) fn keep_requested(&mut self, cgroup: &Cgroup) {
        self.take(cgroup, Kept::Request);
    }

    fn take(&mut self, cgroup: &Cgroup, kept: Kept) {
        let begun = Begun {
            path: cgroup.path.clone(),
            container: None,
            kept,
        };
        self.roots.insert(cgroup.id, begun);
    }

    /// A root of a session below a cgroup.
    pub(super) fn root_below(&self, path: &Path) -> Option<(u64, &Path)> {
        let mut roots = self.roots.iter();
        let below = roots.find(|(_, root)| root.path.starts_with(path));
        below.map(|(id, root)| (*id, root.path.as_path()))
    }

    /// The rule whose glob says most of a cgroup; of several that say as much the first.
    fn rule_for(&self, path: &Path) -> Option<&AgentRule> {
        let mut best = None;
        for (rule, globs) in &self.rules {
            let weight = globs.weight(path);
            if weight > best.map(|(weight, _)| weight) {
                best = weight.map(|weight| (weight, rule));
            }
        }
        best.map(|(_, rule)| rule)
    }

    /// The agent whose rules want a cgroup, or one above it; the outermost is a session's root.
    pub(super) fn agent_of(&self, path: &Path) -> Option<&str> {
        let mut above: Vec<_> = path.ancestors().collect();
        above.reverse();
        above.into_iter().find_map(|path| {
            let rule = self.rule_for(path)?;
            Some(&*rule.id)
        })
    }

    /// Forgets a removed cgroup; true if it was a root.
    pub(super) fn forget(&mut self, id: u64) -> bool {
        self.roots.remove(&id).is_some()
    }

    /// The next roots to look at, in turn.
    pub(super) fn next_roots(&mut self, most: usize) -> Vec<u64> {
        let behind = self.roots.range(self.seen.saturating_add(1)..);
        let round = self.roots.range(..=self.seen);
        let next: Vec<_> = behind.chain(round).map(|(id, _)| *id).take(most).collect();
        self.seen = next.last().copied().unwrap_or(0);
        next
    }

    /// Those of some roots that are not there any more, or are another cgroup by now. One that
    /// cannot be looked at is taken to be there.
    pub(super) fn gone(
        &self,
        ids: &[u64],
        look: impl Fn(&Path) -> Result<Cgroup, cgroup::Error>,
    ) -> Vec<u64> {
        let is_gone = |id: &u64| match self.roots.get(id).map(|begun| look(&begun.path)) {
            Some(Ok(found)) => found.id != *id,
            Some(Err(error)) => error.is_gone(),
            None => false,
        };
        ids.iter().copied().filter(is_gone).collect()
    }

    /// The session that a cgroup belongs to.
    pub(super) fn root_of(&self, path: &Path) -> Option<u64> {
        let above = |(_, root): &(&u64, &Begun)| path.starts_with(&root.path);
        let mut roots: Vec<_> = self.roots.iter().filter(above).collect();
        roots.sort_by_key(|(_, root)| root.path.components().count());
        roots.last().map(|(id, _)| **id)
    }

    /// Existing cgroups whose children could match: those are tagged by the kernel as they are
    /// made, so that nothing in them is missed. What lies in a root belongs to that one's session.
    pub(super) fn parents(
        &self,
        look: impl Fn(&Path) -> Result<Cgroup, cgroup::Error>,
    ) -> Vec<Cgroup> {
        let mut parents: Vec<_> = self
            .parent_paths()
            .filter(|parent| !self.lies_below_root(parent))
            .filter_map(|parent| look(parent).ok())
            .collect();
        parents.sort_by_key(|cgroup| cgroup.id);
        parents.dedup_by_key(|cgroup| cgroup.id);
        parents
    }

    /// Whether cgroups directly in this one could match, or be an agent's containers.
    pub(super) fn is_parent(&self, path: &Path) -> bool {
        self.parent_paths().any(|parent| parent == path) || self.is_place(path)
    }

    fn parent_paths(&self) -> impl Iterator<Item = &Path> {
        self.rules
            .iter()
            .flat_map(|(rule, _)| &rule.cgroups)
            .filter_map(|glob| Path::new(glob).parent())
            .filter(|parent| !parent.to_string_lossy().contains(['*', '?', '[', '{']))
    }

    fn lies_below_root(&self, path: &Path) -> bool {
        let mut roots = self.roots.values();
        roots.any(|root| path.starts_with(&root.path))
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

/// A session of an agent, whose key is not known yet.
pub(super) fn new_session(rule: &AgentRule, binding: Binding) -> NewSession {
    NewSession {
        key: 0,
        id: Uuid::now_v7(),
        agent_id: rule.id.clone(),
        agent_name: rule.name.clone(),
        owner: rule.owner.clone(),
        version: rule.version.clone(),
        labels: rule.labels.clone(),
        binding,
        root: None,
        command: Vec::new(),
        cgroup: None,
        cgroup_id: None,
        container: None,
        resumed: None,
        parent: None,
        origin: None,
        request: None,
        program: None,
        programs: rule.programs.clone(),
    }
}

#[cfg(test)]
mod tests;
