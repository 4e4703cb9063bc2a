//! Input logs for the replay tests, which a machine prints between marks.
//!
//! Comes in: what machines printed. Goes out: `tests/replay/NAME.input`. The records that they give
//! are written by the replay test (`AGTRACK_BLESS=1`).

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};

use super::Booted;
use crate::workspace::Workspace;

const BEGIN: &str = "@@ fixture ";
const END: &str = "@@ end fixture";

/// The logs in some lines, by name. One that has no end is none.
pub(crate) fn read(lines: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut log: Option<(String, String)> = None;
    for line in lines.iter().map(|line| line.trim_end()) {
        if let Some(name) = line.strip_prefix(BEGIN) {
            log = Some((name.to_owned(), String::new()));
        } else if line == END {
            found.extend(log.take());
        } else if let Some((_, text)) = &mut log {
            text.push_str(line);
            text.push('\n');
        }
    }
    found
}

/// Writes the logs of the first machine that printed some.
///
/// # Errors
/// No machine did, or a file cannot be written.
pub(super) fn write(workspace: &Workspace, results: &[Booted]) -> Result<()> {
    let mut outcomes = results
        .iter()
        .filter_map(|(_, result)| result.as_ref().ok());
    let logs: BTreeMap<_, _> = outcomes
        .find_map(|outcomes| {
            let logs = outcomes.iter().flat_map(|outcome| &outcome.fixtures);
            Some(logs.collect::<BTreeMap<_, _>>()).filter(|logs| !logs.is_empty())
        })
        .context("no machine recorded anything; its log says why")?;
    for (name, text) in logs {
        let plain = |c: char| c.is_ascii_lowercase() || c == '_';
        ensure!(name.chars().all(plain), "{name:?} is no name of a fixture");
        let file = workspace.root.join(format!("tests/replay/{name}.input"));
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        println!("{}: {} inputs", file.display(), text.lines().count());
    }
    println!("now: AGTRACK_BLESS=1 cargo test -p agtrack-tests --test replay");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_stands_between_its_marks() {
        let lines = [
            "note: something",
            "@@ fixture lsm_files\r",
            "{\"input\":\"start\"}\r",
            "{}\r",
            "@@ end fixture\r",
            "smoke: ok",
            "@@ fixture lsm_half",
            "{}",
        ];
        let expect = [(
            "lsm_files".to_owned(),
            "{\"input\":\"start\"}\n{}\n".to_owned(),
        )];
        assert_eq!(read(&lines), expect.into());
    }
}
