//! Hours of hostile bytes for the parsers: libFuzzer, guided by the coverage of agtrack's own code.
//!
//! Comes in: the targets of `tests/src/fuzz.rs`, and the corpus in `tests/fuzz/corpus`. Goes out: a
//! table; a larger corpus where that is asked for; for a mistake, the bytes that show it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::setup::{self, Need};
use crate::test::{self, receiver};
use crate::workspace::Workspace;
use crate::{agents, run};

macro_rules! targets {
    ($($name:ident),+) => {
        /// What can be soaked.
        const TARGETS: &[&str] = &[$(stringify!($name)),+];
    };
}
include!("../../tests/fuzz/targets.rs");

/// What the compiler adds so that libFuzzer sees where an input leads; and what a release leaves out
/// that finds mistakes.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cdebug-assertions=on -Coverflow-checks=on";

/// Longest input, bytes.
const LONGEST: u32 = 4096;
/// More memory than that is a mistake, MiB: the largest corpus and libFuzzer need a third.
const MEMORY: u32 = 512;

/// Options of `cargo xtask soak`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// For each target
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Only this target (may be given several times)
    #[arg(long, value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    target: Vec<String>,
    /// Record real agent programs from the registries, instead of all this
    #[arg(long, conflicts_with_all = ["target", "keep"])]
    agents: bool,
    /// Send records to receivers that are killed, over a network that is cut, instead of all this
    #[arg(long, conflicts_with_all = ["target", "keep", "agents"])]
    sinks: bool,
    /// With --sinks: so many things are recorded for each
    #[arg(long, default_value_t = 100_000)]
    records: u64,
    /// With --sinks: only tests whose names contain this
    #[arg(long, value_name = "TEXT", default_value = "sink::")]
    filter: String,
    /// Add what was found to `tests/fuzz/corpus`, as few files as reach the same code
    #[arg(long)]
    keep: bool,
}

/// Directories of a soak.
struct Place {
    /// Of everything, below the target directory.
    work: PathBuf,
    /// What the repository has.
    corpus: PathBuf,
    program: PathBuf,
}

/// A target at work.
struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

/// `cargo xtask soak`.
///
/// # Errors
/// Something is missing, or the sources do not compile. A mistake found is no error but a code.
pub(crate) fn soak(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    if options.agents {
        return agents::soak(workspace);
    }
    if options.sinks {
        return sinks(workspace, options);
    }
    setup::setup(Need::Soak)?;
    let place = Place {
        work: workspace.scratch("soak")?,
        corpus: workspace.root.join("tests/fuzz/corpus"),
        program: build(workspace)?,
    };
    seeds(workspace, &place)?;
    let names = if options.target.is_empty() {
        TARGETS.iter().map(|name| (*name).to_owned()).collect()
    } else {
        options.target.clone()
    };
    let at_a_time = std::thread::available_parallelism().map_or(1, usize::from);
    let mut failed = 0;
    for names in names.chunks(at_a_time) {
        let begin = |name: &String| place.begin(name, Duration::from_secs(options.minutes * 60));
        let running: Vec<_> = names.iter().map(begin).collect::<Result<_>>()?;
        for running in running {
            failed += u32::from(!place.end(running, options.keep)?);
        }
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The tests of sinks, with more records, in a network of their own.
fn sinks(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    if !run::is_root() {
        bail!("recording needs root: sudo cargo xtask soak --sinks");
    }
    setup::setup(Need::Soak)?;
    let agtrack = crate::build::agtrack(workspace, true)?;
    let receivers = receiver::ready(workspace)?;
    let mut command = test::test_program(workspace, "e2e");
    command.args(["--", "--test-threads", "1", "--nocapture", &options.filter]);
    command
        .env("AGTRACK_BIN", agtrack)
        .env("AGTRACK_RECEIVERS", receivers)
        .env("AGTRACK_SOAK", options.records.to_string());
    agents::judge(&mut command)
}

/// Builds the targets beside everything else: no other build has these flags.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut command = workspace.cargo();
    command.env("RUSTFLAGS", FLAGS);
    command.args([
        "build",
        "--release",
        "--package",
        crate::test::target::PACKAGE,
    ]);
    command.args([
        "--bin",
        "agtrack-fuzz",
        "--features",
        "soak",
        "--target",
        &target,
    ]);
    let directory = workspace.scratch("soak/build")?;
    command.arg("--target-dir").arg(&directory);
    run::run(&mut command, "the compiler's reasons stand above")?;
    Ok(directory.join(target).join("release/agtrack-fuzz"))
}

/// What the tests begin from.
fn seeds(workspace: &Workspace, place: &Place) -> Result<()> {
    let mut command = test::test_program(workspace, "fuzz");
    command.env("AGTRACK_SEEDS", place.work.join("seeds"));
    run::run(&mut command, "the tests' reasons stand above")
}

impl Place {
    fn begin(&self, name: &str, time: Duration) -> Result<Running> {
        let log = self.work.join(format!("{name}.log"));
        let output = std::fs::File::create(&log)
            .with_context(|| format!("cannot create {}", log.display()))?;
        let found = self.found(name)?;
        println!("soak: {name} for {} s; {}", time.as_secs(), log.display());
        let child = self
            .libfuzzer(name)
            .arg(found)
            .args([self.work.join("seeds").join(name), self.corpus.join(name)])
            .arg(format!("-max_total_time={}", time.as_secs()))
            .arg(format!("-artifact_prefix={}/{name}-", self.work.display()))
            .args(["-print_final_stats=1", "-timeout=10"])
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let name = name.to_owned();
        Ok(Running { name, child, log })
    }

    /// Says how it went; false: there is a mistake.
    fn end(&self, mut running: Running, keep: bool) -> Result<bool> {
        let name = &running.name;
        let status = running.child.wait().context("cannot wait for the target")?;
        let log = std::fs::read_to_string(&running.log).unwrap_or_default();
        if !status.success() {
            let tail: Vec<_> = log.lines().rev().take(25).collect();
            for line in tail.into_iter().rev() {
                println!("  {line}");
            }
            println!(
                "soak: {name}: {status}; the bytes are in {}/{name}-*",
                self.work.display()
            );
            return Ok(false);
        }
        let runs = number(&log, "stat::number_of_executed_units:");
        let memory = number(&log, "stat::peak_rss_mb:");
        if runs.is_none_or(|runs| runs == 0) {
            bail!("{name} ran nothing; {}", running.log.display());
        }
        let shown =
            |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
        println!(
            "soak: {name}: {} runs, {} MiB, no mistake",
            shown(runs),
            shown(memory)
        );
        if keep {
            self.keep(name)?;
        }
        Ok(true)
    }

    /// Adds to the repository's corpus what reaches code that it does not reach.
    fn keep(&self, name: &str) -> Result<()> {
        let corpus = self.corpus.join(name);
        std::fs::create_dir_all(&corpus)
            .with_context(|| format!("cannot create {}", corpus.display()))?;
        let mut merge = self.libfuzzer(name);
        merge.arg("-merge=1").arg(&corpus).arg(self.found(name)?);
        merge.stdout(Stdio::null()).stderr(Stdio::null());
        run::run(&mut merge, "libFuzzer cannot merge what it found")
    }

    fn libfuzzer(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.env("AGTRACK_FUZZ", name);
        command.arg(format!("-max_len={LONGEST}"));
        command.arg(format!("-rss_limit_mb={MEMORY}"));
        command
    }

    /// Where a target keeps what it finds.
    fn found(&self, name: &str) -> Result<PathBuf> {
        let found = self.work.join("found").join(name);
        let seeds = self.work.join("seeds").join(name);
        for directory in [&found, &seeds, &self.corpus.join(name)] {
            make(directory)?;
        }
        Ok(found)
    }
}

fn make(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))
}

/// The number behind a word.
fn number(log: &str, word: &str) -> Option<u64> {
    log.lines()
        .find_map(|line| line.strip_prefix(word)?.trim().parse().ok())
}
