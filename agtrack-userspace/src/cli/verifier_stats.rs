//! `agtrack verifier-stats`: what the verifier needed for each program on this kernel.
//!
//! Goes out: lines `PROGRAM INSTRUCTIONS`; kernels before 5.16 tell no number, so no line.

use std::collections::BTreeMap;
use std::process::ExitCode;

use crate::load::{self, BackendChoice, Reads, Sizes};
use crate::terminal::Output;

/// Arguments of `agtrack verifier-stats`.
#[derive(Debug, clap::Args)]
pub(super) struct VerifierStatsArgs {
    /// Kind of kernel hooks for files
    #[arg(long, value_enum, default_value_t = BackendChoice::Auto)]
    backend: BackendChoice,
}

pub(super) fn run(args: &VerifierStatsArgs) -> anyhow::Result<ExitCode> {
    let (probes, ..) = load::load(args.backend, Reads::Counted, Sizes::default(), None)?;
    let programs: BTreeMap<_, _> = probes
        .inventory
        .hooks
        .iter()
        .filter_map(|state| Some((state.hook.program, state.instructions?)))
        .collect();
    let mut out = Output::new();
    for (program, instructions) in programs {
        out.line(format!("{program} {instructions}"))?;
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}
