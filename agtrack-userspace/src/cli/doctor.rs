//! `agtrack doctor`: what this kernel allows, hook by hook, and what each lack costs.
//!
//! Comes in: the running kernel. Goes out: a report, and exit code 0 where recording is possible.
//! Hooks are tried by loading them, which needs root; without root it is said what cannot be told.

mod finding;
mod host;
mod report;

use std::process::ExitCode;

use serde::Serialize;

use crate::load::{self, Backend, Probed};
use crate::terminal::Output;
use finding::{Finding, State};

/// Arguments of `agtrack doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// All that was found out.
#[derive(Debug, Serialize)]
struct Diagnosis {
    version: &'static str,
    kernel: String,
    machine: String,
    /// Whether recording is possible; null where that cannot be told.
    possible: Option<bool>,
    /// The back end that would be used.
    backend: Option<Backend>,
    /// In one sentence, what follows.
    conclusion: String,
    findings: Vec<Finding>,
    backends: Vec<BackendReport>,
}

/// One back end.
#[derive(Debug, Serialize)]
struct BackendReport {
    name: Backend,
    usable: bool,
    /// Why not.
    reason: Option<String>,
    /// What it costs to be left with this one.
    cost: &'static str,
    /// What would make it usable.
    remedy: Option<&'static str>,
    hooks: Vec<HookReport>,
}

/// One hook of a back end.
#[derive(Debug, Serialize)]
struct HookReport {
    event: &'static str,
    program: &'static str,
    target: String,
    works: bool,
    reason: Option<String>,
    instructions: Option<u64>,
}

pub(super) fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let uname = rustix::system::uname();
    let findings = host::findings(&uname.release().to_string_lossy());
    let mut diagnosis = diagnose(findings, load::probe_hooks());
    diagnosis.kernel = uname.release().to_string_lossy().into_owned();
    diagnosis.machine = uname.machine().to_string_lossy().into_owned();
    let mut out = Output::new();
    if args.json {
        out.json(&diagnosis)?;
    } else {
        for line in report::lines(&diagnosis, out.palette) {
            out.line(line)?;
        }
    }
    out.finish()?;
    let possible = diagnosis.possible == Some(true);
    Ok(if possible {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn diagnose(findings: Vec<Finding>, probed: anyhow::Result<Vec<Probed>>) -> Diagnosis {
    let (backends, refused) = match probed {
        Ok(probed) => (probed.into_iter().map(backend_report).collect(), None),
        Err(error) => (Vec::new(), Some(format!("{error:#}"))),
    };
    let backend = backends
        .iter()
        .find(|report: &&BackendReport| report.usable);
    let unknown = findings
        .iter()
        .any(|f| f.name == host::ROOT && f.state == State::Unknown);
    let (possible, conclusion) = match (backend, refused) {
        (Some(report), _) => (
            Some(true),
            format!(
                "Recording is possible, with back end {}.",
                report.name.name()
            ),
        ),
        (None, Some(_)) if unknown => (
            None,
            "Whether recording is possible, and with which hooks, only root can find out: run \
             `sudo agtrack doctor`."
                .to_owned(),
        ),
        (None, Some(reason)) => (Some(false), format!("Recording is not possible: {reason}.")),
        (None, None) => (
            Some(false),
            "Recording is not possible: no back end works on this kernel; the reasons stand \
             above."
                .to_owned(),
        ),
    };
    Diagnosis {
        version: env!("CARGO_PKG_VERSION"),
        kernel: String::new(),
        machine: String::new(),
        possible,
        backend: backend.map(|report| report.name),
        conclusion,
        findings,
        backends,
    }
}

fn backend_report(probed: Probed) -> BackendReport {
    let hooks = probed.hooks.into_iter().map(|state| HookReport {
        event: state.hook.kind.row().action,
        program: state.hook.program,
        target: state.target,
        works: state.missing.is_none(),
        reason: state.missing,
        instructions: state.instructions,
    });
    BackendReport {
        name: probed.backend,
        usable: probed.refused.is_none(),
        remedy: probed.refused.as_ref().and(remedy(probed.backend)),
        hooks: hooks.collect(),
        reason: probed.refused,
        cost: cost(probed.backend),
    }
}

fn cost(backend: Backend) -> &'static str {
    match backend {
        Backend::Lsm => "nothing: it sees what the kernel decided and skips no run",
        Backend::Fentry => {
            "under contention a preemptible kernel skips runs; how many is recorded as a gap"
        }
        Backend::Tracepoint => {
            "paths of unlink and rename are those that the caller passed (path_source \
             \"argument\"); while agtrack runs every system call of the host takes 15 to 30 ns \
             longer; under contention a preemptible kernel skips runs, which is recorded as a gap"
        }
    }
}

fn remedy(backend: Backend) -> Option<&'static str> {
    match backend {
        Backend::Lsm => Some("have `bpf` among the active LSMs, and what fentry needs"),
        Backend::Fentry => Some(
            "boot a kernel with CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y, as distributions' are",
        ),
        Backend::Tracepoint => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probed(backend: Backend, refused: Option<&str>) -> Probed {
        Probed {
            backend,
            refused: refused.map(Into::into),
            hooks: Vec::new(),
        }
    }

    #[test]
    fn the_best_back_end_that_works_is_named() {
        let found = vec![
            probed(Backend::Lsm, Some("x")),
            probed(Backend::Fentry, None),
        ];
        let diagnosis = diagnose(Vec::new(), Ok(found));
        assert_eq!(
            (diagnosis.possible, diagnosis.backend),
            (Some(true), Some(Backend::Fentry))
        );
    }

    #[test]
    fn without_a_back_end_recording_is_impossible() {
        let found = vec![probed(Backend::Tracepoint, Some("x"))];
        assert_eq!(diagnose(Vec::new(), Ok(found)).possible, Some(false));
        let diagnosis = diagnose(Vec::new(), Err(anyhow::anyhow!("no BTF")));
        assert_eq!(diagnosis.conclusion, "Recording is not possible: no BTF.");
    }

    #[test]
    fn without_root_nothing_is_claimed() {
        let root = Finding::unknown(host::ROOT, "no");
        let diagnosis = diagnose(vec![root], Err(anyhow::anyhow!("needs root")));
        assert_eq!(diagnosis.possible, None);
        assert!(diagnosis.conclusion.contains("sudo agtrack doctor"));
    }
}
