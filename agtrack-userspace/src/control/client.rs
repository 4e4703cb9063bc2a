//! The other side: asks a daemon.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;
use serde::de::DeserializeOwned;

use super::message::{Answer, Request};
use super::wire;

/// How long a daemon may take for an answer: it may be busy with a slow disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon that listens.
#[derive(Debug)]
pub struct Peer(UnixStream);

impl Peer {
    /// Connects to the daemon that listens at `path`.
    ///
    /// # Errors
    /// None listens there, it is not root's, or this process is not.
    pub fn connect(path: &Path) -> anyhow::Result<Peer> {
        let stream = UnixStream::connect(path).map_err(|error| refused(path, &error))?;
        let peer = socket_peercred(&stream).context("cannot find out who listens")?;
        ensure!(
            peer.uid.is_root(),
            "{} is not root's, so what listens there is no agtrack daemon",
            path.display()
        );
        Ok(Peer(stream))
    }

    /// Sends a request, with an open file beside it, and waits for the answer.
    ///
    /// # Errors
    /// The daemon refuses, in its words, or is gone.
    pub fn ask<T: DeserializeOwned>(
        &self,
        request: &Request,
        file: Option<BorrowedFd<'_>>,
    ) -> anyhow::Result<T> {
        let sent = wire::write(&self.0, request, file);
        let answer = match (self.answer(), sent) {
            // One that refuses may have closed its side already, and its answer says why.
            (Err(error), Err(unsent)) if !error.is::<Refusal>() => {
                return Err(unsent).context("cannot send the request to the daemon");
            }
            (answer, _) => answer?,
        };
        match answer {
            Answer::Ok(value) => serde_json::from_value(value).map_err(|error| strange(&error)),
            Answer::Error(_) | Answer::Done(_) => {
                bail!("the daemon ended what had not begun; is it of another version?")
            }
        }
    }

    /// The next answer.
    ///
    /// # Errors
    /// The daemon refuses, in its words, or is gone.
    pub fn answer(&self) -> anyhow::Result<Answer> {
        let line = wire::read(&self.0, PATIENCE, wire::LONGEST_ANSWER)
            .context("cannot read the daemon's answer")?
            .context("the daemon ended before it answered; its log says why")?;
        match serde_json::from_slice(&line.bytes).map_err(|error| strange(&error))? {
            Answer::Error(reason) => Err(Refusal(reason).into()),
            answer => Ok(answer),
        }
    }

    /// Whether an answer, or the daemon's end, comes within `time`.
    pub fn is_heard(&self, time: Duration) -> bool {
        let mut ready = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN)];
        let time = Timespec::try_from(time).unwrap_or_default();
        poll(&mut ready, Some(&time)).is_ok_and(|count| count > 0)
    }

    /// Says that this is enough.
    pub fn enough(&self) {
        // A daemon that is gone says so when its answer is read.
        let _ = self.0.shutdown(Shutdown::Write);
    }
}

/// What a daemon says that refuses.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(String);

fn strange(error: &serde_json::Error) -> anyhow::Error {
    anyhow!("the daemon's answer is not understood ({error}); is it of another version?")
}

/// Thing, reason, next step.
fn refused(path: &Path, error: &io::Error) -> anyhow::Error {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            anyhow!(
                "only root, and the group that [control] names, may ask the daemon that listens at {path}: \
                 run it with sudo"
            )
        }
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => anyhow!(
            "no daemon listens at {path}: start it (`systemctl start agtrack`), or name its socket \
             with --socket"
        ),
        _ => anyhow!("cannot connect to the daemon at {path}: {error}"),
    }
}
