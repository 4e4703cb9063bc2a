//! Cgroups of the tests' own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::here;

/// A cgroup that is there as long as this value; what still runs in it is killed then.
#[derive(Debug)]
pub struct Group {
    /// Path within the hierarchy.
    pub path: PathBuf,
    /// Path in the file system.
    pub directory: PathBuf,
}

impl Group {
    /// Makes the cgroup `/NAME`.
    pub fn new(name: &str) -> Group {
        Group::at(Path::new("/"), name)
    }

    /// Makes a cgroup below this one.
    pub fn child(&self, name: &str) -> Group {
        Group::at(&self.path, name)
    }

    /// Makes the cgroup at this path, and those above it that are not there. Those stay, but for an
    /// empty `/user.slice`.
    ///
    /// # Panics
    /// It cannot be made.
    pub fn deep(path: &Path) -> Group {
        let directory = mount().join(path.strip_prefix("/").unwrap_or(path));
        let until = Instant::now() + here::patience();
        // Another test may remove one above meanwhile.
        while let Err(error) = std::fs::create_dir_all(&directory) {
            let is_gone = error.raw_os_error() == Some(libc::ENOENT);
            assert!(
                is_gone && Instant::now() < until,
                "cannot make {}: {error}",
                directory.display()
            );
        }
        Group {
            path: path.to_owned(),
            directory,
        }
    }

    /// Leaves it to the group above to remove it.
    pub fn keep(self) -> PathBuf {
        let path = self.path.clone();
        std::mem::forget(self);
        path
    }

    fn at(parent: &Path, name: &str) -> Group {
        let path = parent.join(name);
        let directory = mount().join(path.strip_prefix("/").unwrap_or(&path));
        std::fs::create_dir(&directory)
            .unwrap_or_else(|error| panic!("cannot make {}: {error}", directory.display()));
        Group { path, directory }
    }

    /// Moves a process into it.
    pub fn take(&self, pid: u32) {
        let file = self.directory.join("cgroup.procs");
        std::fs::write(&file, pid.to_string())
            .unwrap_or_else(|error| panic!("cannot move {pid} to {}: {error}", file.display()));
    }

    /// The kernel's id: its inode number.
    pub fn id(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(&self.directory)
            .expect("the cgroup is there")
            .ino()
    }

    /// The path of the file that processes are moved with.
    pub fn procs(&self) -> String {
        self.directory
            .join("cgroup.procs")
            .to_str()
            .expect("cgroups here have plain names")
            .to_owned()
    }

    fn empty(&self) {
        remove_below(&self.directory);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.empty();
        // One that `Group::deep` made is empty now; the machine's own is not, and stays.
        if self
            .path
            .parent()
            .is_some_and(|above| above == Path::new("/user.slice"))
            && let Some(above) = self.directory.parent()
        {
            let _ = std::fs::remove_dir(above);
        }
    }
}

/// Kills what is in a cgroup and below, and removes it. A cgroup is busy until its last process is
/// reaped, for which there is no event where this runs without being its parent.
fn remove_below(directory: &Path) {
    let until = Instant::now() + here::patience();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_below(&entry.path());
        }
    }
    while std::fs::remove_dir(directory)
        .is_err_and(|error| error.raw_os_error() != Some(libc::ENOENT))
    {
        let procs = std::fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
        for pid in procs.lines().filter_map(|line| line.parse().ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        if Instant::now() > until {
            eprintln!("note: {} cannot be removed", directory.display());
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Where the cgroup2 hierarchy is mounted as a whole.
fn mount() -> PathBuf {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("proc is mounted");
    let found = mounts.lines().find_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        let fields: Vec<_> = mount.split(' ').collect();
        (system.starts_with("cgroup2 ") && fields.get(3) == Some(&"/")).then(|| fields[4].into())
    });
    found.expect("cgroup2 is mounted; without it there is nothing to test here")
}
