//! From a configuration to what the engine is told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{self, Config, Loaded};
use crate::engine::{AgentRule, Options};
use crate::journal;
use crate::load::Sizes;

pub(super) fn options(loaded: &Loaded, file: &Path, input_log: Option<PathBuf>) -> Options {
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
        container_sockets: capture.container_sockets.clone(),
        sizes: Sizes {
            lifecycle: capture.lifecycle_ring_bytes,
            bulk: capture.bulk_ring_bytes,
            packets: capture.packet_ring_bytes,
            ..Sizes::default()
        },
        pin: capture.pin,
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
        removed: None,
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
        programs: agent.programs.clone(),
        users: agent.user_ids(),
        containers: agent.containers.clone(),
    };
    config.agents.iter().map(rule).collect()
}
