//! Builds agtrack, or lends the other tasks a built one.

use std::path::PathBuf;

use anyhow::Result;

use crate::run;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

/// Options of `cargo xtask build`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build without optimisation
    #[arg(long)]
    debug: bool,
}

/// `cargo xtask build`.
///
/// # Errors
/// Something is missing and cannot be installed, or the sources do not compile.
pub(crate) fn build(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::setup(Need::Build)?;
    let binary = agtrack(workspace, !options.debug)?;
    println!("{}", binary.display());
    Ok(())
}

/// Builds the binary and says where it is.
///
/// # Errors
/// The sources do not compile.
pub(crate) fn agtrack(workspace: &Workspace, release: bool) -> Result<PathBuf> {
    let mut command;
    if release {
        command = workspace.cargo();
        command.args(["build", "--release", "--package", "agtrack-userspace"]);
        command.args(["--bin", "agtrack"]);
    } else {
        // It comes with the tests of its package, which run it.
        command = workspace.cargo_test();
        command.args(["--test", "cli", "--no-run"]);
    }
    run::run(&mut command, "the compiler's reasons stand above")?;
    let profile = if release { "release" } else { "debug" };
    Ok(workspace.target.join(profile).join("agtrack"))
}
