//! Captures of packets: one goes on until the peer has enough.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;

use super::message::{Answer, Begun};
use super::wire;
use crate::engine::{CaptureDone, CaptureRequest, Named, Requests};
use crate::record::Requester;

/// How often it is looked whether a capture has ended by itself.
const LOOK: Duration = Duration::from_millis(100);
/// How long the last packets may take to be written.
const LAST: Duration = Duration::from_secs(10);

/// Runs a capture until the peer has enough, or it ends by itself.
pub(super) fn capture(
    stream: &UnixStream,
    requests: &Requests,
    (whose, longest, file): (Named, u32, OwnedFd),
    asker: Requester,
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
    let told = wire::write(stream, &Answer::Ok(json!(Begun { sessions })), None);
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
