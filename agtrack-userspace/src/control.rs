//! The control socket: what a running daemon can be asked.
//!
//! Comes in: connections of root's processes, and of a group's, that are no agent's. Goes out: requests
//! to the engine, one line of JSON for an answer. Never: lets a peer that says nothing, or nonsense, hold anything for
//! long. `docs/control.md` describes what is said.

mod capture;
mod client;
mod message;
mod serve;
mod subscribe;
#[cfg(test)]
mod tests;
mod who;
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
use tokio::sync::watch;

pub use client::Peer;
pub use message::{Answer, Begun, Filter, LONGEST_PACKET, Request, TagWords, TargetWords};

use crate::config;
use crate::engine::Requests;
use crate::health::Monitor;
use crate::journal::Committed;
use who::{Allowed, Refusals};

/// Where the daemon listens.
pub const SOCKET: &str = "/run/agtrack/control.sock";
/// So many connections are served at a time; of as many that were refused the rest is read.
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
    desk: Arc<Desk>,
}

/// Who answers.
#[derive(Debug)]
pub struct Desk {
    requests: Requests,
    monitor: Monitor,
    /// The journal's directory.
    journal: PathBuf,
    committed: watch::Receiver<Committed>,
    allowed: Allowed,
    refusals: Refusals,
    /// Subscriptions that are served.
    subscribed: AtomicUsize,
}

impl Desk {
    /// One for the recorder behind `requests`, which `monitor` looks after and whose journal is in
    /// `journal`.
    #[must_use]
    pub fn new(
        requests: Requests,
        monitor: Monitor,
        (journal, committed): (PathBuf, watch::Receiver<Committed>),
    ) -> Desk {
        Desk {
            requests,
            monitor,
            journal,
            committed,
            allowed: Allowed::default(),
            refusals: Refusals::default(),
            subscribed: AtomicUsize::new(0),
        }
    }
}

impl Control {
    /// Listens as the configuration says. A socket that an ended daemon left there is replaced.
    ///
    /// # Errors
    /// Another daemon listens there, something else stands there, or the kernel refuses.
    pub fn listen(config: &config::Control, mut desk: Desk) -> anyhow::Result<Control> {
        let path = &config.socket;
        desk.allowed = Allowed::new(config.group.as_deref(), config.group_may);
        make_way(path)?;
        let listener = UnixListener::bind(path)
            .with_context(|| format!("cannot listen at {}", path.display()))?;
        // Who comes before that is refused for who it is.
        let (gid, mode) = match desk.allowed.group() {
            Some(group) => (Some(group.as_raw()), 0o660),
            None => (None, 0o600),
        };
        std::os::unix::fs::lchown(path, None, gid)
            .and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(mode)))
            .with_context(|| format!("cannot keep {} to whom may ask", path.display()))?;
        let desk = Arc::new(desk);
        let control = Control {
            path: path.to_owned(),
            listener: Arc::new(listener),
            served: Arc::default(),
            desk,
        };
        let (listener, served) = (Arc::clone(&control.listener), Arc::clone(&control.served));
        let desk = Arc::clone(&control.desk);
        std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || accept(&listener, &served, &desk))
            .context("cannot start the thread of the control socket")?;
        Ok(control)
    }

    /// Has it recorded who was refused since this was called last. To be called once a second.
    pub fn tell_refused(&self) {
        for refused in self.desk.refusals.take(Instant::now(), &self.path) {
            self.desk.requests.refused(refused);
        }
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
fn accept(listener: &UnixListener, served: &Arc<AtomicUsize>, desk: &Arc<Desk>) {
    let leaving = Arc::default();
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
        let (desk, leaving) = (Arc::clone(desk), Arc::clone(&leaving));
        let serving = std::thread::Builder::new().name("control".to_owned());
        // Where there can be no more threads the connection ends.
        let _ = serving.spawn(move || {
            let is_refused = serve::serve(&stream, &desk, place.is_some());
            drop(place);
            if is_refused {
                see_off(&stream, &leaving);
            }
        });
    }
}

/// Hears out who was refused, unless too many are heard out already.
fn see_off(stream: &UnixStream, leaving: &Arc<AtomicUsize>) {
    if let Some(_place) = Place::take(leaving) {
        wire::drain(stream);
    }
}

/// One of the connections that are served, or heard out.
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
