//! What agtrack costs, beside what others cost.
//!
//! Comes in: the built binary. Goes out: a table of ratios, each taken in alternation with the
//! same work without any recorder, and a table of what the daemon bears; both with the budgets
//! beside them, on the terminal and in `docs/benchmarks.md`. Never: an estimate, or a verdict on a
//! time; what cannot be measured here is named.

mod against;
mod audit;
mod budget;
mod foreign;
mod host;
pub(crate) mod load;
mod pressure;
mod priority;
mod process;
mod query;
mod recorder;
mod report;
mod restore;
mod table;
mod totals;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::run;
use crate::setup::{self, Need};
use crate::workspace::Workspace;
use against::Earlier;
use load::Load;
use pressure::Lengths;
use process::{Agtrack, SETTINGS};
use recorder::{Bench, Recorder};
use report::Report;
use table::{Pair, Pairs};

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A shorter form, which does not change docs/benchmarks.md
    #[arg(long)]
    quick: bool,
    /// Rounds; in each, every recorder takes turns with the work without any [default: 5]
    #[arg(long)]
    rounds: Option<u32>,
    /// Milliseconds for each measurement [default: 300]
    #[arg(long)]
    millis: Option<u64>,
    /// Only these operations
    #[arg(long, value_delimiter = ',')]
    load: Vec<Load>,
    /// Leave strace and auditd out
    #[arg(long)]
    alone: bool,
    /// Leave the daemon under pressure out
    #[arg(long)]
    no_pressure: bool,
    /// Kind of hooks: auto, lsm, fentry, tracepoint
    #[arg(long, default_value = "auto")]
    backend: String,
    /// Measure only `agtrack query`, on a journal of so many MiB; prints its table, needs no root
    #[arg(long, value_name = "MIB", num_args = 0..=1, default_missing_value = "1024")]
    query: Option<u64>,
    /// Measure agtrack as it was at this commit too, and show both beside each other
    #[arg(long, value_name = "COMMIT")]
    against: Option<String>,
    /// Measure this optimised agtrack instead of building one
    #[arg(long)]
    agtrack: Option<PathBuf>,
}

impl Options {
    fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 2 } else { 5 }).max(1)
    }

    fn millis(&self) -> u64 {
        self.millis.unwrap_or(if self.quick { 100 } else { 300 })
    }

    fn loads(&self) -> Vec<Load> {
        if self.load.is_empty() {
            Load::compared().collect()
        } else {
            self.load.clone()
        }
    }

    fn recorders(&self) -> Vec<Recorder> {
        let mut recorders = vec![Recorder::DaemonIdle, Recorder::Beside, Recorder::Tagged];
        recorders.extend(self.against.as_ref().map(|_| Recorder::Earlier));
        if !self.alone {
            recorders.extend([Recorder::Auditd, Recorder::Strace]);
        }
        recorders
    }

    fn lengths(&self) -> Lengths {
        let (exec, open, storm, rounds) = if self.quick {
            (4, 2, 2, 1)
        } else {
            (20, 10, 5, 3)
        };
        Lengths {
            exec,
            open,
            storm,
            rounds,
        }
    }

    /// Whether it is all that there is to measure.
    fn is_whole(&self) -> bool {
        !self.quick && !self.alone && !self.no_pressure && self.load.is_empty()
    }
}

/// `cargo xtask bench`.
///
/// # Errors
/// No root, something cannot be installed, or agtrack does not compile or start.
pub(crate) fn bench(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    if let Some(mib) = options.query {
        return query::measure(workspace, options.agtrack.as_deref(), mib);
    }
    if !run::is_root() {
        bail!("agtrack records as root, so the benchmark needs root: sudo cargo xtask bench");
    }
    let need = if options.alone {
        Need::Build
    } else {
        Need::Bench
    };
    setup::setup(need)?;
    let bench = prepared(workspace, options)?;
    let mut report = Report::begin(workspace, options.is_whole(), backend(&bench)?);
    let _before_others = priority::raise().unwrap_or_else(|error| {
        report.note(format!("The priority could not be raised: {error:#}."));
        None
    });
    let quiet = audit::Quiet::begin();
    let mut recorders = options.recorders();
    if let (Err(error), false) = (&quiet, options.alone) {
        report.note(format!("auditd: not measured: {error:#}."));
        recorders.retain(|recorder| *recorder != Recorder::Auditd);
    }
    let loads = options.loads();
    let pairs = pairs(&bench, options.rounds(), &loads, &recorders, &mut report);
    // A recorder that was left out keeps its column; the earlier one has a table.
    let mut columns = options.recorders();
    columns.retain(|recorder| *recorder != Recorder::Earlier);
    report.ratios(&pairs, &loads, &columns);
    let (rows, then) = match options.no_pressure {
        true => (Vec::new(), Vec::new()),
        false => pressure::measure(&bench, options.lengths()),
    };
    if !options.no_pressure {
        report.pressure(&rows);
    }
    if let Some(earlier) = &bench.earlier {
        report.against(earlier.table(&pairs, &loads, (&rows, &then)));
    }
    // Until here: the work without a recorder must not pay for audit anywhere.
    drop(quiet);
    report.end(workspace)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds what is measured and what measures, both optimised.
fn prepared(workspace: &Workspace, options: &Options) -> Result<Bench> {
    let binary = match &options.agtrack {
        Some(binary) => binary
            .canonicalize()
            .with_context(|| format!("cannot find {}", binary.display()))?,
        None => build::agtrack(workspace, true)?,
    };
    let place = workspace.scratch("bench")?;
    let agtrack = Agtrack {
        binary,
        place: place.clone(),
        backend: options.backend.clone(),
        settings: SETTINGS,
    };
    let against = options.against.as_deref();
    let earlier = against.map(|commit| Earlier::build(workspace, commit, &agtrack));
    Ok(Bench {
        earlier: earlier.transpose()?,
        agtrack,
        loader: loader(workspace)?,
        place,
        millis: options.millis(),
    })
}

/// The program with the loads: this one, optimised.
fn loader(workspace: &Workspace) -> Result<PathBuf> {
    if !cfg!(debug_assertions) {
        return std::env::current_exe().context("cannot find this program");
    }
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--package", "xtask"]);
    run::run(&mut build, "the compiler's reasons stand above")?;
    Ok(workspace.target.join("release/xtask"))
}

/// The back end that agtrack uses here, from its own account of a command.
fn backend(bench: &Bench) -> Result<String> {
    run::output(bench.agtrack.run()?.arg("true"))
        .and_then(|_| totals::Account::read(&bench.agtrack.journal()))
        .map(|account| account.backend())
        .context("agtrack cannot record here, see `agtrack doctor`")
}

/// Rounds of: each load without a recorder and then with one, for all of them.
fn pairs(
    bench: &Bench,
    rounds: u32,
    loads: &[Load],
    recorders: &[Recorder],
    report: &mut Report,
) -> Pairs {
    let mut pairs = Pairs::default();
    // A machine that is busy all the time is not waited for.
    let mut repeats = loads.len() * recorders.len() * rounds as usize / 5;
    for round in 1..=rounds {
        for &recorder in recorders {
            eprintln!("bench: round {round} of {rounds}: {recorder}");
            for &load in loads {
                match pair(bench, recorder, load, &mut repeats) {
                    Ok(pair) => pairs.add(recorder, load, pair),
                    Err(error) => report.note(format!(
                        "{recorder}, {}: a round was not measured: {error:#}.",
                        load.describe()
                    )),
                }
            }
        }
    }
    pairs
}

/// One after the other, and once again when others disturbed it and there are repeats left.
fn pair(bench: &Bench, recorder: Recorder, load: Load, repeats: &mut usize) -> Result<Pair> {
    let first = attempt(bench, recorder, load)?;
    if first.is_calm() || *repeats == 0 {
        return Ok(first);
    }
    *repeats -= 1;
    let second = attempt(bench, recorder, load)?;
    Ok(if second.foreign < first.foreign {
        second
    } else {
        first
    })
}

fn attempt(bench: &Bench, recorder: Recorder, load: Load) -> Result<Pair> {
    let watch = foreign::Watch::begin();
    let free = bench
        .free(load)
        .context("it fails even without a recorder")?;
    let under = bench.under(recorder, load)?;
    Ok(Pair {
        free,
        under,
        foreign: watch.cores(),
    })
}
