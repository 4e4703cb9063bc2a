//! What is shipped for receivers of records (`dist/siem`), tried on records.
//!
//! Comes in: the same records as for `ocsf`, and one for each rule. Goes out: what a receiver would refuse or
//! overlook. Judges: lnav and rsyslogd from the distribution, pySigma, and a program of Python
//! (`siem/check.py`) for the rest.

use std::process::Command;

use anyhow::Result;

use super::count::Count;
use super::{ocsf, step};
use crate::build;
use crate::setup::python;
use crate::workspace::Workspace;

/// What reads rules and configurations.
const PACKAGES: &[&str] = &["sigma-cli==3.1.0", "pySigma==1.5.1", "PyYAML==6.0.4"];

/// A case for each of the judges.
///
/// # Errors
/// They cannot be installed, or agtrack not be built.
pub(super) fn step(workspace: &Workspace) -> Result<Count> {
    let place = workspace.scratch("siem")?;
    let programs = python::ready(&place.join("python"), PACKAGES)?;
    let agtrack = build::agtrack(workspace, false)?;
    let records = place.join("records.jsonl");
    std::fs::write(&records, ocsf::records(workspace)?)?;
    let shipped = workspace.root.join("dist/siem");
    let mut count = Count::default();
    for what in ["opensearch", "lnav", "rsyslog", "sigma", "parses"] {
        let mut command = Command::new(programs.join("python"));
        command.arg(workspace.root.join("xtask/src/test/siem/check.py"));
        command.arg(what).arg(&shipped).arg(&records).arg(&agtrack);
        count += step::single(&mut command)?;
    }
    let mut sigma = Command::new(programs.join("sigma"));
    sigma.args(["check", "--fail-on-error", "--fail-on-issues"]);
    // These would fetch lists of tags from the network.
    sigma.args(["-x", "attacktag", "-x", "d3_fendtag"]);
    count += step::single(sigma.arg(shipped.join("sigma")))?;
    let mut rsyslog = Command::new("rsyslogd");
    rsyslog
        .args(["-N1", "-f"])
        .arg(shipped.join("rsyslog.conf"));
    count += step::single(&mut rsyslog)?;
    Ok(count)
}
