//! The launcher at a real terminal, below a real shell, with a recorder that records nothing.
//!
//! This program is both: called by its test names it is the tests; with a first word `run`,
//! `recorder` or `launch-stub` it is an agtrack without kernel and root. So the launcher is tested
//! where no probes can be loaded, and nothing in agtrack itself knows of tests.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "run/call.rs"]
mod call;
#[path = "run/fake.rs"]
mod fake;
#[path = "run/intrusion.rs"]
mod intrusion;
#[path = "run/jobs.rs"]
mod jobs;
#[path = "run/plain.rs"]
mod plain;
#[path = "run/shell.rs"]
mod shell;
#[path = "run/trouble.rs"]
mod trouble;

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    if let Some(code) = fake::main() {
        return code;
    }
    if ignores_signals() && std::env::var_os(ANEW).is_none() {
        let error = Command::new("env")
            .args(["--default-signal", &format!("{ANEW}=1")])
            .args(std::env::args_os())
            .exec();
        eprintln!("cannot begin anew without ignored signals: {error}");
        return ExitCode::FAILURE;
    }
    let mut tests = plain::tests();
    tests.extend(trouble::tests());
    tests.extend(intrusion::tests());
    tests.extend(jobs::tests());
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), tests).exit_code()
}

/// Set where this program began anew already: once is all that can help.
const ANEW: &str = "AGTRACK_TESTS_ANEW";

/// Below `nohup`, or in the background of a script, some signals are ignored, and so they are for
/// every command that a test starts: what it is sent would never arrive.
fn ignores_signals() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .map(|mask| u64::from_str_radix(mask.trim(), 16).unwrap());
    // SIGPIPE is ignored by every program in Rust; 32 and above are the C library's own and the
    // real-time signals, which some process managers ignore and no test sends.
    let pipe = 1 << (rustix::process::Signal::PIPE.as_raw() - 1);
    ignored.unwrap() & 0x7fff_ffff & !pipe != 0
}
