//! The single operations.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Done;

pub(super) fn getppid() -> Result<()> {
    std::hint::black_box(std::os::unix::process::parent_id());
    Ok(())
}

pub(super) fn open(path: &Path) -> Result<()> {
    drop(File::open(path)?);
    Ok(())
}

pub(super) fn open_read(path: &Path) -> Result<()> {
    let mut buffer = [0_u8; 16];
    let read = File::open(path)?.read(&mut buffer)?;
    std::hint::black_box(read);
    Ok(())
}

pub(super) fn create(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    file.write_all(b"some bytes")?;
    drop(file);
    Ok(fs::remove_file(path)?)
}

pub(super) fn make(path: &Path) -> Result<()> {
    drop(File::create(path)?);
    Ok(())
}

pub(super) fn unlink(path: &Path) -> Result<()> {
    Ok(fs::remove_file(path)?)
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    Ok(fs::rename(from, to)?)
}

pub(super) fn exec() -> Result<()> {
    let mut command = Command::new("/bin/true");
    // Its own input is not opened: that would be a recorded event more.
    command.stdin(Stdio::inherit());
    // In what cargo puts there the dynamic linker would search fifty places.
    command.env_remove("LD_LIBRARY_PATH");
    let status = command.status();
    status.context("cannot run /bin/true")?;
    Ok(())
}

/// Files that are written at once.
pub(in crate::bench) const FILES: u32 = 1000;

/// Writes so many files as fast as possible, and leaves them there for a moment, as who writes files
/// does.
pub(super) fn files(place: &Place) -> Result<Done> {
    /// Bytes of each.
    const SIZE: usize = 64 << 10;
    let started = Instant::now();
    for number in 0..FILES {
        // Each its own, or they would all have one hash.
        place.file(&number.to_string(), &number.to_le_bytes().repeat(SIZE / 4))?;
    }
    let done = Done::of(FILES, started.elapsed(), FILES);
    thread::sleep(Duration::from_secs(2));
    Ok(done)
}

/// A file that stays open.
pub(super) struct Written {
    file: File,
    writes: u32,
}

impl Written {
    /// Writes before it begins at the start again: the file lies in memory.
    const TURN: u32 = 1 << 14;

    pub(super) fn new(path: &Path) -> Result<Written> {
        let file = File::create(path)?;
        Ok(Written { file, writes: 0 })
    }

    pub(super) fn write(&mut self) -> Result<()> {
        self.writes += 1;
        if self.writes.is_multiple_of(Written::TURN) {
            self.file.seek(SeekFrom::Start(0))?;
        }
        Ok(self.file.write_all(b"some bytes")?)
    }
}

/// A socket that sends to itself, without being connected to itself.
pub(super) struct Datagrams {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Datagrams {
    pub(super) fn new() -> Result<Datagrams> {
        let socket = UdpSocket::bind("127.0.0.1:0").context("no socket on the loopback")?;
        let address = socket.local_addr()?;
        Ok(Datagrams { socket, address })
    }

    pub(super) fn send(&self) -> Result<()> {
        let mut buffer = [0; 16];
        self.socket.send_to(b"some bytes", self.address)?;
        // Or the queue would be full soon, and what is thrown away costs less.
        std::hint::black_box(self.socket.recv(&mut buffer)?);
        Ok(())
    }
}

/// Both ends of a connection.
pub(super) struct Listener {
    socket: TcpListener,
    port: u16,
    last: u8,
}

impl Listener {
    pub(super) fn new() -> Result<Listener> {
        let socket = TcpListener::bind("0.0.0.0:0").context("cannot listen on the loopback")?;
        let port = socket.local_addr()?.port();
        Ok(Listener {
            socket,
            port,
            last: 0,
        })
    }

    pub(super) fn connect(&mut self) -> Result<()> {
        // Many addresses, or the ports of one run out while closed connections linger.
        self.last = self.last % 250 + 1;
        let stream = TcpStream::connect((Ipv4Addr::new(127, 0, 0, self.last), self.port))?;
        let (accepted, _) = self.socket.accept()?;
        drop((stream, accepted));
        Ok(())
    }
}

/// A directory in memory, removed at the end.
pub(super) struct Place {
    dir: PathBuf,
}

impl Place {
    /// # Errors
    /// It cannot be created.
    pub(super) fn new() -> Result<Place> {
        // Tests make several in one process.
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let process = std::process::id();
        let dir = PathBuf::from(format!("/dev/shm/agtrack-load-{process}-{number}"));
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(Place { dir })
    }

    /// Where a file may be made.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Makes a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn file(&self, name: &str, contents: &[u8]) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}
