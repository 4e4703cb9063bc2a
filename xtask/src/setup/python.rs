//! Packages of Python, in a directory of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;

/// Puts packages (`NAME==VERSION`) into a virtual environment.
///
/// # Errors
/// They cannot be had; the reasons are on the terminal.
pub(crate) fn install(directory: &Path, packages: &[&str]) -> Result<()> {
    let mut command = Command::new("python3");
    command.args(["-m", "venv"]).arg(directory);
    run::run(&mut command, "python3-venv is wanted")?;
    let mut command = Command::new(directory.join("bin/pip"));
    command.args(["install", "--quiet", "--disable-pip-version-check"]);
    run::run(command.args(packages), "pip's reasons stand above")
}

/// The same, unless these very packages are there; gives its directory of programs.
///
/// # Errors
/// As [`install`].
pub(crate) fn ready(directory: &Path, packages: &[&str]) -> Result<PathBuf> {
    let noted = directory.join("packages");
    let wanted = packages.join("\n");
    if !std::fs::read_to_string(&noted).is_ok_and(|noted| noted == wanted) {
        eprintln!("setup: installing {}", packages.join(" "));
        install(directory, packages)?;
        std::fs::write(&noted, wanted)
            .with_context(|| format!("cannot write {}", noted.display()))?;
    }
    Ok(directory.join("bin"))
}
