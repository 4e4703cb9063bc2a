//! The daemon: records the agents of a configuration until it is told to stop.
//!
//! Comes in: a configuration file and signals. Goes out: a journal, through the engine; readiness
//! and progress to systemd; messages on standard error. Never: stops recording because a new configuration is
//! wrong.

mod begun;
mod changed;
mod health;
mod options;
mod signals;
mod watchdog;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use sd_notify::NotifyState;

use crate::cgroup::Hierarchy;
use crate::config::{self, Config, Loaded};
use crate::control::{Control, Desk};
use crate::engine::{Engine, Options, Reloaded, RemovedBy, Summary};
use crate::health::{About, Monitor};
use crate::input::RemovedJournal;
use crate::sink::Sinks;
use crate::terminal::tell;
use crate::{journal, metrics, record};
use health::Told;
use options::options;
pub use options::rules;
use signals::{Asked, Signals};
use watchdog::Watchdog;

/// How often the recording thread is looked after.
const GLANCE: Duration = Duration::from_secs(1);

/// Records until SIGTERM or SIGINT. Where somebody removes the journal it begins another one, which says so.
///
/// # Errors
/// The configuration is wrong, recording cannot begin, or it ended by itself: says why.
pub fn run(file: &Path, input_log: Option<PathBuf>) -> anyhow::Result<()> {
    // Before all else: a signal that comes early is obeyed as soon as there is something to stop.
    let signals = Signals::take().context("cannot set up signal handlers")?;
    let mut removed = record_until_end(&signals, file, (input_log, None))?;
    while let Some(before) = removed {
        let again = || record_until_end(&signals, file, (None, Some(before.clone())));
        removed = match again() {
            Err(error) if is_damaged(&error) => {
                set_aside(file, before.last)?;
                again()?
            }
            ended => ended?,
        };
    }
    Ok(())
}

/// Whether there is a journal that cannot be gone on with.
fn is_damaged(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref();
    matches!(error, Some(journal::Error::Damaged { .. }))
}

/// What is left of a journal of which a part was removed is evidence, and recording must not stay away
/// because of it.
fn set_aside(file: &Path, last: u64) -> anyhow::Result<()> {
    let dir = config::load(file)?.config.journal.dir;
    let mut aside = dir.clone().into_os_string();
    aside.push(format!(".cut-{last}"));
    std::fs::rename(&dir, &aside).with_context(|| {
        format!(
            "cannot rename {}, of which a part was removed",
            dir.display()
        )
    })?;
    tell(&format!(
        "what is left of the journal is kept as {}",
        Path::new(&aside).display()
    ));
    Ok(())
}

/// Records into one journal. Says of it where it was removed meanwhile, as `removed` says it of the one
/// before.
fn record_until_end(
    signals: &Signals,
    file: &Path,
    (input_log, removed): (Option<PathBuf>, Option<RemovedJournal>),
) -> anyhow::Result<Option<RemovedJournal>> {
    let loaded = config::load(file)?;
    warn(&loaded);
    let now = next_record(&loaded.config);
    let engine = Engine::start(Options {
        removed,
        ..options(&loaded, file, input_log)
    })?;
    announce(&engine, &loaded.config);
    let monitor = monitor(&engine, &loaded, file)?;
    let control = listen(&loaded.config, &engine, &monitor);
    let metrics = measure(&loaded.config, &monitor);
    let sinks = send(&loaded.config, &engine, now);
    monitor.watch_sinks(sinks.as_ref().map(Sinks::board));
    let mut daemon = Daemon {
        engine,
        monitor,
        control,
        sinks,
        file,
        config: loaded.config,
    };
    daemon.notify_ready();
    let ended = daemon.serve(signals);
    let pins = daemon.engine.inventory().pins.clone();
    let is_pinned = pins.is_some_and(|pins| pins.are_there());
    let summary = daemon.engine.stop(None);
    let removed = summary.as_ref().err().and_then(removed_journal);
    if removed.is_none() {
        notify(&[NotifyState::Stopping]);
    }
    // Who waits for a capture has been told what it came to.
    drop(daemon.control);
    drop(metrics);
    // The journal is closed: what is in it now is all that they will get.
    if let Some(sinks) = daemon.sinks {
        sinks.stop();
    }
    match (ended, summary) {
        (Ended::Asked, Ok(summary)) => {
            tell_stopped(&summary, is_pinned);
            Ok(None)
        }
        (Ended::Failed, Err(error)) if removed.is_some() => {
            tell(&format!("THE JOURNAL IS GONE: {error:#}"));
            tell("recording begins anew with another journal, whose first record says so");
            Ok(removed)
        }
        (Ended::Asked, Err(error)) => Err(error.context("recording did not end cleanly")),
        (Ended::Failed, Err(error)) => Err(error.context("recording has failed")),
        (Ended::Failed, Ok(_)) => bail!(
            "recording ended by itself and does not say why, which is a fault of agtrack: please report \
             it; `agtrack tail` shows what was recorded until then"
        ),
    }
}

fn tell_stopped(summary: &Summary, is_pinned: bool) {
    let actions: u64 = summary.actions.values().sum();
    let lost = summary.lost;
    tell(&format!("stopped; {actions} actions recorded, {lost} lost"));
    if is_pinned {
        tell(
            "the kernel goes on recording until its rings are full, and the next daemon tells of it; \
             `agtrack detach` ends that",
        );
    }
}

/// The journal that was removed, where that is what ended recording.
fn removed_journal(error: &anyhow::Error) -> Option<RemovedJournal> {
    let by = error.downcast_ref().map(|RemovedBy(who)| who.clone());
    match error.downcast_ref() {
        Some(journal::Error::Removed { seq: last, .. }) => Some(RemovedJournal { last: *last, by }),
        _ => None,
    }
}

/// Why the daemon stops.
enum Ended {
    /// A signal.
    Asked,
    /// The recording thread is gone; its own error says why.
    Failed,
}

struct Daemon<'f> {
    engine: Engine,
    monitor: Monitor,
    control: Option<Control>,
    /// Where records are sent.
    sinks: Option<Sinks>,
    file: &'f Path,
    /// What is in force.
    config: Config,
}

impl Daemon<'_> {
    fn serve(&mut self, signals: &Signals) -> Ended {
        let mut told = Told::default();
        let mut watchdog = Watchdog::from_environment();
        loop {
            match signals.wait(GLANCE) {
                Some(Asked::Stop) => return Ended::Asked,
                Some(Asked::Reload) => self.reload(),
                None => {}
            }
            if !self.engine.is_running() {
                return Ended::Failed;
            }
            told.tell(&self.engine, &self.monitor);
            if let Some(control) = &self.control {
                control.tell_refused();
            }
            if let Some(state) = watchdog.look(self.engine.rounds()) {
                notify(&[state]);
            }
        }
    }

    fn reload(&mut self) {
        let clock = NotifyState::monotonic_usec_now();
        notify(&[NotifyState::Reloading]);
        if let Ok(clock) = clock {
            notify(&[clock]);
        }
        match self.try_reload() {
            Ok(()) => tell(&format!(
                "reloaded {}; {}",
                self.file.display(),
                shown(&self.config)
            )),
            Err(error) => {
                let reason = format!("{error:#}");
                tell(&reason);
                tell("the configuration was not reloaded; the old one stays in force");
                self.monitor.config_refused(reason.clone());
                self.engine.reload_refused(reason);
            }
        }
        self.notify_ready();
    }

    /// Ready, and in one line what for: `systemctl status` shows it.
    fn notify_ready(&self) {
        let status = format!(
            "recording with back end {}; {}",
            self.engine.inventory().backend.name(),
            shown(&self.config)
        );
        notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    }

    fn try_reload(&mut self) -> anyhow::Result<()> {
        let loaded = config::load(self.file)?;
        changed::check_reloadable(&self.config, &loaded.config)?;
        warn(&loaded);
        let sha256 = loaded.sha256.clone();
        let told = Reloaded {
            sha256: loaded.sha256,
            changed: changed::changed(&self.config, &loaded.config),
        };
        self.engine.reload(rules(&loaded.config), told)?;
        self.monitor.config_read(sha256);
        self.config = loaded.config;
        let now = next_record(&self.config);
        match &self.sinks {
            Some(sinks) => sinks.reload(&self.config.sinks, now),
            None => self.sinks = send(&self.config, &self.engine, now),
        }
        let board = self.sinks.as_ref().map(Sinks::board);
        self.monitor.watch_sinks(board);
        Ok(())
    }
}

/// Looks after all parts from now on.
fn monitor(engine: &Engine, loaded: &Loaded, file: &Path) -> anyhow::Result<Monitor> {
    let about = About {
        backend: engine.inventory().backend.name().to_owned(),
        journal: loaded.config.journal.dir.clone(),
        config: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        unpinned: match loaded.config.capture.pin {
            true => engine.inventory().unpinned.clone(),
            false => Some("capture.pin is false".to_owned()),
        },
        pins: engine.inventory().pins.clone(),
    };
    let monitor = Monitor::start(about, engine.gauge(), engine.committed())?;
    monitor.config_read(loaded.sha256.clone());
    Ok(monitor)
}

/// Recording matters more than being asked: without the socket it goes on.
fn listen(config: &Config, engine: &Engine, monitor: &Monitor) -> Option<Control> {
    let journal = (config.journal.dir.clone(), engine.committed());
    let desk = Desk::new(engine.requests(), monitor.clone(), journal);
    let control = Control::listen(&config.control, desk);
    control
        .inspect_err(|error| {
            tell(&format!(
                "warning: {error:#}; recording goes on, and nobody can ask the daemon for anything"
            ));
        })
        .ok()
}

/// Recording matters more than being measured.
fn measure(config: &Config, monitor: &Monitor) -> Option<metrics::Server> {
    let listen = config.metrics.listen.as_ref()?;
    // Where there is no such group the control socket says so.
    let group = config.control.group.as_deref();
    let group = group.and_then(|name| nix::unistd::Group::from_name(name).ok().flatten());
    let group = group.map(|group| group.gid.as_raw());
    let server = metrics::Server::start(listen, group, monitor.clone());
    server
        .inspect_err(|error| {
            tell(&format!(
                "warning: {error:#}; recording goes on, and no metrics are told"
            ));
        })
        .ok()
}

/// Recording matters more than sending: what cannot be sent now is in the journal.
fn send(config: &Config, engine: &Engine, now: u64) -> Option<Sinks> {
    if config.sinks.is_empty() {
        return None;
    }
    let dir = &config.journal.dir;
    let sinks = Sinks::start(dir, &config.sinks, now, engine.committed(), tell);
    sinks
        .inspect_err(|error| {
            tell(&format!(
                "warning: {error:#}; recording goes on, and nothing is sent to sinks"
            ));
        })
        .ok()
}

/// The number of the record that is written next, going by what is committed.
fn next_record(config: &Config) -> u64 {
    // Where there is no journal yet it begins.
    let committed = journal::Journal::committed(&config.journal.dir).unwrap_or_default();
    committed.seq + 1
}

/// What `agtrack config check` would have said too: such agents are not recorded.
fn warn(loaded: &Loaded) {
    let hierarchy = Hierarchy::find().ok();
    let mount = hierarchy.as_ref().map(Hierarchy::mount);
    loaded.warnings(mount).iter().for_each(|line| tell(line));
}

fn announce(engine: &Engine, config: &Config) {
    let inventory = engine.inventory();
    let missing = inventory
        .hooks
        .iter()
        .filter(|hook| hook.missing.is_some())
        .count();
    let dir = record::Text::from(config.journal.dir.as_os_str().as_encoded_bytes().to_vec());
    tell(&format!(
        "recording to {} with back end {}; {}",
        dir.printable(),
        inventory.backend.name(),
        shown(config)
    ));
    if let Some(reason) = &inventory.unpinned {
        tell(&format!(
            "warning: recording ends with this process, because the probes cannot outlive it: {reason}"
        ));
    }
    if missing > 0 {
        tell(&format!(
            "{missing} hooks are missing; `agtrack doctor` says what that costs"
        ));
    }
    begun::lines(engine.begun(), &config.sinks)
        .iter()
        .for_each(|line| tell(line));
}

fn shown(config: &Config) -> String {
    match config.agents.len() {
        0 => "no agent is named, so nothing is recorded: add [[agents]] and reload".to_owned(),
        1 => "1 agent".to_owned(),
        many => format!("{many} agents"),
    }
}

/// Tells systemd, if that is who started the daemon.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tell(&format!(
            "cannot tell systemd that the state has changed ({error}); recording goes on"
        ));
    }
}

#[cfg(test)]
mod tests;
