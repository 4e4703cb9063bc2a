//! The package on a Debian with systemd: installed, used, killed, upgraded, removed, purged.
//!
//! Comes in: the packages, and a small Debian made by mmdebstrap from the mirror that apt uses. Goes
//! out: test lines, as from the other machines. What is tested stands in `service/proof.sh`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::archive::Archive;
use super::{Variant, kernel, machine};
use crate::dist::Package;
use crate::run;
use crate::test::count::Count;
use crate::workspace::Workspace;

/// What is booted: the oldest kernel that a Debian of today has.
const VARIANT: Variant = Variant {
    name: "systemd",
    series: "6.1",
    cmdline: "systemd.unit=multi-user.target systemd.show_status=no",
    part: "",
};

/// What journald gets: rounds with a kill of it and one of the daemon, and loops in each, of some twenty
/// records. Every day that is 2,000 records and more, and otherwise 100,000.
const FEW: &str = "ROUNDS=3 LOOPS=50";
const MANY: &str = "ROUNDS=5 LOOPS=1100";

/// What its results are called in the log.
const BLOCK: &str = "systemd";

/// Beside what no Debian can be without.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,procps";

/// What nobody reads in the machine, and what would only take memory.
const LEFT_OUT: [&str; 3] = ["doc", "man", "locale"];

/// How long the machine may take in the tests.
const MINUTES: u64 = 30;

/// The package with the tests' own build of agtrack.
///
/// # Errors
/// As for [`service`].
pub(crate) fn package(workspace: &Workspace) -> Result<Count> {
    service(workspace, false, MINUTES)
}

/// Boots the machine and prints what its tests said. A package that is no `release` is the one with
/// the tests' own build of agtrack.
///
/// # Errors
/// The packages cannot be built, Debian cannot be fetched, or the machine does not boot.
pub(super) fn service(workspace: &Workspace, release: bool, minutes: u64) -> Result<Count> {
    let kernels = kernel::fetch(workspace, &[VARIANT])?;
    let image = image(workspace, release)?;
    let booted = machine::Machine {
        workspace,
        variant: VARIANT,
        kernel: &kernels[VARIANT.series],
        image: &image,
        part: if release { MANY } else { FEW }.to_owned(),
    };
    eprintln!("vm: {} ({}) boots", VARIANT.name, booted.kernel.version);
    let outcomes = booted.run(Duration::from_secs(minutes * 60), &[BLOCK])?;
    let log = workspace.target.join("vm/logs/systemd.log");
    print!(
        "{}",
        super::console::plain(&std::fs::read(&log).unwrap_or_default())
    );
    let outcome = outcomes
        .first()
        .context("the machine said nothing of its tests")?;
    let (count, note) = outcome.judged();
    if !note.is_empty() {
        println!("{note}");
    }
    Ok(count)
}

/// An initramfs with Debian, the packages and the proof.
fn image(workspace: &Workspace, release: bool) -> Result<PathBuf> {
    let package = Package::build(workspace, release)?;
    let (first, next) = (
        package.deb(workspace, "")?,
        package.deb(workspace, "+next")?,
    );
    let base = workspace.scratch("vm")?;
    let image = base.join("systemd.cpio");
    let mut archive = Archive::create(&image)?;
    for dir in ["bin", "proof"] {
        archive.directory(dir)?;
    }
    let busybox = run::which("busybox").context("busybox is not installed")?;
    archive.copy("bin/busybox", &busybox)?;
    archive.program("init", include_bytes!("service/init.sh"))?;
    archive.program("proof/proof.sh", include_bytes!("service/proof.sh"))?;
    archive.program(
        "proof/proof.service",
        include_bytes!("service/proof.service"),
    )?;
    archive.copy("proof/agtrack.deb", &first)?;
    archive.copy("proof/agtrack-next.deb", &next)?;
    archive.copy("root.tar", &debian(&base)?)?;
    archive.finish()?;
    Ok(image)
}

/// A small Debian of the host's own suite, whose C library is the one the package was built with.
fn debian(base: &Path) -> Result<PathBuf> {
    let suite = suite()?;
    let root = base.join(format!("root-{suite}.tar"));
    if root.is_file() {
        return Ok(root);
    }
    let sources = base.join("root.list");
    std::fs::write(&sources, kernel::source_line(&suite)?)
        .with_context(|| format!("cannot write {}", sources.display()))?;
    // Only a whole one gets the name that is looked for.
    let partial = base.join("root-partial.tar");
    let mut make = Command::new("mmdebstrap");
    make.args(["--variant=minbase", &format!("--include={PACKAGES}")]);
    for dir in LEFT_OUT {
        make.arg(format!("--dpkgopt=path-exclude=/usr/share/{dir}/*"));
    }
    make.arg(&suite).arg(&partial).arg(&sources);
    // mmdebstrap's own user must be able to come to its target.
    make.current_dir("/");
    run::run(&mut make, "check the network and the sources of apt")?;
    std::fs::rename(&partial, &root).with_context(|| format!("cannot keep {}", root.display()))?;
    Ok(root)
}

/// The host's suite, as in `VERSION_CODENAME=bookworm`.
fn suite() -> Result<String> {
    let release = std::fs::read_to_string("/etc/os-release").context("cannot read os-release")?;
    let mut lines = release.lines();
    match lines.find_map(|line| line.strip_prefix("VERSION_CODENAME=")) {
        Some(suite) if suite.bytes().all(|byte| byte.is_ascii_lowercase()) => Ok(suite.to_owned()),
        _ => bail!(
            "/etc/os-release names no suite of Debian, so no machine with systemd can be made"
        ),
    }
}
