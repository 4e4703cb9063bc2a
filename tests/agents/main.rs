//! Real agent programs from the package registries, with a model that follows a script: what they
//! really do must be what the journal says, call by call.
//!
//! The tests run in a network namespace with loopback only, each program with a home of its own.
//! `cargo xtask soak --agents` installs all and runs them; `cargo xtask test` one of them.
//!
//! `AGTRACK_SHOW=1` prints the calls of each session. Needs root, git, curl, and the programs in `target/agents` (or in `AGTRACK_AGENTS`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod expect;
mod place;
mod program;

use std::panic::catch_unwind;
use std::process::{Command, ExitCode};

use agtrack_tests::here;
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sched::{CloneFlags, unshare};

use place::Place;
use program::{PROGRAMS, Program};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One after the other: a daemon that knows a program by its file records whoever executes it.
    arguments.test_threads = Some(1);
    if !arguments.list {
        if !here::is_root() {
            eprintln!("error: these tests record from the kernel and need root; use sudo");
            return ExitCode::FAILURE;
        }
        // Before there is a second thread: all that is started is in it too.
        unshare(CloneFlags::CLONE_NEWNET).expect("root may have a network of its own");
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        assert!(up.expect("there is ip").success(), "loopback is up");
    }
    let trials = PROGRAMS.iter().flat_map(trials);
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn trials(program: &'static Program) -> Vec<Trial> {
    let recognised = |place: &Place| {
        expect::check(place);
        expect::recognised(place);
    };
    let mut trials = vec![
        trial(program, "launched", Place::launch, expect::check),
        trial(program, "by_cgroup", Place::by_cgroup, expect::check),
        trial(program, "by_executable", Place::by_executable, recognised),
    ];
    if program.native.is_some() {
        let native = Place::by_native_executable;
        trials.push(trial(program, "by_native_executable", native, recognised));
    }
    trials
}

fn trial(program: &'static Program, how: &str, start: fn(&mut Place), check: fn(&Place)) -> Trial {
    let test = move || {
        let mut place = Place::new(program);
        start(&mut place);
        check(&place);
    };
    Trial::test(format!("{}::{how}", program.label), move || {
        catch_unwind(test).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Failed::from(text.unwrap_or_else(|| "it panicked".to_owned()))
        })
    })
}
