//! Running other programs: shown before, named with reason when they fail.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// Shows the command and runs it. `next` says what to do when it fails.
///
/// # Errors
/// It cannot be started, or ends with anything but success.
pub(crate) fn run(command: &mut Command, next: &str) -> Result<()> {
    let line = shown(command);
    eprintln!("$ {line}");
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`; {next}"))?;
    check(status, &line, next)
}

/// Runs the command without showing it and returns what it prints.
///
/// # Errors
/// It cannot be started, or ends with anything but success; its complaint is in the error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed ({}): {}", output.status, complaint.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first of these programs in `PATH`.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Ordinary users on Debian have no sbin in PATH, and some tools live there.
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Whether this process may do what only root may.
pub(crate) fn is_root() -> bool {
    // /proc/self belongs to the effective user.
    std::fs::metadata("/proc/self")
        .is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

fn check(status: ExitStatus, line: &str, next: &str) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("`{line}` failed ({status}); {next}")
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(word).collect::<Vec<_>>().join(" ")
}

/// As a word for a shell.
pub(crate) fn word(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_=+./:,@%~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{word}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_typed() {
        let mut command = Command::new("make");
        command.args(["-C", "a dir", "", "X=1"]);
        assert_eq!(shown(&command), "make -C 'a dir' '' X=1");
    }

    #[test]
    fn a_failure_names_command_status_and_next_step() {
        let error = run(Command::new("sh").args(["-c", "exit 3"]), "look above").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c 'exit 3'` failed (exit status: 3); look above"
        );
    }

    #[test]
    fn what_a_failing_command_complains_of_is_in_the_error() {
        let error = output(Command::new("sh").args(["-c", "echo no luck >&2; exit 1"]));
        assert!(error.unwrap_err().to_string().ends_with("no luck"));
    }
}
