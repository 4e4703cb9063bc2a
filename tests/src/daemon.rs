//! `agtrack daemon` as a service manager runs it.

use std::fmt::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::follow::{self, Follower};
use crate::here;

/// How often to look whether a daemon that should say something has died instead.
const LOOK: Duration = Duration::from_millis(100);

/// Where a daemon keeps its things; outlives the daemon itself.
#[derive(Debug)]
pub struct Home {
    directory: TempDir,
    /// Lines added to the configuration, as `[capture]` keys.
    pub capture: String,
    /// Whether the probes outlive the daemon: who sets this has to detach them.
    pub pin: bool,
    /// `counted` or `all`: tests want to see each open.
    pub reads: &'static str,
    /// Lines added to the configuration, as `[control]` keys.
    pub control: String,
    /// `[[sinks]]` and other tables.
    pub sinks: String,
}

impl Home {
    /// A new one, with an agent of this name for these globs.
    pub fn new(agent: &str, globs: &[&str]) -> Home {
        let home = Home {
            directory: TempDir::new().expect("a directory"),
            capture: String::new(),
            pin: false,
            reads: "all",
            control: String::new(),
            sinks: String::new(),
        };
        home.configure(&[(agent, globs)]);
        home
    }

    /// Writes the configuration anew.
    pub fn configure(&self, agents: &[(&str, &[&str])]) {
        let journal = self.journal();
        let mut text = format!("[journal]\ndir = {journal:?}\nsync_interval_ms = 10\n");
        let _ = writeln!(text, "[control]\nsocket = {:?}", self.socket());
        text.push_str(&self.control);
        text.push_str("[capture]\n");
        let _ = writeln!(text, "reads = \"{}\"\npin = {}", self.reads, self.pin);
        if here::backend() != "auto" {
            let _ = writeln!(text, "backend = \"{}\"", here::backend());
        }
        // An emulated machine may stand still for longer than a record waits.
        if here::is_machine() {
            text.push_str("hash_wait_ms = 30000\n");
        }
        text.push_str(&self.capture);
        text.push_str(&self.sinks);
        for (agent, globs) in agents {
            let _ = writeln!(
                text,
                "[[agents]]\nid = \"{agent}\"\nname = \"{agent}\"\ncgroups = {globs:?}"
            );
        }
        std::fs::write(self.config(), text).expect("the configuration can be written");
    }

    /// A file here.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.directory.path().join("agtrack.toml")
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.directory.path().join("journal")
    }

    /// Where the daemon can be asked.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("control.sock")
    }

    /// All records, of a daemon that has ended.
    pub fn records(&self) -> Vec<Value> {
        follow::all(&self.journal())
    }

    fn errors(&self) -> PathBuf {
        self.directory.path().join("stderr")
    }

    /// What the daemon said.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.errors()).unwrap_or_default()
    }

    /// The command that starts a daemon here.
    pub fn command(&self) -> Command {
        let mut command = Command::new(here::agtrack());
        command.arg("daemon").arg("--config").arg(self.config());
        self.quiet(&mut command);
        command
    }

    /// What the command says goes where [`Home::said`] finds it.
    pub fn quiet(&self, command: &mut Command) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.errors());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(log.expect("the log can be written"));
    }

    /// Starts a daemon and waits until it says that it is ready.
    pub fn start(&self) -> Daemon {
        self.start_with(&[])
    }

    /// As [`Home::start`], with further arguments.
    pub fn start_with(&self, arguments: &[&Path]) -> Daemon {
        let mut command = self.command();
        command.args(arguments);
        let mut daemon = self.spawn(command);
        daemon.ready();
        daemon
    }

    /// Starts a daemon with [`Home::command`] or what executes that, and does not wait.
    pub fn spawn(&self, mut command: Command) -> Daemon {
        let address = self.directory.path().join("notify");
        let _ = std::fs::remove_file(&address);
        let notify = UnixDatagram::bind(&address).expect("a socket");
        notify.set_read_timeout(Some(LOOK)).expect("a timeout");
        command.env("NOTIFY_SOCKET", &address);
        Daemon {
            child: command.spawn().expect("agtrack starts"),
            notify,
            journal: self.journal(),
            follower: None,
            errors: self.errors(),
        }
    }
}

/// A running daemon; killed when the test forgets it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    notify: UnixDatagram,
    journal: PathBuf,
    follower: Option<Follower>,
    errors: PathBuf,
}

impl Daemon {
    /// Waits until it says that it is ready.
    pub fn ready(&mut self) {
        self.hears("READY=1");
        self.follower = Some(Follower::new(&self.journal));
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its journal.
    pub fn follower(&self) -> &Follower {
        self.follower.as_ref().expect("it is ready")
    }

    /// Waits until it notifies the service manager of this.
    pub fn hears(&mut self, word: &str) {
        let until = Instant::now() + here::patience();
        let mut buffer = [0; 4096];
        while Instant::now() < until {
            if let Ok(length) = self.notify.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if text.lines().any(|line| line == word) {
                    return;
                }
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the daemon ended ({status}) before {word}: {}", self.said());
            }
        }
        panic!("the daemon did not say {word}: {}", self.said());
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("the daemon runs");
    }

    /// Ends it and waits.
    pub fn stop(mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.child.wait().expect("it is a child")
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
