//! Who did it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Text;

/// Nanoseconds in one tick of `/proc/PID/stat` (`USER_HZ` is 100 on every supported machine).
pub const TICK: u64 = 10_000_000;

/// A process, never mistaken for a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessKey {
    /// Process id in the initial namespace.
    pub pid: u32,
    /// Start since boot in ticks, as field 22 of `/proc/PID/stat` shows it.
    pub start: u64,
}

impl ProcessKey {
    /// From the kernel's nanoseconds.
    pub fn new(pid: u32, start_ns: u64) -> Self {
        ProcessKey {
            pid,
            start: start_ns / TICK,
        }
    }

    /// `<boot>-<pid>-<start>`: the first eight digits of the boot id, the process id, the start in
    /// ticks since boot.
    pub fn uid(self, boot_id: &str) -> String {
        let boot = boot_id.get(..8).unwrap_or(boot_id);
        format!("{boot}-{}-{}", self.pid, self.start)
    }
}

/// The process that acted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    /// Unique across restarts: `<boot>-<pid>-<start in ticks>`.
    pub uid: String,
    /// Process id in the initial namespace.
    pub pid: u32,
    /// When it started, RFC 3339; null where it is not known.
    pub start: Option<String>,
    /// The process that created it, or inherited it.
    pub parent_uid: Option<String>,
    /// Process id of that one.
    pub ppid: Option<u32>,
    /// Path of its executable.
    pub exe: Option<Text>,
    /// Its arguments, after redaction; the first of them only where they are long (the exec action
    /// has all).
    pub args: Arc<Vec<Text>>,
    /// Working directory when it started its program.
    pub cwd: Option<Text>,
    /// Real user id.
    pub user: Option<u32>,
    /// Effective user id.
    pub euser: Option<u32>,
    /// The user who logged in, whatever the process became since.
    pub login_user: Option<u32>,
    /// cgroup2 path.
    pub cgroup: Option<Text>,
    /// The container it runs in, as the path of its cgroup says; null where that names none.
    pub container: Option<Container>,
    /// Its parents, nearest first.
    pub ancestry: Arc<Vec<Ancestor>>,
}

/// A container, known by the name of its cgroup, which whoever made that cgroup chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// `docker`, `containerd`, `podman`, `cri-o` or `lxc`; null where the name does not say which.
    pub runtime: Option<String>,
    /// 64 hexadecimal digits; of LXC the name.
    pub id: String,
}

/// A parent, or a parent's parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ancestor {
    /// The process.
    pub uid: String,
    /// File name of its executable.
    pub name: Text,
}
