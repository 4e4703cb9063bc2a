//! The way of a capture to its file: a thread of its own, and bounded memory before it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;

use super::CaptureDone;
use crate::capture::{Capture, CaptureWriter, Packet};

/// Bytes that may wait for the file.
const MOST: usize = 4 << 20;
/// Bytes that a pipe takes without waiting once it says that it is ready (pipe(7), `PIPE_BUF`).
const PIPE: usize = 4096;
/// How often a writer that waits for its reader looks whether it should give up.
const LOOK: Duration = Duration::from_millis(100);
/// How long a reader that does not read has for the rest of the file, from the end of the capture on.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the thread is handed.
enum Piece {
    Bytes(Vec<u8>),
    /// The last bytes, and what it came to.
    End(Vec<u8>, CaptureDone),
}

/// What both sides know.
#[derive(Debug, Default)]
struct Shared {
    /// Bytes that the thread has not written yet.
    waiting: AtomicUsize,
    /// There is nothing to come but what waits.
    is_ending: AtomicBool,
}

/// Where a capture's packets go. Dropped without [`Outlet::end`] the file has no end.
#[derive(Debug)]
pub(in crate::engine) struct Outlet {
    writer: CaptureWriter<Vec<u8>>,
    pieces: mpsc::Sender<Piece>,
    shared: Arc<Shared>,
}

impl Outlet {
    /// Begins a file. `done` gets what it came to, however it ends.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(in crate::engine) fn new(
        file: Arc<OwnedFd>,
        capture: &Capture<'_>,
        done: mpsc::Sender<CaptureDone>,
    ) -> anyhow::Result<Outlet> {
        let (pieces, inbox) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let known = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || {
                let result = write_all(&file, &inbox, &known);
                // Nobody may wait for it any more.
                let _ = done.send(result);
            })
            .context("cannot start a thread that writes the capture")?;
        Ok(Outlet {
            writer: CaptureWriter::new(Vec::new(), capture)?,
            pieces,
            shared,
        })
    }

    /// Adds a packet; false: too much waits to be written already.
    pub(super) fn packet(&mut self, packet: &Packet<'_>) -> bool {
        let waiting = self.shared.waiting.load(Ordering::Relaxed) + self.writer.out_mut().len();
        // Memory takes what it is given.
        waiting + packet.bytes.len() <= MOST && self.writer.packet(packet).is_ok()
    }

    /// Gives the thread what was gathered.
    pub(super) fn hand_over(&mut self) {
        let bytes = std::mem::take(self.writer.out_mut());
        if !bytes.is_empty() {
            self.shared
                .waiting
                .fetch_add(bytes.len(), Ordering::Relaxed);
            let _ = self.pieces.send(Piece::Bytes(bytes));
        }
    }

    /// Ends the file, of whose packets `lost` were lost since the last one.
    pub(super) fn end(self, lost: u64, done: CaptureDone) {
        self.shared.is_ending.store(true, Ordering::Relaxed);
        // Memory takes what it is given.
        let rest = self.writer.end(lost).unwrap_or_default();
        let _ = self.pieces.send(Piece::End(rest, done));
    }
}

/// The thread: writes what comes until the end. After a failure it takes the rest and drops it, so that
/// nobody is held up.
fn write_all(file: &OwnedFd, inbox: &mpsc::Receiver<Piece>, shared: &Shared) -> CaptureDone {
    let mut failed = None;
    loop {
        let (bytes, end) = match inbox.recv() {
            Ok(Piece::Bytes(bytes)) => (bytes, None),
            Ok(Piece::End(bytes, done)) => (bytes, Some(done)),
            Err(mpsc::RecvError) => {
                let error = "the recorder ended in the midst of it".to_owned();
                let error = Some(failed.unwrap_or(error));
                return CaptureDone {
                    error,
                    ..CaptureDone::default()
                };
            }
        };
        if failed.is_none()
            && let Err(error) = write(file, &bytes, shared)
        {
            failed = Some(format!("the file cannot be written: {error}"));
        }
        if let Some(done) = end {
            return CaptureDone {
                error: failed,
                ..done
            };
        }
        shared.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
    }
}

fn write(file: &OwnedFd, mut bytes: &[u8], shared: &Shared) -> io::Result<()> {
    let stat = rustix::fs::fstat(file)?;
    let most = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => usize::MAX,
        _ => PIPE,
    };
    let mut since = None;
    while !bytes.is_empty() {
        let mut ready = [PollFd::from_borrowed_fd(file.as_fd(), PollFlags::OUT)];
        let look = Timespec::try_from(LOOK).map_err(io::Error::other)?;
        if poll(&mut ready, Some(&look))? == 0 {
            if shared.is_ending.load(Ordering::Relaxed)
                && since.get_or_insert_with(Instant::now).elapsed() > PATIENCE
            {
                return Err(io::Error::other("nobody reads it"));
            }
            continue;
        }
        let piece = bytes.get(..bytes.len().min(most)).unwrap_or(bytes);
        match rustix::io::write(file, piece) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(errno) => return Err(errno.into()),
        }
        since = None;
    }
    Ok(())
}
