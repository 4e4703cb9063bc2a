//! The one loop: inputs in, records out.
//!
//! ```text
//! Input ─► decode ─► enrich ─► correlate ─► (policy) ─► noise ─► redact ─► toolcall ─► effect ─►
//! Draft ─► journal
//! ```
//!
//! It is pure: the same inputs give the same drafts, whoever feeds it (`engine` live, `replay`
//! from a file). Whoever drives it stamps the drafts with their place in the journal and writes
//! them.

mod asked;
mod beat;
mod capture;
mod ending;
mod flood;
mod inferred;
mod memo;
mod reconcile;
mod session;
mod stage;
mod tamper;
mod told;
mod undecided;

use std::time::Duration;

use agtrack_common::event::Payload;

use crate::correlate::{Correlator, Done};
use crate::decode::{Decoder, Event, What};
use crate::effect::{self, Queue};
use crate::enrich::{Enricher, session_of};
use crate::handoff::Handoffs;
use crate::input::{
    Clock, ContainerWanted, FloodCount, HashWanted, HookCounters, Input, ProcessFacts, Start,
};
use crate::noise::Noise;
use crate::record::{Body, Change, Draft, KernelKept, SinkHealth};
use crate::toolcall::{Doing, ToolCalls};
use ending::{Ending, Endings};
use reconcile::Reconciler;
use stage::RedactStage;
use tamper::Touches;
use undecided::{Held, Undecided};

pub use reconcile::HookNames;

/// Events may still be on their way this long after they happened, ns: the longest a program runs,
/// with room to spare. Later ones are recorded out of order.
const HOLD: u64 = 5_000_000;

/// Room that is kept for so many events: what a storm needed is given back.
const KEPT: usize = 1024;

/// All rooms between the rings and the journal.
#[derive(Debug)]
pub struct Pipeline {
    start: Start,
    clock: Clock,
    decoder: Decoder,
    enricher: Enricher,
    correlator: Correlator,
    endings: Endings,
    undecided: Undecided,
    touches: Touches,
    noise: Noise,
    stage: RedactStage,
    tool_calls: ToolCalls,
    handoffs: Handoffs,
    reconciler: Reconciler,
    effects: Queue,
    heartbeat: u64,
    /// As last heard.
    sinks: Vec<SinkHealth>,
    /// Empty but for a moment; each keeps its memory.
    events: Vec<Event>,
    done: Vec<Done>,
    fresh: Vec<Draft>,
}

impl Pipeline {
    /// Begins with what is known at the start, and says so in the first drafts.
    pub fn new(start: Start, out: &mut Vec<Draft>) -> Self {
        let mut pipeline = Pipeline {
            clock: start.clock,
            decoder: Decoder::default(),
            enricher: Enricher::new(&start),
            correlator: Correlator::default(),
            endings: Endings::default(),
            undecided: Undecided::default(),
            touches: Touches::default(),
            noise: Noise::new(&start.noise),
            stage: RedactStage::new(&start.redaction_key),
            tool_calls: ToolCalls::default(),
            handoffs: Handoffs::default(),
            reconciler: Reconciler::new(HookNames::new(&start.hooks), &start.attached),
            effects: Queue::new(start.hashes, start.hash_wait),
            heartbeat: start.clock.boot,
            sinks: Vec::new(),
            events: Vec::new(),
            done: Vec::new(),
            fresh: Vec::new(),
            start,
        };
        pipeline.journal_gaps(out);
        let mut started = pipeline.lifecycle(Change::Start);
        session::left_open(pipeline.start.left_open, &mut started);
        started.kept = pipeline.start.kept.map(|kept| KernelKept {
            since: kept.since,
            events: kept.events,
        });
        pipeline.note(out, Body::Lifecycle(Box::new(started)));
        pipeline
    }

    /// The latest reading of both clocks.
    pub fn time(&self) -> Clock {
        self.clock
    }

    /// Whether a session with this key runs.
    pub fn knows(&self, session: u64) -> bool {
        self.enricher.knows(session) && !self.endings.drop(session)
    }

    /// Whether it is known where a cgroup is.
    pub fn knows_cgroup(&self, id: u64) -> bool {
        self.enricher.knows_cgroup(id)
    }

    /// Events that wait for others which may have happened before them.
    pub fn waiting(&self) -> usize {
        self.decoder.waiting()
    }

    /// Whether parts of events have come that are not whole yet.
    pub fn has_parts(&self) -> bool {
        self.decoder.has_parts()
    }

    /// What is to be hashed, of the last input. Whoever feeds the pipeline asks after each.
    pub fn take_wanted(&mut self) -> Vec<HashWanted> {
        self.effects.take_wanted()
    }

    /// Containers that are to be asked of, of the last input. Whoever feeds the pipeline asks after each.
    pub fn take_unknown(&mut self) -> Vec<ContainerWanted> {
        self.enricher.take_wanted()
    }

    /// How long a record waits for a hash.
    pub fn hash_wait(&self) -> Duration {
        Duration::from_nanos(self.start.hash_wait)
    }

    /// Whether records wait for hashes.
    pub fn awaits_hashes(&self) -> bool {
        self.effects.is_waiting()
    }

    /// Takes the next input and appends what it makes complete.
    pub fn accept(&mut self, input: Input<'_>, out: &mut Vec<Draft>) {
        // Nobody asked for those of the input before: a log is replayed.
        drop(self.effects.take_wanted());
        drop(self.enricher.take_wanted());
        let mut fresh = std::mem::take(&mut self.fresh);
        self.take_in(input, &mut fresh);
        self.effects.pass(&mut fresh, self.clock.boot, out);
        self.fresh = fresh;
    }

    fn take_in(&mut self, input: Input<'_>, out: &mut Vec<Draft>) {
        match input {
            // Only the first, which made this pipeline, counts.
            Input::Start(_) => {}
            Input::Message { bytes } => self.message(&bytes),
            Input::Clock(clock) => self.tick(clock, out),
            Input::Counters { counters, floods } => self.counters(counters, floods, out),
            Input::Session(session) => self.begin_session(*session, out),
            Input::Unended(unended) => self.end_unended(*unended, out),
            Input::Process(facts) => self.learn(*facts),
            Input::Cgroup { id, path } => self.enricher.learn_cgroup(id, path),
            Input::Container(told) => self.container_told(*told, out),
            Input::Undecided { key, container } => self.suspect(key, container),
            Input::Nobodys { key } => self.nobodys(key, out),
            Input::LateTag { key, session, open } if self.undecided.holds(session) => {
                self.undecided.put(session, Held::Late { key, open });
            }
            Input::LateTag { key, session, open } => self.late_tag(key, session, &open, out),
            Input::Gone { at, key, session } => {
                self.endings.put(at, Ending::Process { key, session });
            }
            Input::SessionOver {
                at,
                key,
                dropped,
                why,
            } => {
                self.endings.put(at, Ending::Session { key, dropped, why });
            }
            Input::TagsFull { processes, cgroups } => self.tags_full(processes, cgroups, out),
            Input::Reload {
                config_sha256,
                refused,
                changed,
            } => self.reload(config_sha256, (refused, changed), out),
            Input::JournalFull { count } => self.journal_full(count, out),
            Input::Touched(touched) => self.touches.put(*touched),
            Input::TouchesLost => self.touches_lost(out),
            Input::Hashed(hashed) => self.effects.answer(*hashed),
            Input::Sinks { sinks } => self.sinks = sinks,
            Input::Capture(capture) => self.captured(&capture, out),
            Input::Asked(asked) => self.asked(&asked, out),
            Input::Stop => self.stop(true, out),
            Input::Leave => self.stop(false, out),
        }
    }

    fn counters(
        &mut self,
        counters: Vec<HookCounters>,
        floods: Vec<FloodCount>,
        out: &mut Vec<Draft>,
    ) {
        let (from, until) = self.reconciler.period(self.clock.boot);
        for gap in self.reconciler.counters(counters, from, until) {
            self.note(out, Body::Gap(Box::new(gap)));
        }
        for (session, gap) in self.reconciler.floods(floods, (from, until)) {
            out.push(Draft {
                time: self.clock.boot,
                agent: self.enricher.sessions().agent(session),
                body: Body::Gap(Box::new(gap)),
            });
        }
        self.beat(out);
    }

    fn message(&mut self, bytes: &[u8]) {
        match self.decoder.push(bytes) {
            Ok(Some(hook)) => self.reconciler.arrived(hook),
            Ok(None) => {}
            Err(error) => self.reconciler.undecodable(&error),
        }
    }

    /// Everything older than the clock less the hold can be told in order now.
    fn tick(&mut self, clock: Clock, out: &mut Vec<Draft>) {
        self.clock = clock;
        self.enricher.clock(clock);
        self.tool_calls.clock(clock);
        self.release(clock.boot.saturating_sub(HOLD), out);
        self.correlator.give_up(clock.boot, &mut self.done);
        self.publish(out);
        self.tool_calls.tick(clock.boot, out);
        self.handoffs.tick(clock.boot);
    }

    fn release(&mut self, before: u64, out: &mut Vec<Draft>) {
        let mut events = std::mem::take(&mut self.events);
        self.decoder.before(before, &mut events);
        for event in events.drain(..) {
            let time = event.header.time;
            self.end_before(time, out);
            if let What::Happened(Payload::Tamper(kind, body)) = event.what {
                self.attempted(&event, (kind, &body), out);
                continue;
            }
            let whose = session_of(&event);
            if self.undecided.holds(whose) {
                self.hold(whose, event);
                continue;
            }
            self.happened(event, out);
        }
        events.shrink_to(KEPT);
        self.events = events;
        self.end_before(before, out);
        self.publish(out);
    }

    /// An event whose turn has come.
    fn happened(&mut self, event: Event, out: &mut Vec<Draft>) {
        let (session, hook, time) = (event.header.session, event.header.hook, event.header.time);
        self.end_before(time, out);
        self.appeared(&event, out);
        let Some(known) = self.enricher.complete(event) else {
            self.reconciler.dismissed(hook);
            return;
        };
        self.correlator.push(known, &mut self.done);
        // A session's last action belongs to its totals.
        self.publish(out);
        if let Some(over) = self.enricher.sessions().take_if_over(session) {
            self.end_session(over, time, out);
        }
    }

    /// Redacts finished actions and appends them.
    fn publish(&mut self, out: &mut Vec<Draft>) {
        for mut done in self.done.drain(..) {
            let sessions = self.enricher.sessions();
            let count = done.action.completeness.count;
            if let Some(class) = self.noise.take(&mut done) {
                let (calls, uid) = (&mut self.tool_calls, &done.action.process.uid);
                if !calls.count_opens(done.session, uid, (class, count)) {
                    sessions.count_open(done.session, class, count);
                }
                continue;
            }
            let wanted = match self.effects.is_answered() {
                true => effect::wanted(&done, self.clock),
                false => None,
            };
            self.stage.action(&mut done.action);
            let session = done.session;
            let doing = Doing {
                time: done.time,
                agent: done.agent,
                session,
                action: done.action,
            };
            let place = self.tool_calls.push(doing, out);
            if let Some(action) = out.get(place).and_then(session::counted) {
                sessions.count(session, action);
            }
            if let Some(wanted) = wanted {
                self.effects.ask(place, wanted);
            }
            session::hand_off(&mut self.handoffs, session, place, out);
        }
    }

    fn learn(&mut self, facts: ProcessFacts) {
        if self.undecided.holds(facts.session) {
            let held = Held::Facts(Box::new(facts.clone()));
            self.undecided.put(facts.session, held);
        }
        self.enricher.learn_process(facts);
    }

    /// `is_all`: nothing is on its way any more.
    fn stop(&mut self, is_all: bool, out: &mut Vec<Draft>) {
        self.effects.end();
        self.release(u64::MAX, out);
        self.correlator.give_up(u64::MAX, &mut self.done);
        self.publish(out);
        self.leave_undecided(out);
        for session in self.enricher.sessions().take_all() {
            self.leave_session(session, self.clock.boot, out);
        }
        let (from, until) = self.reconciler.period(self.clock.boot);
        for gap in self.reconciler.close(is_all, from, until) {
            self.note(out, Body::Gap(Box::new(gap)));
        }
        let mut stopped = self.lifecycle(Change::End);
        stopped.hooks.clear();
        stopped.passed_over.clear();
        stopped.totals = self.reconciler.totals();
        self.note(out, Body::Lifecycle(Box::new(stopped)));
    }
}

#[cfg(test)]
mod tests;
