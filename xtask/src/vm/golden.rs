//! What the verifier needed for each program on each kernel, compared with an earlier run.
//!
//! Comes in: the counts the machines reported and `tests/golden/verifier.txt`. Goes out:
//! complaints, or with `--bless` a new file. A count may grow by a tenth.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// Kernel, back end and program.
pub(crate) type Key = (String, String, String);
/// Instructions the verifier walked through.
pub(crate) type Counts = BTreeMap<Key, u64>;

const HEAD: &str = "\
# Instructions the verifier walked per program: kernel, back end, program, count.
# A count may grow by a tenth. `cargo xtask vm --bless` writes this file anew.
";

/// Kernel and back end that were asked. Kernels before 5.16 answer with nothing.
pub(crate) type Machine = (String, String);

/// What is wrong with the counts of this run.
///
/// # Errors
/// The golden file cannot be read or is no such file.
pub(crate) fn check(workspace: &Workspace, asked: &[Machine], now: &Counts) -> Result<Vec<String>> {
    let path = path(workspace);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!(
            "cannot read {}; `cargo xtask vm --bless` writes it",
            path.display()
        )
    })?;
    let golden = of_machines(parse(&text)?, asked);
    Ok(complaints(&golden, now))
}

/// Takes the counts of this run as the golden ones, for the machines that ran.
///
/// # Errors
/// The golden file cannot be written.
pub(crate) fn bless(workspace: &Workspace, asked: &[Machine], now: &Counts) -> Result<()> {
    let path = path(workspace);
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    }
    let mut golden = match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text)?,
        Err(_) => Counts::new(), // The first time.
    };
    golden.retain(|key, _| !is_of(key, asked));
    golden.extend(now.iter().map(|(key, count)| (key.clone(), *count)));
    std::fs::write(&path, print(&golden))
        .with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("vm: {} programs written to {}", now.len(), path.display());
    Ok(())
}

/// What is golden for the machines that were asked.
fn of_machines(golden: Counts, asked: &[Machine]) -> Counts {
    golden
        .into_iter()
        .filter(|(key, _)| is_of(key, asked))
        .collect()
}

fn is_of(key: &Key, machines: &[Machine]) -> bool {
    machines
        .iter()
        .any(|(kernel, backend)| *kernel == key.0 && *backend == key.1)
}

fn path(workspace: &Workspace) -> PathBuf {
    workspace.root.join("tests/golden/verifier.txt")
}

fn complaints(golden: &Counts, now: &Counts) -> Vec<String> {
    let mut complaints = Vec::new();
    for (key, &before) in golden {
        let (kernel, backend, program) = key;
        match now.get(key) {
            Some(&count) if count > before + before / 10 => complaints.push(format!(
                "{kernel} {backend} {program}: {count} instructions, were {before}"
            )),
            Some(_) => {}
            None => complaints.push(format!(
                "{kernel} {backend} {program}: no count, was {before}"
            )),
        }
    }
    for (key, count) in now {
        if !golden.contains_key(key) {
            let (kernel, backend, program) = key;
            complaints.push(format!(
                "{kernel} {backend} {program}: {count} instructions, is new"
            ));
        }
    }
    complaints
}

fn print(counts: &Counts) -> String {
    let mut text = HEAD.to_owned();
    for ((kernel, backend, program), count) in counts {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{kernel} {backend} {program} {count}");
    }
    text
}

fn parse(text: &str) -> Result<Counts> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let [kernel, backend, program, count] = words[..] else {
                anyhow::bail!("verifier.txt: `{line}` is not: kernel, back end, program, count")
            };
            let count = count
                .parse()
                .with_context(|| format!("verifier.txt: `{line}`"))?;
            Ok((
                (kernel.to_owned(), backend.to_owned(), program.to_owned()),
                count,
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(program: &str, count: u64) -> Counts {
        let key = ("6.12".to_owned(), "lsm".to_owned(), program.to_owned());
        Counts::from([(key, count)])
    }

    #[test]
    fn a_tenth_more_is_allowed_and_less_is_welcome() {
        let golden = counts("exec", 1000);
        assert_eq!(
            complaints(&golden, &counts("exec", 1100)),
            Vec::<String>::new()
        );
        assert_eq!(
            complaints(&golden, &counts("exec", 10)),
            Vec::<String>::new()
        );
        assert_eq!(
            complaints(&golden, &counts("exec", 1101)),
            ["6.12 lsm exec: 1101 instructions, were 1000"]
        );
    }

    #[test]
    fn a_program_that_is_new_or_gone_is_said() {
        let said = complaints(&counts("exec", 5), &counts("exit", 6));
        assert_eq!(said.len(), 2);
        assert!(said[0].ends_with("exec: no count, was 5"));
        assert!(said[1].ends_with("exit: 6 instructions, is new"));
    }

    #[test]
    fn machines_that_did_not_run_are_not_missed() {
        let mut golden = counts("exec", 5);
        golden.insert(("5.10".to_owned(), "lsm".to_owned(), "exec".to_owned()), 7);
        let asked = [("6.12".to_owned(), "lsm".to_owned())];
        assert_eq!(of_machines(golden, &asked), counts("exec", 5));
    }

    #[test]
    fn a_machine_that_falls_silent_is_noticed() {
        let asked = [("6.12".to_owned(), "lsm".to_owned())];
        let golden = of_machines(counts("exec", 5), &asked);
        assert_eq!(complaints(&golden, &Counts::new()).len(), 1);
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let golden = counts("exec", 1000);
        assert_eq!(parse(&print(&golden)).unwrap(), golden);
        assert!(parse("6.12 lsm exec").is_err());
    }
}
