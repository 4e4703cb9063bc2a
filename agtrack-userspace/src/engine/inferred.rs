//! Where results of handoffs may appear, and what has appeared there.
//!
//! Whose result a cgroup is, the pipeline says when it comes to the event that tells of it. Until then it
//! waits here, with the tag that the kernel has given it on suspicion, if it was in time for that.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::hands::Hands;
use super::watch::{self, Watch};
use crate::cgroup::Cgroup;
use crate::handoff::may_be_result;

/// Cgroups that wait at a time; what more are made are nobody's.
const WAITING: usize = 4096;

/// What is expected, and what has come.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// Of what the pipeline expects, when it was looked at.
    version: u64,
    /// Cgroups below which new ones are tagged on suspicion for that.
    parents: HashMap<u64, PathBuf>,
    /// New ones, by id.
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    cgroup: Cgroup,
    /// When it was made, boot clock, ns.
    made: u64,
}

impl Expected {
    /// Whether it is not decided yet whose a session is.
    pub(super) fn is_undecided(&self, session: u64) -> bool {
        self.waiting.contains_key(&session)
    }

    /// Whether new cgroups in this one are tagged on suspicion.
    pub(super) fn suspects(&self, id: u64) -> bool {
        self.parents.contains_key(&id)
    }
}

impl Hands {
    /// A new cgroup, which no rule wants, may be the result of a handoff, or hold such. True: it waits
    /// for that to be decided.
    pub(super) fn await_result(&mut self, cgroup: Cgroup, made: u64) -> bool {
        let path = cgroup.path.as_os_str().as_bytes();
        if may_be_result(path) && self.expected.waiting.len() < WAITING {
            let waiting = &mut self.expected.waiting;
            waiting.insert(cgroup.id, Waiting { cgroup, made });
            return true;
        }
        if self.core.pipeline.expects(path) {
            self.expect_in(cgroup.id, cgroup.path);
        }
        false
    }

    fn expect_in(&mut self, id: u64, path: PathBuf) {
        self.tag_cgroup(id, watch::parent_tag());
        self.expected.parents.insert(id, path);
    }

    /// Takes up what was decided, and suspects where results may appear from now on.
    pub(super) fn follow_handoffs(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        self.settle(watch)?;
        let version = self.core.pipeline.expected_version();
        if version != self.expected.version {
            self.expected.version = version;
            self.change_suspicion(watch);
        }
        Ok(())
    }

    fn change_suspicion(&mut self, watch: &Watch) {
        let all = self.hierarchy.as_ref().and_then(|tree| tree.all().ok());
        let pipeline = &self.core.pipeline;
        let is_wanted = |path: &Path| pipeline.expects(path.as_os_str().as_bytes());
        let wanted: Vec<_> = all
            .unwrap_or_default()
            .into_iter()
            .filter(|cgroup| is_wanted(&cgroup.path))
            .collect();
        let ids: HashSet<_> = wanted.iter().map(|cgroup| cgroup.id).collect();
        let tags: HashMap<_, _> = self.probes.tagged_cgroups().into_iter().collect();
        for cgroup in wanted {
            if !tags.contains_key(&cgroup.id) {
                self.expect_in(cgroup.id, cgroup.path);
            }
        }
        let over = self.expected.parents.extract_if(|id, _| !ids.contains(id));
        for (id, path) in over.collect::<Vec<_>>() {
            if tags.get(&id) == Some(&watch::parent_tag()) && !watch.is_parent(&path) {
                self.probes.untag_cgroup(id);
            }
        }
    }

    /// Those whose turn has come are somebody's now, or nobody's.
    fn settle(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        let pipeline = &self.core.pipeline;
        let waiting = &mut self.expected.waiting;
        let decided = waiting.extract_if(.., |_, one| pipeline.has_told(one.made));
        for (id, Waiting { cgroup, .. }) in decided.collect::<Vec<_>>() {
            match self.core.pipeline.agent_id(id) {
                Some(agent) => self.take_result(watch, cgroup, agent)?,
                None => self.give_up(watch, id)?,
            }
        }
        Ok(())
    }

    /// It is nobody's. While its processes had a tag nobody looked at what they execute.
    fn give_up(&mut self, watch: &mut Watch, id: u64) -> anyhow::Result<()> {
        if !self.is_stray(id) {
            return Ok(());
        }
        let untagged = self.untag_session(id);
        let any = !untagged.is_empty();
        self.tag_again(watch, untagged)?;
        match any {
            true => self.find_running(watch),
            false => Ok(()),
        }
    }

    /// It is a session's. What the kernel was not in time for is tagged now.
    fn take_result(
        &mut self,
        watch: &mut Watch,
        cgroup: Cgroup,
        agent: String,
    ) -> anyhow::Result<()> {
        let id = cgroup.id;
        watch.keep(&cgroup, agent);
        let tags = self.probes.tagged_cgroups();
        if tags
            .iter()
            .any(|(tagged, tag)| *tagged == id && tag.session == id)
        {
            self.tag_homeless(watch)?;
            return self.forget_gone(watch, &[id]);
        }
        self.take_root(watch, &cgroup, id)
    }
}
