//! The Rust files of the workspace.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Directories with our sources.
const CRATES: &[&str] = &[
    "agtrack-common",
    "agtrack-ebpf",
    "agtrack-userspace",
    "xtask",
    "tests",
];

/// A file, read and parsed.
pub(crate) struct Source {
    /// Its path below the workspace.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
    /// What it says.
    pub(crate) syntax: syn::File,
}

impl Source {
    /// # Errors
    /// The text is not Rust.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Source> {
        let syntax = syn::parse_file(text).with_context(|| format!("{path} is not Rust"))?;
        Ok(Source {
            path: path.to_owned(),
            text: text.to_owned(),
            syntax,
        })
    }
}

/// All sources, in order of path.
///
/// # Errors
/// One cannot be read or is not Rust.
pub(crate) fn read(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for dir in CRATES {
        walk(root, &root.join(dir), &mut sources)?;
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn walk(root: &Path, dir: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot list {}", dir.display()))?
            .path();
        if path.is_dir() {
            // A target directory of a crate by itself is no source.
            if !path.join("CACHEDIR.TAG").exists() {
                walk(root, &path, sources)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let name = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            sources.push(Source::parse(&name, &text)?);
        }
    }
    Ok(())
}
