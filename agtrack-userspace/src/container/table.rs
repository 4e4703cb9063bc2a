//! How runtimes name the cgroups of containers: nothing but data. A row more is all that a new one
//! needs.

use super::{Id, Layout};

/// A scope of systemd, in whatever slice.
const fn scope(before: &'static str, runtime: &'static str) -> Layout {
    Layout {
        runtime: Some(runtime),
        around: None,
        before,
        id: Id::Digits,
        after: ".scope",
    }
}

/// A cgroup that the runtime makes itself.
const fn own(around: Option<&'static str>, before: &'static str, runtime: &'static str) -> Layout {
    Layout {
        around,
        after: "",
        ..scope(before, runtime)
    }
}

/// As a runtime without systemd writes a path that was meant for systemd: `SLICE:PREFIX:ID`.
const fn colons(before: &'static str, runtime: &'static str) -> Layout {
    own(None, before, runtime)
}

/// All of them; where a name fits several, the first.
pub(super) const TABLE: &[Layout] = &[
    scope("docker-", "docker"),
    own(Some("docker"), "", "docker"),
    scope("cri-containerd-", "containerd"),
    scope("nerdctl-", "containerd"),
    colons("*:docker:", "docker"),
    colons("*:cri-containerd:", "containerd"),
    colons("*:nerdctl:", "containerd"),
    colons("*:crio:", "cri-o"),
    colons("*:libpod:", "podman"),
    // Named after a namespace of containerd.
    own(Some("k8s.io"), "", "containerd"),
    own(Some("default"), "", "containerd"),
    scope("libpod-", "podman"),
    own(None, "libpod-", "podman"),
    scope("crio-", "cri-o"),
    own(None, "crio-", "cri-o"),
    Layout {
        id: Id::Name,
        ..own(None, "lxc.payload.", super::LXC)
    },
    // Of a pod, by a runtime that does not say which one it is.
    Layout {
        runtime: None,
        ..own(Some("pod*"), "", "")
    },
];
