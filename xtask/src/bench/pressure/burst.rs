//! One load in a recorded cgroup, beside a daemon that is watched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bench::foreign::{self, Watch};
use crate::bench::load::{Done, Load};
use crate::bench::process::{Agtrack, Running};
use crate::bench::totals::{Account, Totals, Written};

/// How often memory and processor time are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// The longest that a daemon may work after a load.
const SETTLE: Duration = Duration::from_secs(120);

/// A load that is not just repeated for a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) load: Load,
    pub(super) seconds: u32,
    /// Operations a second; 0 for as many as possible.
    pub(super) rate: u32,
    pub(super) processes: u32,
}

/// KiB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) idle: u64,
    pub(super) greatest: u64,
    pub(super) after: u64,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Burst {
    pub(super) done: Done,
    work: Work,
    /// Processor seconds of the recorder, until it was idle again.
    pub(super) cpu: f64,
    /// Seconds from the load's end until the recorder was idle again.
    pub(super) settled: f64,
    pub(super) memory: Memory,
    /// All hooks.
    pub(super) all: Totals,
    /// Events of cgroups that arrived: some serve the tags alone.
    watched: u64,
    /// The hooks that the load runs through itself.
    own: Totals,
    written: Written,
    lasted: f64,
    foreign: f64,
}

impl Work {
    /// A load of a rate: in two processes, as one alone may not reach it.
    pub(super) fn new(load: Load, seconds: u32, rate: u32) -> Work {
        Work {
            load,
            seconds,
            rate,
            processes: 2,
        }
    }

    /// It, without a recorder.
    pub(super) fn command(&self, loader: &Path) -> Command {
        let mut command = Command::new(loader);
        command.args(self.arguments());
        command
    }

    fn arguments(&self) -> Vec<String> {
        let words = format!(
            "load {} --millis {} --rate {} --processes {}",
            self.load,
            self.seconds * 1000,
            self.rate,
            self.processes
        );
        words.split(' ').map(str::to_owned).collect()
    }

    /// Forks, execs and exits: of the load itself, once in its cgroup, of its parts, and of what
    /// these start.
    fn process_events(&self, done: &Done) -> u64 {
        let started = match self.load {
            Load::Exec => done.operations,
            _ => 0,
        };
        2 + 3 * (u64::from(self.processes) + started)
    }

    fn action(&self) -> &'static str {
        match self.load {
            Load::Exec => "process.exec",
            Load::Open | Load::OpenRead | Load::Create | Load::Files => "file.open",
            Load::Rename => "file.rename",
            Load::Unlink => "file.unlink",
            Load::Connect | Load::Tls => "net.connect",
            Load::Udp => "net.send",
            Load::Getppid | Load::Write => "",
        }
    }
}

impl Burst {
    /// Operations that no hook saw.
    pub(super) fn missing(&self) -> u64 {
        self.done.operations.saturating_sub(self.own.seen)
    }

    /// Writes whose content has its hash in the journal.
    pub(super) fn hashed(&self) -> u64 {
        self.written.hashed
    }

    /// What the journal had no room for, by its own account.
    fn dropped(&self) -> u64 {
        self.written.gaps.get("journal_full").copied().unwrap_or(0)
    }

    /// All that was lost, by agtrack's own account.
    pub(super) fn lost(&self) -> u64 {
        self.all.lost + self.dropped()
    }

    /// Whether everything the load did stands in the journal.
    pub(super) fn is_complete(&self) -> bool {
        self.lost() == 0 && self.is_accounted_for()
    }

    /// Whether everything the load did stands in the journal or is counted as lost.
    pub(super) fn is_accounted_for(&self) -> bool {
        self.missing() == 0
            && self.unwritten() == 0
            && self.all.submitted <= self.all.arrived + self.all.lost
    }

    /// Operations that neither stand in the journal nor are counted as lost.
    fn unwritten(&self) -> u64 {
        let written = self.written.sum(|action| action == self.work.action());
        let known = written + self.lost() + self.missing();
        self.done.operations.saturating_sub(known)
    }

    /// Events that arrived and neither stand in the journal nor are counted as lost. Not all are
    /// the load's: a process of somebody else in a cgroup just made is watched for a moment.
    fn dismissed(&self) -> u64 {
        let known = self.written.sum(|_| true) + self.dropped();
        self.all.arrived.saturating_sub(self.watched + known)
    }

    /// Process events of the load that do not stand in the journal.
    pub(super) fn lifecycle_lost(&self) -> u64 {
        let written = self.written.sum(|action| action.starts_with("process."));
        self.work.process_events(&self.done).saturating_sub(written)
    }

    /// What was lost, by agtrack's own account, and what that account does not hold.
    pub(super) fn loss(&self) -> String {
        let mut loss = format!("lost {} of {} events", self.all.lost, self.all.seen);
        let unaccounted = self.all.submitted.saturating_sub(self.all.arrived);
        if unaccounted > 0 {
            loss.push_str(&format!(", submitted but not arrived {unaccounted}"));
        }
        if self.unwritten() > 0 {
            loss.push_str(&format!(", not written nor counted {}", self.unwritten()));
        }
        if self.dismissed() > 0 {
            loss.push_str(&format!(", arrived and dismissed {}", self.dismissed()));
        }
        if self.missing() > 0 {
            loss.push_str(&format!(", operations never seen {}", self.missing()));
        }
        if self.all.skipped > 0 {
            loss.push_str(&format!(", skipped ≤ {}", self.all.skipped));
        }
        if self.dropped() > 0 {
            loss.push_str(&format!(", no room in the journal for {}", self.dropped()));
        }
        loss
    }

    /// Records written a second, from the load's beginning until the recorder was idle.
    pub(super) fn records_per_second(&self) -> f64 {
        self.written.sum(|_| true) as f64 / (self.lasted + self.settled)
    }

    /// A remark where others worked too.
    pub(super) fn disturbed(&self) -> String {
        if self.foreign > foreign::LIMIT {
            format!(" (others used {:.1} cores meanwhile)", self.foreign)
        } else {
            String::new()
        }
    }
}

/// Starts a daemon, lets the load run in its cgroup, waits until the daemon is idle, ends it and
/// reads its account.
///
/// # Errors
/// There is no cgroup to be had, or something does not run.
pub(super) fn burst(agtrack: &Agtrack, loader: &Path, work: Work) -> Result<Burst> {
    let group = Group::new()?;
    let daemon = agtrack.daemon(Some(&group.path))?;
    settle(&daemon)?;
    let (idle, before) = (daemon.memory(), foreign::seconds(daemon.pid()));
    let watch = Watch::begin();
    let begun = Instant::now();
    let (done, mut greatest) = run(loader, work, &group, &daemon)?;
    let lasted = begun.elapsed().as_secs_f64();
    let ended = Instant::now();
    let foreign = watch.cores();
    let (cpu, idle_at) = settle(&daemon)?;
    let settled = (idle_at - ended).as_secs_f64();
    let after = daemon.memory();
    greatest = greatest.max(after);
    drop(daemon);
    let journal = agtrack.journal();
    let account = Account::read(&journal)?;
    let written = Written::read(&journal)?;
    // A storm leaves gigabytes.
    let _ = fs::remove_dir_all(&journal);
    Ok(Burst {
        done,
        work,
        cpu: cpu - before,
        settled,
        memory: Memory {
            idle,
            greatest,
            after,
        },
        all: account.sum(|_| true),
        watched: account.sum(|action| action.starts_with("cgroup.")).arrived,
        own: account.sum(|action| action == work.action()),
        written,
        lasted,
        foreign,
    })
}

/// The load in the cgroup, and the daemon's greatest memory meanwhile.
fn run(loader: &Path, work: Work, group: &Group, daemon: &Running) -> Result<(Done, u64)> {
    let mut child = Command::new("sh")
        .args(["-c", "echo $$ > \"$0\" && exec \"$@\""])
        .arg(group.directory.join("cgroup.procs"))
        .arg(loader)
        .args(work.arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the load")?;
    let mut greatest = 0;
    while child
        .try_wait()
        .context("cannot wait for the load")?
        .is_none()
    {
        greatest = greatest.max(daemon.memory());
        thread::sleep(LOOK);
    }
    let output = child
        .wait_with_output()
        .context("cannot read from the load")?;
    let line = String::from_utf8_lossy(&output.stdout);
    let done = line.parse().context("the load failed in its cgroup")?;
    Ok((done, greatest))
}

/// Waits until the daemon does next to nothing; its processor seconds by then, and since when.
fn settle(daemon: &Running) -> Result<(f64, Instant)> {
    let end = Instant::now() + SETTLE;
    let mut since = Instant::now();
    let mut last = foreign::seconds(daemon.pid());
    while Instant::now() < end {
        thread::sleep(LOOK);
        let now = foreign::seconds(daemon.pid());
        // A tick in a look is a tenth of a core: it still works.
        if now - last >= 1.0 / foreign::TICKS {
            since = Instant::now();
        }
        last = now;
        if since.elapsed() >= LOOK * 6 {
            return Ok((now, since));
        }
    }
    bail!("the daemon is not idle after {} s", SETTLE.as_secs())
}

/// A cgroup that is there as long as this value.
struct Group {
    /// Within the hierarchy.
    path: String,
    directory: PathBuf,
}

impl Group {
    fn new() -> Result<Group> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").context("/proc is not mounted")?;
        let mount = mount(&mounts).context("no cgroup2 hierarchy is mounted")?;
        let path = format!("/agtrack-bench-{}", std::process::id());
        let directory = mount.join(&path[1..]);
        fs::create_dir(&directory)
            .with_context(|| format!("cannot create the cgroup {}", directory.display()))?;
        Ok(Group { path, directory })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Busy until the last process in it is reaped.
        for _ in 0..50 {
            if fs::remove_dir(&self.directory).is_ok() {
                return;
            }
            thread::sleep(LOOK);
        }
        eprintln!("bench: remove {} by hand", self.directory.display());
    }
}

/// Where the cgroup2 hierarchy is mounted as a whole.
fn mount(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        let fields: Vec<_> = mount.split(' ').collect();
        let whole = system.starts_with("cgroup2 ") && fields.get(3) == Some(&"/");
        whole.then(|| PathBuf::from(fields[4]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cgroup_hierarchy_is_the_one_mounted_as_a_whole() {
        let mounts = "30 1 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      31 1 0:27 /part /a rw - cgroup2 cgroup2 rw\n\
                      32 1 0:27 / /sys/fs/cgroup/unified rw shared:1 - cgroup2 cgroup2 rw\n";
        assert_eq!(mount(mounts), Some("/sys/fs/cgroup/unified".into()));
        assert_eq!(mount(""), None);
    }

    #[test]
    fn each_part_of_a_load_is_forked_executed_and_ends() {
        let done = Done {
            nanoseconds: 1.0,
            operations: 100,
            rate: 1.0,
        };
        assert_eq!(Work::new(Load::OpenRead, 1, 0).process_events(&done), 8);
        assert_eq!(Work::new(Load::Exec, 1, 0).process_events(&done), 308);
    }

    #[test]
    fn a_load_is_told_how_long_and_how_fast() {
        let work = Work::new(Load::OpenRead, 10, 20_000);
        assert_eq!(
            work.arguments().join(" "),
            "load open-read --millis 10000 --rate 20000 --processes 2"
        );
    }
}
