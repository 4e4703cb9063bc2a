//! Test programs of the package `agtrack-tests`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The package of end-to-end, replay and differential tests.
pub(crate) const PACKAGE: &str = "agtrack-tests";

/// Builds the test program that the command (`cargo test …`) would run and says where it is.
///
/// # Errors
/// It does not compile, or the command names no test program.
pub(crate) fn executable(command: &mut Command) -> Result<PathBuf> {
    command.args(["--no-run", "--message-format=json-render-diagnostics"]);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo; is it in PATH?")?;
    if !output.status.success() {
        bail!("the test program does not compile; the reasons stand above");
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(test_program)
        .next_back()
        .context("cargo built no test program")
}

/// The executable in a message of cargo about a test target.
fn test_program(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_test = message["target"]["kind"]
        .as_array()?
        .iter()
        .any(|kind| kind == "test");
    is_test
        .then(|| message["executable"].as_str().map(PathBuf::from))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_about_a_test_program_names_it() {
        let line = r#"{"target":{"kind":["test"]},"executable":"/t/e2e-1"}"#;
        assert_eq!(test_program(line), Some(PathBuf::from("/t/e2e-1")));
        assert_eq!(test_program(&line.replace("[\"test\"]", "[\"lib\"]")), None);
        assert_eq!(test_program("not a message"), None);
    }
}
