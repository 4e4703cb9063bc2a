//! Captures as the recording thread serves them.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use super::capture::{Active, CaptureBegun, CaptureRequest, MOST, Outlet, Wanted, Whose};
use super::clock;
use super::live::Live;
use super::wait::TICK;
use crate::capture::Capture;
use crate::input::{CaptureChange, CaptureEnd, Input};
use crate::record::printable;

/// How often it is looked for sessions that have begun or ended.
const LOOK: Duration = Duration::from_millis(10);
/// How long the last packets may take at the end of recording.
const LAST: Duration = Duration::from_secs(1);
/// So many agents or sessions are named to who asked for another one.
const NAMED: usize = 20;

impl Live {
    /// Writes packets to a file from now on: before this returns the kernel hands them over.
    pub(super) fn begin_capture(
        &mut self,
        request: CaptureRequest,
    ) -> anyhow::Result<CaptureBegun> {
        ensure!(
            !self.captures.is_full(),
            "{MOST} captures run already, which is the most; end one of them first"
        );
        self.check_known(&request.whose)?;
        let now = clock::now().boot;
        let of = match &request.whose {
            Whose::Agent(name) => format!("agent {}", printable(name)),
            Whose::Session(id) => format!("session {id}"),
        };
        let system = rustix::system::uname();
        let capture = Capture {
            host: &system.machine().to_string_lossy(),
            kernel: &format!("Linux {}", system.release().to_string_lossy()),
            of: &of,
            longest: request.longest,
        };
        let outlet = Outlet::new(request.file, &capture, request.done)?;
        let id = self.captures.next_id();
        let what = (request.whose, request.longest, request.asker);
        let mut capture = Active::new(id, what, outlet, now);
        capture.look(&self.hands.core.pipeline, now);
        for key in capture.sessions().collect::<Vec<_>>() {
            if let Some(counted) = self.hands.probes.captured(key) {
                capture.begin_count(key, counted.lost);
            }
        }
        self.captures.add(capture);
        self.match_kernel()?;
        let change = self.captures.get(id).map(|capture| told(capture, None));
        let sessions = change.as_ref().map(|change| change.sessions.clone());
        if let Some(change) = change {
            self.hands.core.feed(Input::Capture(Box::new(change)))?;
        }
        let sessions = sessions.unwrap_or_default();
        Ok(CaptureBegun { id, sessions })
    }

    /// Takes no more packets for one; what has passed by now is still written.
    pub(super) fn end_capture(&mut self, id: u64) -> anyhow::Result<()> {
        self.captures.end(id, clock::now().boot);
        self.match_kernel()
    }

    /// Who is meant must be an agent of the configuration or run now.
    fn check_known(&self, whose: &Whose) -> anyhow::Result<()> {
        let pipeline = &self.hands.core.pipeline;
        match whose {
            Whose::Agent(name) => {
                let running = pipeline
                    .sessions()
                    .map(|(_, agent)| (&agent.id, &agent.name));
                let mut names = Vec::new();
                for (id, shown) in self.watch.agents().chain(running) {
                    if id == name || shown == name {
                        return Ok(());
                    }
                    names.push(shown.clone());
                }
                bail!(
                    "no agent is called {:?} here; {}",
                    printable(name),
                    list("agents", names)
                )
            }
            Whose::Session(id) => {
                let mut names = Vec::new();
                for (_, agent) in pipeline.sessions() {
                    if agent.session == *id {
                        return Ok(());
                    }
                    names.push(format!("{} of {}", agent.session, agent.name));
                }
                bail!("no session {id} runs; {}", list("sessions", names))
            }
        }
    }

    /// One round: packets from their ring, those whose time has come to their files, captures that have
    /// ended to their end. Gives how many packets there were.
    pub(super) fn packets(&mut self) -> anyhow::Result<usize> {
        let captures = &mut self.captures;
        let count = self.rings.drain_packets(|packet| captures.take(packet));
        if self.captures.is_idle() {
            return Ok(count);
        }
        let pipeline = &self.hands.core.pipeline;
        self.captures.write(pipeline);
        if self.captures_looked.elapsed() >= LOOK {
            self.captures_looked = Instant::now();
            self.captures.look(pipeline, clock::now().boot);
            self.match_kernel()?;
        }
        let told_until = self.hands.core.pipeline.told();
        for capture in self.captures.take_ended(told_until) {
            self.close(capture)?;
        }
        Ok(count)
    }

    fn close(&mut self, capture: Active) -> anyhow::Result<()> {
        let mut change = told(&capture, None);
        let refused = capture.refused();
        let done = capture.close();
        change.end = Some(CaptureEnd {
            packets: done.packets,
            bytes: done.bytes,
            lost: done.lost,
            refused,
        });
        self.hands.core.feed(Input::Capture(Box::new(change)))
    }

    /// Ends all captures, with what has passed until now in their files.
    pub(super) fn finish_captures(&mut self) -> anyhow::Result<()> {
        self.captures.end_all(clock::now().boot);
        self.match_kernel()?;
        let begun = Instant::now();
        while !self.captures.is_idle() && begun.elapsed() < LAST {
            self.drain(crate::ring::Take::All)?;
            self.packets()?;
            std::thread::sleep(TICK);
        }
        // A clock that stands still must not keep a file without its end.
        for capture in self.captures.take_ended(u64::MAX) {
            self.close(capture)?;
        }
        Ok(())
    }

    /// Has the kernel hand over what is wanted now, and takes in what it counted of what is wanted no
    /// more.
    fn match_kernel(&mut self) -> anyhow::Result<()> {
        let wanted = self.captures.wanted();
        let probes = &mut self.hands.probes;
        if self.captures.take_ending() || wanted.sessions != self.wanted.sessions {
            for key in &self.wanted.sessions {
                if let Some(counted) = probes.captured(*key) {
                    self.captures.count_lost(*key, counted.lost);
                }
            }
        }
        for key in self.wanted.sessions.difference(&wanted.sessions) {
            probes.end_capture(*key);
            self.captures.forget_over(*key);
        }
        if wanted.longest != self.wanted.longest {
            probes.set_packet_bytes(wanted.longest)?;
        }
        let mut now = Wanted {
            longest: wanted.longest,
            ..Wanted::default()
        };
        for key in wanted.sessions {
            if self.wanted.sessions.contains(&key) || probes.capture(key).is_ok() {
                now.sessions.insert(key);
            } else {
                self.captures.refuse(key);
            }
        }
        self.wanted = now;
        Ok(())
    }
}

fn told(capture: &Active, end: Option<CaptureEnd>) -> CaptureChange {
    let agent = match capture.whose() {
        Whose::Agent(name) => Some(name.clone()),
        Whose::Session(_) => None,
    };
    CaptureChange {
        agent,
        sessions: capture.ids(),
        longest: capture.longest(),
        asker: capture.asker().clone(),
        end,
    }
}

/// What there is instead.
fn list(what: &str, mut names: Vec<String>) -> String {
    names.sort();
    names.dedup();
    let beyond = names.len().saturating_sub(NAMED);
    let shown: Vec<_> = names
        .iter()
        .take(NAMED)
        .map(|name| printable(name))
        .collect();
    match (shown.is_empty(), beyond) {
        (true, _) => format!("there are no {what}"),
        (false, 0) => format!("{what}: {}", shown.join(", ")),
        (false, beyond) => format!("{what}: {} and {beyond} more", shown.join(", ")),
    }
}
