//! Installing Debian packages without side effects on the host.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;

/// Asked by Debian's maintainer scripts before they start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs the packages, and starts none of the services they bring.
///
/// # Errors
/// apt fails: its reasons are on the terminal.
pub(crate) fn install(names: &[&str]) -> Result<()> {
    let known = |name: &&str| {
        run::output(Command::new("apt-cache").args(["show", "--no-all-versions", name])).is_ok()
    };
    if !names.iter().all(known) {
        run::run(
            apt().arg("update"),
            "check the network and the sources of apt",
        )?;
    }
    let _quiet = Quiet::begin()?;
    let mut install = apt();
    install
        .args(["install", "--yes", "--no-install-recommends"])
        .args(names);
    if run::run(&mut install, "").is_ok() {
        return Ok(());
    }
    // Lists that are too old name files which the mirror no longer has.
    run::run(
        apt().arg("update"),
        "check the network and the sources of apt",
    )?;
    run::run(
        &mut install,
        "install these packages by hand, then run this task again",
    )
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .arg("--quiet");
    command
}

/// While it lives, installing a package starts no service.
struct Quiet {
    ours: bool,
}

impl Quiet {
    fn begin() -> Result<Quiet> {
        if Path::new(POLICY).exists() {
            return Ok(Quiet { ours: false });
        }
        let write = || {
            fs::write(POLICY, "#!/bin/sh\nexit 101\n")?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))
        };
        write().with_context(|| format!("cannot write {POLICY}, which keeps services stopped"))?;
        Ok(Quiet { ours: true })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("setup: remove {POLICY} by hand ({error}), or services will not start");
        }
    }
}
