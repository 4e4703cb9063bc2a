//! What agtrack costs, beside what others cost.
//!
//! Comes in: the built binary. Goes out: a table of ratios, each taken in alternation with the
//! same work without any recorder. What cannot be measured here is named, never estimated.

mod audit;
pub(crate) mod load;
mod recorder;
mod table;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::run;
use crate::setup::{self, Need};
use crate::workspace::Workspace;
use load::{LOADS, Load};
use recorder::{Bench, Recorder};
use table::Samples;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rounds; every round measures each recorder once, and the work without any
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Milliseconds for each measurement
    #[arg(long, default_value_t = 400)]
    millis: u64,
    /// Only these loads (getppid, open, create, rename, connect, exec)
    #[arg(long, value_delimiter = ',')]
    load: Vec<Load>,
    /// Leave strace and auditd out
    #[arg(long)]
    alone: bool,
}

/// `cargo xtask bench`.
///
/// # Errors
/// No root, something cannot be installed, or agtrack does not compile or start.
pub(crate) fn bench(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    if !run::is_root() {
        bail!("agtrack records as root, so the benchmark needs root: sudo cargo xtask bench");
    }
    setup::setup(if options.alone {
        Need::Build
    } else {
        Need::Bench
    })?;
    let bench = prepared(workspace, options)?;
    let busy = foreign_load();
    let loads = if options.load.is_empty() {
        LOADS.to_vec()
    } else {
        options.load.clone()
    };
    let mut recorders = vec![Recorder::DaemonIdle, Recorder::Beside, Recorder::Tagged];
    if !options.alone {
        recorders.push(Recorder::Strace);
    }
    let mut samples = Samples::default();
    let mut notes = Vec::new();
    series(
        &bench,
        options.rounds,
        &loads,
        &recorders,
        &mut samples,
        &mut notes,
    )?;
    if !options.alone {
        // By itself and last: once audit was on, every new task pays for it until told not to.
        match audit::Quiet::begin() {
            Ok(_quiet) => {
                let audited = [Recorder::Auditd];
                series(
                    &bench,
                    options.rounds,
                    &loads,
                    &audited,
                    &mut samples,
                    &mut notes,
                )?;
            }
            Err(error) => notes.push(format!("auditd: not measured: {error:#}")),
        }
    }
    samples.print(&loads);
    notes.extend(busy);
    notes.dedup();
    notes.iter().for_each(|note| println!("{note}"));
    println!("back end A (LSM, fentry) cannot be measured in emulated machines: not measured");
    Ok(ExitCode::SUCCESS)
}

/// Builds what is measured and what measures, both optimised.
fn prepared(workspace: &Workspace, options: &Options) -> Result<Bench> {
    let agtrack = build::agtrack(workspace, true)?;
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--package", "xtask"]);
    run::run(&mut build, "the compiler's reasons stand above")?;
    Ok(Bench {
        agtrack,
        loader: workspace.target.join("release/xtask"),
        place: workspace.scratch("bench")?,
        millis: options.millis,
    })
}

/// Says so when others work on this machine: ratios are noise then.
fn foreign_load() -> Option<String> {
    let averages = std::fs::read_to_string("/proc/loadavg").ok()?;
    let minute: f64 = averages.split(' ').next()?.parse().ok()?;
    // The builds just before count too, hence not the processors but a little more than one.
    (minute > 1.5).then(|| format!("this machine was busy ({minute:.1} processes): run it again"))
}

/// Rounds of: each load without a recorder, then with each of the recorders.
fn series(
    bench: &Bench,
    rounds: u32,
    loads: &[Load],
    recorders: &[Recorder],
    samples: &mut Samples,
    notes: &mut Vec<String>,
) -> Result<()> {
    for round in 1..=rounds {
        eprintln!("bench: round {round} of {rounds}: {recorders:?}");
        for &load in loads {
            let free = bench
                .free(load)
                .with_context(|| format!("the load `{load}` fails without any recorder"))?;
            samples.free(load, free);
            for &recorder in recorders {
                match bench.under(recorder, load) {
                    Ok(cost) => samples.ratio(recorder, load, cost / free),
                    Err(error) => {
                        notes.push(format!("{recorder}, {load}: not measured: {error:#}"));
                    }
                }
            }
        }
    }
    Ok(())
}
