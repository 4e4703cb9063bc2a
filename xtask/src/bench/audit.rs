//! auditd, started and ended so that the host is as before.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::recorder::terminate;
use crate::run;

/// The system calls behind the events that agtrack records.
const CALLS: &str = "execve,execveat,open,openat,openat2,creat,unlink,unlinkat,rename,renameat,\
                     renameat2,connect";

/// Keeps audit out of new processes while it lives: after audit was enabled once, every new
/// process pays for it even without rules, and the work without a recorder would look slow.
pub(crate) struct Quiet;

impl Quiet {
    /// # Errors
    /// The kernel has no audit, or somebody uses it.
    pub(crate) fn begin() -> Result<Quiet> {
        let status = run::output(&mut auditctl(&["-s"]))?;
        if status
            .lines()
            .any(|line| line.starts_with("pid ") && line != "pid 0")
        {
            bail!("auditd runs on this host already");
        }
        if run::output(&mut auditctl(&["-l"]))?.trim() != "No rules" {
            bail!("this host has audit rules already");
        }
        run::output(&mut auditctl(&["-a", "never,task"]))?;
        Ok(Quiet)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        forget(&["-D"]);
    }
}

/// auditd with rules, while it lives.
pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts auditd with its files in `place`. A [`Quiet`] must be there.
    ///
    /// # Errors
    /// auditd does not start, or the kernel refuses a rule.
    pub(crate) fn start(place: &Path) -> Result<Daemon> {
        let dir = place.join("audit");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("plugins.d"))
            .with_context(|| format!("cannot create {}", dir.display()))?;
        let config = format!(
            "log_file = {0}/audit.log\nlog_format = ENRICHED\nflush = INCREMENTAL_ASYNC\n\
             freq = 50\nplugin_dir = {0}/plugins.d\nspace_left = 75\nadmin_space_left = 50\n",
            dir.display()
        );
        fs::write(dir.join("auditd.conf"), config).context("cannot write auditd.conf")?;
        let child = Command::new(run::which("auditd").context("auditd is not installed")?)
            .args(["-n", "-c"])
            .arg(&dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start auditd")?;
        let mut daemon = Daemon { child };
        daemon.wait_until_ready()?;
        for arguments in [
            &["-D"][..],
            &["-b", "65536", "--backlog_wait_time", "60000"],
            &["-a", "always,exit", "-F", "arch=b64", "-S", CALLS],
            &["-e", "1"],
        ] {
            run::output(&mut auditctl(arguments))?;
        }
        Ok(daemon)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let ours = format!("pid {}", self.child.id());
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if run::output(&mut auditctl(&["-s"]))?
                .lines()
                .any(|line| line == ours)
            {
                return Ok(());
            }
            if self
                .child
                .try_wait()
                .context("cannot wait for auditd")?
                .is_some()
            {
                bail!("auditd ends at once");
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("auditd does not get ready")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        forget(&["-e", "0"]);
        forget(&["-D"]);
        terminate(&mut self.child);
        forget(&["-e", "0"]);
        forget(&["-a", "never,task"]);
    }
}

fn auditctl(arguments: &[&str]) -> Command {
    let mut command = Command::new(run::which("auditctl").unwrap_or_else(|| "auditctl".into()));
    command.args(arguments);
    command
}

/// Undoes something; a failure is told, as there is nobody to hand it to.
fn forget(arguments: &[&str]) {
    if let Err(error) = run::output(&mut auditctl(arguments)) {
        eprintln!("bench: audit is not as before: {error:#}");
    }
}
