//! The thread's loop.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use agtrack_common::event::{CgroupAttach, CgroupCreate, CgroupRemove, Kind};
use agtrack_common::tag::{LAUNCHED, Tag};
use agtrack_common::wire::{Header, PART};
use anyhow::{Context, anyhow};
use uuid::Uuid;
use zerocopy::FromBytes;

use super::core::Core;
use super::wait::{Bed, IDLE, TICK};
use super::watch::{self, Root, Watch};
use super::{AgentRule, Request, Running, Summary, TagRequest, clock, facts};
use crate::cgroup::{Cgroup, Hierarchy};
use crate::input::{Clock, Input, NewSession};
use crate::load::{Inventory, Probes};
use crate::record::{Binding, ProcessKey, TICK as START_TICK, Text};
use crate::ring::{Drained, Rings};

/// How often the counters are read and the tables swept.
const CHORES: Duration = Duration::from_secs(1);
/// Quiet ticks after which the thread sleeps without a clock.
const QUIET_TICKS: u32 = 25;
/// How long events that were begun before the gate closed may take to arrive.
const LAST_EVENTS: Duration = Duration::from_millis(500);

/// The thread's state.
pub(super) struct Live {
    rings: Rings,
    pub(super) hands: Hands,
    pub(super) watch: Watch,
    bed: Bed,
    inbox: mpsc::Receiver<Request>,
}

/// What handling a message needs, apart from the ring that it is read from.
pub(super) struct Hands {
    pub(super) core: Core,
    pub(super) probes: Probes,
    pub(super) hierarchy: Option<Hierarchy>,
    /// Events so far, parts not counted.
    events: u64,
    launched: u64,
    /// The skipped forks that have been repaired.
    pub(super) skipped_forks: u64,
    /// What went wrong while a message was handled.
    failed: Option<anyhow::Error>,
}

impl Live {
    pub(super) fn new(
        core: Core,
        probes: Probes,
        rings: Rings,
        hierarchy: Option<Hierarchy>,
        bed: Bed,
        inbox: mpsc::Receiver<Request>,
    ) -> Live {
        let hands = Hands {
            core,
            probes,
            hierarchy,
            events: 0,
            launched: 0,
            skipped_forks: 0,
            failed: None,
        };
        let watch = Watch::default();
        Live {
            rings,
            hands,
            watch,
            bed,
            inbox,
        }
    }

    pub(super) fn inventory(&self) -> &Inventory {
        &self.hands.probes.inventory
    }

    /// Records until asked to stop.
    pub(super) fn run(mut self) -> anyhow::Result<Summary> {
        let mut quiet = 0;
        let mut chores = Instant::now();
        loop {
            let drained = self.drain()?;
            quiet = if drained.count == 0 { quiet + 1 } else { 0 };
            while let Ok(request) = self.inbox.try_recv() {
                if let Request::Stop(session) = request {
                    return self.stop(session);
                }
                self.serve(request)?;
                quiet = 0;
            }
            if chores.elapsed() >= CHORES {
                chores = Instant::now();
                self.chores()?;
            }
            self.rest(quiet, &drained)?;
        }
    }

    /// Reads both rings and lets time pass for the pipeline.
    fn drain(&mut self) -> anyhow::Result<Drained> {
        let now = clock::now();
        let (hands, watch) = (&mut self.hands, &mut self.watch);
        let drained = self.rings.drain(|message| hands.message(watch, message));
        if let Some(error) = self.hands.failed.take() {
            return Err(error);
        }
        let boot = if drained.empty {
            now.boot
        } else {
            drained.last.min(now.boot)
        };
        self.hands.core.feed(Input::Clock(Clock {
            boot,
            wall: now.wall - (now.boot - boot),
        }))?;
        Ok(drained)
    }

    fn rest(&mut self, quiet: u32, drained: &Drained) -> anyhow::Result<()> {
        if !drained.empty {
            return Ok(());
        }
        if quiet < QUIET_TICKS {
            self.bed.sleep(TICK);
            return Ok(());
        }
        self.hands.probes.set_asleep(true)?;
        // What came between the last drain and the flag wakes nobody.
        if self.drain()?.count == 0 {
            self.bed.sleep(IDLE);
        }
        self.hands.probes.set_asleep(false)
    }

    fn serve(&mut self, request: Request) -> anyhow::Result<()> {
        match request {
            Request::Tag(request, answer) => {
                let _ = answer.send(self.hands.launch(request));
            }
            Request::Running(session, answer) => {
                let _ = answer.send(self.hands.running(session));
            }
            Request::Reload(agents, hash, answer) => {
                let _ = answer.send(self.reload(agents, hash));
            }
            Request::ReloadRefused(reason) => {
                let refused = Some(reason);
                self.hands.core.feed(Input::Reload {
                    config_sha256: None,
                    refused,
                })?;
            }
            // Handled by the loop.
            Request::Stop(_) => {}
        }
        Ok(())
    }

    fn reload(&mut self, agents: Vec<AgentRule>, hash: Option<String>) -> anyhow::Result<()> {
        let mut watch = Watch::new(agents)?;
        watch.continue_from(std::mem::take(&mut self.watch));
        for id in watch.unmatched() {
            watch.forget(id);
            self.hands.probes.untag_cgroup(id);
        }
        self.hands.core.feed(Input::Reload {
            config_sha256: hash,
            refused: None,
        })?;
        self.begin_watching(&mut watch)?;
        self.watch = watch;
        Ok(())
    }

    /// Tells the pipeline where every cgroup is.
    pub(super) fn learn_cgroups(&mut self) -> anyhow::Result<()> {
        let all = self
            .hands
            .hierarchy
            .as_ref()
            .and_then(|tree| tree.all().ok());
        for cgroup in all.unwrap_or_default() {
            let path = path_text(&cgroup.path);
            self.hands.core.feed(Input::Cgroup {
                id: cgroup.id,
                path,
            })?;
        }
        Ok(())
    }

    /// Tags the cgroups that the rules match now, with what is in them.
    pub(super) fn begin_watching(&mut self, watch: &mut Watch) -> anyhow::Result<()> {
        let Some(hierarchy) = self.hands.hierarchy.clone() else {
            return Ok(());
        };
        for parent in watch.parents(&hierarchy) {
            self.hands
                .probes
                .tag_cgroup(parent.id, watch::parent_tag())?;
        }
        for root in watch.find(&hierarchy) {
            self.hands.begin_root(root)?;
        }
        Ok(())
    }

    fn chores(&mut self) -> anyhow::Result<()> {
        self.hands.probes.flush_log();
        let counters = self.hands.probes.counters()?;
        self.hands.repair_lineage(&counters)?;
        self.hands.core.feed(Input::Counters { counters })?;
        self.hands.sweep_ended()?;
        self.hands.core.tell_refused()?;
        self.hands.core.flush_log()
    }

    /// Nothing that was begun is lost: the gate closes, what is on its way arrives, the books are
    /// closed, the journal too.
    fn stop(mut self, session: Option<Uuid>) -> anyhow::Result<Summary> {
        self.hands.probes.close_gate()?;
        let deadline = Instant::now() + LAST_EVENTS;
        let counters = loop {
            self.drain()?;
            let counters = self.hands.probes.counters()?;
            let submitted: u64 = counters.iter().map(|hook| hook.submitted).sum();
            if self.hands.events >= submitted || Instant::now() > deadline {
                break counters;
            }
            self.bed.sleep(Duration::from_millis(1));
        };
        let core = &mut self.hands.core;
        core.feed(Input::Counters { counters })?;
        core.tell_refused()?;
        core.feed(Input::Stop)?;
        core.flush_log()?;
        let summary = core.tally.summary(session);
        self.hands
            .core
            .journal
            .close()
            .context("cannot close the journal")?;
        Ok(summary)
    }
}

impl Hands {
    fn message(&mut self, watch: &mut Watch, bytes: &[u8]) {
        let kind = bytes
            .first_chunk()
            .map_or(0, |kind| u16::from_ne_bytes(*kind));
        self.events += u64::from(kind != PART);
        let handled = match Kind::from_id(kind) {
            Some(Kind::CgroupCreate) => self.cgroup_created(watch, bytes),
            Some(Kind::CgroupAttach) => self.cgroup_attached(bytes),
            _ => Ok(()),
        };
        let fed = handled.and_then(|()| {
            self.core.feed(Input::Message {
                bytes: bytes.into(),
            })
        });
        let removed = match Kind::from_id(kind) {
            Some(Kind::CgroupRemove) => self.cgroup_removed(watch, bytes),
            _ => Ok(()),
        };
        if let Err(error) = fed.and(removed) {
            self.failed.get_or_insert(error);
        }
    }

    /// A new cgroup may begin a session. The kernel has tagged it already where its parent is
    /// watched for that; elsewhere it is tagged now, and what got in meanwhile is late.
    fn cgroup_created(&mut self, watch: &mut Watch, bytes: &[u8]) -> anyhow::Result<()> {
        let Some((body, path)) = body_and_path::<CgroupCreate>(bytes, |body| body.path) else {
            return Ok(());
        };
        let Some(hierarchy) = &self.hierarchy else {
            return Ok(());
        };
        let path = std::path::PathBuf::from(path);
        let dir = hierarchy.dir(&path);
        if watch.is_parent(&path) {
            self.probes.tag_cgroup(body.id, watch::parent_tag())?;
        }
        let root = watch.consider(Cgroup {
            path,
            dir,
            id: body.id,
        });
        match root {
            Some(root) if body.session == body.id => self.core.feed(session(root.session)),
            Some(root) => self.begin_root(root),
            // Tagged on suspicion, and no rule wants it.
            None if body.session == body.id => {
                self.probes.untag_cgroup(body.id);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A process that comes from outside brings a past that only /proc knows.
    fn cgroup_attached(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match body_and_path::<CgroupAttach>(bytes, |body| body.path) {
            Some((body, _)) if body.tagged != 0 => self.learn(body.target, body.session),
            _ => Ok(()),
        }
    }

    fn cgroup_removed(&mut self, watch: &mut Watch, bytes: &[u8]) -> anyhow::Result<()> {
        match body_and_path::<CgroupRemove>(bytes, |body| body.path) {
            Some((body, _)) if watch.forget(body.id) => {
                self.core.feed(Input::SessionOver { key: body.id })
            }
            _ => Ok(()),
        }
    }

    /// Tags a cgroup, everything below it, and the processes in it.
    pub(super) fn begin_root(&mut self, root: Root) -> anyhow::Result<()> {
        let key = root.session.key;
        self.core.feed(session(root.session))?;
        for cgroup in root.cgroup.subtree().unwrap_or_default() {
            self.probes.tag_cgroup(cgroup.id, watch::root_tag(key))?;
        }
        self.tag_late(&root.cgroup, key)
    }

    /// Tags the processes in a cgroup. They may fork meanwhile, so it looks again until there is
    /// nobody new.
    fn tag_late(&mut self, cgroup: &Cgroup, key: u64) -> anyhow::Result<()> {
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

    fn learn(&mut self, pid: u32, session: u64) -> anyhow::Result<()> {
        for facts in facts::with_ancestors(pid, session, self.hierarchy.as_ref()) {
            self.core.feed(Input::Process(Box::new(facts)))?;
        }
        Ok(())
    }

    /// Tags a process that waits to become a command.
    fn launch(&mut self, request: TagRequest) -> anyhow::Result<Uuid> {
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

    fn running(&mut self, session: Uuid) -> Vec<Running> {
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

fn session(session: NewSession) -> Input<'static> {
    Input::Session(Box::new(session))
}

/// The body of a message and the path behind it.
fn body_and_path<T: FromBytes>(
    bytes: &[u8],
    length: impl Fn(&T) -> u32,
) -> Option<(T, std::ffi::OsString)> {
    use std::os::unix::ffi::OsStringExt;
    let (_, rest) = Header::read_from_prefix(bytes).ok()?;
    let (body, tail) = T::read_from_prefix(rest).ok()?;
    let path = tail.get(..length(&body) as usize)?;
    Some((body, std::ffi::OsString::from_vec(path.to_vec())))
}

fn path_text(path: &std::path::Path) -> Text {
    use std::os::unix::ffi::OsStrExt;
    Text(path.as_os_str().as_bytes().to_vec())
}
