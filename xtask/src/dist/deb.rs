//! The package for Debian and what descends from it, made by `dpkg-deb`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::tree::{Role, set_mode};
use super::{DESCRIPTION, MAINTAINER, Package, SUMMARY};
use crate::run;

/// What is run around an installation.
const SCRIPTS: [(&str, &str); 4] = [
    ("preinst", include_str!("../../../dist/deb/preinst")),
    ("postinst", include_str!("../../../dist/deb/postinst")),
    ("prerm", include_str!("../../../dist/deb/prerm")),
    ("postrm", include_str!("../../../dist/deb/postrm")),
];

/// Writes the package and says where it is.
pub(super) fn write(package: &Package, version: &str, place: &Path) -> Result<PathBuf> {
    let root = &package.tree.root;
    let control = root.join("DEBIAN");
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let meta = meta(package, version, arch)?;
    let sums = sums(package)?;
    let fill = || {
        fs::create_dir_all(&control)?;
        fs::write(control.join("control"), meta)?;
        fs::write(control.join("md5sums"), sums)?;
        fs::write(control.join("conffiles"), conffiles(package))
    };
    fill().with_context(|| format!("cannot write to {}", control.display()))?;
    set_mode(&control, 0o755)?;
    for name in ["control", "md5sums", "conffiles"] {
        set_mode(&control.join(name), 0o644)?;
    }
    for (name, text) in SCRIPTS {
        let script = control.join(name);
        fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
        set_mode(&script, 0o755)?;
    }
    let file = place.join(format!("agtrack_{version}_{arch}.deb"));
    let mut pack = Command::new("dpkg-deb");
    pack.args(["--root-owner-group", "-Zxz", "--build"])
        .arg(root)
        .arg(&file);
    // Times in the package, none of which is later.
    pack.env("SOURCE_DATE_EPOCH", package.time.to_string());
    let packed = run::output(&mut pack);
    // The other packages have no such directory.
    fs::remove_dir_all(&control).with_context(|| format!("cannot remove {}", control.display()))?;
    packed?;
    Ok(file)
}

fn meta(package: &Package, version: &str, arch: &str) -> Result<String> {
    let mut bytes = 0;
    for entry in files(package) {
        bytes += fs::metadata(package.tree.root.join(entry)).map_or(0, |meta| meta.len());
    }
    let long: String = DESCRIPTION
        .lines()
        .map(|line| format!(" {line}\n"))
        .collect();
    let depends = package.libraries.debian()?;
    Ok(format!(
        "Package: agtrack\nVersion: {version}\nArchitecture: {arch}\nMaintainer: {MAINTAINER}\n\
         Installed-Size: {}\nDepends: {depends}\nSection: admin\nPriority: optional\n\
         Description: {SUMMARY}\n{long}",
        bytes.div_ceil(1024)
    ))
}

fn conffiles(package: &Package) -> String {
    let entries = package.tree.entries.iter();
    let config = entries.filter(|entry| entry.role == Role::Config);
    config.map(|entry| format!("/{}\n", entry.path)).collect()
}

/// By which `dpkg --verify` knows what was changed.
fn sums(package: &Package) -> Result<String> {
    let mut sum = Command::new("md5sum");
    run::output(sum.args(files(package)).current_dir(&package.tree.root))
}

fn files(package: &Package) -> impl Iterator<Item = &str> {
    let entries = package.tree.entries.iter();
    let files = entries.filter(|entry| entry.role != Role::Directory);
    files.map(|entry| entry.path.as_str())
}
