//! `cargo xtask dist`: packages for Debian and for distributions with rpm, and a tarball.
//!
//! Comes in: the sources. Goes out: `target/dist/agtrack*.{deb,rpm,tar.gz}`, all three with the files
//! of one tree (`tree.rs`). The same sources, compiler and tools give the same bytes.

mod crates;
mod deb;
mod library;
mod rpm;
mod tarball;
mod tree;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;
use crate::setup::{self, Need};
use crate::workspace::Workspace;
use tree::Tree;

/// In one line.
const SUMMARY: &str = "Records what AI agents do on this host, seen from the kernel";

/// In a paragraph, as lines of at most 76 letters.
const DESCRIPTION: &str = "\
Records the programs that AI agents start, the files they open, change and
delete, the hosts they connect to, and everything their commands start in
turn. It sees this from the kernel (eBPF), so no agent has to cooperate. Each
action is one JSON record, tied to an agent, a session and a tool call. What
could not be seen is recorded as well.";

/// Whom to write to, as packages want it: a name and an address.
const MAINTAINER: &str = "The agtrack authors <agtrack@localhost>";

/// What is packed, and as what.
pub(crate) struct Package {
    tree: Tree,
    version: String,
    /// The time of everything in the packages, seconds since 1970: that of the last commit.
    time: u32,
    libraries: library::Needs,
}

impl Package {
    /// Builds agtrack, optimised where it is for a `release`, and lays out what is packed.
    ///
    /// # Errors
    /// The sources do not compile, or something that belongs into a package is not there.
    pub(crate) fn build(workspace: &Workspace, release: bool) -> Result<Package> {
        let tree = Tree::lay_out(workspace, release)?;
        Ok(Package {
            libraries: library::needs(&tree.root.join("usr/bin/agtrack"))?,
            tree,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time: time(workspace)?,
        })
    }

    /// Makes a `.deb` with `suffix` behind the version, as in `+next`, and says where it is.
    ///
    /// # Errors
    /// `dpkg-deb` is missing, or refuses.
    pub(crate) fn deb(&self, workspace: &Workspace, suffix: &str) -> Result<PathBuf> {
        deb::write(
            self,
            &format!("{}{suffix}", self.version),
            &workspace.scratch("dist")?,
        )
    }
}

/// `cargo xtask dist`.
///
/// # Errors
/// Something is missing and cannot be installed, the sources do not compile, or a package cannot
/// be written.
pub(crate) fn dist(workspace: &Workspace) -> Result<()> {
    setup::setup(Need::Dist)?;
    let package = Package::build(workspace, true)?;
    let place = workspace.scratch("dist")?;
    for file in [
        package.deb(workspace, "")?,
        rpm::write(&package, &place)?,
        tarball::write(&package, &place)?,
    ] {
        println!("{}", file.display());
    }
    Ok(())
}

/// `SOURCE_DATE_EPOCH`, or when the last commit was made.
fn time(workspace: &Workspace) -> Result<u32> {
    let said = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(said) => said,
        Err(_) => {
            let mut log = Command::new("git");
            log.args(["log", "-1", "--format=%ct"])
                .current_dir(&workspace.root);
            run::output(&mut log).context(
                "packages carry the time of the last commit: without git, set SOURCE_DATE_EPOCH",
            )?
        }
    };
    said.trim()
        .parse()
        .with_context(|| format!("`{}` is no number of seconds since 1970", said.trim()))
}
