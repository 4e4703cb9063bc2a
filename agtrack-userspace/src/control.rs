//! The control socket: what a running daemon can be asked.
//!
//! Comes in: connections of root's processes that are no agent's. Goes out: requests to the engine, one
//! line of JSON for an answer. Never: lets a peer that says nothing, or nonsense, hold anything for
//! long. `docs/control.md` describes what is said.

mod client;
mod message;
mod serve;
#[cfg(test)]
mod tests;
mod wire;

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::net::Shutdown;

pub use client::Peer;
pub use message::{Answer, Begun, LONGEST_PACKET, Request};

use crate::engine::Requests;

/// Where the daemon listens.
pub const SOCKET: &str = "/run/agtrack/control.sock";
/// So many connections are served at a time.
const MOST: usize = 16;
/// How long those that are being served have for their last word when the daemon ends.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// How often it is looked whether they are done.
const LOOK: Duration = Duration::from_millis(10);

/// A socket that is listened on, until this is dropped.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    listener: Arc<UnixListener>,
    served: Arc<AtomicUsize>,
}

impl Control {
    /// Listens at `path`, for root only; what is asked goes to `requests`. A socket that an ended
    /// daemon left there is replaced.
    ///
    /// # Errors
    /// Another daemon listens there, something else stands there, or the kernel refuses.
    pub fn listen(path: &Path, requests: Requests) -> anyhow::Result<Control> {
        make_way(path)?;
        let listener = UnixListener::bind(path)
            .with_context(|| format!("cannot listen at {}", path.display()))?;
        // Who comes before that is refused for who it is.
        std::fs::set_permissions(path, Permissions::from_mode(0o600))
            .with_context(|| format!("cannot keep {} to root", path.display()))?;
        let control = Control {
            path: path.to_owned(),
            listener: Arc::new(listener),
            served: Arc::default(),
        };
        let (listener, served) = (Arc::clone(&control.listener), Arc::clone(&control.served));
        std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || accept(&listener, &served, &requests))
            .context("cannot start the thread of the control socket")?;
        Ok(control)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // It wakes the thread, which then ends.
        let _ = rustix::net::shutdown(&self.listener, Shutdown::Both);
        let _ = std::fs::remove_file(&self.path);
        let begun = Instant::now();
        while self.served.load(Ordering::Relaxed) > 0 && begun.elapsed() < LAST_WORDS {
            std::thread::sleep(LOOK);
        }
    }
}

/// Removes what an ended daemon left, and makes the directory.
fn make_way(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            bail!(
                "{shown} is there and is no socket; remove it, or name another place in [control]"
            )
        }
        Ok(_) => {
            if UnixStream::connect(path).is_ok() {
                bail!(
                    "another daemon listens at {shown}; stop it, or name another place in [control]"
                )
            }
            std::fs::remove_file(path).with_context(|| {
                format!("cannot remove {shown}, which a daemon that has ended left there")
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => match path.parent() {
            Some(directory) => make_directory(directory),
            None => Ok(()),
        },
        Err(error) => Err(error).with_context(|| format!("cannot look at {shown}")),
    }
}

fn make_directory(directory: &Path) -> anyhow::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o755);
    builder
        .create(directory)
        // Whatever the umask is.
        .and_then(|()| std::fs::set_permissions(directory, Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot make {}", directory.display()))
}

/// The thread: until the listener is shut down.
fn accept(listener: &UnixListener, served: &Arc<AtomicUsize>, requests: &Requests) {
    for stream in listener.incoming() {
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return,
            // Out of descriptors, or the peer is gone: the next one may be luckier.
            Err(_) => {
                std::thread::sleep(LOOK);
                continue;
            }
        };
        let place = Place::take(served);
        let requests = requests.clone();
        let serving = std::thread::Builder::new().name("control".to_owned());
        // Where there can be no more threads the connection ends.
        let _ = serving.spawn(move || {
            serve::serve(&stream, &requests, place.is_some());
            drop(place);
        });
    }
}

/// One of the connections that are served.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(served: &Arc<AtomicUsize>) -> Option<Place> {
        let room = |count: usize| (count < MOST).then_some(count + 1);
        served
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, room)
            .ok()?;
        Some(Place(Arc::clone(served)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
