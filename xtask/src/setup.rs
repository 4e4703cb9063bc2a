//! Puts on the machine what is missing, and nothing twice.
//!
//! Comes in: what somebody wants to do. Goes out: installed packages, `bpf-linker`,
//! `cargo-deny`. Never removes or configures anything, and never starts a service.

mod apt;
mod package;
pub(crate) mod python;

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::bpf::{self, Road};
use crate::run;

/// The linker of the probes.
const LINKER: &str = "0.13.0";

/// What the machine is wanted for. Each includes the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Need {
    /// Compile agtrack and its probes
    Build,
    /// Make packages
    Dist,
    /// Run the demonstration
    Demo,
    /// Run all tests
    Test,
    /// Boot the virtual machines
    Vm,
    /// Boot the virtual machine with systemd
    Service,
    /// Compare with other recorders
    Bench,
    /// Throw bytes at the parsers
    Soak,
}

impl Need {
    /// Whether something that serves `other` is wanted.
    fn covers(self, other: Need) -> bool {
        let includes = match self {
            Need::Test => &[Need::Vm, Need::Dist, Need::Service][..],
            Need::Service => &[Need::Vm, Need::Dist],
            _ => &[],
        };
        other == Need::Build || other == self || includes.contains(&other)
    }
}

/// Installs what `need` lacks.
///
/// # Errors
/// Something is missing that cannot be installed here: the error lists it.
pub(crate) fn setup(need: Need) -> Result<()> {
    let missing = package::missing(need);
    if !missing.is_empty() {
        install_packages(&missing)?;
    }
    if bpf::linker().and_then(|linker| version(&linker)).as_deref() != Some(LINKER) {
        install_linker()?;
    }
    if need == Need::Test && run::which("cargo-deny").is_none() {
        eprintln!("setup: building cargo-deny (about 2 minutes)");
        cargo_install(&["cargo-deny", "--locked"], None)?;
    }
    Ok(())
}

fn install_packages(missing: &[package::Package]) -> Result<()> {
    let reasons: Vec<_> = missing
        .iter()
        .map(|package| format!("  {}: {}", package.name, package.purpose))
        .collect();
    eprintln!("setup: missing packages\n{}", reasons.join("\n"));
    let names: Vec<_> = missing.iter().map(|package| package.name).collect();
    if run::which("apt-get").is_none() {
        bail!(
            "this is no Debian or Ubuntu, so install what these Debian packages hold:\n{}\n\
             In place of rustc-web and libstd-rust-web-dev-bpf, a rustup toolchain does:\n  \
             rustup toolchain install {} --profile minimal --component rust-src",
            reasons.join("\n"),
            bpf::NIGHTLY
        );
    }
    if !run::is_root() {
        bail!(
            "installing packages needs root; run this, then the same task again:\n  \
             sudo apt-get update && sudo apt-get install --no-install-recommends {}",
            names.join(" ")
        );
    }
    apt::install(&names)
}

/// The version a program reports, as in `bpf-linker 0.13.0`.
fn version(program: &std::path::Path) -> Option<String> {
    let output = run::output(Command::new(program).arg("--version")).ok()?;
    output.split_whitespace().nth(1).map(str::to_owned)
}

fn install_linker() -> Result<()> {
    let road = Road::find().context("no compiler for the probes was found after installing it")?;
    let llvm = road.llvm();
    let prefix = format!("/usr/lib/llvm-{llvm}");
    let names = [format!("llvm-{llvm}-dev"), format!("libpolly-{llvm}-dev")];
    let lacking: Vec<_> = names
        .iter()
        .map(String::as_str)
        .filter(|name| run::which("dpkg-query").is_some() && !package::is_installed(name))
        .collect();
    if !lacking.is_empty() {
        if !run::is_root() {
            bail!(
                "bpf-linker needs LLVM {llvm}; run this, then the same task again:\n  \
                 sudo apt-get install --no-install-recommends {}",
                lacking.join(" ")
            );
        }
        apt::install(&lacking)?;
    }
    eprintln!("setup: building bpf-linker {LINKER} with LLVM {llvm} (about 1 minute)");
    let feature = format!("llvm-{llvm}");
    let args = [
        "bpf-linker",
        "--version",
        LINKER,
        "--no-default-features",
        "--features",
        &feature,
        "--force",
    ];
    cargo_install(
        &args,
        std::path::Path::new(&prefix).is_dir().then_some(&prefix),
    )
}

fn cargo_install(args: &[&str], llvm_prefix: Option<&String>) -> Result<()> {
    let mut command = Command::new("cargo");
    // A directory of its own: the workspace's settings are not the tool's.
    command.arg("install").args(args).current_dir("/");
    for name in ["CARGO_TARGET_DIR", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        command.env_remove(name);
    }
    if let Some(prefix) = llvm_prefix {
        command.env("LLVM_PREFIX", prefix);
    }
    run::run(
        &mut command,
        "the reasons stand above; `cargo xtask setup` can be run again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_includes_the_build_and_tests_include_the_machines() {
        for need in [Need::Build, Need::Demo, Need::Test, Need::Vm, Need::Bench] {
            assert!(need.covers(Need::Build));
            assert!(need.covers(need));
        }
        assert!(Need::Test.covers(Need::Vm));
        assert!(Need::Test.covers(Need::Service) && Need::Service.covers(Need::Dist));
        assert!(!Need::Vm.covers(Need::Bench));
    }
}
