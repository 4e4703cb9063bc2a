//! Where containers appear: cgroups directly below which runtimes make theirs.

use super::{around, is_like};

/// Paths in the hierarchy, part by part; a `*` at the end of a part stands for any rest of it.
const PLACES: &[&str] = &[
    // LXC, and what runtimes make there the first time.
    "/",
    // systemd, of the system.
    "/system.slice",
    "/machine.slice",
    "/machine.slice/machine-libpod_pod_*",
    // Without systemd.
    "/docker",
    "/k8s.io",
    "/default",
    "/libpod_parent",
    "/libpod_parent/*",
    "/system.slice/containerd.service",
    "/system.slice/crio.service",
    // Kubernetes: classes of service, and pods in them.
    "/kubepods",
    "/kubepods/*",
    "/kubepods/*/pod*",
    "/kubepods.slice",
    "/kubepods.slice/*",
    "/kubepods.slice/*/*",
    // Users' own: `user-UID.slice/user@UID.service`.
    "/user.slice/user-*/user@*/user.slice",
    "/user.slice/user-*/user@*/user.slice/user-libpod_pod_*",
    "/user.slice/user-*/user@*/app.slice",
];

/// Whether runtimes make the cgroups of containers directly below the one at `path`.
pub(crate) fn is_place(path: &[u8]) -> bool {
    PLACES.iter().any(|place| fits(place, path)) && around(path).is_none()
}

fn fits(place: &str, path: &[u8]) -> bool {
    let mut parts = path.split(|byte| *byte == b'/');
    let mut wanted = place.split('/');
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return true,
            (Some(wanted), Some(part)) if is_like(wanted, part) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1c2f0a9be6f2c0d94b1f5d8c1a7e3360b7ad52ce14f9e8b6a5d4c3b2a19080";

    #[test]
    fn places_are_around_containers_and_never_in_one() {
        for path in [
            "/",
            "/system.slice",
            "/docker",
            "/machine.slice",
            "/kubepods/podx",
            "/kubepods/burstable",
            "/kubepods/burstable/podx",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx.slice",
            "/user.slice/user-1000.slice/user@1000.service/user.slice",
        ] {
            assert!(is_place(path.as_bytes()), "{path}");
        }
        for path in [
            "",
            "/agents",
            "/system.slice/ssh.service",
            "/kubepods/burstable/podx/y",
            "/user.slice/user-1000.slice/session-2.scope",
            "system.slice",
            "/system.slice/",
        ] {
            assert!(!is_place(path.as_bytes()), "{path}");
        }
        assert!(!is_place(format!("/kubepods/podx/{ID}").as_bytes()));
        assert!(!is_place(
            format!("/kubepods.slice/crio-{ID}.scope").as_bytes()
        ));
    }
}
