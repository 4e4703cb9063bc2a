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
#[path = "../../xtask/src/test/signal.rs"]
mod signal;
#[path = "run/trouble.rs"]
mod trouble;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = fake::main() {
        return code;
    }
    if let Err(error) = signal::heed() {
        eprintln!("cannot begin anew without ignored signals: {error}");
        return ExitCode::FAILURE;
    }
    let mut tests = plain::tests();
    tests.extend(trouble::tests());
    tests.extend(intrusion::tests());
    tests.extend(jobs::tests());
    libtest_mimic::run(&libtest_mimic::Arguments::from_args(), tests).exit_code()
}
