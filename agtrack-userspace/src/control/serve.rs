//! One connection: who is it, what is asked for, what is answered.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;

use super::message::{Answer, Begun, Request};
use super::{MOST, wire};
use crate::engine::{CaptureDone, CaptureRequest, Named, Requests};
use crate::input::CaptureAsker;
use crate::record::Text;

/// How long a peer has for its request.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether a capture has ended by itself.
const LOOK: Duration = Duration::from_millis(100);
/// How long the last packets may take to be written.
const LAST: Duration = Duration::from_secs(10);

/// Serves a connection to its end. Without `room` it is told so.
pub(super) fn serve(stream: &UnixStream, requests: &Requests, room: bool) {
    let answer = match try_serve(stream, requests, room) {
        Ok(answer) => answer,
        Err(error) => Answer::Error(format!("{error:#}")),
    };
    // A peer that is gone is told nothing.
    let _ = wire::write(stream, &answer, None);
}

fn try_serve(stream: &UnixStream, requests: &Requests, room: bool) -> anyhow::Result<Answer> {
    let asker = identify(stream, requests)?;
    ensure!(
        room,
        "{MOST} connections are served already, which is the most; try again when one has ended"
    );
    let line = wire::read(stream, PATIENCE)
        .context("no request was understood")?
        .context("no request came")?;
    let request = serde_json::from_slice(&line.bytes)
        .context("that is no request; docs/control.md describes them")?;
    match request {
        Request::Capture {
            agent,
            session,
            longest,
        } => {
            let whose = match (agent, session) {
                (Some(agent), None) => Named::Agent(agent),
                (None, Some(session)) => Named::Session(session),
                _ => bail!("name either an `agent` or a `session`"),
            };
            ensure!(longest > 0, "`longest` is 0; packets have at least 1 byte");
            let file = line.file.context(
                "no open file came with the request; pass its descriptor along (SCM_RIGHTS)",
            )?;
            capture(stream, requests, (whose, longest, file), asker)
        }
    }
}

/// Who is at the other end; refused unless it is root's and no agent's.
fn identify(stream: &UnixStream, requests: &Requests) -> anyhow::Result<CaptureAsker> {
    let peer = socket_peercred(stream).context("cannot find out who asks")?;
    let pid = peer.pid.as_raw_nonzero().get().unsigned_abs();
    ensure!(
        peer.uid.is_root(),
        "only root may ask; process {pid} is user {}'s: run it with sudo",
        peer.uid.as_raw()
    );
    ensure!(
        !requests.is_tagged(pid)?,
        "process {pid} belongs to an agent, and no agent may direct its own recorder: ask from outside"
    );
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    Ok(CaptureAsker {
        pid,
        uid: peer.uid.as_raw(),
        program: program.map(|path| Text(path.as_os_str().as_bytes().to_vec())),
    })
}

/// Runs a capture until the peer has enough, or it ends by itself.
fn capture(
    stream: &UnixStream,
    requests: &Requests,
    (whose, longest, file): (Named, u32, OwnedFd),
    asker: CaptureAsker,
) -> anyhow::Result<Answer> {
    let (done, ended) = mpsc::channel();
    let begun = requests.capture(CaptureRequest {
        whose,
        longest,
        file: Arc::new(file),
        asker,
        done,
    })?;
    let sessions = begun.sessions;
    let told = wire::write(stream, &Answer::Ok(Begun { sessions }), None);
    if told.is_ok()
        && let Some(done) = until_enough(stream, &ended)
    {
        return Ok(Answer::Done(done));
    }
    requests.end_capture(begun.id);
    let done = ended.recv_timeout(LAST).unwrap_or_else(|_| CaptureDone {
        error: Some("the file does not take what is left".to_owned()),
        ..CaptureDone::default()
    });
    Ok(Answer::Done(done))
}

/// Waits for the peer to shut its side down, or to say anything more, which it has no reason to; gives
/// what it came to where the capture ended before.
fn until_enough(stream: &UnixStream, ended: &mpsc::Receiver<CaptureDone>) -> Option<CaptureDone> {
    loop {
        if let Ok(done) = ended.try_recv() {
            return Some(done);
        }
        let events = PollFlags::IN | PollFlags::RDHUP;
        let mut ready = [PollFd::from_borrowed_fd(stream.as_fd(), events)];
        let looked = Instant::now();
        let look = Timespec::try_from(LOOK).ok();
        match poll(&mut ready, look.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return None,
            // Not to be expected; it must not become a busy loop.
            Err(_) => std::thread::sleep(LOOK.saturating_sub(looked.elapsed())),
        }
    }
}
