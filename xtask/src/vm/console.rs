//! Reading what a machine said on its second serial line.

use std::collections::{BTreeMap, BTreeSet};

use super::{coverage, fixture};
use crate::test::count::Count;

/// What a command prints that is no test program and succeeded.
pub(crate) const NO_TESTS: &str = "smoke: ok";

/// What one back end did in one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The back end that was forced.
    pub(crate) backend: String,
    /// Its test cases, if a result line came.
    pub(crate) count: Option<Count>,
    /// Exit status of the test program, if it ended.
    pub(crate) status: Option<i32>,
    /// Exit status of the command that asks the verifier, if it ran.
    pub(crate) asked: Option<i32>,
    /// The verifier's instruction count of each program that loaded.
    pub(crate) verifier: BTreeMap<String, u64>,
    /// What tests that passed found in journals, if all tests were done.
    pub(crate) seen: Option<coverage::Seen>,
    /// The machine went on to something else behind it.
    pub(crate) finished: bool,
    /// Kinds of blocks that the machine was told to leave out.
    pub(crate) without: BTreeSet<String>,
    /// Input logs for the replay tests, by name.
    pub(crate) fixtures: BTreeMap<String, String>,
    /// Its tests began anew, since the machine's kernel had panicked.
    pub(crate) panicked: bool,
    /// What the failed tests said, and the kernel that panicked, safe for a terminal: the log stays
    /// where the machines ran.
    pub(crate) complaints: String,
}

impl Outcome {
    /// The test cases as they count, and what is wrong apart from failed cases.
    pub(crate) fn judged(&self) -> (Count, String) {
        let mut count = self.count.unwrap_or_default();
        let note = match (self.count, self.status) {
            (None, None) if self.without.contains("tests") && self.asked == Some(0) => {
                "only loaded; `cargo xtask vm` tests it".to_owned()
            }
            (Some(_), Some(0)) if self.asked.is_some_and(|status| status != 0) => {
                count.failed += 1;
                "FAILED: the verifier's counts could not be had".to_owned()
            }
            (Some(seen), Some(0)) if seen == Count::default() => {
                count.failed += 1;
                "FAILED: no test has such a name".to_owned()
            }
            (Some(_), Some(0)) if self.panicked => {
                "begun anew: the kernel had panicked, see below".to_owned()
            }
            (Some(_), Some(0)) => String::new(),
            (Some(seen), Some(_)) if seen.failed > 0 => "FAILED".to_owned(),
            (Some(_), Some(status)) => {
                count.failed += 1;
                format!("FAILED: exit status {status} without a failed test")
            }
            (None, Some(status)) => {
                count.failed += 1;
                format!("FAILED: no result line (exit status {status})")
            }
            (_, None) => {
                count.failed += 1;
                "FAILED: the machine ended before its tests did".to_owned()
            }
        };
        (count, note)
    }
}

/// Lines that are enough for the report of a panic.
const TAIL: usize = 60;

/// Lines of the complaints of one back end's tests that are shown.
const COMPLAINTS: usize = 200;

/// True if the machine came to the end of its script.
pub(crate) fn is_done(log: &str) -> bool {
    log.lines().any(|line| line.trim_end() == "@@ done")
}

/// The last lines of a log, each with a mark, and without what would steer a terminal.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    quoted(lines[lines.len().saturating_sub(TAIL)..].iter().copied())
}

/// A log without what would steer a terminal.
pub(crate) fn plain(log: &[u8]) -> String {
    quoted(String::from_utf8_lossy(log).lines())
}

/// Lines, each with a mark, and without what would steer a terminal.
pub(super) fn quoted<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut quoted = String::new();
    for line in lines {
        quoted.push_str("    ");
        quoted.extend(line.chars().filter(|c| *c == '\t' || !c.is_control()));
        quoted.push('\n');
    }
    quoted
}

/// What the test program says between `failures:` and its result.
fn complaints(tests: &[&str]) -> String {
    let said = tests
        .iter()
        .skip_while(|line| line.trim_end() != "failures:")
        .skip(1)
        .take_while(|line| !line.starts_with("test result:"))
        .filter(|line| !line.trim().is_empty());
    quoted(said.take(COMPLAINTS).copied())
}

/// The outcome of each back end in the log of a machine.
pub(crate) fn read(log: &str, backends: &[&str]) -> Vec<Outcome> {
    backends
        .iter()
        .map(|backend| outcome(log, backend))
        .collect()
}

fn outcome(log: &str, backend: &str) -> Outcome {
    let (tests, status) = block(log, "tests", backend);
    let (stats, asked) = block(log, "verifier", backend);
    let (found, told) = block(log, "coverage", backend);
    let counts = Count::in_output(tests.iter().copied());
    let smoke_passed = || {
        (status == Some(0)).then_some(Count {
            passed: 1,
            ..Count::default()
        })
    };
    Outcome {
        backend: backend.to_owned(),
        count: counts.or_else(|| smoke(&tests).then(smoke_passed).flatten()),
        status,
        asked,
        verifier: stats.iter().filter_map(|line| instructions(line)).collect(),
        seen: (told == Some(0)).then(|| coverage::read(&found)),
        finished: finished(log, backend),
        without: without(log, backend),
        fixtures: fixture::read(&tests),
        panicked: false,
        complaints: complaints(&tests),
    }
}

/// Whether the machine came to the end of all blocks of this back end.
fn finished(log: &str, backend: &str) -> bool {
    let words = |line: &str| -> Vec<String> {
        let words = line.trim_end().strip_prefix("@@ ").unwrap_or_default();
        words.split(' ').map(str::to_owned).collect()
    };
    let blocks = log
        .lines()
        .filter(|line| line.starts_with("@@ "))
        .map(words);
    let mut seen = false;
    for block in blocks {
        match &block[..] {
            [verb, _, of, ..] if of == backend => seen |= verb != "begin",
            [verb, ..] if seen => return verb == "begin" || verb == "without" || verb == "done",
            _ => {}
        }
    }
    false
}

/// What the machine says it left out of this back end's blocks.
fn without(log: &str, backend: &str) -> BTreeSet<String> {
    let left_out = log.lines().filter_map(|line| {
        let (kind, of) = line
            .trim_end()
            .strip_prefix("@@ without ")?
            .split_once(' ')?;
        (of == backend).then(|| kind.to_owned())
    });
    left_out.collect()
}

/// A command that is no test program says so itself.
fn smoke(lines: &[&str]) -> bool {
    lines.iter().any(|line| line.trim_end() == NO_TESTS)
}

/// The lines between the marks of a block, and its exit status.
fn block<'a>(log: &'a str, kind: &str, backend: &str) -> (Vec<&'a str>, Option<i32>) {
    let begin = format!("@@ begin {kind} {backend}");
    let end = format!("@@ end {kind} {backend} ");
    let mut lines = Vec::new();
    for line in log
        .lines()
        .skip_while(|line| line.trim_end() != begin)
        .skip(1)
    {
        if let Some(status) = line.strip_prefix(&end) {
            return (lines, status.trim().parse().ok());
        }
        lines.push(line);
    }
    (lines, None)
}

/// `open_lsm 1234`
fn instructions(line: &str) -> Option<(String, u64)> {
    let (program, count) = line.trim().split_once(' ')?;
    Some((program.to_owned(), count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "@@ kernel 6.12 lsm=bpf\r\n@@ begin tests lsm\r\n\
        test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\r\n\
        @@ end tests lsm 0\r\n@@ begin verifier lsm\nexec 812\nopen_lsm 20011\n\
        @@ end verifier lsm 0\n@@ begin tests fentry\nrunning 3 tests\n";

    #[test]
    fn a_finished_block_has_its_count_and_status() {
        let outcome = &read(LOG, &["lsm"])[0];
        let (count, note) = outcome.judged();
        assert_eq!((count.passed, count.failed, count.skipped), (3, 0, 1));
        assert_eq!(note, "");
        assert_eq!(outcome.verifier["open_lsm"], 20011);
    }

    #[test]
    fn a_verifier_that_could_not_be_asked_is_a_failure() {
        let log = LOG.replace("@@ end verifier lsm 0", "@@ end verifier lsm 1");
        assert_eq!(read(&log, &["lsm"])[0].judged().0.failed, 1);
    }

    #[test]
    fn what_tests_saw_counts_where_it_was_told_to_the_end() {
        let told = "@@ begin coverage lsm\r\nfile.open kernel success\r\n@@ end coverage lsm 0\r\n";
        let log = format!("{LOG}{told}");
        let seen = read(&log, &["lsm"])[0].seen.clone().unwrap();
        assert_eq!(seen["file.open"].to_string(), "kernel");
        assert_eq!(read(LOG, &["lsm"])[0].seen, None);
    }

    #[test]
    fn a_run_of_no_test_is_a_failure() {
        let log = LOG.replace(
            "3 passed; 0 failed; 1 ignored",
            "0 passed; 0 failed; 0 ignored",
        );
        let (count, note) = read(&log, &["lsm"])[0].judged();
        assert_eq!((count.passed, count.failed), (0, 1));
        assert!(note.contains("no test"), "{note}");
    }

    #[test]
    fn a_machine_that_panics_is_not_done_and_its_last_lines_are_shown() {
        assert!(!is_done(LOG));
        assert!(is_done(&format!("{LOG}@@ done\r\n")));
        let log = format!("{}\u{1b}[31mpanic\r\n", "line\n".repeat(100));
        let tail = tail(&log);
        assert_eq!(tail.lines().count(), TAIL);
        assert!(tail.ends_with("    [31mpanic\n"), "{tail:?}");
    }

    #[test]
    fn tests_that_were_begun_anew_say_so() {
        let mut outcome = read(LOG, &["lsm"]).remove(0);
        outcome.panicked = true;
        let (count, note) = outcome.judged();
        assert_eq!((count.passed, count.failed), (3, 0));
        assert!(note.contains("panicked"), "{note}");
    }

    #[test]
    fn what_was_left_out_is_told_and_must_have_been_loaded() {
        let left_out = "@@ without tests lsm\n@@ without coverage lsm\n@@ begin verifier lsm\n\
            exec 812\n@@ end verifier lsm 0\n";
        let outcome = &read(left_out, &["lsm"])[0];
        let (count, note) = outcome.judged();
        assert_eq!((count, outcome.verifier["exec"]), (Count::default(), 812));
        assert!(note.contains("only loaded"), "{note}");
        let failed = left_out.replace("verifier lsm 0", "verifier lsm 1");
        assert_eq!(read(&failed, &["lsm"])[0].judged().0.failed, 1);
    }

    #[test]
    fn what_is_finished_stands_when_the_machine_goes_down() {
        let outcomes = read(LOG, &["lsm", "fentry", "tracepoint"]);
        let finished: Vec<_> = outcomes.iter().map(|outcome| outcome.finished).collect();
        assert_eq!(finished, [true, false, false]);
        let cut = LOG.split("@@ begin tests fentry").next().unwrap();
        assert!(
            !read(cut, &["lsm"])[0].finished,
            "its coverage may be missing"
        );
        assert!(read(&format!("{cut}@@ done\r\n"), &["lsm"])[0].finished);
    }

    #[test]
    fn a_block_that_never_ended_is_a_failure() {
        let (count, note) = read(LOG, &["fentry"])[0].judged();
        assert_eq!(count.failed, 1);
        assert!(note.contains("ended before"), "{note}");
    }

    #[test]
    fn a_block_that_never_began_is_a_failure() {
        assert_eq!(read(LOG, &["tracepoint"])[0].judged().0.failed, 1);
    }

    #[test]
    fn what_failed_tests_said_is_kept_for_the_report() {
        let said = "test open ... FAILED\r\n\r\nfailures:\r\n\r\n---- open ----\r\nno \u{1b}record\r\n\
            \r\n\r\nfailures:\r\n    open\r\n\r\ntest result: FAILED.";
        let log = LOG.replace("test result: ok.", said);
        let kept = &read(&log, &["lsm"])[0].complaints;
        assert_eq!(
            kept,
            "    ---- open ----\n    no record\n    failures:\n        open\n"
        );
        assert_eq!(read(LOG, &["lsm"])[0].complaints, "");
    }

    #[test]
    fn a_bad_status_without_a_failed_test_is_a_failure() {
        let log = LOG.replace("@@ end tests lsm 0", "@@ end tests lsm 139");
        assert_eq!(read(&log, &["lsm"])[0].judged().0.failed, 1);
    }
}
