//! What the host has of what agtrack needs, apart from the hooks themselves.
//!
//! Every answer is read from the system and judged by a function of its own, which needs no
//! system.

use std::path::Path;

use super::advice::{Ground, Trampolines};
use super::build::Build;
use super::finding::Finding;
use crate::btf;
use crate::cgroup::{Error, Hierarchy};
use crate::load;

/// The finding about permission, on which the others depend.
pub(super) const ROOT: &str = "root";

/// Oldest kernel that the probes know.
const FLOOR: (u32, u32) = (5, 10);
/// Inode of the first pid namespace, include/linux/proc_ns.h (`PROC_PID_INIT_INO`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Capability numbers, include/uapi/linux/capability.h.
const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// 0 where the kernel interprets BPF programs.
const COMPILER: &str = "/proc/sys/net/core/bpf_jit_enable";

/// What advice depends on.
pub(super) fn ground(release: &str, trampolines: Trampolines) -> Ground {
    let modules = read("/sys/kernel/security/lsm");
    Ground {
        build: Build::of(release),
        modules: modules.map(|list| list.trim().to_owned()),
        boot: read("/proc/cmdline").unwrap_or_default(),
        interprets: read(COMPILER).is_some_and(|setting| setting.trim() == "0"),
        trampolines,
    }
}

/// Looks at everything.
pub(super) fn findings(release: &str, ground: &Ground) -> Vec<Finding> {
    let root = rustix::process::geteuid().is_root();
    let mounts = read("/proc/self/mountinfo").unwrap_or_default();
    let mut findings = vec![kernel(release), permission(root, capabilities())];
    if !root {
        findings.push(sudo(std::env::var_os("PATH").unwrap_or_default()));
    }
    let btf = std::fs::metadata(btf::KERNEL_PATH).map(|file| file.len());
    findings.extend([
        types(btf.ok()),
        lockdown(load::lockdown().as_deref()),
        security_modules(ground),
        compiler(read(COMPILER).as_deref(), root),
        hierarchy(&Hierarchy::find(), root),
        namespace(std::fs::read_link("/proc/self/ns/pid").ok().as_deref()),
        pins(&mounts),
        mount(
            "tracefs",
            "tracefs",
            &mounts,
            "agtrack attaches through BTF",
        ),
    ]);
    findings
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn capabilities() -> u64 {
    let status = procfs::process::Process::myself().and_then(|process| process.status());
    status.map_or(0, |status| status.capeff)
}

fn kernel(release: &str) -> Finding {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    let mut number = || numbers.next()?.parse::<u32>().ok();
    match (number(), number()) {
        (Some(major), Some(minor)) if (major, minor) >= FLOOR => Finding::ok("kernel", release),
        (Some(_), Some(_)) => Finding::missing("kernel", release)
            .costs("no recording: the probes need Linux 5.10 or later")
            .remedy("boot a newer kernel"),
        _ => Finding::unknown("kernel", release),
    }
}

fn permission(root: bool, capabilities: u64) -> Finding {
    let has = |capability: u32| capabilities & (1 << capability) != 0;
    let enough = has(CAP_SYS_ADMIN) || has(CAP_BPF) && has(CAP_PERFMON);
    match (root, enough) {
        (true, true) => Finding::ok(ROOT, "yes"),
        (false, true) if has(CAP_SYS_ADMIN) || has(CAP_NET_ADMIN) => {
            Finding::ok(ROOT, "no, but with the capabilities for it")
        }
        (false, true) => {
            Finding::limited(ROOT, "no; CAP_BPF and CAP_PERFMON without CAP_NET_ADMIN")
                .costs("connects cannot be seen")
                .remedy("grant CAP_NET_ADMIN too")
        }
        (true, false) => Finding::missing(ROOT, "yes, but without CAP_BPF and CAP_PERFMON")
            .costs("no recording: the kernel refuses to load programs")
            .remedy("run it on the host, or in a privileged container"),
        (false, false) => Finding::unknown(ROOT, "no")
            .costs("which hooks this kernel allows cannot be tried")
            .remedy("run `sudo agtrack doctor`"),
    }
}

fn sudo(path: std::ffi::OsString) -> Finding {
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join("sudo"))
        .find(|sudo| sudo.is_file());
    match found {
        Some(sudo) => Finding::ok("sudo", sudo.display().to_string()),
        None => Finding::limited("sudo", "not installed")
            .costs("`agtrack run` cannot start its recorder as an ordinary user")
            .remedy("install sudo, or run agtrack as root"),
    }
}

fn types(bytes: Option<u64>) -> Finding {
    match bytes {
        Some(bytes) => Finding::ok("BTF", format!("{} ({} KiB)", btf::KERNEL_PATH, bytes >> 10)),
        None => Finding::missing("BTF", format!("{} is not there", btf::KERNEL_PATH))
            .costs("no recording: the layout of this kernel's structures is not known")
            .remedy("boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distributions' are"),
    }
}

fn lockdown(mode: Option<&str>) -> Finding {
    match mode {
        None => Finding::ok("lockdown", "not built in, or securityfs is not mounted"),
        Some("confidentiality") => Finding::missing("lockdown", "confidentiality")
            .costs("no recording: no program may read kernel memory")
            .remedy("boot without lockdown=confidentiality; integrity is fine"),
        Some(mode) => Finding::ok("lockdown", mode),
    }
}

fn security_modules(ground: &Ground) -> Finding {
    const NAME: &str = "active LSMs";
    let Some(active) = ground.modules.as_deref() else {
        let unknown = Finding::unknown(NAME, "/sys/kernel/security/lsm cannot be read");
        if ground.trampolines == Trampolines::Refused {
            // Whatever they are, lsm would not work: nothing is to be done here.
            return unknown.costs(
                "nothing more: this kernel refuses what back ends lsm and fentry need, whatever \
                 the active LSMs are (below)",
            );
        }
        return unknown
            .costs("back end lsm is not used: whether its programs would run cannot be told")
            .remedy(
                "mount securityfs (`mount -t securityfs none /sys/kernel/security`) and run \
                 `agtrack doctor` again",
            );
    };
    if ground.bpf_is_active() == Some(true) {
        return Finding::ok(NAME, active);
    }
    Finding::limited(NAME, format!("{active}, without bpf"))
        .costs("back end lsm, the best, never runs; another one sees file events")
        .remedy(ground.activate_bpf(active))
}

fn compiler(setting: Option<&str>, root: bool) -> Finding {
    const NAME: &str = "BPF compiler";
    match setting.map(str::trim) {
        Some("0") => Finding::limited(NAME, "off")
            .costs("probes are slow, and back ends lsm and fentry cannot attach")
            .remedy("sysctl net.core.bpf_jit_enable=1"),
        Some(_) => Finding::ok(NAME, "on"),
        None if root => Finding::ok(NAME, "always on, or not to be told"),
        None => Finding::unknown(NAME, "only root may read net.core.bpf_jit_enable"),
    }
}

fn hierarchy(found: &Result<Hierarchy, Error>, root: bool) -> Finding {
    match found {
        Err(error) => Finding::limited("cgroup2", error.to_string()).costs(
            "the daemon recognises no agent, connects are not seen, and `agtrack run` follows its \
             command by lineage alone",
        ),
        Ok(hierarchy) => {
            let mount = hierarchy.mount().display();
            match (hierarchy.is_writable(), root) {
                (true, _) => Finding::ok("cgroup2", format!("{mount}, writable")),
                (false, true) => Finding::limited("cgroup2", format!("{mount}, not writable"))
                    .costs("`agtrack run` follows its command by lineage alone")
                    .remedy(format!(
                        "mount -o remount,rw {mount}, or grant CAP_DAC_OVERRIDE"
                    )),
                (false, false) => Finding::unknown(
                    "cgroup2",
                    format!("{mount}; only root can tell whether it is writable"),
                ),
            }
        }
    }
}

fn namespace(link: Option<&Path>) -> Finding {
    const NAME: &str = "pid namespace";
    match link.and_then(Path::to_str) {
        Some(FIRST_PID_NAMESPACE) => Finding::ok(NAME, "the host's"),
        Some(other) => Finding::limited(NAME, format!("a container's, {other}"))
            .costs("the kernel's process ids are not those in this /proc: nothing can be tagged")
            .remedy("run agtrack in the host's pid namespace (`--pid=host`)"),
        None => Finding::unknown(NAME, "/proc/self/ns/pid cannot be read"),
    }
}

/// Things that other tools need.
/// Where probes are pinned that outlive their recorder.
fn pins(mountinfo: &str) -> Finding {
    match place("bpf", mountinfo) {
        Some(place) => Finding::ok(
            "bpffs",
            format!("{place}; the kernel can go on recording while no daemon runs (capture.pin)"),
        ),
        None => Finding::limited("bpffs", "not mounted")
            .costs("recording ends with the daemon, also for the time of an upgrade")
            .remedy("mount -t bpf bpf /sys/fs/bpf"),
    }
}

/// Where a file system of this kind is mounted.
fn place<'m>(kind: &str, mountinfo: &'m str) -> Option<&'m str> {
    mountinfo.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        (right.split(' ').next()? == kind)
            .then(|| left.split(' ').nth(4))
            .flatten()
    })
}

fn mount(name: &'static str, kind: &str, mountinfo: &str, why: &str) -> Finding {
    match place(kind, mountinfo) {
        Some(place) => Finding::ok(name, format!("{place}; not needed, {why}")),
        None => Finding::ok(name, format!("not mounted; not needed, {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn check(finding: &Finding, state: State, remedy: &str) {
        assert_eq!(finding.state, state, "{finding:?}");
        let told = finding.remedy.as_deref().unwrap_or_default();
        assert!(told.contains(remedy), "{finding:?}");
        let needs_cost = matches!(state, State::Limited | State::Missing);
        assert!(
            !needs_cost || finding.cost.is_some(),
            "{finding:?} costs nothing"
        );
    }

    #[test]
    fn kernels_are_known_by_their_release() {
        check(&kernel("5.10.0-30-amd64"), State::Ok, "");
        check(&kernel("6.18.44-fc-v669"), State::Ok, "");
        check(&kernel("5.4.0"), State::Missing, "newer kernel");
        check(&kernel("custom"), State::Unknown, "");
    }

    #[test]
    fn permission_is_root_or_capabilities() {
        check(&permission(true, 1 << CAP_SYS_ADMIN), State::Ok, "");
        check(&permission(true, 0), State::Missing, "privileged container");
        check(&permission(false, 0), State::Unknown, "sudo agtrack doctor");
        let two = 1 << CAP_BPF | 1 << CAP_PERFMON;
        check(&permission(false, two), State::Limited, "CAP_NET_ADMIN");
        check(&permission(false, two | 1 << CAP_NET_ADMIN), State::Ok, "");
    }

    #[test]
    fn what_the_kernel_lacks_is_told_with_its_remedy() {
        check(&types(None), State::Missing, "CONFIG_DEBUG_INFO_BTF");
        check(&types(Some(1)), State::Ok, "");
        check(
            &lockdown(Some("confidentiality")),
            State::Missing,
            "integrity is fine",
        );
        check(&lockdown(Some("integrity")), State::Ok, "");
        check(
            &compiler(Some("0\n"), true),
            State::Limited,
            "bpf_jit_enable=1",
        );
        check(&compiler(Some("1\n"), true), State::Ok, "");
    }

    #[test]
    fn active_modules_are_asked_for_only_where_they_decide() {
        let modules = |list: Option<&str>, trampolines| {
            security_modules(&Ground {
                build: Build::default(),
                modules: list.map(str::to_owned),
                boot: String::new(),
                interprets: false,
                trampolines,
            })
        };
        let work = Trampolines::Work;
        check(&modules(Some("a,b"), work), State::Limited, "lsm=a,b,bpf");
        check(&modules(Some("a,bpf"), work), State::Ok, "");
        check(&modules(None, work), State::Unknown, "mount -t securityfs");
        let refused = modules(None, Trampolines::Refused);
        assert_eq!((refused.state, refused.remedy), (State::Unknown, None));
        assert!(refused.cost.is_some_and(|cost| cost.contains("fentry")));
    }

    #[test]
    fn a_container_is_recognised() {
        check(
            &namespace(Some(Path::new(FIRST_PID_NAMESPACE))),
            State::Ok,
            "",
        );
        check(
            &namespace(Some(Path::new("pid:[4026532222]"))),
            State::Limited,
            "--pid=host",
        );
        check(
            &hierarchy(&Err(Error::NotMounted), true),
            State::Limited,
            "",
        );
    }

    #[test]
    fn sudo_is_looked_for_where_programs_are() {
        let dir = tempfile::tempdir().unwrap();
        check(&sudo(dir.path().into()), State::Limited, "install sudo");
        std::fs::write(dir.path().join("sudo"), "").unwrap();
        check(&sudo(dir.path().into()), State::Ok, "");
    }

    #[test]
    fn mounts_are_found_by_their_kind() {
        let mounts = "22 1 0:21 / /sys/fs/bpf rw,relatime shared:9 - bpf none rw\n";
        assert!(
            pins(mounts)
                .found
                .starts_with("/sys/fs/bpf; the kernel can")
        );
        check(&pins(""), State::Limited, "mount -t bpf");
        assert!(
            mount("tracefs", "tracefs", mounts, "x")
                .found
                .starts_with("not mounted;")
        );
    }
}
