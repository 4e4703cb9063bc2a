//! How the probes are compiled for the kernel's virtual machine.
//!
//! Comes in: what is installed. Goes out: a `cargo` command for the target
//! `bpfel-unknown-none`, the same for the build script of `agtrack-userspace` (which includes
//! this file) and for `cargo xtask`. Never installs anything, and uses the standard library only.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The compile target of the probes.
pub(crate) const TARGET: &str = "bpfel-unknown-none";

/// The nightly that is known to build the probes; `aya-ebpf` 0.2 does not compile with later ones.
pub(crate) const NIGHTLY: &str = "nightly-2026-05-19";

/// First Rust minor version after [`NIGHTLY`] that is refused.
const TOO_NEW: u32 = 98;

/// Where Debian's `rustc-web` puts the compiler.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Where `libstd-rust-web-dev-bpf` puts the compiled `core`.
const DEBIAN_CORE: &str = "/usr/lib/rustlib/bpfel-unknown-none/lib";

/// A compiler that can build the probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Road {
    /// A rustup nightly with `rust-src`: builds `core` itself.
    Nightly {
        /// The name rustup knows it by.
        toolchain: String,
        /// Major version of its LLVM.
        llvm: u32,
    },
    /// Debian's compiler with its ready-made `core`.
    Debian {
        /// Major version of its LLVM.
        llvm: u32,
    },
}

impl Road {
    /// The first road that is open on this machine.
    pub(crate) fn find() -> Option<Road> {
        [NIGHTLY, "nightly"]
            .into_iter()
            .find_map(nightly)
            .or_else(debian)
    }

    /// Major version of LLVM that the linker must have been built with.
    pub(crate) fn llvm(&self) -> u32 {
        match self {
            Road::Nightly { llvm, .. } | Road::Debian { llvm } => *llvm,
        }
    }

    /// `cargo SUBCOMMAND` for the probes, run in `root`, with its own target directory.
    ///
    /// `arch` is the architecture of the kernel, as rustc calls it.
    pub(crate) fn cargo(&self, place: Place<'_>, subcommand: &str) -> Command {
        let mut command = match self {
            Road::Nightly { toolchain, .. } => {
                let mut command = Command::new("rustup");
                command.args(["run", toolchain, "cargo"]);
                command
            }
            Road::Debian { .. } => Command::new(place.cargo),
        };
        forget_outer_build(&mut command);
        if let Road::Debian { .. } = self {
            command
                .env("RUSTC", DEBIAN_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1");
        }
        command
            .current_dir(place.root)
            .arg(subcommand)
            .args(["--package", "agtrack-ebpf"]);
        command.args(["--profile", "probe", "--target", TARGET]);
        command.arg("--target-dir").arg(place.target_dir);
        if let Road::Nightly { .. } = self {
            command.args(["-Z", "build-std=core"]);
        }
        let flags = [
            format!("--cfg=bpf_target_arch=\"{}\"", place.arch),
            "-Cdebuginfo=2".to_owned(),
            format!("-Clinker={}", place.linker.display()),
            "-Clink-arg=--btf".to_owned(),
        ];
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        command
    }
}

/// Where a build of the probes happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The workspace.
    pub(crate) root: &'a Path,
    /// The target directory of this build alone.
    pub(crate) target_dir: &'a Path,
    /// The cargo to run on Debian's road.
    pub(crate) cargo: &'a OsStr,
    /// `bpf-linker`.
    pub(crate) linker: &'a Path,
    /// Architecture of the kernel, as rustc calls it.
    pub(crate) arch: &'a str,
}

/// `bpf-linker`, in `PATH` or where `cargo install` puts it (which `sudo` takes out of `PATH`).
pub(crate) fn linker() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let installed = cargo_home.or(home).map(|home| home.join("bin"));
    std::env::split_paths(&path)
        .chain(installed)
        .map(|dir| dir.join("bpf-linker"))
        .find(|file| file.is_file())
}

/// A nightly counts only with the sources of `core` and if it is not too new.
fn nightly(toolchain: &str) -> Option<Road> {
    let rustc = |args: &[&str]| {
        text(
            Command::new("rustup")
                .args(["run", toolchain, "rustc"])
                .args(args),
        )
    };
    let version = rustc(&["-vV"])?;
    if minor(&version)? >= TOO_NEW {
        return None;
    }
    let sysroot = rustc(&["--print", "sysroot"])?;
    let core = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core");
    let llvm = llvm_major(&version)?;
    core.is_dir().then(|| Road::Nightly {
        toolchain: toolchain.to_owned(),
        llvm,
    })
}

fn debian() -> Option<Road> {
    if !Path::new(DEBIAN_CORE).is_dir() {
        return None;
    }
    let version = text(Command::new(DEBIAN_RUSTC).arg("-vV"))?;
    Some(Road::Debian {
        llvm: llvm_major(&version)?,
    })
}

/// Minor version in the output of `rustc -vV`.
fn minor(version: &str) -> Option<u32> {
    let release = version
        .lines()
        .find_map(|line| line.strip_prefix("release: "))?;
    release.split('.').nth(1)?.parse().ok()
}

/// Major version of LLVM in the output of `rustc -vV`.
fn llvm_major(version: &str) -> Option<u32> {
    let llvm = version
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?;
    llvm.split('.').next()?.parse().ok()
}

/// What a command prints, if it succeeds. No toolchain is ever downloaded to answer.
fn text(command: &mut Command) -> Option<String> {
    forget_outer_build(command);
    let output = command.env("RUSTUP_AUTO_INSTALL", "0").output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Takes away what an outer cargo tells its children: it is about another target.
fn forget_outer_build(command: &mut Command) {
    const NAMES: &[&str] = &[
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_LINKER",
        "RUSTC_BOOTSTRAP",
        "RUSTUP_TOOLCHAIN",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_INCREMENTAL",
        "CARGO_TARGET_DIR",
        "LD_LIBRARY_PATH",
        "TARGET",
        "HOST",
        "PROFILE",
        "OPT_LEVEL",
        "DEBUG",
        "OUT_DIR",
        "CLIPPY_ARGS",
    ];
    const PREFIXES: &[&str] = &[
        "CARGO_BUILD_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
    ];
    for name in NAMES {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if PREFIXES
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
}
