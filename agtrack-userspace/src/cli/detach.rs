//! `agtrack detach`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};

use crate::config::{self, DEFAULT_FILE};
use crate::journal;
use crate::load::Place;
use crate::terminal::Output;

/// Arguments of `agtrack detach`.
///
/// Needs root, and that no daemon of these runs. What waits in the kernel and was not told yet is lost with it.
#[derive(Debug, clap::Args)]
pub(super) struct DetachArgs {
    /// The configuration of the daemon
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// What any daemon has left, whatever its configuration
    #[arg(long, conflicts_with = "config")]
    all: bool,
}

pub(super) fn run(args: &DetachArgs) -> anyhow::Result<ExitCode> {
    let places = match args.all {
        true => Place::all()?,
        false => vec![of_config(&args.config)?],
    };
    for place in &places {
        ensure!(
            !place.is_held(),
            "a daemon that runs has its probes in {}; stop it first: `systemctl stop agtrack`, or SIGTERM to \
             the process that `agtrack status` names",
            place.path().display()
        );
    }
    let mut out = Output::new();
    let mut removed = 0;
    for place in places.iter().filter(|place| place.is_taken()) {
        place.clear()?;
        removed += 1;
        out.line(format!("removed {}", place.path().display()))?;
    }
    if removed == 0 {
        out.line("nothing is pinned: no probe of a daemon that has ended records")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the daemon of this configuration pins its probes, if it does not run.
fn of_config(file: &Path) -> anyhow::Result<Place> {
    let dir = config::load(file)?.config.journal.dir;
    let runs = journal::is_written(&dir)
        .with_context(|| format!("cannot tell whether a daemon writes {}", dir.display()))?;
    ensure!(
        !runs,
        "a daemon records to {}; stop it first: `systemctl stop agtrack`",
        dir.display()
    );
    Place::of(&dir)
}
