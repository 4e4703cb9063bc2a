//! Where things are: the workspace and its target directory.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::run;

/// The source tree and where it is built.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Directory of the top `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// The workspace this program was built from.
    ///
    /// # Errors
    /// The sources are no longer there, or cargo does not answer.
    pub(crate) fn find() -> Result<Workspace> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .parent()
            .context("xtask is not inside a workspace")?
            .to_owned();
        let mut metadata = cargo(&root);
        metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
        let metadata: serde_json::Value = serde_json::from_str(&run::output(&mut metadata)?)
            .context("cargo metadata does not answer in JSON")?;
        let target = metadata["target_directory"]
            .as_str()
            .context("cargo names no target")?;
        Ok(Workspace {
            target: PathBuf::from(target),
            root,
        })
    }

    /// `cargo`, to be run in the workspace.
    pub(crate) fn cargo(&self) -> std::process::Command {
        cargo(&self.root)
    }

    /// `cargo test` of the packages of the host; what of them is for the caller to add.
    ///
    /// All tests are built from this one selection: with another one cargo gives the dependencies
    /// other features, and builds them all again.
    pub(crate) fn cargo_test(&self) -> std::process::Command {
        let mut command = self.cargo();
        command.args(["test", "--workspace", "--exclude", "agtrack-ebpf"]);
        command
    }

    /// A directory below the target directory, created if need be.
    ///
    /// # Errors
    /// It cannot be created.
    pub(crate) fn scratch(&self, name: impl AsRef<Path>) -> Result<PathBuf> {
        let dir = self.target.join(name);
        std::fs::create_dir_all(&dir)
            .with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(dir)
    }
}

fn cargo(root: &Path) -> std::process::Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command.current_dir(root);
    // What `cargo run` set for xtask itself is nobody else's.
    for name in [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_NAME",
    ] {
        command.env_remove(name);
    }
    command
}
