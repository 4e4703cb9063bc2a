//! The recorder of a command where a daemon runs: it asks that one, and records nothing itself.
//!
//! Comes in: the daemon's socket. Goes out: a [`Recording`] whose records are in the daemon's journal.
//! Never: takes a refusal for the end; where the daemon does not take it, a recorder of its own does.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Deserialize;
use uuid::Uuid;

use super::recorder::Recording;
use crate::control::{Peer, Request, TagWords};
use crate::engine::{Running, SessionEntry, Summary, TagRequest, Tagged};
use crate::health::Health;
use crate::journal::{self, Extent, Reader, Start};
use crate::record::{Body, Change, Record, Text};

/// How often the daemon is asked whether a session runs.
const ASK: Duration = Duration::from_millis(50);
/// How long a session whose last process has ended has until its end is on disk, where a report finds it.
const END: Duration = Duration::from_secs(3);

/// A daemon that records for this launcher.
#[derive(Debug)]
pub(super) struct Handed {
    socket: PathBuf,
    /// Where its records are.
    pub(super) journal: PathBuf,
    /// A record before the session's end.
    before: u64,
}

#[derive(Deserialize)]
struct Sessions {
    sessions: Vec<SessionEntry>,
}

impl Handed {
    /// The daemon that listens at `socket`.
    ///
    /// # Errors
    /// None does, or it does not take requests from here.
    pub(super) fn find(socket: &Path) -> anyhow::Result<Handed> {
        let status: Health = Peer::connect(socket)?.ask(&Request::Status {}, None)?;
        let bad = status.bad();
        ensure!(
            bad.iter().all(|part| part.starts_with("sink ")),
            "it is not well ({})",
            bad.join(", ")
        );
        Ok(Handed {
            socket: socket.to_owned(),
            before: status.journal.seq,
            journal: status.journal.path.into(),
        })
    }

    fn session(&mut self, id: Uuid) -> anyhow::Result<Option<SessionEntry>> {
        let committed = Extent::open(&self.journal).map(|extent| extent.committed());
        let answer: Sessions = Peer::connect(&self.socket)?.ask(&Request::Sessions {}, None)?;
        let session = answer.sessions.into_iter().find(|session| session.id == id);
        if session.is_some() {
            self.before = committed.unwrap_or(self.before);
        }
        Ok(session)
    }

    /// Waits until a session's end is on disk.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn await_end(&self, session: Uuid, until: Instant) -> Result<(), journal::Error> {
        let mut reader = Reader::open(&self.journal, Start::Seq(self.before + 1))?;
        while Instant::now() < until {
            match reader.next_line()? {
                Some(line) if is_end(line.bytes, session) => break,
                Some(_) => {}
                None => std::thread::sleep(ASK),
            }
        }
        Ok(())
    }
}

/// Whether a record is the end of a session.
fn is_end(line: &[u8], session: Uuid) -> bool {
    let Ok(record) = serde_json::from_slice::<Record>(line) else {
        return false;
    };
    let is_its = record.agent.is_some_and(|agent| agent.session == session);
    is_its && matches!(&record.body, Body::Session(change) if change.change == Change::End)
}

impl Recording for Handed {
    fn tag(&mut self, request: TagRequest) -> anyhow::Result<Uuid> {
        let words = TagWords {
            pid: Some(request.pid),
            // Without a cgroup of its own it is a process like any other.
            command: match request.cgroup {
                Some(_) => request.command.into_iter().map(Text).collect(),
                None => Vec::new(),
            },
            cgroup: request.cgroup.map(|cgroup| cgroup.path),
            agent: Some(request.agent.id),
            ..TagWords::default()
        };
        let peer = Peer::connect(&self.socket)?;
        let tagged: Tagged = peer
            .ask(&Request::Tag(Box::new(words)), None)
            .context("the daemon does not record the command; `--alone` records it without it")?;
        Ok(tagged.session)
    }

    fn running(&mut self, session: Uuid) -> Vec<Running> {
        let session = self.session(session).ok().flatten();
        let pids = session.map(|session| session.pids).unwrap_or_default();
        let exe = |pid: u32| {
            use std::os::unix::ffi::OsStringExt;
            let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
            let exe = exe.into_os_string().into_vec();
            Some(Running { pid, exe })
        };
        pids.into_iter().filter_map(exe).collect()
    }

    fn wait_end(&mut self, session: Uuid, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        loop {
            if matches!(self.session(session), Ok(None)) {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(ASK);
        }
    }

    fn is_running(&self) -> bool {
        Peer::connect(&self.socket).is_ok()
    }

    fn outlives(&self) -> bool {
        true
    }

    fn stop(mut self: Box<Self>, session: Option<Uuid>) -> anyhow::Result<Summary> {
        ensure!(
            self.is_running(),
            "the daemon has ended meanwhile: what the command did is recorded until then"
        );
        if let Some(session) = session
            && self.running(session).is_empty()
        {
            let until = Instant::now() + END;
            self.wait_end(session, END);
            // Only the report of a moment later depends on it.
            let _ = self.await_end(session, until);
        }
        Ok(Summary::default())
    }
}
