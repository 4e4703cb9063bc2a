//! `agtrack doctor`: what this kernel allows, hook by hook, and what each lack costs.
//!
//! Comes in: the running kernel. Goes out: a report, and exit code 0 where recording is possible.
//! Hooks are tried by loading them, which needs root; without root it is said what cannot be told.

mod advice;
mod build;
mod finding;
mod host;
mod report;

use std::process::ExitCode;

use serde::Serialize;

use crate::load::{self, Backend, Probed};
use crate::terminal::Output;
use advice::{Ground, Trampolines};
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
    remedy: Option<String>,
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
    let release = uname.release().to_string_lossy().into_owned();
    let probed = load::probe_hooks();
    let tried = probed.as_deref().unwrap_or_default();
    let ground = host::ground(&release, Trampolines::of(tried));
    let mut diagnosis = diagnose(host::findings(&release, &ground), probed, &ground);
    diagnosis.kernel = release;
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

fn diagnose(
    findings: Vec<Finding>,
    probed: anyhow::Result<Vec<Probed>>,
    ground: &Ground,
) -> Diagnosis {
    let (backends, refused): (Vec<_>, _) = match probed {
        Ok(probed) => (backend_reports(probed, ground), None),
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

fn backend_reports(probed: Vec<Probed>, ground: &Ground) -> Vec<BackendReport> {
    let used = probed.iter().find(|probed| probed.refused.is_none());
    let used = used.map(|probed| probed.backend);
    let report = |probed: Probed| {
        let remedy = match probed.refused {
            Some(_) => ground.remedy(probed.backend, used),
            None => None,
        };
        backend_report(probed, remedy)
    };
    probed.into_iter().map(report).collect()
}

fn backend_report(probed: Probed, remedy: Option<String>) -> BackendReport {
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
        remedy,
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
            "paths of changes by name are those that the caller passed (path_source \
             \"argument\"); while agtrack runs every system call of the host takes 15 to 30 ns \
             longer; under contention a preemptible kernel skips runs, which is recorded as a gap"
        }
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

    fn ground() -> Ground {
        host::ground("", Trampolines::Untried)
    }

    #[test]
    fn advice_is_only_for_back_ends_that_do_not_work() {
        let found = vec![
            probed(Backend::Fentry, Some("x")),
            probed(Backend::Tracepoint, None),
        ];
        let diagnosis = diagnose(Vec::new(), Ok(found), &ground());
        let advised: Vec<_> = diagnosis
            .backends
            .iter()
            .map(|it| it.remedy.is_some())
            .collect();
        assert_eq!(advised, [true, false]);
    }

    #[test]
    fn the_best_back_end_that_works_is_named() {
        let found = vec![
            probed(Backend::Lsm, Some("x")),
            probed(Backend::Fentry, None),
        ];
        let diagnosis = diagnose(Vec::new(), Ok(found), &ground());
        assert_eq!(
            (diagnosis.possible, diagnosis.backend),
            (Some(true), Some(Backend::Fentry))
        );
    }

    #[test]
    fn without_a_back_end_recording_is_impossible() {
        let found = vec![probed(Backend::Tracepoint, Some("x"))];
        let diagnosis = diagnose(Vec::new(), Ok(found), &ground());
        assert_eq!(diagnosis.possible, Some(false));
        let diagnosis = diagnose(Vec::new(), Err(anyhow::anyhow!("no BTF")), &ground());
        assert_eq!(diagnosis.conclusion, "Recording is not possible: no BTF.");
    }

    #[test]
    fn without_root_nothing_is_claimed() {
        let root = Finding::unknown(host::ROOT, "no");
        let diagnosis = diagnose(vec![root], Err(anyhow::anyhow!("needs root")), &ground());
        assert_eq!(diagnosis.possible, None);
        assert!(diagnosis.conclusion.contains("sudo agtrack doctor"));
    }
}
