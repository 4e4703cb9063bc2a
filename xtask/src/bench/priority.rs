//! Going before what others run on this machine; load and recorder alike, as they inherit it.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::restore::Restorer;
use crate::run;

/// How nice load and recorder are.
pub(super) const NICE: i32 = -15;

const AUTOGROUP: &str = "/proc/self/autogroup";

/// Raises the priority until the value is dropped.
///
/// # Errors
/// The kernel refuses.
pub(super) fn raise() -> Result<Option<Restorer>> {
    let own = std::process::id().to_string();
    let mut renice = Command::new("renice");
    renice.arg("-n").arg(NICE.to_string()).args(["-p", &own]);
    run::output(&mut renice)?;
    // Where the kernel groups processes by session, priorities mean nothing to other sessions,
    // but the session has one of its own.
    let Ok(group) = fs::read_to_string(AUTOGROUP) else {
        return Ok(None);
    };
    let before = group.rsplit(' ').next().unwrap_or("0").trim().to_owned();
    let restorer = Restorer::begin("echo \"$1\" > /proc/self/autogroup", &[before])?;
    fs::write(AUTOGROUP, NICE.to_string()).with_context(|| format!("cannot write {AUTOGROUP}"))?;
    Ok(Some(restorer))
}
