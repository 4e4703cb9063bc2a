//! agtrack's own tasks. `cargo xtask --help` lists them.
//!
//! Comes in: the workspace. Goes out: a machine that is set up, builds, test results. Never
//! part of what is shipped.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod agents;
mod bench;
mod bpf;
mod build;
mod demo;
mod dist;
mod run;
mod setup;
mod soak;
mod test;
mod tidy;
mod vm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::setup::Need;
use crate::workspace::Workspace;

/// Sets up, builds, tests and shows agtrack.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what building, testing and showing agtrack needs, if it is missing
    ///
    /// Installs as root on Debian and Ubuntu; elsewhere it says what to install.
    Setup {
        /// What for
        #[arg(value_enum, default_value_t = Need::Test)]
        need: Need,
    },
    /// Build agtrack with its probes
    Build(build::Options),
    /// Make packages in target/dist: for Debian, for distributions with rpm, and a tarball
    Dist,
    /// Record a small scripted agent and show what it did
    Demo,
    /// Run every test there is
    Test(test::Options),
    /// Run the end-to-end tests on other kernels, in virtual machines
    Vm(vm::Options),
    /// Measure what recording costs, beside strace and auditd
    Bench(bench::Options),
    /// Throw bytes at everything that reads bytes from outside, guided by coverage; or record real
    /// agent programs
    Soak(soak::Options),
    /// Check the rules of the source tree that the compiler does not
    Tidy,
    /// One of the loads of the benchmark
    #[command(hide = true)]
    Load(bench::load::Options),
}

fn main() -> ExitCode {
    match perform(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> anyhow::Result<ExitCode> {
    // Not looked up before it is needed: a load is measured and starts nothing else.
    let workspace = Workspace::find;
    match task {
        Task::Setup { need } => setup::setup(need)?,
        Task::Build(options) => build::build(&workspace()?, &options)?,
        Task::Dist => dist::dist(&workspace()?)?,
        Task::Demo => return demo::demo(&workspace()?),
        Task::Test(options) => return test::test(&workspace()?, &options),
        Task::Vm(options) => return vm::vm(&workspace()?, &options),
        Task::Bench(options) => return bench::bench(&workspace()?, &options),
        Task::Soak(options) => return soak::soak(&workspace()?, &options),
        Task::Tidy => return tidy::command(&workspace()?),
        Task::Load(options) => bench::load::main(&options)?,
    }
    Ok(ExitCode::SUCCESS)
}
