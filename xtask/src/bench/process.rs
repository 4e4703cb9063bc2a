//! agtrack, started for a measurement and ended after it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::run;

/// Longest time a daemon may take until it is ready.
const READY: Duration = Duration::from_secs(20);
/// How often it is looked meanwhile whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// The binary, and how it is to run.
pub(super) struct Agtrack {
    /// The binary.
    pub(super) binary: PathBuf,
    /// Where journal, configuration and socket go.
    pub(super) place: PathBuf,
    /// `auto`, or the kind of hooks asked for.
    pub(super) backend: String,
    /// What of `[capture]` is set besides.
    pub(super) settings: &'static str,
}

/// Each event is to cost what it costs: nothing outlives the daemon, and no read is only counted.
pub(super) const SETTINGS: &str = "pin = false\nreads = \"all\"\n";

impl Agtrack {
    /// The journal of the last start.
    pub(super) fn journal(&self) -> PathBuf {
        self.place.join("journal")
    }

    /// `agtrack run … --`, for the command to be appended, with an empty journal.
    ///
    /// # Errors
    /// The old journal cannot be removed.
    pub(super) fn run(&self) -> Result<Command> {
        self.forget()?;
        let mut command = Command::new(&self.binary);
        command
            .args(["run", "--quiet", "--agent", "bench"])
            .args(["--backend", &self.backend, "--journal"])
            .arg(self.journal())
            .arg("--");
        Ok(command)
    }

    /// A recorded process that does nothing until it is dropped.
    ///
    /// # Errors
    /// agtrack does not start it.
    pub(super) fn agent(&self) -> Result<Running> {
        let mut command = self.run()?;
        command
            .args(["sh", "-c", "echo ready; cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().context("cannot start agtrack")?;
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

    /// It, with the settings that it knows: a version that lacks one does not start with it, and has
    /// but that one way.
    ///
    /// # Errors
    /// It does not start in any case.
    pub(super) fn adapted(mut self) -> Result<Agtrack> {
        if self.daemon(None).is_err() {
            self.settings = "";
            drop(self.daemon(None)?);
        }
        Ok(self)
    }

    /// A daemon with an empty journal, and with an agent where there is a cgroup for one.
    ///
    /// # Errors
    /// It does not get ready.
    pub(super) fn daemon(&self, cgroup: Option<&str>) -> Result<Running> {
        self.forget()?;
        let config = self.place.join("agtrack.toml");
        let journal = self.journal().display().to_string();
        let mut text = format!(
            "[journal]\ndir = {journal:?}\n[capture]\n{}backend = {:?}\n",
            self.settings, self.backend
        );
        if let Some(cgroup) = cgroup {
            text.push_str("[[agents]]\nid = \"bench\"\n");
            text.push_str(&format!("cgroups = [{cgroup:?}]\n"));
        }
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        let (socket, path) = self.socket()?;
        let child = Command::new(&self.binary)
            .args(["daemon", "--config"])
            .arg(&config)
            .env("NOTIFY_SOCKET", &path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start agtrack")?;
        let mut running = Running { child };
        running.wait_until_ready(&socket)?;
        Ok(running)
    }

    /// The socket that a service manager would listen on.
    fn socket(&self) -> Result<(UnixDatagram, PathBuf)> {
        let path = self.place.join("notify");
        let _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path)
            .with_context(|| format!("cannot listen on {}", path.display()))?;
        socket
            .set_read_timeout(Some(LOOK))
            .context("cannot set a time limit")?;
        Ok((socket, path))
    }

    fn forget(&self) -> Result<()> {
        remove(&self.journal())
    }
}

fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}

/// A recorder that ends when it is dropped.
pub(super) struct Running {
    child: Child,
}

impl Running {
    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_ready(&mut self, socket: &UnixDatagram) -> Result<()> {
        let mut message = [0_u8; 4096];
        let begun = Instant::now();
        while begun.elapsed() < READY && matches!(self.child.try_wait(), Ok(None)) {
            let Ok(length) = socket.recv(&mut message) else {
                continue;
            };
            let text = String::from_utf8_lossy(&message[..length]);
            if text.lines().any(|line| line == "READY=1") {
                return Ok(());
            }
        }
        bail!("agtrack daemon does not get ready; try it by hand")
    }

    /// Its memory that no file backs, in KiB; 0 when it has ended.
    pub(super) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        status
            .unwrap_or_default()
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or(0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        terminate(&mut self.child);
    }
}

/// Asks a process of ours to end, and waits.
pub(super) fn terminate(child: &mut Child) {
    let pid = child.id().to_string();
    if matches!(child.try_wait(), Ok(None)) {
        let _ = run::output(Command::new("kill").args(["-TERM", &pid]));
    }
    let _ = child.wait();
}
