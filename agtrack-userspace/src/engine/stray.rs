//! Tags of sessions that are nobody's.
//!
//! Below a parent that a rule names the kernel tags each new cgroup, in case it is an agent's. Where
//! it is not, everything that got this tag meanwhile loses it again: processes, what they made, and
//! cgroups inside.

use agtrack_common::tag::{BOUND, LAUNCHED};

use super::hands::Hands;
use super::watch::{Verdict, Watch};

impl Hands {
    /// Whether nobody can be meant by a session key. One that a launcher gave out has been known, and
    /// one that waits may be somebody's yet.
    pub(super) fn is_stray(&self, session: u64) -> bool {
        let is_undecided = session & LAUNCHED != 0
            || self.suspects.hold(session)
            || self.expected.is_undecided(session);
        session != 0 && !is_undecided && !self.core.pipeline.knows(session)
    }

    /// Takes away what was given for a session that nobody knows.
    pub(super) fn untag_stray(&mut self, watch: &Watch, session: u64) -> anyhow::Result<()> {
        if !self.is_stray(session) {
            return Ok(());
        }
        let untagged = self.untag_session(session);
        self.tag_again(watch, untagged)
    }

    /// As [`Hands::untag_stray`], where the message that told of the cgroup may have been lost: if
    /// it is an agent's after all, its session begins now.
    pub(super) fn judge_stray(&mut self, watch: &mut Watch, session: u64) -> anyhow::Result<()> {
        if !self.is_stray(session) {
            return Ok(());
        }
        if session & BOUND != 0 {
            return self.judge_bound(watch, session);
        }
        let cgroup = self
            .hierarchy
            .as_ref()
            .and_then(|tree| tree.by_id(session).ok().flatten());
        match cgroup.map(|cgroup| watch.consider(cgroup)) {
            Some(Verdict::Begins(root)) => self.begin_root(watch, *root),
            Some(Verdict::Suspected(suspected)) => self.suspect(*suspected, true),
            _ => self.untag_stray(watch, session),
        }
    }

    /// Removes every tag of a session, until there is no new one: who is tagged may fork, and make
    /// cgroups, while this looks. Gives the processes.
    pub(super) fn untag_session(&mut self, session: u64) -> Vec<u32> {
        let mut untagged = Vec::new();
        loop {
            let mut news = self.untag_cgroups(session);
            for (pid, tag) in self.probes.tagged() {
                if tag.session == session && self.probes.process_tag(pid) == Some(tag) {
                    self.probes.untag_process(pid);
                    untagged.push(pid);
                    news = true;
                }
            }
            if !news {
                return untagged;
            }
        }
    }

    /// Removes the tags of a session's cgroups; false: there were none.
    pub(super) fn untag_cgroups(&mut self, session: u64) -> bool {
        let tagged = self.probes.tagged_cgroups();
        let own: Vec<_> = tagged
            .into_iter()
            .filter(|(_, tag)| tag.session == session)
            .collect();
        for (id, _) in &own {
            self.probes.untag_cgroup(*id);
        }
        !own.is_empty()
    }

    /// A process keeps the tag it has, so one that came into an agent's cgroup with the wrong one
    /// has not got the right one.
    pub(super) fn tag_again(&mut self, watch: &Watch, pids: Vec<u32>) -> anyhow::Result<()> {
        for pid in pids {
            let place = self
                .hierarchy
                .as_ref()
                .and_then(|tree| tree.of_pid(pid).ok());
            match place.and_then(|place| watch.root_of(&place.path)) {
                Some(root) => drop(self.tag_running(pid, root)?),
                None => self.homeless.push(pid),
            }
        }
        Ok(())
    }

    /// It may have gone on to a cgroup that is an agent's, and that is told of only now.
    pub(super) fn tag_homeless(&mut self, watch: &Watch) -> anyhow::Result<()> {
        let homeless = std::mem::take(&mut self.homeless);
        self.tag_again(watch, homeless)
    }

    /// Tags whose session is not known, as the kernel may give them while others are taken away.
    pub(super) fn sweep_strays(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        self.homeless.clear();
        let mut sessions: Vec<_> = self
            .probes
            .tagged()
            .into_iter()
            .map(|(_, tag)| tag.session)
            .filter(|session| self.is_stray(*session))
            .collect();
        sessions.sort_unstable();
        sessions.dedup();
        for session in sessions {
            self.judge_stray(watch, session)?;
        }
        Ok(())
    }
}
