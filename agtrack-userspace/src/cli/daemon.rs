//! `agtrack daemon`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::DEFAULT_FILE;
use crate::daemon;

/// Arguments of `agtrack daemon`.
///
/// Needs root. SIGTERM ends it cleanly, with nothing in flight lost. SIGHUP reads the
/// configuration again; one with mistakes is refused, and the old one stays in force.
#[derive(Debug, clap::Args)]
pub(super) struct DaemonArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// Write everything that comes from the kernel to this file, for `agtrack replay`
    #[arg(long, value_name = "FILE", hide = true)]
    input_log: Option<PathBuf>,
}

pub(super) fn run(args: &DaemonArgs) -> anyhow::Result<ExitCode> {
    daemon::run(&args.config, args.input_log.clone())?;
    Ok(ExitCode::SUCCESS)
}
