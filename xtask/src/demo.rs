//! Shows agtrack at work on a small scripted agent.
//!
//! Comes in: nothing. Goes out: what `agtrack run` and `agtrack tail` print, and a journal that
//! stays. Everything the agent touches lies below the target directory.

mod place;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::setup::{self, Need};
use crate::workspace::Workspace;
use crate::{build, run};

/// `cargo xtask demo`.
///
/// # Errors
/// Something is missing and cannot be installed, or agtrack does not compile or start.
pub(crate) fn demo(workspace: &Workspace) -> Result<ExitCode> {
    setup::setup(Need::Demo)?;
    let agtrack = build::agtrack(workspace, true)?;
    let place = new_place(&workspace.scratch("demo")?)?;
    place::furnish(&place)?;
    let server = place::serve()?;
    let journal = place.join("journal");
    eprintln!(
        "\ndemo: a scripted agent works on a small project. agtrack watches it from the kernel;\n\
         demo: the agent takes no part in that. What follows is its own output, then agtrack's.\n"
    );
    let status = Command::new(&agtrack)
        .args(["run", "--agent", "demo-agent", "--journal"])
        .arg(&journal)
        .args(["--", "bash", "../agent.sh"])
        .arg(format!("http://{server}/"))
        .current_dir(place.join("project"))
        .env("HOME", place.join("home"))
        // Cargo's own, which would have every program search the toolchain first.
        .env_remove("LD_LIBRARY_PATH")
        .status()
        .with_context(|| format!("cannot start {}", agtrack.display()))?;
    if !journal.join("head").exists() {
        bail!(
            "agtrack did not record (it says why above); `{} doctor` shows what this machine lacks",
            agtrack.display()
        );
    }
    eprintln!("\ndemo: the last of it once more, action by action:\n");
    let mut tail = Command::new(&agtrack);
    tail.args(["tail", "-n", "10", "--journal"]).arg(&journal);
    run::run(&mut tail, "the journal is written all the same")?;
    eprintln!("{}", next(&agtrack, &journal));
    // The agent's own status is what `agtrack run` ends with.
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A new directory: the journals of earlier demos belong to root and stay.
fn new_place(demos: &Path) -> Result<PathBuf> {
    let mut number = 1;
    loop {
        let place = demos.join(number.to_string());
        match std::fs::create_dir(&place) {
            Ok(()) => return Ok(place),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot create {}", place.display()));
            }
        }
    }
}

/// What to type after the demo.
fn next(agtrack: &Path, journal: &Path) -> String {
    let [agtrack, journal] = [agtrack, journal].map(|path| run::word(path.as_os_str()));
    format!(
        "\ndemo: done. The journal is in {journal}\n\n\
         Everything it did, in order:\n  {agtrack} tail -n all --journal {journal}\n\
         The records themselves, here of every connect:\n  \
         {agtrack} tail -n all --json --journal {journal} | grep net.connect\n\
         And now a command of yours:\n  {agtrack} run -- ls -l"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_demo_has_a_directory_of_its_own() {
        let demos = std::env::temp_dir().join(format!("agtrack-demos-{}", std::process::id()));
        std::fs::create_dir(&demos).unwrap();
        assert_eq!(new_place(&demos).unwrap(), demos.join("1"));
        assert_eq!(new_place(&demos).unwrap(), demos.join("2"));
        std::fs::remove_dir_all(demos).unwrap();
    }

    #[test]
    fn what_to_type_next_can_be_pasted() {
        let told = next(Path::new("/t/agtrack"), Path::new("/a b/journal"));
        assert!(
            told.contains("/t/agtrack tail -n all --journal '/a b/journal'\n"),
            "{told}"
        );
    }
}
