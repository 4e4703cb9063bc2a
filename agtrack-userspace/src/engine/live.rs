//! The thread's loop.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::capture::{Captures, Wanted};
use super::guard::Guard;
use super::hands::{Hands, path_text};
use super::trouble::Trouble;
use super::vitals::Gauge;
use super::wait::{Bed, IDLE, TICK};
use super::watch::Watch;
use super::{
    AgentRule, Begun, CaptureRequest, Named, Reloaded, Request, Summary, TagRequest, clock,
};
use crate::input::{Clock, Input};
use crate::load::Inventory;
use crate::ring::{Drained, Rings, Take};

/// How often the counters are read and the tables swept.
const CHORES: Duration = Duration::from_secs(1);
/// How often it is looked whether roots are still there.
const ROOTS: Duration = Duration::from_secs(30);
/// How long nobody must have needed the probes before they are detached.
const UNNEEDED: Duration = Duration::from_secs(5);
/// Events that may wait in order for those before them, while file and socket events are held back.
const MOST_HELD: usize = 16 * 1024;
/// Quiet ticks after which the thread sleeps without a clock.
const QUIET_TICKS: u32 = 25;
/// A socket that was closed so long ago, ns, and whose connection has not ended: the kernel skipped
/// the run that would have seen it. TCP gives up much sooner.
const STALE: u64 = 30 * 60 * 1_000_000_000;

/// The thread's state.
pub(super) struct Live {
    pub(super) rings: Rings,
    pub(super) hands: Hands,
    pub(super) watch: Watch,
    pub(super) guard: Guard,
    bed: Bed,
    inbox: mpsc::Receiver<Request>,
    pub(super) captures: Captures,
    /// What the kernel hands over for them.
    pub(super) wanted: Wanted,
    /// When they were looked at last.
    pub(super) captures_looked: Instant,
    /// When roots were looked at last.
    roots_swept: Instant,
    /// Since when nobody has needed the probes.
    unneeded: Option<Instant>,
    /// What is in the rings is left for the next recorder.
    pub(super) leaving: bool,
    pub(super) trouble: Trouble,
    /// The time up to which all events have been taken from the rings, boot clock, ns.
    reached: u64,
}

impl Live {
    pub(super) fn new(
        hands: Hands,
        rings: Rings,
        guard: Guard,
        bed: Bed,
        inbox: mpsc::Receiver<Request>,
    ) -> Live {
        let watch = Watch::default();
        Live {
            rings,
            hands,
            watch,
            guard,
            bed,
            inbox,
            captures: Captures::default(),
            wanted: Wanted::default(),
            captures_looked: Instant::now(),
            roots_swept: Instant::now(),
            unneeded: None,
            leaving: false,
            trouble: Trouble::default(),
            reached: 0,
        }
    }

    pub(super) fn inventory(&self) -> &Inventory {
        &self.hands.probes.inventory
    }

    /// What was found at the begin.
    pub(super) fn begun(&mut self) -> Begun {
        std::mem::take(&mut self.hands.core.begun)
    }

    /// Follows how far the journal is committed.
    pub(super) fn committed(&self) -> tokio::sync::watch::Receiver<crate::journal::Committed> {
        self.hands.core.journal.subscribe()
    }

    /// Records until asked to stop. Each round is a beat of the pulse.
    pub(super) fn run(mut self, gauge: &Gauge) -> anyhow::Result<Summary> {
        let mut quiet = 0;
        let mut chores = Instant::now();
        loop {
            gauge.pulse.beat();
            let news = self.guard.look();
            self.hands.touched(news)?;
            let drained = self.drain(self.take())?;
            let packets = self.packets()?;
            // Records that wait for hashes are not to wait for the next event.
            let core = &self.hands.core;
            let is_quiet = drained.count + packets == 0
                && !core.pipeline.awaits_hashes()
                && !core.asker.is_busy();
            quiet = if is_quiet { quiet + 1 } else { 0 };
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
                gauge.chart.put(self.vitals());
            }
            self.rest(quiet, &drained)?;
        }
    }

    /// Reads the rings and lets time pass for the pipeline.
    pub(super) fn drain(&mut self, take: Take) -> anyhow::Result<Drained> {
        let now = clock::now();
        let (hands, watch) = (&mut self.hands, &mut self.watch);
        let drained = match self.leaving {
            true => Drained::NOTHING,
            false => self
                .rings
                .drain(take, |message| hands.message(watch, message)),
        };
        if let Some(error) = self.hands.failed.take() {
            return Err(error);
        }
        // Where something is left, no more is known to be whole than up to the last message.
        if drained.empty {
            self.reached = now.boot;
        } else {
            self.reached = drained.last.clamp(self.reached, now.boot.max(self.reached));
        }
        self.hands.core.take_hashes()?;
        self.hands.take_containers(&mut self.watch)?;
        self.hands.core.feed(Input::Clock(Clock {
            boot: self.reached,
            wall: now.wall - (now.boot - self.reached),
        }))?;
        self.hands.follow_handoffs(&mut self.watch)?;
        Ok(drained)
    }

    /// While the disk does not keep up, file and socket events wait in their ring: what is lost
    /// there is counted and costs little, and process events are never crowded out of the journal.
    fn take(&self) -> Take {
        let core = &self.hands.core;
        if core.journal.is_crowded() && core.pipeline.waiting() < MOST_HELD {
            Take::Lifecycle
        } else {
            Take::All
        }
    }

    fn rest(&mut self, quiet: u32, drained: &Drained) -> anyhow::Result<()> {
        if !drained.empty {
            if drained.count == 0 {
                self.bed.sleep(TICK);
            }
            return Ok(());
        }
        if quiet < QUIET_TICKS {
            self.bed.sleep(TICK);
            return Ok(());
        }
        self.hands.probes.set_asleep(true)?;
        // What came between the last drain and the flag wakes nobody.
        if self.drain(Take::All)?.count + self.packets()? == 0 {
            self.bed.sleep(IDLE);
        }
        self.hands.probes.set_asleep(false)
    }

    fn serve(&mut self, request: Request) -> anyhow::Result<()> {
        match request {
            Request::Tag(request, answer) => {
                let _ = answer.send(self.launch(request));
            }
            Request::Running(session, answer) => {
                let _ = answer.send(self.hands.running(session));
            }
            Request::Reload(agents, told, answer) => {
                let _ = answer.send(self.reload(agents, told));
            }
            Request::Capture(request, answer) => {
                let _ = answer.send(self.begin_capture(request));
            }
            Request::EndCapture(id) => self.end_capture(id)?,
            Request::Record(tag, answer) => {
                let _ = answer.send(self.tag(tag));
            }
            Request::Leave(untag, answer) => {
                let _ = answer.send(self.untag(untag));
            }
            Request::Sessions(answer) => {
                let _ = answer.send(self.list_sessions());
            }
            Request::Agents(answer) => {
                let _ = answer.send(self.list_agents());
            }
            Request::Refused(refused) => self.refused_requests(refused)?,
            Request::IsTagged(pid, answer) => {
                let _ = answer.send(self.hands.is_tagged(pid));
            }
            Request::ReloadRefused(reason) => {
                let refused = Some(reason);
                self.hands.core.feed(Input::Reload {
                    config_sha256: None,
                    refused,
                    changed: None,
                })?;
            }
            Request::Sinks(sinks) => self.hands.core.feed(Input::Sinks { sinks })?,
            // Handled by the loop.
            Request::Stop(_) => {}
        }
        Ok(())
    }

    /// Tags a process that waits to become a command; packets of it are wanted from the first on.
    fn launch(&mut self, mut request: TagRequest) -> anyhow::Result<Uuid> {
        let packets = request.packets.take();
        let session = self.hands.launch(request)?;
        if let Some(packets) = packets {
            self.begin_capture(CaptureRequest {
                whose: Named::Session(session.to_string()),
                longest: packets.longest,
                file: packets.file,
                asker: packets.asker,
                done: packets.done,
            })?;
        }
        Ok(session)
    }

    fn reload(&mut self, agents: Vec<AgentRule>, told: Reloaded) -> anyhow::Result<()> {
        let watch = Watch::new(agents)?;
        if watch.has_rules() {
            self.hands.probes.attach()?;
        }
        self.hands.core.feed(Input::Reload {
            config_sha256: told.sha256,
            refused: None,
            changed: Some(told.changed),
        })?;
        self.hands.change_rules(&mut self.watch, watch)
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
    pub(super) fn begin_watching(&mut self) -> anyhow::Result<()> {
        self.hands.begin_watching(&mut self.watch)
    }

    fn chores(&mut self) -> anyhow::Result<()> {
        let hands = &mut self.hands;
        hands.probes.flush_log();
        hands.sweep_ended()?;
        hands.sweep_suspects(&mut self.watch)?;
        hands.sweep_strays(&mut self.watch)?;
        hands.sweep_bound(&mut self.watch)?;
        if self.roots_swept.elapsed() >= ROOTS {
            self.roots_swept = Instant::now();
            hands.sweep_roots(&mut self.watch)?;
            let stale = clock::now().boot.saturating_sub(STALE);
            hands.probes.forget_closed_sockets(stale)?;
        }
        let counters = hands.probes.counters()?;
        hands.repair_lineage(&counters)?;
        hands.repair_bound(&mut self.watch, &counters)?;
        hands.tell_counters(counters)?;
        hands.tell_refused()?;
        hands.core.check()?;
        self.trouble.tell(&self.hands.core.journal);
        self.detach_unneeded();
        self.hands.core.flush_log()
    }

    /// A rule may need the probes at any moment, a launched agent while one of its processes runs.
    fn detach_unneeded(&mut self) {
        let probes = &mut self.hands.probes;
        if !probes.attached() {
            return;
        }
        if self.watch.has_rules() || !probes.tagged().is_empty() {
            self.unneeded = None;
            return;
        }
        let since = *self.unneeded.get_or_insert_with(Instant::now);
        if since.elapsed() >= UNNEEDED {
            probes.detach();
            self.unneeded = None;
        }
    }
}
