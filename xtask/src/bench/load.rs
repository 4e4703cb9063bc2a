//! The work that is timed: one small thing, again and again.
//!
//! Runs as a process of its own (`xtask load NAME`), so that a recorder can be put around it,
//! and prints nanoseconds per operation.

use std::fmt;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Load {
    /// A system call that nobody records
    Getppid,
    /// Open, read, close
    Open,
    /// Create, write, close, unlink
    Create,
    /// Rename
    Rename,
    /// Connect, accept, close on the loopback
    Connect,
    /// Fork, exec, exit, wait
    Exec,
}

/// All of them.
pub(crate) const LOADS: &[Load] = &[
    Load::Getppid,
    Load::Open,
    Load::Create,
    Load::Rename,
    Load::Connect,
    Load::Exec,
];

/// Options of the hidden `xtask load`.
#[derive(clap::Args)]
pub(crate) struct Options {
    load: Load,
    /// For how long
    #[arg(long, default_value_t = 400)]
    millis: u64,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Load::Getppid => "getppid",
            Load::Open => "open",
            Load::Create => "create",
            Load::Rename => "rename",
            Load::Connect => "connect",
            Load::Exec => "exec",
        })
    }
}

/// Works and prints nanoseconds per operation.
///
/// # Errors
/// An operation fails.
pub(crate) fn main(options: &Options) -> Result<()> {
    let place = Place::new()?;
    let time = Duration::from_millis(options.millis);
    let cost = match options.load {
        Load::Getppid => measure(time, 1000, || {
            std::hint::black_box(std::os::unix::process::parent_id());
            Ok(())
        }),
        Load::Open => {
            let file = place.file("read", b"some bytes")?;
            measure(time, 100, || open(&file))
        }
        Load::Create => measure(time, 20, || create(&place.dir.join("created"))),
        Load::Rename => {
            let (one, two) = (place.file("one", b"")?, place.dir.join("two"));
            measure(time, 20, || {
                fs::rename(&one, &two)?;
                Ok(fs::rename(&two, &one)?)
            })
            // Two renames an operation.
            .map(|cost| cost / 2.0)
        }
        Load::Connect => connect(time),
        Load::Exec => measure(time, 1, exec),
    }?;
    println!("{cost:.1}");
    Ok(())
}

/// Nanoseconds of one `work`, done for `time` after a tenth of it to warm up.
fn measure(time: Duration, batch: u32, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut repeat = |time: Duration| -> Result<f64> {
        let started = Instant::now();
        let mut done = 0_u32;
        while started.elapsed() < time || done == 0 {
            for _ in 0..batch {
                work()?;
            }
            done += batch;
        }
        Ok(started.elapsed().as_secs_f64() * 1e9 / f64::from(done))
    };
    repeat(time / 10)?;
    repeat(time)
}

fn open(path: &Path) -> Result<()> {
    let mut buffer = [0_u8; 16];
    let read = File::open(path)?.read(&mut buffer)?;
    std::hint::black_box(read);
    Ok(())
}

fn create(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    file.write_all(b"some bytes")?;
    drop(file);
    Ok(fs::remove_file(path)?)
}

fn connect(time: Duration) -> Result<f64> {
    let listener = TcpListener::bind("0.0.0.0:0").context("cannot listen on the loopback")?;
    let port = listener.local_addr()?.port();
    let mut last = 0_u8;
    measure(time, 5, || {
        // Many addresses, or the ports of one run out while closed connections linger.
        last = last % 250 + 1;
        let stream = TcpStream::connect((Ipv4Addr::new(127, 0, 0, last), port))?;
        let (accepted, _) = listener.accept()?;
        drop((stream, accepted));
        Ok(())
    })
}

fn exec() -> Result<()> {
    let mut command = Command::new("/bin/true");
    command
        .stdin(Stdio::null())
        .status()
        .context("cannot run /bin/true")?;
    Ok(())
}

/// A directory in memory, removed at the end.
struct Place {
    dir: PathBuf,
}

impl Place {
    fn new() -> Result<Place> {
        let dir = PathBuf::from(format!("/dev/shm/agtrack-load-{}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(Place { dir })
    }

    fn file(&self, name: &str, contents: &[u8]) -> Result<PathBuf> {
        let path = self.dir.join(name);
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_load_works() {
        for &load in LOADS {
            main(&Options { load, millis: 1 }).unwrap();
        }
    }

    #[test]
    fn a_failing_operation_ends_the_measurement() {
        let failed = measure(Duration::from_millis(1), 1, || anyhow::bail!("no"));
        assert!(failed.is_err());
    }
}
