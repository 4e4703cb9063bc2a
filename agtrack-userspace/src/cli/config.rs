//! `agtrack config`: check a file, show what is in force.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use crate::cgroup::Hierarchy;
use crate::config::{
    self, AGENTS, Agent, Capture, Config, Control, DEFAULT_FILE, Error, Journal, Loaded, Metrics,
};
use crate::sink::Settings;
use crate::terminal::{self, Output};

/// Arguments of `agtrack config`.
#[derive(Debug, clap::Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration and tell every mistake in it
    ///
    /// Nothing is changed, and no root is needed. Exit code 1 where there are mistakes. Warnings
    /// are about globs that cannot match, whose cgroups another agent gets, or that take the whole
    /// host; about programs and users that are not there, another agent's, or everybody's as a shell is;
    /// and about main programs that nobody knows: exit code 0. The files in the directory agents.d beside the file are part of it.
    Check {
        /// The file to check
        #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
        config: PathBuf,
        /// The same, as it was called before
        #[arg(hide = true, conflicts_with = "config")]
        file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show every key with the value in force
    ///
    /// Without --config: /etc/agtrack/agtrack.toml where there is one, otherwise the built-in
    /// values.
    Show {
        /// The file to read
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Check { config, file, json } => {
            let file = file.as_ref().unwrap_or(config);
            match json {
                true => check_json(file),
                false => check(file),
            }
        }
        Command::Show { config, json } => show(config.as_deref(), *json),
    }
}

fn check(file: &Path) -> anyhow::Result<ExitCode> {
    let loaded = config::load(file).inspect_err(|error| {
        if let Error::Mistakes(mistakes) = error {
            let doubts = mistakes.doubts(mount().as_deref());
            config::warnings(&doubts)
                .iter()
                .for_each(|line| terminal::tell(line));
        }
    })?;
    let warnings = loaded.warnings(mount().as_deref());
    warnings.iter().for_each(|line| terminal::tell(line));
    let mut out = Output::new();
    let agents = match loaded.config.agents.len() {
        0 => "no agents, so nothing would be recorded".to_owned(),
        1 => "1 agent".to_owned(),
        many => format!("{many} agents"),
    };
    let warned = match warnings.len() {
        0 => String::new(),
        1 => "; 1 warning".to_owned(),
        many => format!("; {many} warnings"),
    };
    let others = match loaded.sources.len() {
        0 | 1 => String::new(),
        2 => format!(" and 1 file in {AGENTS}"),
        many => format!(" and {} files in {AGENTS}", many - 1),
    };
    let file = file.display();
    out.line(format!("{file}{others}: no mistakes{warned}; {agents}"))?;
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// Where cgroup2 is mounted here; the file may be meant for another host.
fn mount() -> Option<PathBuf> {
    let hierarchy = Hierarchy::find().ok()?;
    Some(hierarchy.mount().to_path_buf())
}

fn check_json(file: &Path) -> anyhow::Result<ExitCode> {
    let mistakes = |loaded: &Result<Loaded, Error>| match loaded {
        Err(Error::Mistakes(mistakes)) => mistakes.mistakes.clone(),
        Ok(_) | Err(_) => Vec::new(),
    };
    let loaded = config::load(file);
    let files = |loaded: &Loaded| -> Vec<PathBuf> {
        loaded
            .sources
            .iter()
            .map(|source| source.file.clone())
            .collect()
    };
    let mut out = Output::new();
    out.json(&json!({
        "file": file,
        "files": loaded.as_ref().map(files).unwrap_or_default(),
        "ok": loaded.is_ok(),
        "sha256": loaded.as_ref().ok().and_then(|loaded| loaded.sha256.clone()),
        "error": loaded.as_ref().err().map(ToString::to_string),
        "mistakes": mistakes(&loaded),
        "warnings": match &loaded {
            Ok(loaded) => loaded.doubts(mount().as_deref()),
            Err(Error::Mistakes(mistakes)) => mistakes.doubts(mount().as_deref()),
            Err(_) => Vec::new(),
        },
    }))?;
    out.finish()?;
    Ok(if loaded.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn show(file: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let loaded = in_force(file)?;
    let mut out = Output::new();
    if json {
        out.json(&json!({
            "file": loaded.file,
            "sha256": loaded.sha256,
            "config": loaded.config,
        }))?;
    } else {
        out.line(as_toml(&loaded.config)?)?;
    }
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// What stands for the agents where there are none: an empty list could not be added to.
const NO_AGENTS: &str = "
# No agents, so nothing is recorded. Name one:
#
# [[agents]]
# id = \"code-assistant\"
# cgroups = [\"/agents/code-*\"]";

/// A configuration as a file that can be continued.
#[derive(Serialize)]
struct Shown<'c> {
    journal: &'c Journal,
    capture: &'c Capture,
    control: &'c Control,
    #[serde(skip_serializing_if = "is_off")]
    metrics: &'c Metrics,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    sinks: &'c [Settings],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    agents: &'c [Agent],
}

fn is_off(metrics: &&Metrics) -> bool {
    metrics.listen.is_none()
}

fn as_toml(config: &Config) -> anyhow::Result<String> {
    let Config {
        journal,
        capture,
        control,
        metrics,
        sinks,
        agents,
    } = config;
    let shown = Shown {
        journal,
        capture,
        control,
        metrics,
        sinks,
        agents,
    };
    let text =
        toml::to_string_pretty(&shown).context("the configuration cannot be written as TOML")?;
    let none = if agents.is_empty() { NO_AGENTS } else { "" };
    Ok(format!("{}\n{none}", text.trim_end()).trim_end().to_owned())
}

fn in_force(file: Option<&Path>) -> anyhow::Result<Loaded> {
    if let Some(file) = file {
        return Ok(config::load(file)?);
    }
    match config::load(Path::new(DEFAULT_FILE)) {
        Err(Error::Read { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => {
            terminal::tell(&format!(
                "there is no {DEFAULT_FILE}; these are the built-in values"
            ));
            Ok(Loaded::built_in())
        }
        other => Ok(other?),
    }
}
