//! The way to the recording thread, for others.

use std::os::fd::OwnedFd;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::anyhow;

use super::{
    AgentEntry, CaptureBegun, CaptureRequest, RefusedRequests, Request, SessionEntry, Tag, Tagged,
    Untag, Untagged, wait,
};

/// How long the recording thread may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A way to ask a recorder; answers that it has ended once it has.
#[derive(Clone, Debug)]
pub struct Requests {
    requests: mpsc::Sender<Request>,
    waker: Arc<OwnedFd>,
}

impl Requests {
    pub(super) fn new(requests: mpsc::Sender<Request>, waker: Arc<OwnedFd>) -> Requests {
        Requests { requests, waker }
    }

    /// Begins to write packets; in force on return.
    ///
    /// # Errors
    /// Nobody of that name is known, or as many captures run as can.
    pub fn capture(&self, request: CaptureRequest) -> anyhow::Result<CaptureBegun> {
        self.ask(|answer| Request::Capture(request, answer))?
    }

    /// Ends a capture: what it came to is told to who waits for that.
    pub fn end_capture(&self, id: u64) {
        let _ = self.send(Request::EndCapture(id));
    }

    /// Whether a process is an agent's; none where that is not said within `time`.
    ///
    /// # Errors
    /// The recorder has ended.
    pub fn is_tagged(&self, pid: u32, time: Duration) -> anyhow::Result<Option<bool>> {
        let (answer, answered) = mpsc::channel();
        self.send(Request::IsTagged(pid, answer))?;
        match answered.recv_timeout(time) {
            Ok(is_tagged) => Ok(Some(is_tagged)),
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(ended()),
        }
    }

    /// Records somebody from now on; in force on return.
    ///
    /// # Errors
    /// Nobody like that is there, somebody else has it, or the kernel's maps are full.
    pub fn tag(&self, tag: Tag) -> anyhow::Result<Tagged> {
        self.ask(|answer| Request::Record(tag, answer))?
    }

    /// Records a session no more that was tagged by request.
    ///
    /// # Errors
    /// There is none, or nobody has asked for it.
    pub fn untag(&self, untag: Untag) -> anyhow::Result<Untagged> {
        self.ask(|answer| Request::Leave(untag, answer))?
    }

    /// The sessions that run, the oldest first.
    ///
    /// # Errors
    /// The recorder has ended.
    pub fn sessions(&self) -> anyhow::Result<Vec<SessionEntry>> {
        self.ask(Request::Sessions)
    }

    /// The agents of the configuration, and others of which sessions run.
    ///
    /// # Errors
    /// The recorder has ended.
    pub fn agents(&self) -> anyhow::Result<Vec<AgentEntry>> {
        self.ask(Request::Agents)
    }

    /// Records that requests were refused for who asked.
    pub fn refused(&self, refused: RefusedRequests) {
        let _ = self.send(Request::Refused(refused));
    }

    pub(super) fn ask<T>(
        &self,
        request: impl FnOnce(mpsc::Sender<T>) -> Request,
    ) -> anyhow::Result<T> {
        let (answer, answered) = mpsc::channel();
        self.send(request(answer))?;
        answered.recv_timeout(PATIENCE).map_err(|error| match error {
            mpsc::RecvTimeoutError::Disconnected => ended(),
            mpsc::RecvTimeoutError::Timeout => anyhow!(
                "the recording thread has not answered for {} s, so that it is not known whether this is \
                 done; `agtrack status` says what hangs",
                PATIENCE.as_secs()
            ),
        })
    }

    pub(super) fn send(&self, request: Request) -> anyhow::Result<()> {
        self.requests.send(request).map_err(|_| ended())?;
        wait::wake(&self.waker)
    }
}

fn ended() -> anyhow::Error {
    anyhow!("recording has ended before this could be done; the recorder says why when it ends")
}
