//! Attempts on agtrack itself become records, whoever made them.
//!
//! Those on files are told by user space, which learns of them while it reads the rings: they wait
//! for their turn among the events, so that whose process it was is known.

use agtrack_common::event::{Tamper, TamperKind};

use super::Pipeline;
use crate::correlate::tamper;
use crate::decode::Event;
use crate::enrich::Actor;
use crate::input::Touched;
use crate::record::{self, Body, Draft, GapReason};

/// Changed files that have not been told yet, in order.
#[derive(Debug, Default)]
pub(super) struct Touches(Vec<Touched>);

impl Touches {
    pub(super) fn put(&mut self, touched: Touched) {
        let after = self.0.partition_point(|other| other.at <= touched.at);
        self.0.insert(after, touched);
    }

    fn take_before(&mut self, time: u64) -> Option<Touched> {
        let due = self.0.first().is_some_and(|touched| touched.at < time);
        due.then(|| self.0.remove(0))
    }
}

impl Pipeline {
    /// The kernel saw somebody reach for the recorder.
    pub(super) fn attempted(
        &mut self,
        event: &Event,
        (kind, body): (TamperKind, &Tamper),
        out: &mut Vec<Draft>,
    ) {
        let actor = self.enricher.attempted(event, body);
        let told = (actor.clone(), event.header.time);
        let record = tamper::attempt(
            event,
            (kind, body),
            actor,
            self.enricher.tracker(event.header.time),
        );
        self.tell_attempt(record, told, out);
    }

    /// Tells the changed files that were known before `time`, boot clock, ns.
    pub(super) fn touched_before(&mut self, time: u64, out: &mut Vec<Draft>) {
        while let Some(touched) = self.touches.take_before(time) {
            let actor = self.enricher.touched(&touched);
            let told = (actor.clone(), touched.at);
            self.tell_attempt(tamper::touched(touched, actor), told, out);
        }
    }

    pub(super) fn touches_lost(&self, out: &mut Vec<Draft>) {
        let detail = "the journal's or the configuration's files were changed faster than the kernel \
                      keeps in mind by whom";
        let gap = self.gap(GapReason::TouchesLost, None, detail.to_owned());
        self.note(out, Body::Gap(Box::new(gap)));
    }

    fn tell_attempt(
        &mut self,
        mut record: record::Tamper,
        (actor, time): (Actor, u64),
        out: &mut Vec<Draft>,
    ) {
        self.stage.tamper(&mut record);
        out.push(Draft {
            time,
            agent: actor.agent,
            body: Body::Tamper(Box::new(record)),
        });
    }
}

#[cfg(test)]
mod tests;
