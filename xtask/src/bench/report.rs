//! The tables, as they are printed and kept in `docs/benchmarks.md`.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::foreign;
use super::host;
use super::load::Load;
use super::pressure::Row;
use super::recorder::Recorder;
use super::table::Pairs;
use crate::workspace::Workspace;

const INTRODUCTION: &str = "# Benchmarks\n\n\
    Written by `cargo xtask bench`; do not edit. `cargo xtask bench --quick` prints a shorter \
    form; `--against COMMIT` measures an earlier version in the same run.\n\n";

const METHOD: &str = "\
    How: a load and the same load under a recorder run right after each other, again and again \
    in alternation; a cell is the median of the ratios of these pairs, with the least and the \
    greatest. Files are in memory (tmpfs). Load and recorders run with raised priority (nice \
    -15), the load on one processor. A pair during which others used more than 0.6 cores is measured again, once, for a \
    fifth of all pairs at most; if \
    it stays so it is left out, save where most pairs of a cell were so: the cell has all of them \
    then, and a `*`. Differences below 0.03 are noise here, and goals are compared with that \
    allowance. Under pressure each load has three rounds: the recorder's time is their median, \
    with the least and the greatest, the rest is that of the round that lost most. Where a load \
    does as much as it can, the recorder's threads may need more than the other processor, and \
    take time from the load.\n\n\
    auditd watches the whole host: it has no notion of an agent. Its rules are `execve`, `open`, \
    `unlink`, `rename`, `connect` and their variants, for all results; it writes its log in the \
    ENRICHED format. strace prints every system call to a file.\n";

/// What is told at the end.
pub(super) struct Report {
    text: String,
    /// Beside an earlier version.
    against: String,
    notes: Vec<String>,
    backend: String,
    /// Whether it is kept.
    whole: bool,
}

impl Report {
    /// With what is true before anything was measured.
    pub(super) fn begin(workspace: &Workspace, whole: bool, backend: String) -> Report {
        let mut commit = Command::new("git");
        commit
            .args(["describe", "--always", "--dirty=, changed", "--abbrev=12"])
            .current_dir(&workspace.root);
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let text = format!(
            "- machine: {}\n- date: {}\n- sources: commit {}\n- command: `cargo xtask {}`\n\
             - back end: {backend}\n- load average before: {}\n",
            host::describe(),
            host::today(),
            host::said(&mut commit),
            arguments.join(" "),
            host::load_average()
        );
        Report {
            text,
            against: String::new(),
            notes: Vec::new(),
            backend,
            whole,
        }
    }

    /// Something to be known, once.
    pub(super) fn note(&mut self, note: String) {
        eprintln!("bench: {note}");
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The first table.
    pub(super) fn ratios(&mut self, pairs: &Pairs, loads: &[Load], recorders: &[Recorder]) {
        let _ = write!(
            self.text,
            "- load average after the ratios: {}\n\n## Ratios to no recorder\n\n{}",
            host::load_average(),
            pairs.table(loads, recorders, &self.backend)
        );
        let (spoiled, all) = pairs.spoiled();
        if spoiled > 0 {
            self.notes.push(format!(
                "Others used more than {} cores during {spoiled} of {all} pairs.",
                foreign::LIMIT
            ));
        }
    }

    /// The second table.
    pub(super) fn pressure(&mut self, rows: &[Row]) {
        self.text
            .push_str("\n## Under pressure\n\n| what | goal | reached |\n|---|---|---|\n");
        for row in rows {
            let over = if row.holds == Some(false) {
                " **missed**"
            } else {
                ""
            };
            let _ = writeln!(
                self.text,
                "| {} | {} | {}{over} |",
                row.what, row.goal, row.reached
            );
        }
        let _ = writeln!(
            self.text,
            "\nLoad average after it: {}. Lost and skipped are agtrack's own account: the \
             totals in its last record, and its gap records. Operations never seen are the load's \
             own count less what the hooks saw; process events lost are \
             the forks, execs and exits of the load less those in the journal. Arrived and \
             dismissed: watched for a moment in a cgroup just made, until it proved to be nobody's \
             agent.",
            host::load_average()
        );
    }

    /// The third table.
    pub(super) fn against(&mut self, table: String) {
        self.against = table;
    }

    /// Prints it all, and keeps it where it is the whole.
    ///
    /// # Errors
    /// The document cannot be written.
    pub(super) fn end(mut self, workspace: &Workspace) -> Result<()> {
        self.notes.extend(unmeasured(&self.backend));
        self.text.push('\n');
        for note in &self.notes {
            let _ = writeln!(self.text, "- {note}");
        }
        let tables = format!("{}\n{}", self.text, self.against);
        println!("{tables}");
        if self.whole {
            let path = workspace.root.join("docs/benchmarks.md");
            let document = format!("{INTRODUCTION}{tables}{METHOD}");
            fs::write(&path, document)
                .with_context(|| format!("cannot write {}", path.display()))?;
            println!("written to {}", path.display());
        }
        Ok(())
    }
}

/// What these tables have no column for.
fn unmeasured(backend: &str) -> Vec<String> {
    let mut unmeasured = vec![
        "Not measured: an agent's real work (git, make, a walk of many files), and loopback TCP \
         throughput with packet hooks."
            .to_owned(),
    ];
    if backend == "tracepoint" {
        unmeasured.push(
            "Back end A (LSM, fentry): not measured; this kernel does not run it, and emulated \
             machines say nothing about time."
                .to_owned(),
        );
    }
    unmeasured
}
