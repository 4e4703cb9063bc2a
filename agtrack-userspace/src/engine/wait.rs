//! Waiting: of the thread for events and requests, of others for the end of a session.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use uuid::Uuid;

use crate::ring::Rings;

/// While events flow the rings are read on this clock: waking the reader for each event would
/// cost the recorded process more than the event does.
pub(super) const TICK: Duration = Duration::from_millis(8);
/// While nothing happens the kernel wakes the reader; this bounds what a lost race costs.
pub(super) const IDLE: Duration = Duration::from_millis(100);

const REQUEST: u64 = 1;
const RING: u64 = 2;
const FILES: u64 = 3;

/// An event descriptor that requests are announced with.
///
/// # Errors
/// Out of descriptors.
pub(super) fn waker() -> anyhow::Result<OwnedFd> {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).context("cannot make an eventfd")
}

/// Announces a request.
///
/// # Errors
/// The descriptor is broken.
pub(super) fn wake(waker: &OwnedFd) -> anyhow::Result<()> {
    rustix::io::write(waker, &1_u64.to_ne_bytes()).context("cannot wake the recording thread")?;
    Ok(())
}

/// What the thread sleeps on.
pub(super) struct Bed {
    epoll: OwnedFd,
    waker: Arc<OwnedFd>,
}

impl Bed {
    pub(super) fn new<'f>(
        waker: Arc<OwnedFd>,
        rings: &Rings,
        files: impl Iterator<Item = BorrowedFd<'f>>,
    ) -> anyhow::Result<Bed> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot make an epoll")?;
        let request = epoll::EventData::new_u64(REQUEST);
        epoll::add(&epoll, waker.as_fd(), request, epoll::EventFlags::IN)?;
        for ring in rings.descriptors() {
            // Edge-triggered: it reports wake-ups, not that there is something to read, which
            // would be nearly always.
            let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
            epoll::add(&epoll, ring, epoll::EventData::new_u64(RING), flags)?;
        }
        for file in files {
            let data = epoll::EventData::new_u64(FILES);
            epoll::add(&epoll, file, data, epoll::EventFlags::IN)?;
        }
        Ok(Bed { epoll, waker })
    }

    /// Sleeps until woken, at most as long as given.
    pub(super) fn sleep(&self, time: Duration) {
        let timeout = Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        let mut events = [epoll::Event {
            flags: epoll::EventFlags::IN,
            data: epoll::EventData::new_u64(0),
        }; 4];
        // Interrupted or not: the loop looks at everything anyway.
        let count = epoll::wait(&self.epoll, &mut events[..], Some(&timeout)).unwrap_or(0);
        if events
            .iter()
            .take(count)
            .any(|event| event.data.u64() == REQUEST)
        {
            let _ = rustix::io::read(&self.waker, &mut [0; 8]);
        }
    }
}

/// Launched sessions that have ended and whose launcher has not been told.
#[derive(Debug, Default)]
pub(super) struct Ended {
    sessions: Mutex<HashSet<Uuid>>,
    news: Condvar,
}

impl Ended {
    pub(super) fn add(&self, session: Uuid) {
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(session);
        self.news.notify_all();
    }

    pub(super) fn wait(&self, session: Uuid, timeout: Duration) -> bool {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut sessions, _) = self
            .news
            .wait_timeout_while(sessions, timeout, |ended| !ended.contains(&session))
            .unwrap_or_else(PoisonError::into_inner);
        sessions.remove(&session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_once_and_nothing_is_kept() {
        let ended = Ended::default();
        let (own, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert!(!ended.wait(own, Duration::ZERO));
        ended.add(own);
        assert!(!ended.wait(other, Duration::ZERO));
        assert!(ended.wait(own, Duration::ZERO));
        assert!(ended.sessions.lock().unwrap().is_empty());
    }
}
