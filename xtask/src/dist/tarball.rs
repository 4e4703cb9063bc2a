//! The same tree without a package manager, to be unpacked at `/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Package;
use crate::run;

/// Writes the archive and says where it is. Names are sorted, times and owners fixed.
pub(super) fn write(package: &Package, place: &Path) -> Result<PathBuf> {
    let (version, arch) = (&package.version, std::env::consts::ARCH);
    let name = format!("agtrack-{version}-linux-{arch}.tar");
    let plain = place.join(&name);
    let mut pack = Command::new("tar");
    pack.args(["--create", "--sort=name", "--format=gnu", "--numeric-owner"]);
    pack.args(["--owner=0", "--group=0"]);
    pack.arg(format!("--mtime=@{}", package.time));
    pack.arg("--file").arg(&plain);
    pack.arg("--directory").arg(&package.tree.root);
    // Not `.`: whoever unpacks it at `/` does not want the mode of that changed.
    run::output(pack.args(["etc", "usr"]))?;
    // Without the name and time that gzip would add.
    run::output(Command::new("gzip").args(["-9", "-n", "-f"]).arg(&plain))
        .context("cannot pack the archive")?;
    Ok(place.join(format!("{name}.gz")))
}
