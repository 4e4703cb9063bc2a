//! Builds the probes and leaves the object in `$OUT_DIR/agtrack.o`.
//!
//! Comes in: the sources of `agtrack-ebpf` and `agtrack-common`, or a ready object named by
//! `AGTRACK_PROBES`. Never installs anything: what is missing is named.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use sha2::{Digest, Sha256};

#[path = "../xtask/src/bpf.rs"]
mod bpf;

/// What says how maps and messages are laid out, seen from the workspace: a recorder whose layout is another
/// one cannot go on with them.
const LAYOUT: &[&str] = &[
    "agtrack-common/src",
    "agtrack-ebpf/src/map.rs",
    "agtrack-ebpf/src/names.rs",
    "agtrack-ebpf/src/scratch.rs",
    "agtrack-ebpf/src/writing.rs",
];

/// What the probes are made of, seen from the workspace.
const SOURCES: &[&str] = &[
    "agtrack-ebpf",
    "agtrack-common/src",
    "agtrack-common/Cargo.toml",
    "Cargo.toml",
    "xtask/src/bpf.rs",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            for line in message.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    println!("cargo::rerun-if-env-changed=AGTRACK_PROBES");
    println!("cargo::rustc-env=AGTRACK_LAYOUT={}", layout()?);
    let out_dir = variable("OUT_DIR")?;
    let object = Path::new(&out_dir).join("agtrack.o");
    let ready = match std::env::var_os("AGTRACK_PROBES") {
        Some(ready) if !ready.is_empty() => {
            println!("cargo::rerun-if-changed={}", ready.display());
            PathBuf::from(ready)
        }
        _ => compile(Path::new(&out_dir))?,
    };
    std::fs::copy(&ready, &object)
        .map_err(|error| format!("cannot copy the probes from {}: {error}", ready.display()))?;
    Ok(())
}

/// A number that stands for these sources, whatever their comments say.
fn layout() -> Result<String, String> {
    let root = root()?;
    let mut files = Vec::new();
    for source in LAYOUT {
        sources(&root.join(source), &mut files)?;
    }
    files.sort();
    let mut digest = Sha256::new();
    for file in files {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let code = text.lines().map(|line| line.split("//").next());
        code.flatten().for_each(|line| digest.update(line.trim()));
    }
    let digest = digest.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A file, or all below a directory.
fn sources(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    let failed = |error| format!("cannot read {}: {error}", path.display());
    for entry in std::fs::read_dir(path).map_err(failed)? {
        sources(&entry.map_err(failed)?.path(), files)?;
    }
    Ok(())
}

fn root() -> Result<PathBuf, String> {
    let manifest = variable("CARGO_MANIFEST_DIR")?;
    let root = Path::new(&manifest).parent();
    let root = root.ok_or("agtrack-userspace is not in a workspace")?;
    Ok(root.to_owned())
}

/// Compiles the probes and returns the object.
fn compile(out_dir: &Path) -> Result<PathBuf, String> {
    let root = root()?;
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    const SETUP: &str = "`cargo xtask setup` installs it, or says how";
    let road = bpf::Road::find().ok_or(format!(
        "no compiler for the probes (target {}) is installed.\n{SETUP}",
        bpf::TARGET
    ))?;
    let linker = bpf::linker().ok_or(format!(
        "bpf-linker, which links the probes (with LLVM {}), is not installed.\n{SETUP}",
        road.llvm()
    ))?;
    println!("cargo::rerun-if-changed={}", linker.display());
    let target_dir = shared_target(out_dir).join("probe");
    let (cargo, arch) = (variable("CARGO")?, variable("CARGO_CFG_TARGET_ARCH")?);
    let place = bpf::Place {
        root: &root,
        target_dir: &target_dir,
        cargo: &cargo,
        linker: &linker,
        arch: &arch.to_string_lossy(),
    };
    let status = road
        .cargo(place, "build")
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("cannot start cargo for the probes: {error}"))?;
    if !status.success() {
        return Err(format!(
            "the probes (agtrack-ebpf) do not compile: {status}; the reasons stand below.\n\
             If a tool is at fault, `cargo xtask setup` checks them all"
        ));
    }
    Ok(target_dir.join(bpf::TARGET).join("probe/agtrack-ebpf"))
}

/// The target directory that holds `out_dir`: one build of the probes serves every profile in it.
fn shared_target(out_dir: &Path) -> &Path {
    out_dir
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file())
        .unwrap_or(out_dir)
}

fn variable(name: &str) -> Result<std::ffi::OsString, String> {
    std::env::var_os(name).ok_or(format!("{name} is not set: run this through cargo"))
}
