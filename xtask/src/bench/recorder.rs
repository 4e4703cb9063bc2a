//! One load under one recorder.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::audit;
use super::load::Load;
use crate::run;

/// Longest time a daemon may take until it is ready.
const READY: Duration = Duration::from_secs(20);

/// Who records, and whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Recorder {
    /// agtrack's daemon with nothing to record; the load is not tagged.
    DaemonIdle,
    /// agtrack records another process; the load is not tagged.
    Beside,
    /// agtrack records the load.
    Tagged,
    /// `strace -f` of everything the load does.
    Strace,
    /// auditd with rules for what agtrack records.
    Auditd,
}

impl fmt::Display for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Recorder::DaemonIdle => "agtrack daemon, no agent",
            Recorder::Beside => "agtrack, another is recorded",
            Recorder::Tagged => "agtrack, this is recorded",
            Recorder::Strace => "strace -f",
            Recorder::Auditd => "auditd, same events",
        })
    }
}

/// What the measurements need.
pub(crate) struct Bench {
    /// The binary.
    pub(crate) agtrack: PathBuf,
    /// The program with `load`.
    pub(crate) loader: PathBuf,
    /// Where journals go.
    pub(crate) place: PathBuf,
    /// Time of one measurement.
    pub(crate) millis: u64,
}

impl Bench {
    /// Nanoseconds per operation without any recorder.
    ///
    /// # Errors
    /// The load fails.
    pub(crate) fn free(&self, load: Load) -> Result<f64> {
        cost(&mut self.load(Command::new(&self.loader), load))
    }

    /// Nanoseconds per operation under the recorder.
    ///
    /// # Errors
    /// The recorder or the load fails.
    pub(crate) fn under(&self, recorder: Recorder, load: Load) -> Result<f64> {
        let journal = self.place.join("journal");
        let _ = fs::remove_dir_all(&journal);
        match recorder {
            Recorder::DaemonIdle => {
                let _daemon = self.daemon(&journal)?;
                self.free(load)
            }
            Recorder::Beside => {
                let _agent = self.agent(&journal)?;
                self.free(load)
            }
            Recorder::Tagged => {
                let mut command = self.agtrack_run(&journal);
                command.arg(&self.loader);
                cost(&mut self.load(command, load))
            }
            Recorder::Strace => {
                let mut command = Command::new("strace");
                command.args(["-f", "-o", "/dev/null"]).arg(&self.loader);
                cost(&mut self.load(command, load))
            }
            Recorder::Auditd => {
                let _daemon = audit::Daemon::start(&self.place)?;
                self.free(load)
            }
        }
    }

    fn load(&self, mut command: Command, load: Load) -> Command {
        command
            .arg("load")
            .arg(load.to_string())
            .arg("--millis")
            .arg(self.millis.to_string());
        command
    }

    fn agtrack_run(&self, journal: &Path) -> Command {
        let mut command = Command::new(&self.agtrack);
        command
            .args(["run", "--agent", "bench", "--journal"])
            .arg(journal)
            .arg("--");
        command
    }

    /// A recorded process that does nothing until it is dropped.
    fn agent(&self, journal: &Path) -> Result<Running> {
        let mut command = self.agtrack_run(journal);
        command
            .args(["sh", "-c", "echo ready; cat"])
            .stderr(Stdio::null());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start agtrack")?;
        let stdout = child.stdout.take().context("agtrack has no output")?;
        let running = Running { child };
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("cannot read from agtrack")?;
        if line.trim_end() != "ready" {
            bail!("agtrack run ended before its command began; try it by hand");
        }
        Ok(running)
    }

    /// A daemon that has nothing to record.
    fn daemon(&self, journal: &Path) -> Result<Running> {
        let config = self.place.join("agtrack.toml");
        fs::write(
            &config,
            format!("[journal]\ndir = {:?}\n", journal.display().to_string()),
        )
        .with_context(|| format!("cannot write {}", config.display()))?;
        let path = self.place.join("notify");
        let _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path)
            .with_context(|| format!("cannot listen on {}", path.display()))?;
        socket
            .set_read_timeout(Some(READY))
            .context("cannot set a time limit")?;
        let child = Command::new(&self.agtrack)
            .args(["daemon", "--config"])
            .arg(&config)
            .env("NOTIFY_SOCKET", &path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start agtrack")?;
        let running = Running { child };
        let mut message = [0_u8; 4096];
        loop {
            let length = socket
                .recv(&mut message)
                .context("agtrack daemon does not get ready")?;
            if String::from_utf8_lossy(&message[..length])
                .lines()
                .any(|line| line == "READY=1")
            {
                return Ok(running);
            }
        }
    }
}

/// A recorder that ends when it is dropped.
struct Running {
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        terminate(&mut self.child);
    }
}

/// Asks a process of ours to end, and waits.
pub(crate) fn terminate(child: &mut Child) {
    let pid = child.id().to_string();
    if matches!(child.try_wait(), Ok(None)) {
        let _ = run::output(Command::new("kill").args(["-TERM", &pid]));
    }
    let _ = child.wait();
}

/// Runs the load and reads what it prints.
fn cost(command: &mut Command) -> Result<f64> {
    let output = run::output(command)?;
    output
        .trim()
        .parse()
        .with_context(|| format!("the load printed {output:?}, not a number"))
}
