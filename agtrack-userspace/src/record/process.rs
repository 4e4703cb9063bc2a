//! Who did it.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Shared, Text};

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

    /// The process that a uid names; of which boot is left out.
    pub fn of_uid(uid: &str) -> Option<ProcessKey> {
        let mut parts = uid.rsplitn(3, '-');
        let (start, pid) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().map(|_| ProcessKey { pid, start })
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
    pub ancestry: Shared<Vec<Ancestor>>,
}

/// A container, known by the name of its cgroup, which whoever made that cgroup chose. What follows the
/// id is what its runtime says of it; none of it is there before that has answered, or where it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// `docker`, `containerd`, `podman`, `cri-o` or `lxc`; null where the name does not say which.
    pub runtime: Option<String>,
    /// 64 hexadecimal digits; of LXC the name.
    pub id: String,
    /// Its name; in Kubernetes that in the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it was made from, as the runtime tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The pod that it belongs to, in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The namespace of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its labels, after redaction: the first 16 in order of name, names and values cut after 256 bytes.
    #[serde(default, skip_serializing_if = "has_none")]
    pub labels: Arc<BTreeMap<String, String>>,
}

fn has_none(labels: &Arc<BTreeMap<String, String>>) -> bool {
    labels.is_empty()
}

/// A parent, or a parent's parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ancestor {
    /// The process.
    pub uid: String,
    /// File name of its executable.
    pub name: Text,
}

impl Process {
    /// Who it is for people, where it is not one of an agent: user and parent, as far as they are known.
    #[must_use]
    pub fn origin(&self) -> String {
        let user = self.user.map(|user| format!(" of user {user}"));
        let parent = self.ancestry.first().map(|parent| &parent.name);
        let parent = parent.filter(|name| !name.0.is_empty());
        let parent = parent.map(|name| format!(" started by {}", name.printable()));
        [user, parent].into_iter().flatten().collect()
    }
}
