//! Cgroups that begin sessions, from the first tag to the last.

use std::collections::HashSet;

use super::clock;
use super::facts;
use super::hands::{Hands, session};
use super::watch::{self, Root, Watch};
use crate::cgroup::{Cgroup, Hierarchy};
use crate::input::Input;
use crate::record::WhyOver;

/// Roots that are looked at in one sweep.
const LOOKED_AT: usize = 256;

/// Cgroups whose children may begin sessions.
fn parents(watch: &Watch, hierarchy: &Hierarchy) -> Vec<Cgroup> {
    let mut parents = watch.parents(|path| hierarchy.at(path));
    parents.extend(watch.places(hierarchy));
    parents
}

impl Hands {
    /// Tags the cgroups that the rules match now, with what is in them.
    pub(super) fn begin_watching(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        if let Some(hierarchy) = self.hierarchy.clone() {
            self.begin_roots(watch, &hierarchy)?;
            self.resume_requested(watch)?;
            self.resume_inferred(watch)?;
            self.resume_leaving(watch)?;
        }
        self.resume_tagged()?;
        // Whoever is in an agent's cgroup is that agent's, whatever it executes.
        self.begin_binding(watch)
    }

    fn begin_roots(&mut self, watch: &mut Watch, hierarchy: &Hierarchy) -> anyhow::Result<()> {
        let found = watch.find(hierarchy);
        // What is made from here on is tagged by the kernel; what was made since the look has been
        // told of by it.
        for parent in parents(watch, hierarchy) {
            self.tag_cgroup(parent.id, watch::parent_tag());
        }
        for root in found.roots {
            self.begin_root(watch, root)?;
        }
        for suspected in found.suspected {
            // One that is in the kernel's hands already is not met anew.
            let tagged = self.suspects.hold(suspected.cgroup.id);
            self.suspect(suspected, tagged)?;
        }
        self.await_containers(watch)
    }

    /// Tags a cgroup, everything below it, and the processes in it.
    pub(super) fn begin_root(&mut self, watch: &mut Watch, mut root: Root) -> anyhow::Result<()> {
        let key = root.session.key;
        self.past.resume(&mut root.session, &self.boot_id);
        if let Some(resumed) = &mut root.session.resumed {
            resumed.keep_living(&self.kept);
        }
        self.core.feed(session(root.session))?;
        self.take_root(watch, &root.cgroup, key)
    }

    /// Tags what a session that has begun is bound to.
    pub(super) fn take_root(
        &mut self,
        watch: &mut Watch,
        cgroup: &Cgroup,
        key: u64,
    ) -> anyhow::Result<()> {
        self.tag_tree(cgroup, key)?;
        // One that was removed before it was tagged is never heard of again.
        self.forget_gone(watch, &[cgroup.id])
    }

    /// Tags a cgroup, everything below it, and the processes in it, for this session.
    pub(super) fn tag_tree(&mut self, cgroup: &Cgroup, key: u64) -> anyhow::Result<()> {
        // Until there is no new one: below a tagged cgroup the kernel tags new ones by itself, so
        // whatever is made while this looks is either found or tagged already.
        let mut tagged = HashSet::new();
        loop {
            let all = cgroup.subtree().unwrap_or_default();
            let news: Vec<_> = all
                .into_iter()
                .filter(|below| tagged.insert(below.id))
                .collect();
            if news.is_empty() {
                break;
            }
            for below in news {
                self.tag_cgroup(below.id, watch::root_tag(key));
            }
        }
        self.tag_late(cgroup, key)
    }

    /// Tags the processes in a cgroup. They may fork meanwhile, so it looks again until there is
    /// nobody new.
    fn tag_late(&mut self, cgroup: &Cgroup, key: u64) -> anyhow::Result<()> {
        loop {
            let mut news = false;
            // Parents first: whoever looks for the main program meets it before what it started.
            let mut pids = cgroup.subtree_pids().unwrap_or_default();
            pids.sort_by_cached_key(|pid| (facts::start(*pid), *pid));
            for pid in pids {
                news |= self.tag_running(pid, key)?;
            }
            if !news {
                return Ok(());
            }
        }
    }

    /// Looks whether roots are still there, some at a time: the kernel may have had no room to tell
    /// that one was removed, or skipped the program that does.
    pub(super) fn sweep_roots(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        let some = watch.next_roots(LOOKED_AT);
        self.forget_gone(watch, &some)
    }

    pub(super) fn forget_gone(&mut self, watch: &mut Watch, ids: &[u64]) -> anyhow::Result<()> {
        let Some(hierarchy) = self.hierarchy.clone() else {
            return Ok(());
        };
        for id in watch.gone(ids, |path| hierarchy.at(path)) {
            self.root_gone(watch, id, clock::now().boot)?;
        }
        Ok(())
    }

    /// The cgroup of a session is gone since `at`. Processes that had left it before are still the
    /// agent's.
    pub(super) fn root_gone(&mut self, watch: &mut Watch, id: u64, at: u64) -> anyhow::Result<()> {
        if !watch.forget(id) {
            return Ok(());
        }
        self.cgroup_gone(id, at)
    }

    /// As [`Hands::root_gone`], of a session that nobody watches for.
    pub(super) fn cgroup_gone(&mut self, key: u64, at: u64) -> anyhow::Result<()> {
        self.untag_cgroups(key);
        self.core.feed(Input::SessionOver {
            at,
            key,
            dropped: false,
            why: None,
        })
    }

    /// Ends a session whose processes go on: they are nobody's, or whose the rules say. Returns how
    /// many they are.
    pub(super) fn dismiss(
        &mut self,
        watch: &Watch,
        key: u64,
        why: WhyOver,
    ) -> anyhow::Result<usize> {
        let untagged = self.untag_session(key);
        let processes = untagged.len();
        self.core.feed(Input::SessionOver {
            at: clock::now().boot,
            key,
            dropped: true,
            why: Some(why),
        })?;
        self.tag_again(watch, untagged)?;
        Ok(processes)
    }

    /// Puts other rules in force. Whom no rule wants any more is not recorded from now on.
    pub(super) fn change_rules(&mut self, watch: &mut Watch, new: Watch) -> anyhow::Result<()> {
        for key in watch.replace_rules(new)? {
            self.dismiss(watch, key, WhyOver::Reload)?;
        }
        if let Some(hierarchy) = &self.hierarchy {
            let parents: HashSet<_> = parents(watch, hierarchy)
                .into_iter()
                .map(|parent| parent.id)
                .collect();
            for (id, tag) in self.probes.tagged_cgroups() {
                let wanted = parents.contains(&id) || self.expected.suspects(id);
                if tag == watch::parent_tag() && !wanted {
                    self.probes.untag_cgroup(id);
                }
            }
        }
        self.begin_watching(watch)
    }
}
