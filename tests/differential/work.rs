//! The works: scripts in `work/`, each run in an empty directory.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use agtrack_tests::here;
use tempfile::TempDir;

use crate::strace;

/// Their names. The longest come first, so that none is left at the end that others could have run
/// beside.
pub(crate) const NAMES: &[&str] = &[
    "pip", "python", "npm", "cargo", "shell", "node", "git", "host", "deb", "tar",
];

/// Where a work runs, and what is written of it.
#[derive(Debug)]
pub(crate) struct Place {
    directory: TempDir,
    /// What strace writes, a file for each thread.
    pub(crate) trace: PathBuf,
    /// What agtrack writes.
    pub(crate) journal: PathBuf,
    /// The working directory.
    pub(crate) work: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Place {
        let directory = TempDir::new().unwrap();
        let path = directory.path().canonicalize().unwrap();
        let place = Place {
            directory,
            trace: path.join("trace"),
            journal: path.join("journal"),
            work: path.join("work"),
        };
        std::fs::create_dir(&place.work).unwrap();
        std::fs::create_dir(&place.trace).unwrap();
        place
    }

    /// Leaves everything there for whoever looks into a difference.
    pub(crate) fn keep(self) -> String {
        self.directory.keep().display().to_string()
    }
}

/// Runs a work to its last process.
pub(crate) fn run(name: &str, place: &Place) {
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("differential/work");
    let mut command = Command::new(here::agtrack());
    command.args([
        "run",
        "--quiet",
        "--until",
        "all",
        "--reads",
        "all",
        "--backend",
    ]);
    command.arg(here::backend());
    command.arg("--journal").arg(&place.journal).arg("--");
    // One file a thread, also how it ended; what descriptors lead to; arguments in full. Only the
    // calls that are asked for stop the work, which makes it twice as fast. That needs
    // no_new_privs: programs with set-id bits run without them.
    command.args([
        "strace",
        "-ff",
        "--seccomp-bpf",
        "-q",
        "-yy",
        "-s",
        "100000",
    ]);
    command
        .args(["-e", strace::CALLS])
        .arg("-o")
        .arg(place.trace.join("t"));
    command
        .args(["bash", "-eu"])
        .arg(scripts.join(format!("{name}.sh")));
    command.current_dir(&place.work).stdin(Stdio::null());
    for (variable, _) in std::env::vars_os() {
        // The build that runs this test is none of its business.
        let name = variable.to_string_lossy();
        if name.starts_with("CARGO") || name.starts_with("RUST") {
            command.env_remove(&variable);
        }
    }
    command
        .env("PATH", path())
        .env("SCRIPTS", scripts)
        .env("HOME", &place.work)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("LC_ALL", "C");
    let output = command.output().expect("agtrack and strace are installed");
    assert!(output.status.success(), "{output:?}");
}

/// With the compiler itself in front: rustup's stand-in looks for it in the home directory.
fn path() -> std::ffi::OsString {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output();
    let output = output.expect("a compiler is installed").stdout;
    let sysroot = String::from_utf8(output).expect("its path is text");
    let own = PathBuf::from(sysroot.trim()).join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(own).chain(std::env::split_paths(&path));
    std::env::join_paths(all).expect("paths without colons")
}
