//! Every test there is, in the order in which a mistake shows soonest.
//!
//! Comes in: the workspace. Goes out: the output of each step as it runs, a table of the steps,
//! and as last line the sum of all test cases. A step that cannot run here is named.

pub(crate) mod count;
mod ocsf;
pub(crate) mod receiver;
mod siem;
mod signal;
mod step;
pub(crate) mod target;
mod tree;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::bpf::{self, Road};
use crate::setup::{self, Need};
use crate::workspace::Workspace;
use crate::{agents, build, run, tidy, vm};
use count::Count;

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only steps whose name contains this (may be given several times)
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// Leave out steps whose name contains this (may be given several times)
    #[arg(long, value_name = "STEP")]
    skip: Vec<String>,
}

/// One step.
struct Step {
    name: &'static str,
    root: bool,
    work: fn(&Workspace) -> Result<Count>,
}

const STEPS: &[Step] = &[
    Step {
        name: "format",
        root: false,
        work: format,
    },
    Step {
        name: "tidy",
        root: false,
        work: tidy::count,
    },
    Step {
        name: "deny",
        root: false,
        work: deny,
    },
    Step {
        name: "clippy",
        root: false,
        work: clippy,
    },
    Step {
        name: "clippy probes",
        root: false,
        work: clippy_probes,
    },
    Step {
        name: "unit",
        root: false,
        work: unit,
    },
    Step {
        name: "replay",
        root: false,
        work: replay,
    },
    Step {
        name: "fuzz",
        root: false,
        work: fuzz,
    },
    Step {
        name: "end to end",
        root: true,
        work: end_to_end,
    },
    Step {
        name: "ocsf",
        root: false,
        work: ocsf::step,
    },
    Step {
        name: "siem",
        root: false,
        work: siem::step,
    },
    Step {
        name: "differential",
        root: true,
        work: differential,
    },
    Step {
        name: "agents",
        root: true,
        work: real_agents,
    },
    Step {
        name: "package",
        root: true,
        work: vm::package,
    },
    Step {
        name: "virtual machines",
        root: false,
        work: machines,
    },
];

/// What became of a step.
struct Done {
    name: &'static str,
    time: Duration,
    outcome: Outcome,
}

enum Outcome {
    Ran(Count),
    /// It could not do its work.
    Broken(anyhow::Error),
    /// It needs root.
    NotRun,
}

/// `cargo xtask test`.
///
/// # Errors
/// No step is meant, or what the tests need is missing and cannot be installed. A failed test is no
/// error but a code.
pub(crate) fn test(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let steps = options.steps()?;
    signal::heed().context("cannot begin anew without ignored signals")?;
    setup::setup(Need::Test)?;
    let done: Vec<_> = steps
        .into_iter()
        .map(|step| perform(workspace, step))
        .collect();
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    Ok(conclude(&done, ci))
}

impl Options {
    /// The steps that are meant: at least one, and every word means one.
    fn steps(&self) -> Result<Vec<&'static Step>> {
        let known = || STEPS.iter().map(|step| step.name).collect::<Vec<_>>();
        for word in self.only.iter().chain(&self.skip) {
            if !STEPS.iter().any(|step| step.name.contains(word.as_str())) {
                bail!(
                    "no step is called `{word}`; there are: {}",
                    known().join(", ")
                );
            }
        }
        let steps: Vec<_> = STEPS.iter().filter(|step| self.covers(step.name)).collect();
        if steps.is_empty() {
            bail!(
                "--skip leaves none of the steps that --only names; there are: {}",
                known().join(", ")
            );
        }
        Ok(steps)
    }

    fn covers(&self, name: &str) -> bool {
        let any = |parts: &[String]| parts.iter().any(|part| name.contains(part.as_str()));
        (self.only.is_empty() || any(&self.only)) && !any(&self.skip)
    }
}

fn perform(workspace: &Workspace, step: &Step) -> Done {
    println!("\n=== {} ===", step.name);
    let started = Instant::now();
    let outcome = if step.root && !run::is_root() {
        Outcome::NotRun
    } else {
        match (step.work)(workspace) {
            Ok(count) => Outcome::Ran(count),
            Err(error) => {
                println!("error: {error:#}");
                Outcome::Broken(error)
            }
        }
    };
    Done {
        name: step.name,
        time: started.elapsed(),
        outcome,
    }
}

/// Prints the table and the closing line.
fn conclude(done: &[Done], ci: bool) -> ExitCode {
    let mut total = Count::default();
    println!(
        "\n{:<18} {:>8} {:>7} {:>7} {:>8}",
        "step", "time", "passed", "failed", "skipped"
    );
    for done in done {
        let (count, note) = match &done.outcome {
            Outcome::Ran(count) => (*count, String::new()),
            Outcome::Broken(error) => (step::one(false), format!("{error:#}")),
            Outcome::NotRun if ci => (step::one(false), "did not run: needs root".to_owned()),
            Outcome::NotRun => {
                let skipped = Count {
                    skipped: 1,
                    ..Count::default()
                };
                (
                    skipped,
                    "did not run: needs root (sudo cargo xtask test)".to_owned(),
                )
            }
        };
        println!(
            "{:<18} {:>6.1} s {:>7} {:>7} {:>8}  {}",
            done.name,
            done.time.as_secs_f64(),
            count.passed,
            count.failed,
            count.skipped,
            note.lines().next().unwrap_or_default()
        );
        total += count;
    }
    println!("\n{total}");
    if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn format(workspace: &Workspace) -> Result<Count> {
    step::single(workspace.cargo().args(["fmt", "--all", "--check"]))
}

fn deny(workspace: &Workspace) -> Result<Count> {
    let mut command = workspace.cargo();
    // Not a crate's warning about a second version: what matters is what fails.
    command.args([
        "deny",
        "--log-level",
        "error",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    step::single(&mut command)
}

fn clippy(workspace: &Workspace) -> Result<Count> {
    let mut command = workspace.cargo();
    command.args([
        "clippy",
        "--workspace",
        "--exclude",
        "agtrack-ebpf",
        "--all-targets",
    ]);
    step::single(command.args(["--", "-D", "warnings"]))
}

/// The probes are linted by the clippy of the compiler that builds them.
fn clippy_probes(workspace: &Workspace) -> Result<Count> {
    let road = Road::find().context("no compiler for the probes; `cargo xtask setup`")?;
    let linker = bpf::linker().context("no bpf-linker; `cargo xtask setup`")?;
    let place = bpf::Place {
        root: &workspace.root,
        target_dir: &workspace.scratch("probe-clippy")?,
        cargo: std::ffi::OsStr::new("/usr/bin/cargo-clippy"),
        linker: &linker,
        arch: std::env::consts::ARCH,
    };
    step::single(road.cargo(place, "clippy").args(["--", "-D", "warnings"]))
}

fn unit(workspace: &Workspace) -> Result<Count> {
    let mut command = workspace.cargo_test();
    command.args(["--lib", "--bins", "--no-fail-fast"]);
    for name in tests_of(&workspace.root.join("agtrack-userspace"))? {
        command.args(["--test", &name]);
    }
    step::cases(&mut command)
}

/// The names of a package's test programs.
fn tests_of(package: &Path) -> Result<Vec<String>> {
    let directory = package.join("tests");
    let listed = std::fs::read_dir(&directory);
    let listed = listed.with_context(|| format!("cannot list {}", directory.display()))?;
    let mut names = Vec::new();
    for entry in listed {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            names.extend(
                path.file_stem()
                    .map(|name| name.to_string_lossy().into_owned()),
            );
        }
    }
    Ok(names)
}

fn replay(workspace: &Workspace) -> Result<Count> {
    step::cases(&mut test_program(workspace, "replay"))
}

fn fuzz(workspace: &Workspace) -> Result<Count> {
    step::cases(&mut test_program(workspace, "fuzz"))
}

fn end_to_end(workspace: &Workspace) -> Result<Count> {
    let agtrack = build::agtrack(workspace, false)?;
    let kept = ocsf::begin(workspace)?;
    let mut command = test_program(workspace, "e2e");
    command
        .env("AGTRACK_BIN", agtrack)
        .env("AGTRACK_RECEIVERS", receiver::ready(workspace)?)
        .env("AGTRACK_KEEP_RECORDS", kept);
    step::cases(&mut command)
}

fn differential(workspace: &Workspace) -> Result<Count> {
    with_binary(workspace, "differential")
}

fn real_agents(workspace: &Workspace) -> Result<Count> {
    step::cases(&mut agents::quick(workspace)?)
}

fn machines(workspace: &Workspace) -> Result<Count> {
    vm::matrix(workspace, &vm::Options::short())
}

/// A test program that runs the built agtrack.
fn with_binary(workspace: &Workspace, name: &str) -> Result<Count> {
    let agtrack = build::agtrack(workspace, false)?;
    step::cases(test_program(workspace, name).env("AGTRACK_BIN", agtrack))
}

pub(crate) fn test_program(workspace: &Workspace, name: &str) -> Command {
    let mut command = workspace.cargo_test();
    command.args(["--test", name, "--no-fail-fast"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(only: &[&str], skip: &[&str]) -> Result<Vec<&'static str>> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let options = Options {
            only: words(only),
            skip: words(skip),
        };
        Ok(options.steps()?.iter().map(|step| step.name).collect())
    }

    #[test]
    fn steps_are_chosen_by_parts_of_their_names() {
        assert_eq!(steps(&[], &[]).unwrap().len(), STEPS.len());
        assert_eq!(steps(&["clippy"], &["probes"]).unwrap(), ["clippy"]);
        assert_eq!(steps(&["unit", "tidy"], &[]).unwrap(), ["tidy", "unit"]);
    }

    #[test]
    fn a_word_that_means_no_step_is_refused_with_the_names_of_all() {
        for (only, skip) in [
            (&["e2e"][..], &[][..]),
            (&["unit", "e2e"], &[]),
            (&[], &["e2e"]),
        ] {
            let error = steps(only, skip).unwrap_err().to_string();
            assert!(
                error.contains("`e2e`") && error.contains("end to end"),
                "{error}"
            );
        }
        let error = steps(&["unit"], &["unit"]).unwrap_err().to_string();
        assert!(
            error.contains("--skip") && error.contains("end to end"),
            "{error}"
        );
    }
}
