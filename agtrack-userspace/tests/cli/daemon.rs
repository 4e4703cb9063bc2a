//! The daemon as systemd sees it. Needs root, as recording does; without it that is said.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::call::{agtrack, say};

/// A daemon with a journal of its own, and the socket it tells its state to.
struct Daemon {
    child: Child,
    socket: UnixDatagram,
    dir: tempfile::TempDir,
}

impl Daemon {
    /// None without root.
    fn start() -> Option<Daemon> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("not run: a daemon needs root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        write_config(dir.path(), "");
        let child = agtrack(&["daemon", "--config"])
            .arg(dir.path().join("agtrack.toml"))
            .env("NOTIFY_SOCKET", dir.path().join("notify"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Some(Daemon { child, socket, dir })
    }

    /// Waits until it tells this state.
    fn until(&self, state: &str) {
        let mut buffer = [0; 256];
        loop {
            let length = self.socket.recv(&mut buffer).unwrap();
            let told = std::str::from_utf8(&buffer[..length]).unwrap();
            if told.lines().any(|line| line == state) {
                return;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it, and gives what it said.
    fn stop(self) -> (Option<i32>, String, tempfile::TempDir) {
        self.signal(Signal::TERM);
        self.until("STOPPING=1");
        let output = self.child.wait_with_output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
            self.dir,
        )
    }
}

fn write_config(dir: &Path, more: &str) {
    let text = format!(
        "[journal]\ndir = \"{}\"\n[capture]\npin = false\n[[agents]]\nid = \"a\"\ncgroups = [\"/no-such-cgroup\"]\n{more}",
        dir.join("journal").display()
    );
    std::fs::write(dir.join("agtrack.toml"), text).unwrap();
}

/// The `change` of each record in the journal.
fn changes(dir: &Path) -> Vec<String> {
    let said = say(agtrack(&["tail", "--json", "-n", "all", "--journal"]).arg(dir.join("journal")));
    let change = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        // What this process does to the daemon and its configuration is on record, too.
        let is_attempt = record["kind"] == "tamper";
        (!is_attempt).then(|| record["change"].as_str().unwrap_or("-").to_owned())
    };
    said.out.lines().filter_map(change).collect()
}

#[test]
fn a_daemon_tells_its_state_and_reloads() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    daemon.until("READY=1");
    write_config(daemon.dir.path(), "cgroup = 1\n");
    daemon.signal(Signal::HUP);
    daemon.until("RELOADING=1");
    daemon.until("READY=1");
    write_config(daemon.dir.path(), "owner = \"o\"\n");
    daemon.signal(Signal::HUP);
    daemon.until("RELOADING=1");
    daemon.until("READY=1");
    let (code, err, dir) = daemon.stop();
    assert_eq!(code, Some(0), "{err}");
    assert!(
        err.contains("unknown key `cgroup` in `agents[1]`; did you mean `cgroups`?"),
        "{err}"
    );
    assert!(err.contains("the old one stays in force"), "{err}");
    assert_eq!(
        changes(dir.path()),
        ["start", "reload_refused", "reload", "end"]
    );
}

#[test]
fn two_daemons_never_share_a_journal() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    daemon.until("READY=1");
    let config = daemon.dir.path().join("agtrack.toml");
    let said = say(agtrack(&["daemon", "--config"]).arg(config));
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("is in use by process "), "{}", said.err);
    let (code, err, dir) = daemon.stop();
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(changes(dir.path()), ["start", "end"]);
}
