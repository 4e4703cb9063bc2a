//! auditd, started and ended so that the host is as before.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::process::terminate;
use super::restore::Restorer;
use crate::run;

/// The system calls behind the events that agtrack records.
const CALLS: &str = "execve,execveat,open,openat,openat2,creat,unlink,unlinkat,rename,renameat,\
                     renameat2,connect";

/// Puts things back. The arguments are the old settings.
const RESTORE: &str = "auditctl -e 0; auditctl -D; auditctl -b \"$1\"; \
                       auditctl --backlog_wait_time \"$2\"; auditctl -e \"$3\"";

/// Keeps audit out of new processes while it lives: after audit was enabled once, every new
/// process pays for it even without rules, and the work without a recorder would look slow.
pub(super) struct Quiet {
    _restorer: Restorer,
}

impl Quiet {
    /// # Errors
    /// The kernel has no audit, or somebody uses it.
    pub(super) fn begin() -> Result<Quiet> {
        let status = run::output(&mut auditctl(&["-s"]))?;
        if number(&status, "pid") != Some(0) {
            bail!("auditd runs on this host already");
        }
        if number(&status, "enabled") == Some(2) {
            bail!("this host's audit rules are locked until it restarts");
        }
        if run::output(&mut auditctl(&["-l"]))?.trim() != "No rules" {
            bail!("this host has audit rules already");
        }
        let setting = |name| {
            number(&status, name)
                .map(|number| number.to_string())
                .with_context(|| format!("auditctl -s does not show {name}"))
        };
        let settings = [
            setting("backlog_limit")?,
            setting("backlog_wait_time")?,
            setting("enabled")?,
        ];
        let quiet = Quiet {
            _restorer: Restorer::begin(RESTORE, &settings)?,
        };
        never()?;
        Ok(quiet)
    }
}

/// auditd with rules, while it lives.
pub(super) struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts auditd with its files in `place`. A [`Quiet`] must be there.
    ///
    /// # Errors
    /// auditd does not start, or the kernel refuses a rule.
    pub(super) fn start(place: &Path) -> Result<Daemon> {
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
        let ours = u64::from(self.child.id());
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if number(&run::output(&mut auditctl(&["-s"]))?, "pid") == Some(ours) {
                return Ok(());
            }
            let ended = self.child.try_wait().context("cannot wait for auditd")?;
            if let Some(status) = ended {
                bail!("auditd ends at once ({status})");
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
        // It may have switched audit on or off at its end.
        forget(&["-e", "0"]);
        if let Err(error) = never() {
            eprintln!("bench: the work without a recorder may look slow: {error:#}");
        }
    }
}

fn never() -> Result<()> {
    run::output(&mut auditctl(&["-a", "never,task"])).map(drop)
}

fn auditctl(arguments: &[&str]) -> Command {
    let mut command = Command::new(run::which("auditctl").unwrap_or_else(|| "auditctl".into()));
    command.args(arguments);
    command
}

/// A number that `auditctl -s` shows.
fn number(status: &str, name: &str) -> Option<u64> {
    status
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(found, _)| *found == name)
        .and_then(|(_, value)| value.trim().parse().ok())
}

/// Undoes something; a failure is told, as there is nobody to hand it to.
fn forget(arguments: &[&str]) {
    if let Err(error) = run::output(&mut auditctl(arguments)) {
        eprintln!("bench: audit is not as before: {error:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_by_its_whole_name() {
        let status =
            "enabled 0\nbacklog_limit 64\nlost 3\nbacklog 5\nloginuid_immutable 0 unlocked";
        assert_eq!(number(status, "backlog"), Some(5));
        assert_eq!(number(status, "backlog_limit"), Some(64));
        assert_eq!(number(status, "pid"), None);
    }
}
