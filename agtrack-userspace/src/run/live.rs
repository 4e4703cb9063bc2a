//! The recorder with the real engine.

use std::process::ExitCode;
use std::time::Duration;

use uuid::Uuid;

use super::recorder::{self, Recording, Start};
use crate::engine::{Engine, Options, Running, Summary, TagRequest};
use crate::{config, journal, load, noise};

/// `agtrack recorder`: until the command has ended.
pub fn main() -> ExitCode {
    recorder::main(|start| Ok(Box::new(Engine::start(options(start))?)))
}

/// Standing alone there is no configuration; the command line said it all.
fn options(start: Start) -> Options {
    Options {
        journal: start.journal,
        owner: start.owner,
        backend: start.backend,
        reads: start.reads,
        noise: start.reads.noise(&noise::Globs::new()),
        hash_max_bytes: config::HASH_MAX_BYTES,
        hash_wait: Duration::from_millis(config::HASH_WAIT_MS),
        container_sockets: Vec::new(),
        sizes: load::Sizes::default(),
        pin: false,
        journal_options: journal::Options {
            directory: Some(start.directory),
            ..journal::Options::default()
        },
        agents: Vec::new(),
        launching: true,
        config_file: None,
        config_sha256: None,
        removed: None,
        input_log: None,
    }
}

impl Recording for Engine {
    fn tag(&mut self, request: TagRequest) -> anyhow::Result<Uuid> {
        Engine::tag(self, request)
    }

    fn running(&mut self, session: Uuid) -> Vec<Running> {
        Engine::running(self, session)
    }

    fn wait_end(&mut self, session: Uuid, timeout: Duration) -> bool {
        self.wait_session_end(session, timeout)
    }

    fn is_running(&self) -> bool {
        Engine::is_running(self)
    }

    fn stop(self: Box<Self>, session: Option<Uuid>) -> anyhow::Result<Summary> {
        Engine::stop(*self, session)
    }
}
