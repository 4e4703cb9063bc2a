//! The end-to-end tests on other kernels, in virtual machines without root.
//!
//! Comes in: kernels of Debian, the test program and agtrack as the host has them. Goes out: one line per
//! kernel and back end, and an exit code. Never touches the host's packages or its kernel.

mod archive;
mod console;
mod coverage;
mod crash;
mod fixture;
mod golden;
mod image;
mod kernel;
mod machine;
mod options;
mod service;

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::setup::{self, Need};
use crate::test::count::Count;
use crate::workspace::Workspace;
use console::Outcome;
pub(crate) use options::Options;
pub(crate) use service::package;
use service::service;

/// Machines that run at a time: each has two processors, and emulation uses them.
const AT_A_TIME: usize = 2;

/// What is booted, and what `cargo xtask test` does of it: every kernel, and each back end on two, where
/// the host is the second of `tracepoint`, and the machine with systemd of `lsm`. What is around the
/// probes is tested on the host, and so is what needs a recorder of its own, whose start takes long in an
/// emulated machine. All else is loaded and its instructions are counted; `cargo xtask vm` tests it too.
const VARIANTS: &[Variant] = &[
    Variant {
        name: "5.10",
        series: "5.10",
        cmdline: "",
        part: "TESTED=fentry,tracepoint SEEN=own",
    },
    Variant {
        name: "6.1",
        series: "6.1",
        cmdline: "",
        part: "TESTED=none",
    },
    Variant {
        name: "6.12",
        series: "6.12",
        cmdline: "",
        part: "TESTED=fentry SEEN=own",
    },
    Variant {
        name: "6.12-preempt",
        series: "6.12",
        cmdline: "preempt=full",
        // Where the kernel skips runs of programs.
        part: "SEEN=kernel ONLY=contention::,flood::,lineage::,fork::,exit::",
    },
    Variant {
        name: "7.2",
        series: "7.2",
        cmdline: "",
        part: "TESTED=lsm SEEN=own",
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
    /// What of its tests is enough every day, in the words of `init.sh`.
    part: &'static str,
}

/// A machine that ran, and what came of each back end.
type Booted = (Variant, Result<Vec<Outcome>>);

/// `cargo xtask vm`: every machine, then a table.
///
/// # Errors
/// What the machines need cannot be built or fetched. A failed test is no error, but a code.
pub(crate) fn vm(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let count = if options.systemd {
        setup::setup(Need::Service)?;
        service(workspace, true, options.minutes)?
    } else {
        setup::setup(Need::Vm)?;
        matrix(workspace, options)?
    };
    println!("{count}");
    if count.ran_nothing() {
        bail!("nothing ran: what the filter names cannot be done on these back ends");
    }
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
        Some(command) => image::Job::Smoke {
            command: command.clone(),
            program: options.copy.clone(),
        },
        None if options.verifier => image::Job::Verifier,
        None if options.record => image::Job::Fixtures,
        None => image::Job::Tests {
            filter: options.filter.clone(),
        },
    };
    let image = image::build(workspace, &job, &backends)?;
    let limit = Duration::from_secs(options.minutes * 60);
    // Those that take longest first.
    let mut queue: Vec<_> = variants.clone();
    queue.sort_by_key(|variant| options.short && !variant.part.contains(",tracepoint"));
    let queue: Mutex<VecDeque<Variant>> = Mutex::new(queue.into());
    let results: Mutex<Vec<Booted>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(variant) = next(&queue) {
                    let kernel = &kernels[variant.series];
                    eprintln!("vm: {} ({}) boots", variant.name, kernel.version);
                    let booted = machine::Machine {
                        workspace,
                        variant,
                        kernel,
                        image: &image,
                        part: part(options, variant),
                    };
                    let result = booted.run(limit, &backends);
                    locked(&results).push((variant, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(variant, _)| VARIANTS.iter().position(|v| v.name == variant.name));
    let mut count = report(workspace, &results);
    if options.record {
        fixture::write(workspace, &results)?;
    } else if options.filter.is_none() && options.smoke.is_none() {
        count += verifier(workspace, options, &results);
        if !options.verifier {
            count += coverage(workspace, options, &results);
        }
    }
    Ok(count)
}

/// Compares what the verifier needed with the golden file, or writes that anew.
fn verifier(workspace: &Workspace, options: &Options, results: &[Booted]) -> Count {
    let mut counts = golden::Counts::new();
    let mut asked = Vec::new();
    for (variant, outcomes) in results {
        for outcome in outcomes
            .iter()
            .flatten()
            .filter(|outcome| outcome.asked == Some(0))
        {
            asked.push((variant.name.to_owned(), outcome.backend.clone()));
            for (program, count) in &outcome.verifier {
                let key = (
                    variant.name.to_owned(),
                    outcome.backend.clone(),
                    program.clone(),
                );
                counts.insert(key, *count);
            }
        }
    }
    let judged = if options.bless {
        golden::bless(workspace, &asked, &counts).map(|()| Vec::new())
    } else {
        golden::check(workspace, &asked, &counts)
    };
    judge("verifier", counts.len(), "programs", judged)
}

/// Compares what tests saw with `docs/coverage.md`, or writes that anew.
fn coverage(workspace: &Workspace, options: &Options, results: &[Booted]) -> Count {
    let mut seen = coverage::Table::new();
    let mut silent = Vec::new();
    for (variant, outcomes) in results {
        for outcome in outcomes.iter().flatten() {
            let machine = (variant.name.to_owned(), outcome.backend.clone());
            match &outcome.seen {
                // Where tests failed, what they saw is not missed beside that.
                _ if outcome.judged().0.failed > 0 => {}
                Some(now) => drop(seen.insert(machine, now.clone())),
                None if outcome.without.contains("coverage") => {}
                None => silent.push(format!(
                    "{} {}: the machine ended before it told what its tests had seen",
                    machine.0, machine.1
                )),
            }
        }
    }
    let judged = if options.bless {
        coverage::bless(workspace, &seen)
    } else {
        coverage::check(workspace, &seen)
    };
    let judged = judged.map(|complaints| [silent, complaints].concat());
    judge("coverage", seen.len(), "machines", judged)
}

/// Prints complaints; they count as one case that passed, or as so many that failed.
fn judge(what: &str, number: usize, of: &str, judged: Result<Vec<String>>) -> Count {
    let complaints = judged.unwrap_or_else(|error| vec![format!("{error:#}")]);
    for complaint in &complaints {
        println!("{what}: {complaint}");
    }
    println!("{what}: {number} {of}, {} complaints\n", complaints.len());
    let failed = complaints.len() as u64;
    Count {
        passed: u64::from(failed == 0),
        failed,
        skipped: 0,
    }
}

/// Prints one line per kernel and back end.
fn report(workspace: &Workspace, results: &[Booted]) -> Count {
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
    complain(results);
    total
}

/// Prints what failed tests said: who reads this may not have the logs.
fn complain(results: &[Booted]) {
    for (variant, outcomes) in results {
        for outcome in outcomes.iter().flatten() {
            if !outcome.complaints.is_empty() {
                println!("{}, {}:", variant.name, outcome.backend);
                println!("{}", outcome.complaints);
            }
        }
    }
}

fn variants(options: &Options) -> Result<Vec<Variant>> {
    let chosen: Vec<_> = VARIANTS
        .iter()
        .filter(|variant| match &options.kernel {
            // One recording of each.
            Some(name) if options.record => variant.name == name,
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

/// Words that the kernel hands to the first process as its environment.
fn part(options: &Options, variant: Variant) -> String {
    let mut words = options.env.clone();
    words.extend(options.short.then(|| variant.part.to_owned()));
    words.join(" ")
}

/// The lock is given back before the machine runs.
fn next(queue: &Mutex<VecDeque<Variant>>) -> Option<Variant> {
    locked(queue).pop_front()
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A thread that panicked has left the list whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
