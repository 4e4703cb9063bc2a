//! Where the tests run: which binaries, which machine, how patient to be.

use std::path::{Path, PathBuf};
use std::time::Duration;

use procfs::KernelVersion;

/// The agtrack under test: `AGTRACK_BIN`, or the one built beside the tests.
pub fn agtrack() -> PathBuf {
    if let Some(path) = std::env::var_os("AGTRACK_BIN") {
        return path.into();
    }
    let path = beside("agtrack");
    assert!(
        path.exists(),
        "{} is not there; build it (cargo build -p agtrack-userspace) or name it in AGTRACK_BIN",
        path.display()
    );
    path
}

/// The program that makes system calls: `AGTRACK_TRIGGER`, or the one beside the tests.
pub fn trigger() -> PathBuf {
    if let Some(path) = std::env::var_os("AGTRACK_TRIGGER") {
        return path.into();
    }
    let candidates = [
        beside("agtrack-trigger"),
        PathBuf::from("/bin/agtrack-trigger"),
    ];
    let found = candidates.iter().find(|path| path.exists());
    found.cloned().unwrap_or_else(|| {
        panic!("there is no agtrack-trigger in {candidates:?}; name it in AGTRACK_TRIGGER")
    })
}

/// A receiver that `cargo xtask test` installed in `AGTRACK_RECEIVERS`: its path there, in which one part
/// may be `*`.
pub fn receiver(path: &str) -> Option<PathBuf> {
    let mut place = PathBuf::from(std::env::var_os("AGTRACK_RECEIVERS")?);
    for part in path.split('/') {
        place = match part {
            "*" => std::fs::read_dir(&place).ok()?.flatten().next()?.path(),
            part => place.join(part),
        };
    }
    place.exists().then_some(place)
}

/// In a soak, how many things are recorded while receivers of records are killed: `AGTRACK_SOAK`. The
/// network is the tests' own then and may be cut, and one test runs at a time.
pub fn soak() -> Option<usize> {
    let records = std::env::var("AGTRACK_SOAK").ok()?;
    Some(records.parse().expect("AGTRACK_SOAK is a number"))
}

/// A program of the same build. Test programs lie in `deps` below it.
fn beside(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("this program has a path");
    let directory = own.parent().unwrap_or(Path::new("/"));
    let above = if directory.ends_with("deps") {
        directory.parent()
    } else {
        Some(directory)
    };
    above.unwrap_or(directory).join(name)
}

/// Whether this is a virtual machine of the test matrix: emulated, and slow.
pub fn is_machine() -> bool {
    std::env::var_os("AGTRACK_IN_VM").is_some()
}

/// Which tests are left out, since another machine or back end does them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// None.
    Nothing,
    /// Those of what is around the probes.
    Kernel,
    /// Also those of probes that need a recorder of their own.
    Own,
}

/// What is left out here.
pub fn seen_already() -> Seen {
    match std::env::var("AGTRACK_SEEN_ALREADY").as_deref() {
        Err(_) => Seen::Nothing,
        Ok("kernel") => Seen::Kernel,
        Ok("own") => Seen::Own,
        Ok(other) => panic!("AGTRACK_SEEN_ALREADY is `kernel` or `own`, not `{other}`"),
    }
}

/// How long anything that must happen may take.
pub fn patience() -> Duration {
    Duration::from_secs(if is_machine() { 120 } else { 20 })
}

/// The back end to force; `auto` where nothing is said.
pub fn backend() -> String {
    std::env::var("AGTRACK_BACKEND").unwrap_or_else(|_| "auto".to_owned())
}

/// Whether these tests can do their work at all.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether this kernel is older than that version.
pub fn is_kernel_before(major: u8, minor: u8) -> bool {
    KernelVersion::current().expect("a kernel") < KernelVersion::new(major, minor, 0)
}
