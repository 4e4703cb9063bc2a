//! What the thread can do: tag processes and cgroups, and feed what it learns to the pipeline.

use std::collections::HashSet;

use agtrack_common::tag::{LAUNCHED, Tag};
use anyhow::anyhow;
use uuid::Uuid;

use super::core::Core;
use super::watch::{self, Root};
use super::{Running, TagRequest, facts};
use crate::cgroup::{Cgroup, Hierarchy};
use crate::input::{Input, NewSession};
use crate::load::Probes;
use crate::record::{Binding, ProcessKey, TICK as START_TICK, Text};

/// What handling a message needs, apart from the ring that it is read from.
pub(super) struct Hands {
    pub(super) core: Core,
    pub(super) probes: Probes,
    pub(super) hierarchy: Option<Hierarchy>,
    /// Events so far, parts not counted.
    pub(super) events: u64,
    launched: u64,
    /// The skipped forks that have been repaired.
    pub(super) skipped_forks: u64,
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
            failed: None,
        }
    }

    /// Tags a cgroup, everything below it, and the processes in it.
    pub(super) fn begin_root(&mut self, root: Root) -> anyhow::Result<()> {
        let key = root.session.key;
        self.core.feed(session(root.session))?;
        // Until there is no new one: below a tagged cgroup the kernel tags new ones by itself, so
        // whatever is made while this looks is either found or tagged already.
        let mut tagged = HashSet::new();
        loop {
            let all = root.cgroup.subtree().unwrap_or_default();
            let news: Vec<_> = all
                .into_iter()
                .filter(|cgroup| tagged.insert(cgroup.id))
                .collect();
            if news.is_empty() {
                break;
            }
            for cgroup in news {
                self.probes.tag_cgroup(cgroup.id, watch::root_tag(key))?;
            }
        }
        self.tag_late(&root.cgroup, key)
    }

    /// Tags the processes in a cgroup. They may fork meanwhile, so it looks again until there is
    /// nobody new.
    pub(super) fn tag_late(&mut self, cgroup: &Cgroup, key: u64) -> anyhow::Result<()> {
        loop {
            let mut news = false;
            for pid in cgroup.subtree_pids().unwrap_or_default() {
                news |= self.tag_running(pid, key)?;
            }
            if !news {
                return Ok(());
            }
        }
    }

    /// Tags a process that runs already; false: it was tagged before, or is gone.
    pub(super) fn tag_running(&mut self, pid: u32, key: u64) -> anyhow::Result<bool> {
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
        self.probes.tag_process(
            pid,
            Tag {
                start: start * START_TICK,
                session: key,
            },
        )?;
        self.learn(pid, key)?;
        let open = facts::open_files(pid);
        let late = Input::LateTag {
            key: ProcessKey { pid, start },
            session: key,
            open,
        };
        self.core.feed(late)?;
        Ok(true)
    }

    pub(super) fn learn(&mut self, pid: u32, session: u64) -> anyhow::Result<()> {
        for facts in facts::with_ancestors(pid, session, self.hierarchy.as_ref()) {
            self.core.feed(Input::Process(Box::new(facts)))?;
        }
        Ok(())
    }

    /// Tags a process that waits to become a command.
    pub(super) fn launch(&mut self, request: TagRequest) -> anyhow::Result<Uuid> {
        self.probes.attach()?;
        let start =
            facts::start(request.pid).ok_or_else(|| anyhow!("process {} is gone", request.pid))?;
        self.launched += 1;
        let key = LAUNCHED | self.launched;
        let id = Uuid::now_v7();
        // First as somebody's process, so that the session can name it …
        self.learn(request.pid, 0)?;
        self.core.feed(session(NewSession {
            key,
            id,
            agent_id: request.agent.clone(),
            agent_name: request.agent,
            owner: None,
            labels: Default::default(),
            binding: Binding::Launcher,
            root: Some(ProcessKey {
                pid: request.pid,
                start,
            }),
            command: request.command.into_iter().map(Text).collect(),
            cgroup: request
                .cgroup
                .as_ref()
                .map(|cgroup| path_text(&cgroup.path)),
        }))?;
        // … then as the session's first.
        self.learn(request.pid, key)?;
        if let Some(cgroup) = &request.cgroup {
            self.probes.tag_cgroup(cgroup.id, watch::root_tag(key))?;
            let path = path_text(&cgroup.path);
            self.core.feed(Input::Cgroup {
                id: cgroup.id,
                path,
            })?;
        }
        self.probes.tag_process(
            request.pid,
            Tag {
                start: start * START_TICK,
                session: key,
            },
        )?;
        self.core.remember(id, key);
        Ok(id)
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
