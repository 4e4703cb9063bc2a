//! Which journal is meant where none is named.

use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::bail;

use crate::terminal::{note, tell};

/// Where agtrack keeps its state.
const STATE: &str = "/var/lib/agtrack";

/// The journal that is named, or the one that is meant; people are told which.
pub(in crate::cli) fn journal(named: Option<&Path>, json: bool) -> anyhow::Result<PathBuf> {
    if let Some(dir) = named {
        return Ok(dir.to_path_buf());
    }
    let dir = newest(Path::new(STATE))?;
    let people = std::io::stderr().is_terminal();
    let is_piped = !std::io::stdout().is_terminal();
    if let Some(said) = said(&dir, people, json && is_piped) {
        tell(&said);
    }
    Ok(dir)
}

/// The journal below `state` that was written last, among those that may be read.
fn newest(state: &Path) -> anyhow::Result<PathBuf> {
    let mut found = vec![state.join("journal")];
    let runs = state.join("runs");
    let unseen = match std::fs::read_dir(&runs) {
        Ok(entries) => {
            found.extend(entries.filter_map(Result::ok).map(|entry| entry.path()));
            None
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(format!(
            "cannot look for journals in {}: {error}",
            runs.display()
        )),
    };
    let mut closed = 0;
    let mut best: Option<(SystemTime, PathBuf)> = None;
    for dir in found {
        match written(&dir) {
            Ok(time) if best.as_ref().is_none_or(|(newest, _)| time > *newest) => {
                best = Some((time, dir));
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => closed += 1,
            Ok(_) | Err(_) => {}
        }
    }
    chosen(state, best.map(|(_, dir)| dir), closed, unseen)
}

/// The best that was found, or why none was; what could not be looked at is said in any case.
fn chosen(
    state: &Path,
    best: Option<PathBuf>,
    closed: u32,
    unseen: Option<String>,
) -> anyhow::Result<PathBuf> {
    match (best, unseen, closed) {
        (Some(dir), unseen, _) => {
            if let Some(unseen) = unseen {
                note(format_args!(
                    "agtrack: {unseen}; this is {}, and there may be a newer one",
                    dir.display()
                ));
            }
            Ok(dir)
        }
        (None, Some(unseen), _) => {
            bail!("{unseen}; run it with sudo, or name a journal with --journal DIR")
        }
        (None, None, 0) => bail!(
            "there is no journal in {} yet; record something with `agtrack run -- CMD`, or name \
             a journal with --journal DIR",
            state.display()
        ),
        (None, None, _) => bail!(
            "no journal in {} may be read by you; run it with sudo, or name one with --journal DIR",
            state.display()
        ),
    }
}

/// What is said of a journal that nobody named: to people on a terminal, not beside what goes into
/// a program.
fn said(dir: &Path, people: bool, for_program: bool) -> Option<String> {
    (people && !for_program).then(|| format!("reading {}", dir.display()))
}

/// When a journal was written last: its head is written with every commit.
fn written(dir: &Path) -> std::io::Result<SystemTime> {
    // Readable as a whole, not only by name.
    std::fs::File::open(dir.join("head"))?
        .metadata()?
        .modified()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn journal(state: &Path, name: &str, age: u64) {
        let dir = state.join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let head = std::fs::File::create(dir.join("head")).unwrap();
        head.set_modified(SystemTime::now() - Duration::from_secs(age))
            .unwrap();
    }

    #[test]
    fn the_one_written_last_is_meant() {
        let state = tempfile::tempdir().unwrap();
        journal(state.path(), "runs/a", 50);
        assert_eq!(newest(state.path()).unwrap(), state.path().join("runs/a"));
        journal(state.path(), "journal", 30);
        journal(state.path(), "runs/b", 40);
        std::fs::create_dir(state.path().join("runs/no-journal")).unwrap();
        assert_eq!(newest(state.path()).unwrap(), state.path().join("journal"));
    }

    #[test]
    fn what_could_not_be_looked_at_is_said() {
        let state = tempfile::tempdir().unwrap();
        // Not a directory: that stops root, too.
        std::fs::write(state.path().join("runs"), "").unwrap();
        let error = newest(state.path()).unwrap_err().to_string();
        let begin = "cannot look for journals in ";
        assert!(
            error.starts_with(begin) && error.contains("/runs: "),
            "{error}"
        );
        journal(state.path(), "journal", 30);
        assert_eq!(newest(state.path()).unwrap(), state.path().join("journal"));
    }

    #[test]
    fn people_are_told_which_one_they_read() {
        let dir = Path::new("/var/lib/agtrack/journal");
        let expect = "reading /var/lib/agtrack/journal";
        assert_eq!(said(dir, true, false).as_deref(), Some(expect));
        assert_eq!(said(dir, true, true), None);
        assert_eq!(said(dir, false, false), None);
    }

    #[test]
    fn without_any_it_is_said_how_to_make_one() {
        let state = tempfile::tempdir().unwrap();
        let error = newest(state.path()).unwrap_err().to_string();
        assert!(error.contains("agtrack run"), "{error}");
    }
}
