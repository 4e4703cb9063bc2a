//! agtrack against strace, an oracle nobody here wrote: real programs run under both at once, and
//! both must have seen the same actions in every detail, call by call and process by process.
//! Nothing missing, nothing invented.
//!
//! Each work is a script in `work/`. It runs under `strace -ff`, and that under `agtrack run`.
//! strace's own doings are left out; its child is the work. What strace sees and agtrack does not
//! record stands in `rule.rs`, with reasons. At the end a table says what was compared.
//!
//! Needs root, strace, and what the works run. `AGTRACK_BACKEND` forces a back end.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod compare;
mod deed;
mod recorded;
mod rule;
mod strace;
mod table;
mod work;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use agtrack_tests::here;
use compare::Comparison;
use libtest_mimic::{Arguments, Failed, Trial};

/// What the works did, as they end.
static DONE: Mutex<Vec<(&str, Comparison)>> = Mutex::new(Vec::new());

/// Tests of the test: it must read right what both say.
const CHECKS: &[(&str, fn())] = &[
    ("strace_is_read_as_it_writes", strace::check),
    ("deeds_are_matched_one_by_one", compare::check),
    ("shares_are_told_as_they_are", table::check),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !arguments.list && !here::is_root() {
        eprintln!(
            "error: the differential tests record from the kernel and need root; run them with sudo"
        );
        return ExitCode::FAILURE;
    }
    let checks = CHECKS
        .iter()
        .map(|(name, check)| Trial::test(*name, || attempt(*check)));
    let works = work::NAMES
        .iter()
        .map(|name| Trial::test(format!("work::{name}"), || attempt(|| compare(name))));
    let conclusion = libtest_mimic::run(&arguments, checks.chain(works).collect());
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(name, _)| work::NAMES.iter().position(|known| known == name));
    if !done.is_empty() {
        table::print(&done);
    }
    conclusion.exit_code()
}

fn attempt(test: impl FnOnce() + std::panic::UnwindSafe) -> Result<(), Failed> {
    catch_unwind(test).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        text.unwrap_or_else(|| "it panicked".to_owned()).into()
    })
}

/// Runs a work under both and compares.
fn compare(name: &'static str) {
    let place = work::Place::new();
    work::run(name, &place);
    let seen = strace::read(&place.trace, &place.work);
    let recorded = recorded::read(&place.journal, seen.first);
    let comparison = Comparison::of(seen.deeds, recorded.deeds);
    let (deeds, differences) = (comparison.deeds(), comparison.differences());
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    done.push((name, comparison));
    drop(done);
    if let Some(differences) = differences {
        panic!(
            "of {deeds} deeds {differences}\ngaps that agtrack tells: {:?}\nkept: {}",
            recorded.gaps,
            place.keep()
        );
    }
    assert!(deeds > 20, "the work did something, not {deeds} deeds");
}
