//! One virtual machine, from boot to power-off.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use super::Variant;
use super::console::{self, Outcome};
use super::crash;
use super::kernel::Kernel;
use crate::workspace::Workspace;

/// What every kernel is told: BPF among the security modules, and no second try after a panic.
///
/// `no_timer_check`: at boot the kernel counts ticks for some milliseconds, and panics when an emulator
/// that had no processor for so long has given it none.
///
/// `loglevel=5`: where a processor is stuck, the console shows in what.
const CMDLINE: &str =
    "console=ttyS0 loglevel=5 panic=-1 no_timer_check lsm=lockdown,capability,landlock,bpf";

/// How often a machine boots at most.
const BOOTS: u32 = 4;

/// How often the console is looked at while a machine runs.
const LOOK: Duration = Duration::from_secs(10);

/// How the emulator ended (`None`: at its time limit), and what its machine said.
type Ran = (Option<ExitStatus>, Result<Vec<Outcome>>);

/// A machine that can be run.
pub(crate) struct Machine<'a> {
    /// Where the logs go.
    pub(crate) workspace: &'a Workspace,
    /// What kind of machine.
    pub(crate) variant: Variant,
    /// What it boots.
    pub(crate) kernel: &'a Kernel,
    /// What it runs.
    pub(crate) image: &'a Path,
    /// Of that, what is enough, as words of the command line: see `init.sh`.
    pub(crate) part: String,
}

impl Machine<'_> {
    /// Boots, waits for power-off at most `limit`, and reads the results. A machine that the
    /// emulator itself took down with it, by a crash of its own or a breakpoint that was not there
    /// any more, boots again for what it had not finished. So does one, once, whose kernel panicked
    /// otherwise: what it said is shown, and its second panic is a result.
    ///
    /// # Errors
    /// The emulator fails, or the machine says nothing before the limit.
    pub(crate) fn run(&self, limit: Duration, backends: &[&str]) -> Result<Vec<Outcome>> {
        let name = self.variant.name;
        let mut finished = Vec::new();
        let mut panicked = String::new();
        for left in (0..BOOTS).rev() {
            let rest = unfinished(backends, &finished);
            let (status, outcomes) = self.attempt(limit, &rest)?;
            let console = text(&self.log("console")?);
            let fault = match status {
                Some(status) if !status.success() => format!("the emulator crashed ({status})"),
                _ if crash::has_stale_breakpoint(&console) => {
                    "the emulator executed a breakpoint already removed".to_owned()
                }
                _ if crash::has_panicked(&console) && panicked.is_empty() => {
                    panicked = crash::report(&console);
                    "the kernel panicked".to_owned()
                }
                _ => return Ok(in_order(backends, finished, outcomes?, &panicked)),
            };
            let outcomes = outcomes.unwrap_or_default();
            if left == 0 {
                return Ok(in_order(backends, finished, outcomes, &panicked));
            }
            finished.extend(outcomes.into_iter().filter(|outcome| outcome.finished));
            if unfinished(backends, &finished).is_empty() {
                break;
            }
            eprintln!("vm: {name}: {fault}; again, for what was not finished");
        }
        Ok(in_order(backends, finished, Vec::new(), &panicked))
    }

    /// Where a log of the machine is: `console`, `log` (its results) or `emulator`.
    fn log(&self, kind: &str) -> Result<PathBuf> {
        let logs = self.workspace.scratch("vm/logs")?;
        Ok(logs.join(format!("{}.{kind}", self.variant.name)))
    }

    fn attempt(&self, limit: Duration, backends: &[&str]) -> Result<Ran> {
        let name = self.variant.name;
        let (boot, results) = (self.log("console")?, self.log("log")?);
        let errors = self.log("emulator")?;
        for stale in [&boot, &results] {
            let _ = fs::remove_file(stale);
        }
        let stderr =
            File::create(&errors).with_context(|| format!("cannot write {}", errors.display()))?;
        let started = Instant::now();
        let mut child = self
            .emulator(&boot, &results, backends)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .context("cannot start qemu-system-x86_64; `cargo xtask setup vm` installs it")?;
        let is_stuck = || crash::is_stuck_at_breakpoint(&text(&boot));
        let status = wait(&mut child, limit, is_stuck)?;
        let log = text(&results);
        let seconds = started.elapsed().as_secs();
        eprintln!("vm: {name} ended after {seconds} s");
        if !console::is_done(&log) {
            // On a build machine nobody can look at the logs afterwards.
            eprintln!("vm: {name} did not power off ({})", described(status));
            for (what, file) in [
                ("console", &boot),
                ("tests", &results),
                ("emulator", &errors),
            ] {
                eprintln!("vm: {name}: end of {what}:");
                eprint!("{}", console::tail(&text(file)));
            }
        }
        let outcomes = if log.contains("@@ kernel") {
            Ok(with_crash(console::read(&log, backends), &boot))
        } else {
            Err(anyhow!(
                "did not boot in {seconds} s ({}); see {}",
                described(status),
                boot.display()
            ))
        };
        Ok((status, outcomes))
    }

    fn emulator(&self, boot: &Path, results: &Path, backends: &[&str]) -> Command {
        let mut command = Command::new("qemu-system-x86_64");
        command.args([
            "-m",
            "4096",
            "-smp",
            "2",
            "-cpu",
            "max",
            "-no-reboot",
            "-nodefaults",
        ]);
        // Side by side one processor may go on running what another has patched away (`is_stuck`); in turn,
        // the tests came to a stop on 5.10.
        command.args(["-display", "none", "-accel", "tcg,thread=multi"]);
        command
            .arg("-kernel")
            .arg(&self.kernel.image)
            .arg("-initrd")
            .arg(self.image);
        command.arg("-append").arg(format!(
            "{CMDLINE} {} TESTED={} {}",
            self.variant.cmdline,
            backends.join(","),
            self.part
        ));
        for log in [boot, results] {
            // A comma in a file's name would end it.
            let file = log.display().to_string().replace(',', ",,");
            command.arg("-serial").arg(format!("file:{file}"));
        }
        command
    }
}

/// What a log has so far; nothing if it is not there.
fn text(log: &Path) -> String {
    // The kernel may print bytes that are no text.
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned()
}

/// The outcomes; to the first that was cut short belongs what the kernel said to have gone wrong.
fn with_crash(mut outcomes: Vec<Outcome>, boot: &Path) -> Vec<Outcome> {
    if let Some(cut) = outcomes.iter_mut().find(|outcome| !outcome.finished) {
        cut.complaints += &crash::report(&text(boot));
    }
    outcomes
}

/// The back ends that have no outcome yet.
fn unfinished<'a>(backends: &[&'a str], finished: &[Outcome]) -> Vec<&'a str> {
    let is_open = |backend: &&&str| finished.iter().all(|outcome| outcome.backend != **backend);
    backends.iter().filter(is_open).copied().collect()
}

/// All outcomes, in the order of the back ends. What a kernel said that panicked before the last of
/// them began belongs to the first of these.
fn in_order(
    backends: &[&str],
    finished: Vec<Outcome>,
    mut last: Vec<Outcome>,
    panicked: &str,
) -> Vec<Outcome> {
    if let Some(again) = last.first_mut() {
        again.panicked = !panicked.is_empty();
        again.complaints.insert_str(0, panicked);
    }
    let mut all: Vec<_> = finished.into_iter().chain(last).collect();
    all.sort_by_key(|outcome| {
        backends
            .iter()
            .position(|backend| *backend == outcome.backend)
    });
    all
}

/// Waits for the process; ends it when the time is over, or when its machine is stuck.
fn wait(
    child: &mut Child,
    limit: Duration,
    is_stuck: impl Fn() -> bool,
) -> Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    let mut look = Instant::now() + LOOK;
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for qemu")? {
            return Ok(Some(status));
        }
        let now = Instant::now();
        let stuck = now >= look && {
            look = now + LOOK;
            is_stuck()
        };
        if now >= end || stuck {
            child.kill().context("cannot end qemu")?;
            child.wait().context("cannot wait for qemu")?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn described(status: Option<ExitStatus>) -> String {
    status.map_or("ended at its time limit".to_owned(), |status| {
        format!("emulator: {status}")
    })
}
