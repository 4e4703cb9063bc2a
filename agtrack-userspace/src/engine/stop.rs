//! How recording ends: what is on its way arrives, or waits for the next recorder.

use std::time::{Duration, Instant};

use anyhow::Context;
use uuid::Uuid;

use super::Summary;
use super::live::Live;
use super::wait::TICK;
use crate::input::{HookCounters, Input};
use crate::load::quiet::Quiet;
use crate::ring::Take;

/// How long events that were begun before the gate closed may take to arrive. Microseconds, unless
/// the processor that writes them is taken away: a virtual one of a busy host may be, for seconds.
const LAST_EVENTS: Duration = Duration::from_secs(5);

/// How long connections whose sockets are closed may take to end before the gate closes.
const LAST_FLOWS: Duration = Duration::from_millis(500);
/// How long files whose hashes are wanted may take at the end.
const LAST_HASHES: Duration = Duration::from_secs(2);

impl Live {
    /// A process is gone a moment before what it sent last has arrived.
    fn await_flows(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < LAST_FLOWS && self.hands.probes.is_connection_ending()? {
            self.drain(Take::All)?;
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    /// What was done last is to have its hashes too.
    fn await_hashes(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let patience = LAST_HASHES.max(self.hands.core.pipeline.hash_wait());
        while self.hands.core.hasher.is_some() && begun.elapsed() < patience {
            self.drain(Take::All)?;
            let pipeline = &self.hands.core.pipeline;
            if pipeline.waiting() == 0 && !pipeline.awaits_hashes() {
                break;
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    /// Nothing that was begun is lost: what is on its way arrives, or waits in rings that outlive this
    /// process; the books are closed, the journal too.
    pub(super) fn stop(mut self, session: Option<Uuid>) -> anyhow::Result<Summary> {
        let mut news = self.guard.look();
        news.touches.extend(self.guard.rest());
        self.hands.touched(news)?;
        let counters = match self.hands.probes.is_pinned() {
            true => self.leave()?,
            false => self.close_gate()?,
        };
        self.await_hashes()?;
        self.finish_captures()?;
        self.hands.tell_refused()?;
        self.hands.tell_counters(counters)?;
        let core = &mut self.hands.core;
        core.feed(match self.leaving {
            true => Input::Leave,
            false => Input::Stop,
        })?;
        core.flush_log()?;
        let summary = core.tally.summary(session);
        self.hands
            .core
            .journal
            .close()
            .context("cannot close the journal")?;
        Ok(summary)
    }

    /// The probes go on. What they say from now on is the next recorder's to tell: the cut lies where no
    /// event is in pieces.
    fn leave(&mut self) -> anyhow::Result<Vec<HookCounters>> {
        let begun = Instant::now();
        while self.drain(Take::All)?.count > 0 || self.hands.core.pipeline.has_parts() {
            if begun.elapsed() > LAST_EVENTS {
                break;
            }
        }
        self.leaving = true;
        self.hands.probes.counters()
    }

    /// The gate closes, and what is on its way arrives.
    fn close_gate(&mut self) -> anyhow::Result<Vec<HookCounters>> {
        self.await_flows()?;
        self.hands.probes.close_gate()?;
        let mut heard = Instant::now();
        let mut quiet = Quiet::default();
        loop {
            // Behind the gate nothing new begins, so what waits in the rings has an end.
            let drained = self.drain(Take::All)?;
            if drained.count > 0 {
                heard = Instant::now();
            }
            let counters = self.hands.probes.counters()?;
            let settled = quiet.is_settled(drained.count, self.hands.events, &counters);
            if settled || heard.elapsed() > LAST_EVENTS {
                return Ok(counters);
            }
            if drained.empty {
                std::thread::sleep(TICK);
            }
        }
    }
}
