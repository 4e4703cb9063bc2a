//! Events of OCSF, judged by the published schema.
//!
//! Comes in: the golden records of the replay tests, and one record of each shape that the last
//! end-to-end tests read. Goes out: what the schema does not allow. The judge is a program of
//! Python (`ocsf/validate.py`) with the schema as others package it.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::count::Count;
use super::step;
use crate::build;
use crate::setup::python;
use crate::workspace::Workspace;

/// The schema and what judges by it.
const PACKAGES: &[&str] = &["ocsf-json-schema==1.2.0", "jsonschema==4.26.0"];

/// The records that the end-to-end tests are to keep, none yet.
///
/// # Errors
/// The file cannot be emptied.
pub(super) fn begin(workspace: &Workspace) -> Result<PathBuf> {
    let kept = kept(workspace)?;
    File::create(&kept).with_context(|| format!("cannot write {}", kept.display()))?;
    Ok(kept)
}

fn kept(workspace: &Workspace) -> Result<PathBuf> {
    Ok(workspace.scratch("ocsf")?.join("records.jsonl"))
}

/// Two cases: all events are allowed, and spoilt ones are not.
///
/// # Errors
/// The judge cannot be installed, or agtrack not be built.
pub(super) fn step(workspace: &Workspace) -> Result<Count> {
    let place = workspace.scratch("ocsf")?;
    let programs = python::ready(&place.join("python"), PACKAGES)?;
    let agtrack = build::agtrack(workspace, false)?;
    let mut records = records(workspace)?;
    records.extend(invented(&records)?);
    let events = place.join("events.jsonl");
    encode(&agtrack, &records, &events)?;
    let judge = |options: &[&str]| {
        let mut command = Command::new(programs.join("python"));
        command.arg(workspace.root.join("xtask/src/test/ocsf/validate.py"));
        step::single(command.arg(&events).args(options))
    };
    let mut count = judge(&[])?;
    count += judge(&["--mutate"])?;
    Ok(count)
}

/// The golden records, and those that the end-to-end tests kept if they ran.
///
/// # Errors
/// They cannot be read.
pub(super) fn records(workspace: &Workspace) -> Result<Vec<u8>> {
    let mut records = golden(&workspace.root.join("tests/replay"))?;
    match std::fs::read(kept(workspace)?) {
        Ok(kept) => records.extend(kept),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("the end-to-end tests kept no records: only golden ones are judged");
        }
        Err(error) => return Err(error).context("cannot read the records that were kept"),
    }
    Ok(records)
}

/// All golden records, one after the other.
fn golden(directory: &Path) -> Result<Vec<u8>> {
    let entries = std::fs::read_dir(directory)
        .with_context(|| format!("cannot read {}", directory.display()))?;
    let mut records = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "jsonl") {
            let text = std::fs::read(&path);
            records.extend(text.with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(records)
}

/// A record of an action that no agtrack has had yet.
fn invented(records: &[u8]) -> Result<Vec<u8>> {
    let known = "\"action\":\"file.open\",\"object\"";
    let text = std::str::from_utf8(records).context("golden records are text")?;
    let line = text.lines().find(|line| line.contains(known));
    let line = line.context("no golden record opens a file")?;
    let line = line.replace(known, "\"action\":\"file.invented\",\"object\"");
    Ok(format!("{line}\n").into_bytes())
}

/// What agtrack makes of them.
fn encode(agtrack: &Path, records: &[u8], events: &Path) -> Result<()> {
    let out = File::create(events).with_context(|| format!("cannot write {}", events.display()))?;
    let mut command = Command::new(agtrack);
    command.args(["encode", "--encoding", "ocsf"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(out)
        .spawn()
        .context("cannot start agtrack")?;
    let mut input = child.stdin.take().context("agtrack has no input")?;
    let written = input.write_all(records);
    drop(input);
    let status = child.wait().context("cannot wait for agtrack")?;
    if !status.success() {
        bail!("`agtrack encode` failed ({status}); its reason stands above");
    }
    written.context("agtrack did not read all records")
}
