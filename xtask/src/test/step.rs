//! One step of the test run: a program whose output is shown while it is counted.

use std::io::{self, BufRead, BufReader, PipeReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::count::Count;
use super::tree;

/// A command that prints nothing for so long hangs: no single test and no single crate takes a
/// quarter of it.
const SILENCE: Duration = Duration::from_secs(10 * 60);

/// Runs a program that is one test by itself: its exit status is the result.
///
/// # Errors
/// It cannot be started.
pub(crate) fn single(command: &mut Command) -> Result<Count> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .context("cannot start it")?;
    Ok(one(status.success()))
}

/// One test case.
pub(crate) fn one(passed: bool) -> Count {
    Count {
        passed: u64::from(passed),
        failed: u64::from(!passed),
        skipped: 0,
    }
}

/// Runs `cargo test …` and counts the cases of every test program in it.
///
/// A program that begins and prints no result, a bad status without a failed case, or no case at
/// all is one more failure. One that falls silent is shown with its processes, and ended.
///
/// # Errors
/// It cannot be started or waited for, or its output cannot be read.
pub(crate) fn cases(command: &mut Command) -> Result<Count> {
    cases_within(command, SILENCE)
}

fn cases_within(command: &mut Command, silence: Duration) -> Result<Count> {
    // One pipe for both, or the lines about which program runs come too early or too late.
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command.stdin(Stdio::null());
    command
        .stdout(writer.try_clone().context("cannot copy a pipe")?)
        .stderr(writer);
    command.env("CARGO_TERM_COLOR", "never");
    let mut child = command.spawn().context("cannot start cargo")?;
    // The command holds the writing end too, and the reader must see the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut tally = Tally::default();
    let lines = lines(reader);
    loop {
        match lines.recv_timeout(silence) {
            Ok(line) => {
                let line = line.context("cannot read what the tests print")?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                tally.line(&line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                println!("nothing was printed for {} s; ended:", silence.as_secs());
                print!("{}", tree::end(child.id()));
                tally.count.failed += 1;
                break;
            }
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    Ok(tally.judged(status.success()))
}

/// The lines that come through a pipe, read by a thread: the wait for one can be bounded.
fn lines(reader: PipeReader) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // Until nobody listens any more.
        BufReader::new(reader)
            .split(b'\n')
            .try_for_each(|line| sender.send(line))
    });
    receiver
}

/// What the output of `cargo test` said so far.
#[derive(Debug, Default)]
struct Tally {
    count: Count,
    programs: u64,
    results: u64,
}

impl Tally {
    fn line(&mut self, line: &str) {
        let line = line.trim();
        if line.starts_with("Running ") && line.ends_with(')') || line.starts_with("Doc-tests ") {
            self.programs += 1;
        }
        if let Some(count) = Count::in_line(line) {
            self.results += 1;
            self.count += count;
        }
    }

    fn judged(self, success: bool) -> Count {
        let mut count = self.count;
        let silent = self.programs.saturating_sub(self.results);
        count.failed += silent;
        if count.failed == 0 && (!success || count.ran_nothing()) {
            count.failed = 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: &str, success: bool, expect: (u64, u64, u64)) {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.line(line));
        let count = tally.judged(success);
        assert_eq!(
            (count.passed, count.failed, count.skipped),
            expect,
            "{output}"
        );
    }

    const RUNS: &str = "     Running unittests src/lib.rs (target/debug/deps/agtrack-1)\n";
    const OK: &str = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\n";

    #[test]
    fn cases_are_counted() {
        check(&format!("{RUNS}{OK}"), true, (3, 0, 1));
    }

    #[test]
    fn a_program_without_a_result_is_a_failure() {
        check(&format!("{RUNS}{OK}{RUNS}"), false, (3, 1, 1));
    }

    #[test]
    fn a_bad_status_is_a_failure() {
        check(&format!("{RUNS}{OK}"), false, (3, 1, 1));
    }

    #[test]
    fn a_run_without_any_program_is_a_failure() {
        check("", true, (0, 1, 0));
    }

    #[test]
    fn a_run_of_no_case_is_a_failure() {
        let none = "test result: ok. 0 passed; 0 failed; 2 ignored; 0 measured; 9 filtered out\n";
        check(&format!("{RUNS}{none}"), true, (0, 1, 2));
        check(&format!("{RUNS}{none}{RUNS}{OK}"), true, (3, 0, 3));
    }

    #[test]
    fn doc_tests_count_as_a_program() {
        check(&format!("   Doc-tests agtrack\n{OK}"), true, (3, 0, 1));
    }

    #[test]
    fn what_falls_silent_is_ended_with_all_its_processes_and_is_a_failure() {
        let mut command = Command::new("sh");
        // The inner shell holds the pipe too: were it left, nobody would see the end.
        command.args(["-c", "echo begins; sh -c 'sleep 1000; :' & wait"]);
        let count = cases_within(&mut command, Duration::from_millis(300)).unwrap();
        assert!(count.failed > 0);
    }
}
