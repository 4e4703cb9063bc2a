//! Which family of hooks sees file events.

use agtrack_common::event;
use anyhow::{Context, anyhow, bail};

use crate::noise;

/// A family of hooks for file events.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// LSM programs: what the kernel decided, never skipped.
    Lsm,
    /// fentry on the same functions; skips runs on preemptible kernels.
    Fentry,
    /// The end of system calls.
    Tracepoint,
}

/// What the user asked for.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum BackendChoice {
    /// The first that works, in the order below.
    #[default]
    Auto,
    /// LSM programs; the kernel must have `bpf` among its active LSMs.
    Lsm,
    /// fentry and fexit programs; the kernel must allow trampolines.
    Fentry,
    /// The end of system calls; works everywhere.
    Tracepoint,
}

/// Which opens for reading are told one by one.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Reads {
    /// Those of the same file by the same thread within a second are counted, and so are those that say
    /// something about the machine, of files that the process could not write.
    #[default]
    Counted,
    /// All.
    All,
}

impl Reads {
    /// The classes of reads that user space counts: the built-in ones, with what is added to them or
    /// put in their place.
    pub fn noise(self, own: &noise::Globs) -> noise::Globs {
        match self {
            Reads::All => noise::Globs::new(),
            Reads::Counted => noise::built_in().into_iter().chain(own.clone()).collect(),
        }
    }
}

impl BackendChoice {
    /// Back ends to try, best first.
    pub fn candidates(self) -> Vec<Backend> {
        match self {
            BackendChoice::Auto => vec![Backend::Lsm, Backend::Fentry, Backend::Tracepoint],
            BackendChoice::Lsm => vec![Backend::Lsm],
            BackendChoice::Fentry => vec![Backend::Fentry],
            BackendChoice::Tracepoint => vec![Backend::Tracepoint],
        }
    }
}

impl Backend {
    /// Its bit in the event table.
    pub fn bit(self) -> u8 {
        match self {
            Backend::Lsm => event::LSM,
            Backend::Fentry => event::FENTRY,
            Backend::Tracepoint => event::TRACEPOINT,
        }
    }

    /// Its name on the command line and in records.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Lsm => "lsm",
            Backend::Fentry => "fentry",
            Backend::Tracepoint => "tracepoint",
        }
    }

    /// What loading cannot tell: LSM programs load and attach, but never run, where `bpf` is not
    /// among the active LSMs.
    pub(super) fn check(self) -> anyhow::Result<()> {
        match self {
            Backend::Lsm => check_lsm(&active_lsms()?),
            Backend::Fentry | Backend::Tracepoint => Ok(()),
        }
    }
}

const LSM_LIST: &str = "/sys/kernel/security/lsm";

fn active_lsms() -> anyhow::Result<String> {
    std::fs::read_to_string(LSM_LIST).with_context(|| {
        format!("cannot read the active LSMs from {LSM_LIST} (is securityfs mounted?)")
    })
}

fn check_lsm(active: &str) -> anyhow::Result<()> {
    if !active.trim().split(',').any(|name| name == "bpf") {
        let active = active.trim();
        bail!("`bpf` is not among the active LSMs ({active})");
    }
    Ok(())
}

/// Capability numbers, include/uapi/linux/capability.h.
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Loading probes needs root or the right capabilities: say so before the kernel does it obscurely.
pub(super) fn check_permission() -> anyhow::Result<()> {
    let status = procfs::process::Process::myself()
        .and_then(|process| process.status())
        .context("cannot read /proc/self/status (is /proc mounted?)")?;
    let has = |capability: u32| status.capeff & (1 << capability) != 0;
    if !(has(CAP_SYS_ADMIN) || has(CAP_BPF) && has(CAP_PERFMON)) {
        bail!("recording needs root (or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN); run it with sudo");
    }
    if lockdown().as_deref() == Some("confidentiality") {
        bail!(
            "the kernel is locked down for confidentiality, so no program may read kernel memory; \
             boot without lockdown=confidentiality (integrity is fine)"
        );
    }
    Ok(())
}

/// The kernel's lockdown mode, where it has one.
pub fn lockdown() -> Option<String> {
    let modes = std::fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    let (_, rest) = modes.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

/// No back end works: say what was tried.
pub(super) fn none_works(tried: &[(Backend, String)]) -> anyhow::Error {
    if let [(backend, reason)] = tried {
        return anyhow!(
            "back end {}, which was asked for, does not work here: {reason}. `agtrack doctor`, as \
             root, tells what to do about it; \"auto\" takes the best back end that works",
            backend.name()
        );
    }
    let tried: Vec<_> = tried
        .iter()
        .map(|(backend, reason)| format!("{}: {reason}", backend.name()))
        .collect();
    anyhow!(
        "this kernel lets no back end see file events; `agtrack doctor`, as root, shows hook by hook \
         what it allows, and what to do. Tried {}",
        tried.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lsm_is_refused_where_bpf_is_not_active() {
        assert!(check_lsm("lockdown,capability,landlock,bpf\n").is_ok());
        let error = check_lsm("capability,landlock").unwrap_err().to_string();
        assert!(
            error.contains("`bpf` is not among the active LSMs (capability,landlock)"),
            "{error}"
        );
        assert!(check_lsm("nobpf").is_err());
    }

    #[test]
    fn a_back_end_that_was_asked_for_is_named_with_its_reason_and_a_next_step() {
        let tried = [(Backend::Lsm, "`bpf` is not there".to_owned())];
        assert_eq!(
            none_works(&tried).to_string(),
            "back end lsm, which was asked for, does not work here: `bpf` is not there. `agtrack \
             doctor`, as root, tells what to do about it; \"auto\" takes the best back end that works"
        );
        let both = [tried[0].clone(), (Backend::Tracepoint, "EPERM".to_owned())];
        let text = none_works(&both).to_string();
        assert!(
            text.contains("no back end") && text.contains("tracepoint: EPERM"),
            "{text}"
        );
    }

    #[test]
    fn auto_prefers_what_misses_least() {
        assert_eq!(BackendChoice::Auto.candidates()[0], Backend::Lsm);
        assert_eq!(BackendChoice::Fentry.candidates(), [Backend::Fentry]);
    }
}
