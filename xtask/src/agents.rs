//! Real agent programs from the package registries, for the tests that record them.
//!
//! Comes in: names. Goes out: `target/agents/NAME`, in one exact version, installed once.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::setup::{self, Need, python};
use crate::test;
use crate::workspace::Workspace;
use crate::{build, run};

/// The one that every test run records: it is installed within seconds.
const QUICK: &str = "codex";

/// Where a program comes from.
enum Source {
    /// A package of npm.
    Npm,
    /// A package of Python.
    Python,
}

/// Name, package, version. What is known of these versions stands in `docs/agents.md`.
const PROGRAMS: &[(&str, &str, &str, Source)] = &[
    ("codex", "@openai/codex", "0.171.0", Source::Npm),
    (
        "claude",
        "@anthropic-ai/claude-code",
        "2.1.332",
        Source::Npm,
    ),
    ("aider", "aider-chat", "0.86.2", Source::Python),
];

/// `cargo xtask soak --agents`: all of them.
///
/// # Errors
/// Something is missing, or no root.
pub(crate) fn soak(workspace: &Workspace) -> Result<ExitCode> {
    if !run::is_root() {
        bail!("recording needs root: sudo cargo xtask soak --agents");
    }
    setup::setup(Need::Soak)?;
    let names: Vec<_> = PROGRAMS.iter().map(|(name, ..)| *name).collect();
    let mut command = tests(workspace, &names)?;
    judge(&mut command)
}

/// Runs tests of a soak, which have said themselves what failed.
///
/// # Errors
/// They cannot be started.
pub(crate) fn judge(tests: &mut Command) -> Result<ExitCode> {
    let status = tests.status().context("cannot start cargo")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The tests of [`QUICK`], without those of a sandbox, which not every machine allows.
///
/// # Errors
/// As [`tests`].
pub(crate) fn quick(workspace: &Workspace) -> Result<Command> {
    let mut command = tests(workspace, &[QUICK])?;
    command.arg(format!("{QUICK}::"));
    Ok(command)
}

/// The command that runs tests, with these programs installed; which ones is to be added.
///
/// # Errors
/// They cannot be installed, or agtrack cannot be built.
fn tests(workspace: &Workspace, names: &[&str]) -> Result<Command> {
    let place = workspace.scratch("agents")?;
    for program in PROGRAMS.iter().filter(|(name, ..)| names.contains(name)) {
        install(&place, program)?;
    }
    let agtrack = build::agtrack(workspace, false)?;
    let mut command = test::test_program(workspace, "agents");
    command.arg("--");
    command
        .env("AGTRACK_BIN", agtrack)
        .env("AGTRACK_AGENTS", place);
    Ok(command)
}

/// Puts a program in its directory unless it is there in this version.
fn install(place: &Path, program: &(&str, &str, &str, Source)) -> Result<()> {
    let (name, package, version, source) = program;
    let directory = place.join(name);
    let noted = directory.join("version");
    if std::fs::read_to_string(&noted).is_ok_and(|noted| noted == *version) {
        return Ok(());
    }
    eprintln!("setup: installing {package} {version}");
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    match source {
        Source::Npm => npm(&directory, &format!("{package}@{version}"))?,
        Source::Python => python::install(&directory, &[&format!("{package}=={version}")])?,
    }
    std::fs::write(&noted, version).with_context(|| format!("cannot write {}", noted.display()))
}

fn npm(directory: &Path, package: &str) -> Result<()> {
    let mut command = Command::new("npm");
    command.args(["install", "--no-audit", "--no-fund", "--prefix"]);
    command.arg(directory).arg(package);
    run::run(&mut command, "npm's reasons stand above")
}
