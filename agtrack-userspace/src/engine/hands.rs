//! What the thread can do: tag processes and cgroups, and feed what it learns to the pipeline.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use agtrack_common::tag::{CgroupTag, LAUNCHED, Tag};
use anyhow::anyhow;
use uuid::Uuid;

use super::core::Core;
use super::full::Refused;
use super::inferred::Expected;
use super::past::Past;
use super::suspect::Suspects;
use super::watch;
use super::{Running, TagRequest, facts};
use crate::cgroup::{Cgroup, Hierarchy};
use crate::input::{FloodCount, HookCounters, Input, NewSession};
use crate::load::Probes;
use crate::record::{Binding, ProcessKey, TICK as START_TICK, Text, WhyOver};

/// What handling a message needs, apart from the ring that it is read from.
pub(super) struct Hands {
    pub(super) core: Core,
    pub(super) probes: Probes,
    pub(super) hierarchy: Option<Hierarchy>,
    /// Events so far, parts not counted.
    pub(super) events: u64,
    pub(super) launched: u64,
    /// The skipped forks that have been repaired.
    pub(super) skipped_forks: u64,
    /// Processes that lost a tag which was nobody's a moment ago, and were in no agent's cgroup.
    pub(super) homeless: Vec<u32>,
    /// What there was no room to tag.
    pub(super) refused: Refused,
    /// Cgroups that were looked for by their id.
    pub(super) sought: HashSet<u64>,
    /// Where results of handoffs may appear.
    pub(super) expected: Expected,
    /// Cgroups of containers that may be an agent's.
    pub(super) suspects: Suspects,
    /// Sessions of recorders before that have no end.
    pub(super) past: Past,
    /// Of a recorder before: the sessions that its processes belong to.
    pub(super) kept: HashMap<ProcessKey, u64>,
    /// Of these sessions, those that began with a process and go on.
    pub(super) resumed: Vec<u64>,
    /// Of these sessions, those that only go on until what waits of them is told, and why they end then.
    pub(super) leaving: Vec<(u64, Option<WhyOver>)>,
    /// The kernel's id of this boot.
    pub(super) boot_id: String,
    /// When processes that changed files of the recorder's own began, ticks, and when they were seen.
    pub(super) touchers: HashMap<u32, (u64, Instant)>,
    /// What went wrong while a message was handled.
    pub(super) failed: Option<anyhow::Error>,
}

impl Hands {
    pub(super) fn new(core: Core, probes: Probes, hierarchy: Option<Hierarchy>) -> Hands {
        Hands {
            core,
            probes,
            hierarchy,
            events: 0,
            launched: 0,
            skipped_forks: 0,
            homeless: Vec::new(),
            refused: Refused::default(),
            sought: HashSet::new(),
            expected: Expected::default(),
            suspects: Suspects::default(),
            past: Past::default(),
            kept: HashMap::new(),
            resumed: Vec::new(),
            leaving: Vec::new(),
            boot_id: String::new(),
            touchers: HashMap::new(),
            failed: None,
        }
    }

    /// Tags a cgroup, or counts that there was no room.
    pub(super) fn tag_cgroup(&mut self, id: u64, tag: CgroupTag) {
        if self.probes.tag_cgroup(id, tag).is_err() {
            self.refused.cgroup(id);
        }
    }

    /// Tags a process that runs already; false: it was tagged before, is gone, or there is no room.
    pub(super) fn tag_running(&mut self, pid: u32, key: u64) -> anyhow::Result<bool> {
        // What this process does is nobody's but its own, wherever somebody has moved it.
        if pid == std::process::id() {
            return Ok(false);
        }
        let Some(start) = facts::start(pid) else {
            return Ok(false);
        };
        if self
            .probes
            .process_tag(pid)
            .is_some_and(|tag| tag.start / START_TICK == start)
        {
            return Ok(false);
        }
        let process = ProcessKey { pid, start };
        let tag = Tag {
            start: start * START_TICK,
            session: key,
            owed: 0,
            unwritten: 0,
        };
        if self.probes.tag_process(pid, tag).is_err() {
            self.refused.process(process);
            return Ok(false);
        }
        self.learn(process, key)?;
        let open = facts::open_files(pid);
        let late = Input::LateTag {
            key: process,
            session: key,
            open,
        };
        self.core.feed(late)?;
        Ok(true)
    }

    /// Whether a process is an agent's.
    pub(super) fn is_tagged(&mut self, pid: u32) -> bool {
        let tag = self.probes.process_tag(pid);
        tag.is_some_and(|tag| facts::start(pid) == Some(tag.start / START_TICK))
    }

    /// What /proc says of a process and its parents; nothing, where the pid is another's by now.
    pub(super) fn learn(&mut self, process: ProcessKey, session: u64) -> anyhow::Result<()> {
        self.look_up(process, session).map(drop)
    }

    /// As [`Hands::learn`]; whether there was anything.
    pub(super) fn look_up(&mut self, process: ProcessKey, session: u64) -> anyhow::Result<bool> {
        let found = facts::with_ancestors(process.pid, session, self.hierarchy.as_ref());
        let found = facts::only_of(process, found);
        let is_there = !found.is_empty();
        for facts in found {
            self.core.feed(Input::Process(Box::new(facts)))?;
        }
        Ok(is_there)
    }

    /// Tags a process that waits to become a command.
    pub(super) fn launch(&mut self, request: TagRequest) -> anyhow::Result<Uuid> {
        self.probes.attach()?;
        let start =
            facts::start(request.pid).ok_or_else(|| anyhow!("process {} is gone", request.pid))?;
        let root = ProcessKey {
            pid: request.pid,
            start,
        };
        let key = LAUNCHED | self.next_launch();
        self.tag_root(root, key, request.cgroup.as_ref())?;
        let id = Uuid::now_v7();
        // First as somebody's process, so that the session can name it …
        self.learn(root, 0)?;
        let is_own = request.request.is_none();
        self.core.feed(session(NewSession {
            key,
            id,
            root: Some(root),
            command: request.command.into_iter().map(Text).collect(),
            cgroup: request
                .cgroup
                .as_ref()
                .map(|cgroup| path_text(&cgroup.path)),
            cgroup_id: request.cgroup.as_ref().map(|cgroup| cgroup.id),
            request: request.request,
            ..watch::new_session(&request.agent, Binding::Launcher)
        }))?;
        // … then as the session's first.
        self.learn(root, key)?;
        if let Some(cgroup) = &request.cgroup {
            let path = path_text(&cgroup.path);
            self.core.feed(Input::Cgroup {
                id: cgroup.id,
                path,
            })?;
        }
        if is_own {
            self.core.remember(id, key);
            // On disk before the command's first instruction: one that kills its recorder at once has
            // been told of. A disk that refuses is told of by the journal itself. A daemon's thread
            // waits for no disk: who asked it does.
            let _ = self.core.journal.sync();
        }
        Ok(id)
    }

    /// A number for the next session that begins with a process by request.
    pub(super) fn next_launch(&mut self) -> u64 {
        self.launched += 1;
        self.launched
    }

    /// Nothing is said of a launch that cannot be recorded, and nothing of it stays tagged.
    fn tag_root(
        &mut self,
        root: ProcessKey,
        session: u64,
        cgroup: Option<&Cgroup>,
    ) -> anyhow::Result<()> {
        if let Some(cgroup) = cgroup {
            self.probes
                .tag_cgroup(cgroup.id, watch::root_tag(session))?;
        }
        let tag = Tag {
            start: root.start * START_TICK,
            session,
            owed: 0,
            unwritten: 0,
        };
        let tagged = self.probes.tag_process(root.pid, tag);
        if let (Err(_), Some(cgroup)) = (&tagged, cgroup) {
            self.probes.untag_cgroup(cgroup.id);
        }
        tagged
    }

    /// Tells what there was no room for: of tags in the kernel, of records in the journal.
    /// What the hooks counted, and what of it were floods.
    pub(super) fn tell_counters(&mut self, counters: Vec<HookCounters>) -> anyhow::Result<()> {
        let floods = self.probes.floods()?;
        let known = |flood: &FloodCount| self.core.pipeline.knows(flood.session);
        let over: Vec<_> = floods
            .iter()
            .filter(|flood| !known(flood))
            .copied()
            .collect();
        let told = counters.clone();
        self.core.feed(Input::Counters { counters, floods })?;
        self.probes.forget_floods(&over);
        self.probes.remember_told(&told)
    }

    pub(super) fn tell_refused(&mut self) -> anyhow::Result<()> {
        if let Some(told) = self.refused.take() {
            self.core.feed(told)?;
        }
        self.core.tell_refused()
    }

    pub(super) fn running(&mut self, session: Uuid) -> Vec<Running> {
        let Some(key) = self.core.key_of(session) else {
            return Vec::new();
        };
        let tagged = self.probes.tagged();
        let alive = |pid: &u32, tag: &Tag| facts::start(*pid) == Some(tag.start / START_TICK);
        tagged
            .into_iter()
            .filter(|(pid, tag)| tag.session == key && alive(pid, tag))
            .map(|(pid, _)| Running {
                pid,
                exe: facts::exe(pid),
            })
            .collect()
    }
}

pub(super) fn session(session: NewSession) -> Input<'static> {
    Input::Session(Box::new(session))
}

/// A path as it stands in records.
pub(super) fn path_text(path: &std::path::Path) -> Text {
    use std::os::unix::ffi::OsStrExt;
    Text(path.as_os_str().as_bytes().to_vec())
}
