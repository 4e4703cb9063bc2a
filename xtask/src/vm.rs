//! The end-to-end tests on other kernels, in virtual machines without root.
//!
//! Comes in: kernels of Debian, the test binary and agtrack, both static. Goes out: one line per
//! kernel and back end, and an exit code. Never touches the host's packages or its kernel.

mod archive;
mod console;
mod image;
mod kernel;
mod machine;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::setup::{self, Need};
use crate::test::count::Count;
use crate::workspace::Workspace;
use console::Outcome;

/// Machines that run at a time: each has two processors, and emulation uses them.
const AT_A_TIME: usize = 2;

/// Minutes after which a machine is ended, if nothing else is said.
const MINUTES: u64 = 20;

/// What is booted: name, series of the kernel, what is added to its command line.
const VARIANTS: &[Variant] = &[
    Variant {
        name: "5.10",
        series: "5.10",
        cmdline: "",
    },
    Variant {
        name: "6.1",
        series: "6.1",
        cmdline: "",
    },
    Variant {
        name: "6.12",
        series: "6.12",
        cmdline: "",
    },
    Variant {
        name: "6.12-preempt",
        series: "6.12",
        cmdline: "preempt=full",
    },
    Variant {
        name: "7.2",
        series: "7.2",
        cmdline: "",
    },
];

/// The back ends, forced in turn in each machine.
const BACKENDS: &[&str] = &["lsm", "fentry", "tracepoint"];

/// One kind of machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    name: &'static str,
    series: &'static str,
    cmdline: &'static str,
}

/// Options of `cargo xtask vm`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Only kernels whose name begins so (5.10, 6.1, 6.12, 6.12-preempt, 7.2)
    #[arg(long)]
    kernel: Option<String>,
    /// Only this back end (lsm, fentry, tracepoint)
    #[arg(long)]
    backend: Option<String>,
    /// Only tests whose name contains this
    #[arg(long)]
    filter: Option<String>,
    /// Minutes after which a machine is ended
    #[arg(long, default_value_t = MINUTES)]
    minutes: u64,
    /// Take the verifier's instruction counts of this run as the new golden file
    #[arg(long)]
    bless: bool,
    /// Only boot the kernels and run this command of busybox in them, without agtrack
    #[arg(long, value_name = "COMMAND")]
    smoke: Option<String>,
}

impl Options {
    /// Every kernel, every back end, every test.
    pub(crate) fn everything() -> Options {
        let minutes = MINUTES;
        Options {
            kernel: None,
            backend: None,
            filter: None,
            minutes,
            bless: false,
            smoke: None,
        }
    }
}

/// `cargo xtask vm`: every machine, then a table.
///
/// # Errors
/// What the machines need cannot be built or fetched. A failed test is no error, but a code.
pub(crate) fn vm(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    setup::setup(Need::Vm)?;
    let count = matrix(workspace, options)?;
    println!("{count}");
    Ok(if count.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs the machines and prints the table. Returns the sum of their test cases.
///
/// # Errors
/// As for [`vm`].
pub(crate) fn matrix(workspace: &Workspace, options: &Options) -> Result<Count> {
    let variants = variants(options)?;
    let backends = backends(options)?;
    let kernels = kernel::fetch(workspace, &variants)?;
    let job = match &options.smoke {
        Some(command) => image::Job::Smoke(command.clone()),
        None => image::Job::Tests {
            filter: options.filter.clone(),
        },
    };
    let image = image::build(workspace, &job, &backends)?;
    let limit = Duration::from_secs(options.minutes * 60);
    let queue: Mutex<VecDeque<Variant>> = Mutex::new(variants.iter().copied().collect());
    let results: Mutex<Vec<(Variant, Result<Vec<Outcome>>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(variant) = locked(&queue).pop_front() {
                    let kernel = &kernels[variant.series];
                    eprintln!("vm: {} ({}) boots", variant.name, kernel.version);
                    let booted = machine::Machine {
                        workspace,
                        variant,
                        kernel,
                        image: &image,
                    };
                    let result = booted.run(limit, &backends);
                    locked(&results).push((variant, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(variant, _)| VARIANTS.iter().position(|v| v.name == variant.name));
    Ok(report(workspace, &results))
}

/// Prints one line per kernel and back end.
fn report(workspace: &Workspace, results: &[(Variant, Result<Vec<Outcome>>)]) -> Count {
    let mut total = Count::default();
    println!(
        "\n{:<14} {:<11} {:>7} {:>7} {:>8}  ",
        "kernel", "back end", "passed", "failed", "skipped"
    );
    for (variant, result) in results {
        match result {
            Ok(outcomes) => {
                for outcome in outcomes {
                    let (count, note) = outcome.judged();
                    println!(
                        "{:<14} {:<11} {:>7} {:>7} {:>8}  {note}",
                        variant.name, outcome.backend, count.passed, count.failed, count.skipped
                    );
                    total += count;
                }
            }
            Err(error) => {
                println!(
                    "{:<14} {:<11} {:>7} {:>7} {:>8}  {error:#}",
                    variant.name, "-", 0, 1, 0
                );
                total.failed += 1;
            }
        }
    }
    println!("logs: {}\n", workspace.target.join("vm/logs").display());
    total
}

fn variants(options: &Options) -> Result<Vec<Variant>> {
    let chosen: Vec<_> = VARIANTS
        .iter()
        .filter(|variant| match &options.kernel {
            // 6.1 is a name of its own, not the beginning of 6.12.
            Some(name) => variant.name == name || variant.name.starts_with(&format!("{name}-")),
            None => true,
        })
        .copied()
        .collect();
    if chosen.is_empty() {
        let names: Vec<_> = VARIANTS.iter().map(|variant| variant.name).collect();
        bail!("no such kernel; there are {}", names.join(", "));
    }
    Ok(chosen)
}

fn backends(options: &Options) -> Result<Vec<&'static str>> {
    let Some(name) = &options.backend else {
        return Ok(BACKENDS.to_vec());
    };
    let backend = BACKENDS.iter().find(|backend| *backend == name);
    let known = backend.with_context(|| format!("no such back end; there are {BACKENDS:?}"))?;
    Ok(vec![*known])
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A thread that panicked has left the list whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
