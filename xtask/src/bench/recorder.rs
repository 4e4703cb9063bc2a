//! One load under one recorder.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::against::Earlier;
use super::audit;
use super::host;
use super::load::{Done, Load};
use super::process::Agtrack;
use crate::run;

/// Who records, and whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Recorder {
    /// agtrack's daemon with nothing to record; the load is not tagged.
    DaemonIdle,
    /// agtrack records another process; the load is not tagged.
    Beside,
    /// agtrack records the load.
    Tagged,
    /// An earlier agtrack does.
    Earlier,
    /// auditd with rules for what agtrack records.
    Auditd,
    /// `strace -f` of everything the load does.
    Strace,
}

impl fmt::Display for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Recorder::DaemonIdle => "agtrack daemon, no agent runs",
            Recorder::Beside => "agtrack, another process is recorded",
            Recorder::Tagged => "agtrack, this process is recorded",
            Recorder::Earlier => "agtrack as it was, this process is recorded",
            Recorder::Auditd => "auditd, rules for the same events",
            Recorder::Strace => "strace -f",
        })
    }
}

/// What the measurements need.
pub(super) struct Bench {
    /// The recorder that is measured.
    pub(super) agtrack: Agtrack,
    /// What it is compared with.
    pub(super) earlier: Option<Earlier>,
    /// The program with `load`.
    pub(super) loader: PathBuf,
    /// Where auditd's files go.
    pub(super) place: PathBuf,
    /// Time of one measurement.
    pub(super) millis: u64,
}

impl Bench {
    /// Nanoseconds per operation without any recorder.
    ///
    /// # Errors
    /// The load fails.
    pub(super) fn free(&self, load: Load) -> Result<f64> {
        // Always through another program, as the recorders are.
        cost(&mut self.load(Command::new("env"), load))
    }

    /// Nanoseconds per operation under the recorder.
    ///
    /// # Errors
    /// The recorder or the load fails.
    pub(super) fn under(&self, recorder: Recorder, load: Load) -> Result<f64> {
        match recorder {
            Recorder::DaemonIdle => {
                let _daemon = self.agtrack.daemon(None)?;
                self.free(load)
            }
            Recorder::Beside => {
                let _agent = self.agtrack.agent()?;
                self.free(load)
            }
            Recorder::Tagged => cost(&mut self.load(self.agtrack.run()?, load)),
            Recorder::Earlier => {
                let earlier = self.earlier.as_ref().context("there is no earlier one")?;
                cost(&mut self.load(earlier.agtrack.run()?, load))
            }
            Recorder::Auditd => {
                let _daemon = audit::Daemon::start(&self.place)?;
                self.free(load)
            }
            Recorder::Strace => {
                let log = self.place.join("strace");
                let mut command = Command::new("strace");
                command.arg("-f").arg("-o").arg(&log);
                let cost = cost(&mut self.load(command, load));
                let _ = fs::remove_file(log);
                cost
            }
        }
    }

    /// Appends the load, on one processor: a process that moves about, or waits behind another's
    /// turn whenever it starts a child, measures the scheduler.
    fn load(&self, mut command: Command, load: Load) -> Command {
        if let Some(processor) = host::last_processor() {
            command.args(["taskset", "-c", &processor]);
        }
        // What cargo adds for its own programs makes the dynamic linker look in many places.
        command.env_remove("LD_LIBRARY_PATH");
        command
            .arg(&self.loader)
            .arg("load")
            .arg(load.to_string())
            .arg("--millis")
            .arg(self.millis.to_string());
        command
    }
}

/// Runs the load and reads what it prints.
fn cost(command: &mut Command) -> Result<f64> {
    Ok(done(command)?.nanoseconds)
}

/// As [`cost`], with all that the load says.
///
/// # Errors
/// The load fails.
pub(super) fn done(command: &mut Command) -> Result<Done> {
    let output = run::output(command)?;
    output
        .parse()
        .with_context(|| format!("the load printed {output:?}, not its result"))
}
