//! Sessions of a recorder before that go on though no cgroup of a rule begins them anew: results of
//! handoffs, known by their cgroups, and those that began with a process, by a rule or a request, known by
//! any of theirs.

use std::collections::HashSet;

use agtrack_common::tag::{LAUNCHED, bound_key};
use uuid::Uuid;

use super::{Left, Past, found};
use crate::cgroup::Cgroup;
use crate::engine::bound::program;
use crate::engine::clock;
use crate::engine::facts;
use crate::engine::hands::{Hands, session};
use crate::engine::request::Identity;
use crate::engine::watch::{Watch, new_session};
use crate::input::NewSession;
use crate::record::{ProcessKey, TICK, WhyOver};

impl Past {
    /// Takes those out that may go on so, in order of their begin.
    fn take(&mut self, boot_id: &str, is_one: impl Fn(&Left) -> bool) -> Vec<(Uuid, Left)> {
        if self.last.host.boot_id != boot_id {
            return Vec::new();
        }
        let taken = self.sessions.extract_if(.., |_, left| is_one(left));
        taken.collect()
    }
}

impl Hands {
    /// Takes up results of handoffs whose cgroups are there.
    pub(in crate::engine) fn resume_inferred(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        let is_one = |left: &Left| left.is_bound_to_cgroup() && left.agent.parent.is_some();
        for (id, left) in self.past.take(&self.boot_id, is_one) {
            match self.cgroup_of(watch, &left) {
                Some(cgroup) => self.resume_result(watch, id, left, cgroup)?,
                None => drop(self.past.sessions.insert(id, left)),
            }
        }
        Ok(())
    }

    /// The cgroup of a session, if it is there and nobody else's by now.
    fn cgroup_of(&self, watch: &Watch, left: &Left) -> Option<Cgroup> {
        let (path, id) = left.cgroup.as_ref().zip(left.cgroup_id)?;
        watch.rule(&left.agent.id)?;
        let cgroup = found(self.hierarchy.as_ref()?, path, id)?;
        is_free(watch, &cgroup).then_some(cgroup)
    }

    /// Takes up sessions of cgroups that somebody asked for, where the cgroups are there.
    pub(in crate::engine) fn resume_requested(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        let is_one = |left: &Left| left.is_bound_to_cgroup() && left.request.is_some();
        for (id, left) in self.past.take(&self.boot_id, is_one) {
            let place = left.cgroup.as_ref().zip(left.cgroup_id);
            let found = place.and_then(|(path, id)| found(self.hierarchy.as_ref()?, path, id));
            match found.filter(|found| is_free(watch, found)) {
                Some(cgroup) => self.resume_request(watch, id, left, cgroup)?,
                None => drop(self.past.sessions.insert(id, left)),
            }
        }
        Ok(())
    }

    fn resume_request(
        &mut self,
        watch: &mut Watch,
        id: Uuid,
        left: Left,
        cgroup: Cgroup,
    ) -> anyhow::Result<()> {
        let begun = requested(cgroup.id, id, &left);
        let resumed = Some(self.past.resumed(left));
        watch.keep_requested(&cgroup);
        // Without a rule nobody has needed the probes yet.
        self.probes.attach()?;
        self.core.feed(session(NewSession { resumed, ..begun }))?;
        self.take_root(watch, &cgroup, cgroup.id)
    }

    /// Takes up sessions that began with a process because somebody asked for it, where one of their
    /// processes runs or the kernel has gone on recording them.
    pub(in crate::engine) fn resume_tagged(&mut self) -> anyhow::Result<()> {
        let mut begun = HashSet::new();
        for (id, left) in self.past.take(&self.boot_id, Left::was_asked_for_process) {
            let kept = left.processes.iter().find_map(|one| self.kept.get(one));
            let kept = kept.copied().filter(|key| key & LAUNCHED != 0);
            let living = self.living(&left);
            let key = match kept {
                Some(key) => key,
                None if !living.is_empty() => LAUNCHED | self.next_launch(),
                None => {
                    self.past.sessions.insert(id, left);
                    continue;
                }
            };
            self.resume_family(key, (id, left), &living, kept.is_some())?;
            begun.insert(key);
        }
        self.tag_below(&begun)
    }

    fn resume_family(
        &mut self,
        key: u64,
        (id, left): (Uuid, Left),
        living: &[ProcessKey],
        is_kept: bool,
    ) -> anyhow::Result<()> {
        let root = match is_kept {
            true => left.processes.first(),
            false => living.first(),
        };
        let begun = NewSession {
            root: root.copied(),
            command: left.command.clone(),
            ..requested(key, id, &left)
        };
        let mut resumed = self.past.resumed(left);
        // What has lost its tags meanwhile was not recorded meanwhile.
        resumed.kept &= is_kept;
        resumed.keep_living(&self.kept);
        if let Some(root) = begun.root {
            self.learn(root, 0)?;
        }
        // Without a rule nobody has needed the probes yet.
        self.probes.attach()?;
        let resumed = Some(resumed);
        self.core.feed(session(NewSession { resumed, ..begun }))?;
        if is_kept {
            self.resumed.push(key);
        }
        for process in living {
            self.tag_running(process.pid, key)?;
        }
        Ok(())
    }

    /// Takes up sessions of cgroups that are gone by now, or no agent's any more, of which the kernel tells
    /// more.
    pub(in crate::engine) fn resume_leaving(&mut self, watch: &Watch) -> anyhow::Result<()> {
        let told: HashSet<u64> = self.kept.values().copied().collect();
        // Of a container its runtime may still say whose it is.
        let is_told = |id: u64| told.contains(&id) && !self.suspects.asks(id);
        let is_one = |left: &Left| left.is_bound_to_cgroup() && left.cgroup_id.is_some_and(is_told);
        for (id, left) in self.past.take(&self.boot_id, is_one) {
            let Some((path, key)) = left.cgroup.as_ref().zip(left.cgroup_id) else {
                continue;
            };
            let hierarchy = self.hierarchy.as_ref();
            let is_there = hierarchy.is_some_and(|all| found(all, path, key).is_some());
            let rule = watch.rule(&left.agent.id);
            let begun = NewSession {
                parent: left.agent.parent,
                origin: left.origin.clone(),
                programs: rule.map_or_else(Vec::new, |rule| rule.programs.clone()),
                ..requested(key, id, &left)
            };
            self.take_up(begun, left)?;
            let why = is_there.then_some(WhyOver::NotConfigured);
            self.leaving.push((key, why));
        }
        Ok(())
    }

    /// Sessions of cgroups that are gone, or no agent's any more. Processes that had left a cgroup before it
    /// went are still the agent's.
    pub(in crate::engine) fn end_leaving(&mut self, watch: &Watch) -> anyhow::Result<()> {
        for (key, why) in std::mem::take(&mut self.leaving) {
            match why {
                Some(why) => {
                    self.dismiss(watch, key, why)?;
                }
                None => self.cgroup_gone(key, clock::now().boot)?,
            }
        }
        Ok(())
    }

    /// Goes on with a session where the recorder before left it.
    fn take_up(&mut self, begun: NewSession, left: Left) -> anyhow::Result<()> {
        let mut resumed = self.past.resumed(left);
        resumed.keep_living(&self.kept);
        let resumed = Some(resumed);
        self.core.feed(session(NewSession { resumed, ..begun }))
    }

    fn resume_result(
        &mut self,
        watch: &mut Watch,
        id: Uuid,
        left: Left,
        cgroup: Cgroup,
    ) -> anyhow::Result<()> {
        let Some(rule) = watch.rule(&left.agent.id) else {
            return Ok(());
        };
        let (key, agent) = (cgroup.id, left.agent.id.clone());
        let begun = NewSession {
            key,
            id,
            cgroup: left.cgroup.clone(),
            cgroup_id: left.cgroup_id,
            parent: left.agent.parent,
            origin: left.origin.clone(),
            ..new_session(rule, left.agent.binding)
        };
        self.take_up(begun, left)?;
        watch.keep(&cgroup, agent);
        self.take_root(watch, &cgroup, key)
    }

    /// Takes up sessions that began with the program or user of a process, where one of their processes
    /// runs.
    pub(in crate::engine) fn resume_bound(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        let mut begun = HashSet::new();
        for (id, left) in self.past.take(&self.boot_id, Left::began_with_process) {
            if self.past.kept {
                self.resume_kept(watch, id, left, &mut begun)?;
                continue;
            }
            let living = self.living(&left);
            let number = watch.bound.rule_of(&left.agent.id, left.agent.binding);
            match (living.first(), number) {
                (Some(root), Some(number)) => {
                    let key = bound_key(root.pid, root.start * TICK);
                    self.resume_processes(watch, (id, left), (key, number), &living)?;
                    begun.insert(key);
                }
                _ => drop(self.past.sessions.insert(id, left)),
            }
        }
        self.tag_below(&begun)
    }

    /// The kernel has gone on recording it, whether or not any of its processes runs.
    fn resume_kept(
        &mut self,
        watch: &mut Watch,
        id: Uuid,
        left: Left,
        begun: &mut HashSet<u64>,
    ) -> anyhow::Result<()> {
        let key = left
            .processes
            .iter()
            .find_map(|process| self.kept.get(process));
        let number = watch.bound.rule_of(&left.agent.id, left.agent.binding);
        let (Some(key), Some(number)) = (key.copied(), number) else {
            self.past.sessions.insert(id, left);
            return Ok(());
        };
        let living = left.processes.clone();
        self.resume_processes(watch, (id, left), (key, number), &living)?;
        begun.insert(key);
        self.resumed.push(key);
        Ok(())
    }

    /// Processes of a session that run and are nobody else's by now.
    fn living(&mut self, left: &Left) -> Vec<ProcessKey> {
        let known = left.processes.iter().copied();
        let living = known.filter(|process| facts::is_alive(process.pid, process.start));
        let free = living.filter(|process| !self.is_tagged(process.pid));
        free.collect()
    }

    fn resume_processes(
        &mut self,
        watch: &mut Watch,
        (id, left): (Uuid, Left),
        (key, number): (u64, u16),
        living: &[ProcessKey],
    ) -> anyhow::Result<()> {
        let root = living.first().copied();
        // What was recorded of it then is redacted; what /proc says may be another program by now.
        let command = left.command.clone();
        let Some(rule) = watch.rule(&left.agent.id) else {
            return Ok(());
        };
        let begun = NewSession {
            key,
            id,
            root,
            command,
            program: root.and_then(|root| program::running(root.pid)),
            ..new_session(rule, left.agent.binding)
        };
        let mut resumed = self.past.resumed(left);
        resumed.keep_living(&self.kept);
        let resumed = Some(resumed);
        if let Some(root) = root {
            self.learn(root, 0)?;
        }
        self.core.feed(session(NewSession { resumed, ..begun }))?;
        watch.bound.begun(key, number);
        for process in living {
            self.tag_running(process.pid, key)?;
        }
        Ok(())
    }
}

/// One that somebody asked for, as it was then, whatever the configuration says of an agent of this id by
/// now.
fn requested(key: u64, id: Uuid, left: &Left) -> NewSession {
    let identity = Identity {
        agent: left.agent.id.clone(),
        name: Some(left.agent.name.clone()),
        owner: left.agent.owner.clone(),
        version: left.agent.version.clone(),
        labels: left.agent.labels.clone(),
    };
    NewSession {
        key,
        id,
        cgroup: left.cgroup.clone(),
        cgroup_id: left.cgroup_id,
        request: left.request.clone(),
        ..new_session(&identity.rule(), left.agent.binding)
    }
}

/// Whether nobody else has a cgroup by now.
fn is_free(watch: &Watch, cgroup: &Cgroup) -> bool {
    watch.root_of(&cgroup.path).is_none() && watch.root_below(&cgroup.path).is_none()
}
