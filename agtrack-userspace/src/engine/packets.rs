//! Captures as the recording thread serves them.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use uuid::Uuid;

use super::capture::{Active, CaptureBegun, CaptureRequest, MOST, Named, Outlet, Wanted, Whose};
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
        let whose = self.find(request.whose)?;
        let now = clock::now().boot;
        let of = match &whose {
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
        let what = (whose, request.longest, request.asker);
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
    fn find(&self, named: Named) -> anyhow::Result<Whose> {
        let pipeline = &self.hands.core.pipeline;
        match named {
            Named::Agent(name) => {
                let running = pipeline
                    .sessions()
                    .map(|(_, agent)| (&agent.id, &agent.name));
                let mut names = Vec::new();
                for (id, shown) in self.watch.agents().chain(running) {
                    if *id == name || *shown == name {
                        return Ok(Whose::Agent(name));
                    }
                    names.push(shown.clone());
                }
                bail!(
                    "no agent is called {:?} here; {}",
                    printable(&name),
                    list("agents", names)
                )
            }
            Named::Session(begin) => {
                let running = pipeline.sessions().map(|(_, agent)| agent);
                let running = running.map(|agent| (agent.session, agent.name.clone()));
                one_session(&begin, running.collect()).map(Whose::Session)
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

/// The session that runs whose id begins so; with each comes the name of its agent.
pub(super) fn one_session(begin: &str, running: Vec<(Uuid, String)>) -> anyhow::Result<Uuid> {
    ensure!(!begin.is_empty(), "the id of the session is empty");
    let wanted = begin.to_ascii_lowercase();
    let is_meant = |(id, _): &(Uuid, String)| id.to_string().starts_with(&wanted);
    let (meant, others): (Vec<_>, Vec<_>) = running.into_iter().partition(is_meant);
    let list = |all: Vec<(Uuid, String)>| {
        let all = all.into_iter().map(|(id, name)| format!("{id} of {name}"));
        list("sessions", all.collect())
    };
    match &meant[..] {
        [(id, _)] => Ok(*id),
        [] => bail!("no session {} runs; {}", printable(begin), list(others)),
        _ => bail!(
            "several sessions begin with {}, give more of its id; {}",
            printable(begin),
            list(meant)
        ),
    }
}

/// What there is instead.
pub(super) fn list(what: &str, mut names: Vec<String>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_by_how_it_begins() {
        let id = |text: &str| text.parse::<Uuid>().unwrap();
        let (one, two) = (
            id("01a22502-f4dd-71e6-9620-98e8bf30ac32"),
            id("01a22502-ffff-71e6-9620-98e8bf30ac32"),
        );
        let running = || vec![(one, "a".to_owned()), (two, "b\u{1b}[2J".to_owned())];
        let named = |begin: &str| one_session(begin, running());
        assert_eq!(named(&one.to_string()).unwrap(), one);
        assert_eq!(named("01a22502-f4").unwrap(), one);
        assert_eq!(named("01A22502-FF").unwrap(), two);
        let error = |begin: &str| named(begin).unwrap_err().to_string();
        let several = error("01a22502");
        assert!(several.contains("several sessions"), "{several}");
        assert!(several.contains(&format!("{one} of a")), "{several}");
        let none = error("02\u{1b}");
        assert!(none.starts_with("no session 02"), "{none}");
        assert!(none.contains(&two.to_string()), "{none}");
        for text in [several, none] {
            assert!(!text.contains('\u{1b}'), "{text:?}");
        }
        assert!(error("").contains("empty"));
        let nobody = one_session("0", Vec::new()).unwrap_err().to_string();
        assert!(nobody.ends_with("there are no sessions"), "{nobody}");
    }
}
