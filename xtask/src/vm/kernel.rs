//! Kernels of other Debian suites, from the mirror that apt uses already.
//!
//! Comes in: the sites apt is configured with. Goes out: `target/vm/kernels/SERIES/vmlinuz`.
//! The host's apt keeps its sources, lists and packages: all of this has directories of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Variant;
use crate::run;
use crate::workspace::Workspace;

/// Signs Debian's suites.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Where each series is found: series, suite, how its packages are called.
///
/// The last one is in a suite that moves on; a newer kernel takes its place then.
const SOURCES: &[(&str, &str, &[&str])] = &[
    (
        "5.10",
        "bullseye",
        &[r"^linux-image-5\.10\.0-[0-9]+-cloud-amd64$"],
    ),
    (
        "6.1",
        "bookworm",
        &[r"^linux-image-6\.1\.0-[0-9]+-cloud-amd64$"],
    ),
    (
        "6.12",
        "trixie",
        &[r"^linux-image-6\.12\.[0-9.+deb]+-cloud-amd64$"],
    ),
    (
        "7.2",
        "sid",
        &[
            r"^linux-binary-7\.2\.[0-9.+deb]+-cloud-amd64$",
            r"^linux-binary-[0-9.+deb]+-cloud-amd64$",
        ],
    ),
];

/// Suites that have newer kernels in the security archive.
const SECURITY: &[&str] = &["bookworm-security", "trixie-security"];

/// A kernel that can be booted.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    /// Its image.
    pub(crate) image: PathBuf,
    /// The package it comes from.
    pub(crate) version: String,
}

/// The kernels of the variants, by series. Fetches what is not there yet.
///
/// # Errors
/// apt, the mirror or the package has not what is looked for.
pub(crate) fn fetch(
    workspace: &Workspace,
    variants: &[Variant],
) -> Result<BTreeMap<&'static str, Kernel>> {
    let base = workspace.scratch("vm")?;
    let mut kernels = BTreeMap::new();
    let mut apt = None;
    for variant in variants {
        if kernels.contains_key(variant.series) {
            continue;
        }
        let kernel = match stored(&base, variant.series) {
            Some(kernel) => kernel,
            None => {
                let apt = match &apt {
                    Some(apt) => apt,
                    None => apt.insert(Apt::new(&base.join("apt"))?),
                };
                apt.unpack(&base, variant.series)?
            }
        };
        kernels.insert(variant.series, kernel);
    }
    Ok(kernels)
}

/// A kernel of an earlier run.
fn stored(base: &Path, series: &str) -> Option<Kernel> {
    let dir = base.join("kernels").join(series);
    let version = std::fs::read_to_string(dir.join("package")).ok()?;
    let image = dir.join("vmlinuz");
    image.is_file().then_some(Kernel { image, version })
}

/// apt with sources, lists and cache of its own.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn new(dir: &Path) -> Result<Apt> {
        for sub in ["lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(dir.join(sub))
                .with_context(|| format!("cannot create {}", dir.join(sub).display()))?;
        }
        let sources = dir.join("sources.list");
        std::fs::write(&sources, sources_list()?)
            .with_context(|| format!("cannot write {}", sources.display()))?;
        let at = |name: &str, path: PathBuf| format!("{name}={}", path.display());
        let apt = Apt {
            options: vec![
                at("Dir::Etc::sourcelist", sources),
                "Dir::Etc::sourceparts=/dev/null".to_owned(),
                "Dir::State::status=/dev/null".to_owned(),
                at("Dir::State::lists", dir.join("lists")),
                at("Dir::Cache", dir.join("cache")),
                // Its directories belong to whoever runs this, not to apt's own user.
                "APT::Sandbox::User=root".to_owned(),
                "APT::Architecture=amd64".to_owned(),
                "Acquire::Languages=none".to_owned(),
                "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            ],
        };
        let next = "check that the mirror of apt still has these suites";
        run::run(apt.command("apt-get").args(["--quiet", "update"]), next)?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for option in &self.options {
            command.arg("-o").arg(option);
        }
        command
    }

    /// Downloads the newest kernel of the series and takes its image out.
    fn unpack(&self, base: &Path, series: &str) -> Result<Kernel> {
        let package = self.newest(series)?;
        let dir = base.join("kernels").join(series);
        let unpacked = dir.join("unpacked");
        std::fs::create_dir_all(&unpacked)
            .with_context(|| format!("cannot create {}", unpacked.display()))?;
        let mut download = self.command("apt-get");
        download
            .args(["--quiet", "download", &package])
            .current_dir(&dir);
        run::run(&mut download, "check the network")?;
        let deb = entry(&dir, |name| name.ends_with(".deb"))?;
        let mut extract = Command::new("dpkg");
        extract.arg("--extract").arg(&deb).arg(&unpacked);
        run::run(&mut extract, "is there space left on the disk?")?;
        let found = image_in(&unpacked)?;
        let image = dir.join("vmlinuz");
        let keep = || {
            std::fs::rename(&found, &image)?;
            std::fs::remove_dir_all(&unpacked)?;
            std::fs::remove_file(&deb)?;
            std::fs::write(dir.join("package"), &package)
        };
        keep().with_context(|| format!("cannot keep the kernel in {}", dir.display()))?;
        Ok(Kernel {
            image,
            version: package,
        })
    }

    /// The newest package of the series.
    fn newest(&self, series: &str) -> Result<String> {
        let (_, suite, patterns) = SOURCES
            .iter()
            .find(|(name, ..)| *name == series)
            .with_context(|| format!("nobody says where kernel {series} comes from"))?;
        for pattern in *patterns {
            let mut search = self.command("apt-cache");
            search.args(["search", "--names-only", pattern]);
            let found = run::output(&mut search)?;
            let names = found
                .lines()
                .filter_map(|line| line.split_whitespace().next());
            if let Some(newest) = names.max_by_key(|name| numbers(name)) {
                return Ok(newest.to_owned());
            }
        }
        bail!("Debian's {suite} has no cloud kernel {series} any more; see SOURCES in kernel.rs")
    }
}

/// The lines of a sources list: every suite from the archive, and its newer kernels from the
/// security archive, as far as the host's apt knows these two.
fn sources_list() -> Result<String> {
    let archive = archive()?;
    let mut list: String = SOURCES
        .iter()
        .map(|(_, suite, _)| line(&archive, suite))
        .collect();
    if let Some(security) = site("Debian-Security")? {
        list.extend(SECURITY.iter().map(|suite| line(&security, suite)));
    }
    Ok(list)
}

/// A line of a sources list, for this suite of Debian.
///
/// # Errors
/// apt knows no Debian archive.
pub(crate) fn source_line(suite: &str) -> Result<String> {
    Ok(line(&archive()?, suite))
}

fn line(site: &str, suite: &str) -> String {
    format!("deb [arch=amd64 signed-by={KEYRING}] {site} {suite} main\n")
}

/// Where the host's apt finds Debian.
fn archive() -> Result<String> {
    site("Debian")?.context(
        "apt knows no Debian archive: run `apt-get update`, or put kernels as \
         vm/kernels/SERIES/{vmlinuz,package} into the target directory",
    )
}

/// Where the host's apt finds the archive with this label.
fn site(label: &str) -> Result<Option<String>> {
    let mut targets = Command::new("apt-get");
    targets.args([
        "indextargets",
        "--format",
        "$(LABEL)\t$(SITE)",
        "Created-By: Packages",
    ]);
    let targets = run::output(&mut targets).context("the VM kernels come from Debian, by apt")?;
    let mut sites = targets.lines().filter_map(|line| line.split_once('\t'));
    let found = sites.find(|(found, _)| *found == label);
    Ok(found.map(|(_, site)| site.to_owned()))
}

/// `boot/vmlinuz-*`, or `usr/lib/modules/*/vmlinuz` in newer packages.
fn image_in(root: &Path) -> Result<PathBuf> {
    if let Ok(image) = entry(&root.join("boot"), |name| name.starts_with("vmlinuz")) {
        return Ok(image);
    }
    let modules = entry(&root.join("usr/lib/modules"), |_| true)?;
    entry(&modules, |name| name == "vmlinuz")
}

fn entry(dir: &Path, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
    std::fs::read_dir(dir)
        .with_context(|| format!("cannot list {}", dir.display()))?
        .filter_map(Result::ok)
        .find(|entry| wanted(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .with_context(|| format!("{} has not the file that was looked for", dir.display()))
}

/// The numbers in a name, for comparing versions.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let older = "linux-image-6.12.9+deb13-cloud-amd64";
        let newer = "linux-image-6.12.115+deb13.1-cloud-amd64";
        assert!(numbers(older) < numbers(newer));
    }

    #[test]
    fn every_variant_has_a_source() {
        for variant in super::super::VARIANTS {
            assert!(SOURCES.iter().any(|(series, ..)| *series == variant.series));
        }
    }
}
