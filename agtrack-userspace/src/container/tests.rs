//! Behaviour of what is told from paths.

use super::*;

const ID: &str = "4f1c2f0a9be6f2c0d94b1f5d8c1a7e3360b7ad52ce14f9e8b6a5d4c3b2a19080";
const OTHER: &str = "0000000000000000000000000000000000000000000000000000000000000001";

fn told(path: &str) -> Option<(Option<String>, String)> {
    let found = around(path.as_bytes())?;
    Some((found.runtime, found.id))
}

/// The runtime and the id; `-` where the runtime is not known.
fn check(path: &str, runtime: &str, id: &str) {
    let runtime = (runtime != "-").then(|| runtime.to_owned());
    assert_eq!(told(path), Some((runtime, id.to_owned())), "{path}");
}

fn none(path: &str) {
    assert_eq!(told(path), None, "{path}");
}

#[test]
fn each_runtime_is_known_by_how_it_names_cgroups() {
    let uid = "0f5e1c53-3a5f-4c52-8a7e-0c6f3e1f2b11";
    let pod = "kubepods-burstable-pod0f5e1c53_3a5f_4c52_8a7e_0c6f3e1f2b11.slice";
    let slices = format!("/kubepods.slice/kubepods-burstable.slice/{pod}");
    for (path, runtime) in [
        (format!("/system.slice/docker-{ID}.scope"), "docker"),
        (format!("/docker/{ID}"), "docker"),
        (
            format!("/user.slice/user-1000.slice/user@1000.service/app.slice/docker-{ID}.scope"),
            "docker",
        ),
        (format!("{slices}/cri-containerd-{ID}.scope"), "containerd"),
        (format!("/k8s.io/{ID}"), "containerd"),
        (format!("/system.slice/nerdctl-{ID}.scope"), "containerd"),
        (format!("/default/{ID}"), "containerd"),
        (format!("/machine.slice/libpod-{ID}.scope"), "podman"),
        (
            format!("/machine.slice/libpod-{ID}.scope/container"),
            "podman",
        ),
        (
            format!("/machine.slice/machine-libpod_pod_{OTHER}.slice/libpod-{ID}.scope"),
            "podman",
        ),
        (format!("/libpod_parent/libpod-{ID}"), "podman"),
        (
            format!("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope"),
            "podman",
        ),
        (format!("{slices}/crio-{ID}.scope"), "cri-o"),
        (format!("/kubepods/besteffort/pod{uid}/crio-{ID}"), "cri-o"),
        (format!("/kubepods/burstable/pod{uid}/{ID}"), "-"),
        (format!("/kubepods/pod{uid}/{ID}"), "-"),
    ] {
        check(&path, runtime, ID);
    }
    check("/lxc.payload.web-1", "lxc", "web-1");
    check(
        "/lxc.payload.web-1/system.slice/cron.service",
        "lxc",
        "web-1",
    );
    check(
        "/lxc.payload.ci_build.node/init.scope",
        "lxc",
        "ci_build.node",
    );
}

#[test]
fn what_is_below_a_container_is_in_it_and_the_innermost_counts() {
    let outer = format!("/system.slice/docker-{OTHER}.scope");
    check(&format!("{outer}/init.scope"), "docker", OTHER);
    check(&format!("{outer}/docker/{ID}"), "docker", ID);
    check(&format!("{outer}/kubepods/pod1/{ID}/deep/er"), "-", ID);
    check(&format!("/lxc.payload.a/docker/{ID}"), "docker", ID);
    // As it looks from another cgroup namespace.
    check(&format!("/../../docker/{ID}"), "docker", ID);
}

#[test]
fn what_surrounds_containers_is_none() {
    for path in [
        "",
        "/",
        "/init.scope",
        "/user.slice/user-1000.slice/session-2.scope",
        "/system.slice/docker.service",
        "/docker",
        "/docker/buildkit/l2yqvxwm4n8rbr3trw4t6jdhp",
        "/k8s.io",
        "/lxc.monitor.web-1",
        "/lxc.payload.",
        "/kubepods/burstable/pod0f5e1c53-3a5f-4c52-8a7e-0c6f3e1f2b11",
    ] {
        none(path);
    }
    none(&format!("/machine.slice/libpod-conmon-{ID}.scope"));
    none(&format!("/machine.slice/machine-libpod_pod_{ID}.slice"));
    none(&format!("/system.slice/crio-conmon-{ID}.scope"));
    none(&format!("/agents/{ID}"));
    none(&format!("/{ID}"));
}

#[test]
fn what_only_looks_like_an_id_is_none() {
    let upper = ID.to_uppercase();
    let short = ID.get(1..).unwrap();
    let no_hex = format!("g{short}");
    for id in [
        &format!("{ID}0"),
        short,
        &no_hex,
        &upper,
        "",
        "..",
        "\u{1b}[2J",
    ] {
        none(&format!("/docker/{id}"));
        none(&format!("/system.slice/docker-{id}.scope"));
        none(&format!("/kubepods/pod1/{id}"));
    }
    none(&format!("/system.slice/docker-{ID}.scope.d"));
    none(&format!("/system.slice/docker-{ID}.service"));
    none(&format!("/system.slice/docker-{ID}"));
    none(&format!("/notdocker/{ID}"));
    for name in [
        "..",
        ".",
        ".hidden",
        "-x",
        "a\nb",
        "a b",
        "a\u{1b}[31m",
        "é",
    ] {
        none(&format!("/lxc.payload.{name}"));
    }
    none(&format!("/lxc.payload.{}", "a".repeat(65)));
    let longest = "a".repeat(64);
    check(&format!("/lxc.payload.{longest}"), "lxc", &longest);
    assert_eq!(around(b"/lxc.payload.\xff\xfe"), None);
    assert_eq!(around(&[&b"/docker/\xff"[..], &[b'a'; 63]].concat()), None);
}

#[test]
fn a_way_out_leads_out() {
    none(&format!("/docker/{ID}/.."));
    none(&format!("/docker/{ID}/../other"));
    none(&format!("/docker/../{ID}"));
    none(&format!("/docker/./{ID}"));
    none("..");
    none("/../..");
    none(&"/".repeat(4096));
    none(&"/a".repeat(2048));
}

#[test]
fn a_path_for_systemd_that_was_taken_as_it_is_names_a_container_too() {
    let pod = "kubepods-burstable-pod0f5e1c53.slice";
    let above = "/system.slice/containerd.service";
    check(
        &format!("{above}/{pod}:cri-containerd:{ID}"),
        "containerd",
        ID,
    );
    check(&format!("/{pod}:crio:{ID}/init"), "cri-o", ID);
    check(&format!("/system.slice:docker:{ID}"), "docker", ID);
    check(&format!("/machine.slice:libpod:{ID}"), "podman", ID);
    none(&format!("/{pod}:other:{ID}"));
    none(&format!("/{pod}:cri-containerd:{ID}:x"));
    none(&format!("/{pod}:cri-containerd:"));
    none(&format!("/{pod}cri-containerd:{ID}"));
}

#[test]
fn only_the_cgroup_that_the_runtime_made_is_the_containers_own() {
    let own = format!("/system.slice/docker-{ID}.scope");
    let id = |path: &str| at(path.as_bytes()).map(|found| found.id);
    assert_eq!(id(&own).as_deref(), Some(ID));
    assert_eq!(id(&format!("{own}/init.scope")), None);
    assert_eq!(id(&format!("{own}/..")), None);
    assert_eq!(id(""), None);
}

#[test]
fn a_container_is_shown_by_what_is_known_of_it() {
    let mut container = at(format!("/docker/{ID}").as_bytes()).unwrap();
    assert_eq!(shown(&container), "4f1c2f0a9be6 (docker)");
    (container.name, container.image) = (Some("box".into()), Some("debian:13".into()));
    assert_eq!(shown(&container), "box (docker), image debian:13");
    (container.pod, container.namespace) = (Some("runner-0".into()), Some("agents".into()));
    (container.runtime, container.image) = (None, None);
    assert_eq!(shown(&container), "box of pod agents/runner-0");
}
