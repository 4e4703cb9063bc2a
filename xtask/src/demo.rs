//! Shows agtrack at work on a small scripted agent.
//!
//! Comes in: nothing. Goes out: what `agtrack run` prints, and a journal that stays. Everything
//! the agent touches lies below the target directory.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::setup::{self, Need};
use crate::workspace::Workspace;
use crate::{build, run};

/// What the agent does.
const AGENT: &str = include_str!("../demo/agent.sh");

/// `cargo xtask demo`.
///
/// # Errors
/// Something is missing and cannot be installed, or agtrack does not compile or start.
pub(crate) fn demo(workspace: &Workspace) -> Result<ExitCode> {
    setup::setup(Need::Demo)?;
    let agtrack = build::agtrack(workspace, true)?;
    let place = workspace.scratch("demo")?;
    let script = place.join("agent.sh");
    std::fs::write(&script, AGENT).with_context(|| format!("cannot write {}", script.display()))?;
    let journal = place.join("journal");
    eprintln!(
        "\ndemo: `agtrack run` records a scripted agent that works in {}\n",
        place.display()
    );
    let status = Command::new(&agtrack)
        .args(["run", "--agent", "demo-agent", "--journal"])
        .arg(&journal)
        .args(["--", "bash"])
        .arg(&script)
        .current_dir(&place)
        .status()
        .with_context(|| format!("cannot start {}", agtrack.display()))?;
    eprintln!("\ndemo: the end of its journal, as `agtrack tail` shows it:\n");
    let mut tail = Command::new(&agtrack);
    tail.args(["tail", "-n", "12", "--journal"]).arg(&journal);
    run::run(&mut tail, "the journal is written all the same")?;
    // The agent's own status is what `agtrack run` ends with.
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
