//! The daemon: records the agents of a configuration until it is told to stop.
//!
//! Comes in: a configuration file and signals. Goes out: a journal, through the engine; readiness
//! to systemd; messages on standard error. Never: stops recording because a new configuration is
//! wrong.

mod signals;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use sd_notify::NotifyState;

use crate::cgroup::Hierarchy;
use crate::config::{self, Config, Loaded};
use crate::control::Control;
use crate::engine::{AgentRule, Engine, Options};
use crate::load::Sizes;
use crate::terminal::tell;
use crate::{journal, record};
use signals::{Asked, Signals};

/// How often the recording thread is looked after.
const GLANCE: Duration = Duration::from_secs(1);

/// Records until SIGTERM or SIGINT.
///
/// # Errors
/// The configuration is wrong, recording cannot begin, or it ended by itself: says why.
pub fn run(file: &Path, input_log: Option<PathBuf>) -> anyhow::Result<()> {
    // Before all else: a signal that comes early is obeyed as soon as there is something to stop.
    let signals = Signals::take().context("cannot set up signal handlers")?;
    let loaded = config::load(file)?;
    warn(&loaded);
    let engine = Engine::start(options(&loaded, file, input_log))?;
    announce(&engine, &loaded.config);
    let control = listen(&loaded.config, &engine);
    let mut daemon = Daemon {
        engine,
        file,
        config: loaded.config,
    };
    notify(&[NotifyState::Ready]);
    let ended = daemon.serve(&signals);
    notify(&[NotifyState::Stopping]);
    let summary = daemon.engine.stop(None);
    // Who waits for a capture has been told what it came to.
    drop(control);
    match (ended, summary) {
        (Ended::Asked, Ok(summary)) => {
            let actions: u64 = summary.actions.values().sum();
            tell(&format!(
                "stopped; {actions} actions recorded, {} lost",
                summary.lost
            ));
            Ok(())
        }
        (Ended::Asked, Err(error)) => Err(error.context("recording did not end cleanly")),
        (Ended::Failed, Err(error)) => Err(error.context("recording has failed")),
        (Ended::Failed, Ok(_)) => bail!(
            "recording ended by itself and does not say why, which is a fault of agtrack: please report \
             it; `agtrack tail` shows what was recorded until then"
        ),
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
    file: &'f Path,
    /// What is in force.
    config: Config,
}

impl Daemon<'_> {
    fn serve(&mut self, signals: &Signals) -> Ended {
        loop {
            match signals.wait(GLANCE) {
                Some(Asked::Stop) => return Ended::Asked,
                Some(Asked::Reload) => self.reload(),
                None => {}
            }
            if !self.engine.is_running() {
                return Ended::Failed;
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
                self.engine.reload_refused(reason);
            }
        }
        notify(&[NotifyState::Ready]);
    }

    fn try_reload(&mut self) -> anyhow::Result<()> {
        let loaded = config::load(self.file)?;
        check_reloadable(&self.config, &loaded.config)?;
        warn(&loaded);
        self.engine.reload(rules(&loaded.config), loaded.sha256)?;
        self.config = loaded.config;
        Ok(())
    }
}

/// What is recorded as the configuration in force must be in force as a whole.
fn check_reloadable(old: &Config, new: &Config) -> anyhow::Result<()> {
    let tables = [
        ("[journal]", old.journal == new.journal),
        ("[capture]", old.capture == new.capture),
        ("[control]", old.control == new.control),
    ];
    let changed: Vec<_> = tables
        .iter()
        .filter(|(_, is_same)| !is_same)
        .map(|(table, _)| *table)
        .collect();
    let have = match changed.len() {
        0 => return Ok(()),
        1 => "has",
        _ => "have",
    };
    bail!(
        "{} {have} changed, which only a restart can put in force: `systemctl restart agtrack`",
        changed.join(" and ")
    )
}

/// Recording matters more than being asked: without the socket it goes on.
fn listen(config: &Config, engine: &Engine) -> Option<Control> {
    let control = Control::listen(&config.control.socket, engine.requests());
    control
        .inspect_err(|error| {
            tell(&format!(
                "warning: {error:#}; recording goes on, and `agtrack capture` cannot be used"
            ));
        })
        .ok()
}

fn options(loaded: &Loaded, file: &Path, input_log: Option<PathBuf>) -> Options {
    let Config {
        journal, capture, ..
    } = &loaded.config;
    Options {
        journal: journal.dir.clone(),
        owner: None,
        backend: capture.backend,
        reads: capture.reads,
        noise: capture.reads.noise(&capture.noise),
        hash_max_bytes: capture.hash_max_bytes,
        hash_wait: Duration::from_millis(capture.hash_wait_ms),
        sizes: Sizes {
            lifecycle: capture.lifecycle_ring_bytes,
            bulk: capture.bulk_ring_bytes,
            packets: capture.packet_ring_bytes,
            ..Sizes::default()
        },
        journal_options: journal::Options {
            segment_bytes: journal.segment_bytes,
            sync_interval: Duration::from_millis(journal.sync_interval_ms),
            ..journal::Options::default()
        },
        agents: rules(&loaded.config),
        launching: false,
        // Whoever changes it is found by the whole path.
        config_file: Some(std::path::absolute(file).unwrap_or_else(|_| file.to_owned())),
        config_sha256: loaded.sha256.clone(),
        input_log,
    }
}

/// The agents of a configuration, as they are recognised.
pub fn rules(config: &Config) -> Vec<AgentRule> {
    let rule = |agent: &config::Agent| AgentRule {
        id: agent.id.clone(),
        name: agent.shown_name().to_owned(),
        owner: agent.owner.clone(),
        labels: agent.labels.clone(),
        version: agent.version.clone(),
        cgroups: agent.globs(),
        executables: agent.executables.clone(),
        users: agent.user_ids(),
    };
    config.agents.iter().map(rule).collect()
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
    if missing > 0 {
        tell(&format!(
            "{missing} hooks are missing; `agtrack doctor` says what that costs"
        ));
    }
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
mod tests {
    use super::*;

    #[test]
    fn every_setting_reaches_the_engine() {
        let text = "[journal]\ndir = \"/j\"\nsegment_bytes = 2000000\nsync_interval_ms = 7\n\
                    [capture]\nbackend = \"fentry\"\nlifecycle_ring_bytes = 65536\n\
                    bulk_ring_bytes = 131072\npacket_ring_bytes = 262144\n\
                    [[agents]]\nid = \"a\"\nowner = \"o\"\nversion = \"3\"\n\
                    cgroups = [\"/a\"]\nexecutables = [\"/x\"]\nusers = [7]\n";
        let config = config::parse(text).unwrap();
        let sha256 = Some("hash".to_owned());
        let options = options(
            &Loaded {
                config,
                sha256,
                ..Loaded::built_in()
            },
            Path::new("/c"),
            None,
        );
        assert_eq!(options.config_file.as_deref(), Some(Path::new("/c")));
        assert_eq!(options.journal, Path::new("/j"));
        assert_eq!(options.journal_options.segment_bytes, 2_000_000);
        assert_eq!(
            options.journal_options.sync_interval,
            Duration::from_millis(7)
        );
        assert_eq!(options.backend, crate::load::BackendChoice::Fentry);
        assert_eq!(
            (
                options.sizes.lifecycle,
                options.sizes.bulk,
                options.sizes.packets
            ),
            (65536, 131072, 262144)
        );
        assert_eq!(options.config_sha256.as_deref(), Some("hash"));
        let (id, owner) = ("a".to_owned(), Some("o".to_owned()));
        let rule = AgentRule {
            name: id.clone(),
            id,
            owner,
            labels: Default::default(),
            version: Some("3".to_owned()),
            cgroups: vec!["/a".to_owned()],
            executables: vec!["/x".into()],
            users: vec![7],
        };
        assert_eq!(options.agents, [rule]);
    }

    #[test]
    fn only_agents_can_be_reloaded() {
        let old = Config::default();
        let check = |text| check_reloadable(&old, &config::parse(text).unwrap());
        assert!(check("[[agents]]\nid = \"a\"\ncgroups = [\"/a\"]\n").is_ok());
        let error = check("[journal]\ndir = \"/other\"\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("[journal] has changed") && error.contains("restart"));
        let error = check("[capture]\nbackend = \"lsm\"\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("[capture] has changed"), "{error}");
        let error = check("[journal]\ndir = \"/other\"\n[control]\nsocket = \"/s\"\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("[journal] and [control] have changed"),
            "{error}"
        );
    }
}
