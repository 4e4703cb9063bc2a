//! The smallest server of HTTP that a collector needs: one page, one request a connection.

use std::fs::Permissions;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Listen;
use super::page::{TYPE, page};
use crate::health::Monitor;

/// The longest request, bytes.
const LONGEST: usize = 8192;
/// Headers of a request.
const HEADERS: usize = 64;
/// How long a request, and the reading of its answer, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many connections are served at a time; others wait for the kernel to give up.
const MOST: usize = 8;
/// How often it is looked whether this is over.
const LOOK: Duration = Duration::from_millis(250);

/// A server, until this is dropped.
#[derive(Debug)]
pub struct Server {
    over: Arc<AtomicBool>,
    socket: Option<PathBuf>,
}

impl Server {
    /// Begins to tell what `monitor` knows. A socket that an ended daemon left is replaced; it is open to
    /// root and to `group`.
    ///
    /// # Errors
    /// The place is taken, or the kernel refuses.
    pub fn start(listen: &Listen, group: Option<u32>, monitor: Monitor) -> anyhow::Result<Server> {
        let socket = match listen {
            Listen::Address(_) => None,
            Listen::Unix(path) => Some(path.clone()),
        };
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let thread = std::thread::Builder::new().name("metrics".to_owned());
        let started = match listen {
            Listen::Address(address) => {
                let listener = TcpListener::bind(address).with_context(|| {
                    format!("cannot tell metrics at {address}; under systemd the service has no network, as \
                             docs/metrics.md says")
                })?;
                thread.spawn(move || accept(&listener, &monitor, &ends))
            }
            Listen::Unix(path) => {
                let listener = bind(path, group)
                    .with_context(|| format!("cannot tell metrics at {}", path.display()))?;
                thread.spawn(move || accept(&listener, &monitor, &ends))
            }
        };
        started.context("cannot start the thread that tells metrics")?;
        Ok(Server { over, socket })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(path) = &self.socket {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn bind(path: &Path, group: Option<u32>) -> anyhow::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            bail!("it is there and is no socket; remove it, or name another place in [metrics]")
        }
        Ok(_) => {
            ensure!(
                UnixStream::connect(path).is_err(),
                "another daemon tells metrics there; stop it, or name another place in [metrics]"
            );
            std::fs::remove_file(path)?;
        }
        Err(_) => {
            if let Some(directory) = path.parent() {
                std::fs::create_dir_all(directory)?;
            }
        }
    }
    let listener = UnixListener::bind(path)?;
    std::os::unix::fs::lchown(path, None, group)?;
    let mode = if group.is_some() { 0o660 } else { 0o600 };
    std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(listener)
}

/// What connections come from.
trait Door: AsFd {
    type Stream: Stream + Send + 'static;

    fn next(&self) -> io::Result<Self::Stream>;
}

/// A connection.
trait Stream: Read + Write {
    fn patience(&self, time: Duration) -> io::Result<()>;
}

macro_rules! door {
    ($door:ty, $stream:ty) => {
        impl Door for $door {
            type Stream = $stream;

            fn next(&self) -> io::Result<$stream> {
                Ok(self.accept()?.0)
            }
        }

        impl Stream for $stream {
            fn patience(&self, time: Duration) -> io::Result<()> {
                self.set_read_timeout(Some(time))?;
                self.set_write_timeout(Some(time))
            }
        }
    };
}

door!(TcpListener, TcpStream);
door!(UnixListener, UnixStream);

fn accept<D: Door>(door: &D, monitor: &Monitor, over: &AtomicBool) {
    let served = Arc::new(AtomicUsize::new(0));
    while !over.load(Ordering::Relaxed) {
        if !has_come(door) || served.load(Ordering::Relaxed) >= MOST {
            continue;
        }
        let Ok(mut stream) = door.next() else {
            std::thread::sleep(LOOK);
            continue;
        };
        served.fetch_add(1, Ordering::Relaxed);
        let (count, monitor) = (Arc::clone(&served), monitor.clone());
        let serving = std::thread::Builder::new().name("metrics".to_owned());
        let begun = serving.spawn(move || {
            // Whoever is gone is told nothing.
            let _ = serve(&mut stream, &monitor);
            count.fetch_sub(1, Ordering::Relaxed);
        });
        if begun.is_err() {
            served.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn has_come(door: &impl AsFd) -> bool {
    let mut ready = [PollFd::from_borrowed_fd(door.as_fd(), PollFlags::IN)];
    let look = Timespec::try_from(LOOK).ok();
    match poll(&mut ready, look.as_ref()) {
        Ok(count) => count > 0,
        Err(_) => {
            std::thread::sleep(LOOK);
            false
        }
    }
}

fn serve(stream: &mut impl Stream, monitor: &Monitor) -> io::Result<()> {
    stream.patience(PATIENCE)?;
    let (status, kind, body) = match read(stream)? {
        Asked::Page => ("200 OK", TYPE, page(&monitor.read())),
        Asked::Other(status) => (status, "text/plain", format!("{status}; see /metrics\n")),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Page,
    Other(&'static str),
}

/// Reads a request to the end of its headers.
fn read(stream: &mut impl Read) -> io::Result<Asked> {
    let until = Instant::now() + PATIENCE;
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece)?;
        bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&bytes) {
            Ok(httparse::Status::Complete(_)) => return Ok(asked(&request)),
            Ok(httparse::Status::Partial) if count == 0 => {
                return Ok(Asked::Other("400 Bad Request"));
            }
            Ok(httparse::Status::Partial) if bytes.len() > LONGEST || Instant::now() > until => {
                return Ok(Asked::Other("431 Request Header Fields Too Large"));
            }
            Ok(httparse::Status::Partial) => {}
            Err(_) => return Ok(Asked::Other("400 Bad Request")),
        }
    }
}

fn asked(request: &httparse::Request<'_, '_>) -> Asked {
    let path = request.path.unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    match (request.method, path) {
        (Some("GET"), "/metrics") => Asked::Page,
        (Some("GET"), _) => Asked::Other("404 Not Found"),
        _ => Asked::Other("405 Method Not Allowed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: &Asked) {
        assert_eq!(&read(&mut &bytes[..]).unwrap(), expect, "{bytes:?}");
    }

    #[test]
    fn one_page_can_be_asked_for() {
        check(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", &Asked::Page);
        check(b"GET /metrics?a=b HTTP/1.0\r\n\r\n", &Asked::Page);
        let other = Asked::Other("404 Not Found");
        check(b"GET / HTTP/1.1\r\n\r\n", &other);
        let other = Asked::Other("405 Method Not Allowed");
        check(b"POST /metrics HTTP/1.1\r\n\r\n", &other);
        let bad = Asked::Other("400 Bad Request");
        check(b"", &bad);
        check(b"\x00\xff\n\n", &bad);
        check(b"GET /metrics HTTP/1.1\r\nHost", &bad);
        let long = [&b"GET /metrics HTTP/1.1\r\na: "[..], &[b'x'; 20_000]].concat();
        check(&long, &Asked::Other("431 Request Header Fields Too Large"));
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/metrics.sock");
        let listener = bind(&path, None).unwrap();
        assert!(bind(&path, None).is_err(), "somebody listens there");
        drop(listener);
        drop(bind(&path, None).unwrap());
        let other = directory.path().join("file");
        std::fs::write(&other, "mine").unwrap();
        assert!(bind(&other, None).is_err());
        assert_eq!(std::fs::read(&other).unwrap(), b"mine");
    }
}
