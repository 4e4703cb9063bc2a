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

/// All of them; where a name fits several, the first.
pub(super) const TABLE: &[Layout] = &[
    scope("docker-", "docker"),
    own(Some("docker"), "", "docker"),
    scope("cri-containerd-", "containerd"),
    scope("nerdctl-", "containerd"),
    // Named after a namespace of containerd.
    own(Some("k8s.io"), "", "containerd"),
    own(Some("default"), "", "containerd"),
    scope("libpod-", "podman"),
    own(None, "libpod-", "podman"),
    scope("crio-", "cri-o"),
    own(None, "crio-", "cri-o"),
    Layout {
        id: Id::Name,
        ..own(None, "lxc.payload.", "lxc")
    },
    // Of a pod, by a runtime that does not say which one it is.
    Layout {
        runtime: None,
        ..own(Some("pod*"), "", "")
    },
];
