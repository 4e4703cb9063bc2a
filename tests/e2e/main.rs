//! Trigger, then expect: one file per event of the table and one per promise.
//!
//! All tests share one recorder, as the agents of a host do; each has a cgroup of its own, and so a
//! session, and looks at that session's records only. Tests of starting, stopping and reloading
//! have recorders of their own. Needs root. `AGTRACK_BACKEND` forces a back end; what one cannot do
//! is said by the test, which then counts as ignored.
//!
//! `AGTRACK_COVERAGE` names a file that gets what tests that passed found in journals,
//! `AGTRACK_KEEP_RECORDS` one that gets a record of each shape.
//!
//! `e2e --record-fixtures` records the input logs for the replay tests anew.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bound;
mod call;
mod capture;
mod cgroup;
mod change;
mod close;
mod connect;
mod container;
mod content;
mod contention;
mod control;
mod disk;
mod endpoint;
mod environment;
mod exec;
mod exit;
mod fileless;
mod fixture;
mod flood;
mod flow;
mod fork;
mod handoff;
mod hashes;
mod host;
mod hostile;
mod inferred;
mod intrusion;
mod late;
mod leftover;
mod lineage;
mod mmap;
mod mount;
mod noise;
mod open;
mod own;
mod peer;
mod query;
mod receive;
mod redaction;
mod reload;
mod rename;
mod repeat;
mod restart;
mod run;
mod set_id;
mod signal;
mod signals;
mod sink;
mod socket;
mod start;
mod stop;
mod sudo;
mod suspicion;
mod tamper;
mod toolcall;
mod trick;
mod unlink;
mod uring;
mod xattr;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use agtrack_tests::here::Seen;
use agtrack_tests::{coverage, follow, here};
use libtest_mimic::{Arguments, ColorSetting, Completion, Failed, Trial};

/// Why a test cannot be done here.
pub(crate) struct Unable(pub(crate) String);

/// What a test returns; it fails by panicking.
pub(crate) type Outcome = Result<(), Unable>;

/// A test and its name.
type Test = (&'static str, fn() -> Outcome);

/// Tests that need the machine for themselves hold it for writing.
static MACHINE: RwLock<()> = RwLock::new(());

/// Tests that need it so, by how their names begin: they take all of it, or look at what any other
/// recorder that starts would change.
const ALONE: &[&str] = &[
    "contention::",
    "flood::",
    "run::what_a_killed_recorder_left_",
];

/// A test that failed while the kernel skipped runs of programs is repeated so often: what is
/// missing may be what a gap record accounts for. The test of just that is not repeated.
const ATTEMPTS: usize = 3;

/// A test that takes longer is named, so that the matrix stays quick.
const SLOW: Duration = Duration::from_secs(10);

/// Names tests after their functions.
macro_rules! tests {
    ($($name:ident),+ $(,)?) => {
        pub(crate) const TESTS: &[crate::Test] = &[ $( (stringify!($name), $name) ),+ ];
    };
}
pub(crate) use tests;

/// With what a test is done once on each machine of the matrix.
#[derive(Clone, Copy, PartialEq)]
enum Each {
    /// It is about what probes see.
    Backend,
    /// It is, and needs a recorder of its own, which takes long to begin in an emulated machine: not every
    /// day in each of them.
    Own,
    /// It is about the recorder around them: with the first back end of the machine.
    Kernel,
    /// It is about what reads the journal, and waits a lot: not in emulated machines.
    Host,
}

const MODULES: &[(&str, Each, &[Test])] = &[
    ("fork", Each::Backend, fork::TESTS),
    ("exec", Each::Backend, exec::TESTS),
    ("bound", Each::Own, bound::TESTS),
    ("bound", Each::Own, bound::lost::TESTS),
    ("bound", Each::Own, bound::program::TESTS),
    ("bound", Each::Kernel, bound::again::TESTS),
    ("environment", Each::Backend, environment::TESTS),
    ("fileless", Each::Backend, fileless::TESTS),
    ("exit", Each::Backend, exit::TESTS),
    ("open", Each::Backend, open::TESTS),
    ("unlink", Each::Backend, unlink::TESTS),
    ("rename", Each::Backend, rename::TESTS),
    ("change", Each::Backend, change::TESTS),
    ("close", Each::Backend, close::TESTS),
    ("close", Each::Backend, close::ends::TESTS),
    ("hashes", Each::Backend, hashes::TESTS),
    ("hashes", Each::Kernel, hashes::recorder::TESTS),
    ("mmap", Each::Backend, mmap::TESTS),
    ("receive", Each::Backend, receive::TESTS),
    ("mount", Each::Backend, mount::TESTS),
    ("set_id", Each::Backend, set_id::TESTS),
    ("signal", Each::Backend, signal::TESTS),
    ("call", Each::Backend, call::TESTS),
    ("connect", Each::Backend, connect::TESTS),
    ("endpoint", Each::Backend, endpoint::TESTS),
    ("socket", Each::Backend, socket::TESTS),
    ("peer", Each::Backend, peer::TESTS),
    ("flow", Each::Backend, flow::TESTS),
    ("content", Each::Backend, content::TESTS),
    ("capture", Each::Own, capture::TESTS),
    ("capture", Each::Kernel, capture::asked::TESTS),
    ("capture", Each::Kernel, capture::written::TESTS),
    ("uring", Each::Backend, uring::TESTS),
    ("uring", Each::Backend, uring::socket::TESTS),
    ("uring", Each::Backend, uring::table::TESTS),
    ("xattr", Each::Backend, xattr::TESTS),
    ("cgroup", Each::Backend, cgroup::TESTS),
    ("container", Each::Kernel, container::TESTS),
    ("control", Each::Host, control::TESTS),
    ("control", Each::Host, control::tagged::TESTS),
    ("control", Each::Host, control::again::TESTS),
    ("control", Each::Host, control::who::TESTS),
    ("control", Each::Host, control::stalled::TESTS),
    ("lineage", Each::Backend, lineage::TESTS),
    ("hostile", Each::Backend, hostile::TESTS),
    ("toolcall", Each::Backend, toolcall::TESTS),
    ("handoff", Each::Backend, handoff::TESTS),
    ("inferred", Each::Kernel, inferred::TESTS),
    ("toolcall", Each::Kernel, toolcall::nested::TESTS),
    ("trick", Each::Backend, trick::TESTS),
    ("tamper", Each::Own, tamper::TESTS),
    ("tamper", Each::Kernel, tamper::OF_RECORDER),
    ("tamper", Each::Kernel, tamper::gone::TESTS),
    ("tamper", Each::Kernel, tamper::files::TESTS),
    ("redaction", Each::Kernel, redaction::TESTS),
    ("late", Each::Kernel, late::TESTS),
    ("reload", Each::Own, reload::TESTS),
    ("suspicion", Each::Kernel, suspicion::TESTS),
    ("start", Each::Kernel, start::TESTS),
    ("restart", Each::Kernel, restart::TESTS),
    ("restart", Each::Host, restart::pinned::TESTS),
    ("restart", Each::Own, restart::pinned::OF_PROBES),
    ("restart", Each::Host, restart::left::TESTS),
    ("restart", Each::Host, restart::pins::TESTS),
    ("stop", Each::Kernel, stop::TESTS),
    ("own", Each::Kernel, own::TESTS),
    ("disk", Each::Kernel, disk::TESTS),
    ("run", Each::Kernel, run::TESTS),
    ("query", Each::Kernel, query::TESTS),
    ("signals", Each::Kernel, signals::TESTS),
    ("sink", Each::Host, sink::TESTS),
    ("sink", Each::Host, sink::syslog::TESTS),
    ("sink", Each::Host, sink::dead::TESTS),
    ("sink", Each::Host, sink::elasticsearch::TESTS),
    ("sink", Each::Host, sink::splunk::TESTS),
    ("sink", Each::Host, sink::otlp::TESTS),
    ("sink", Each::Host, sink::nats::TESTS),
    ("sink", Each::Host, sink::kafka::TESTS),
    ("sudo", Each::Kernel, sudo::TESTS),
    ("intrusion", Each::Kernel, intrusion::TESTS),
    ("contention", Each::Backend, contention::TESTS),
    ("repeat", Each::Backend, repeat::TESTS),
    ("noise", Each::Backend, noise::TESTS),
    ("flood", Each::Backend, flood::TESTS),
];

fn main() -> ExitCode {
    if std::env::args().any(|word| word == "--record-fixtures") {
        fixture::record();
        return ExitCode::SUCCESS;
    }
    let words: Vec<_> = std::env::args().collect();
    if sink::receiver::is_called(&words) {
        return ExitCode::FAILURE;
    }
    let mut arguments = Arguments::from_args();
    if here::is_machine() {
        // A machine's console is a terminal, but nobody looks at it.
        arguments.color = Some(ColorSetting::Never);
    }
    if !arguments.list && !here::is_root() {
        eprintln!(
            "error: the end-to-end tests record from the kernel and need root; run them with sudo"
        );
        return ExitCode::FAILURE;
    }
    if here::soak().is_some() {
        own_network();
    }
    // Several names, separated by commas.
    let several = arguments.filter.take_if(|names| names.contains(','));
    let is_meant = |trial: &Trial| {
        let mut names = several.iter().flat_map(|names| names.split(','));
        several.is_none() || names.any(|name| trial.name().contains(name))
    };
    let conclusion = libtest_mimic::run(&arguments, trials().filter(is_meant).collect());
    if let Some(file) = std::env::var_os(coverage::WANTED) {
        coverage::write(file.as_ref());
    }
    if arguments.list || !host::is_used() {
        return conclusion.exit_code();
    }
    let last = Trial::test("host::ends_cleanly_with_balanced_books", || {
        catch_unwind(host::end).map_err(|panic| said(&*panic).into())
    });
    // What filters the tests does not filter what must hold after them.
    let all = Arguments {
        filter: None,
        skip: Vec::new(),
        exact: false,
        ..arguments
    };
    let ended = libtest_mimic::run(&all, vec![last]);
    if conclusion.has_failed() || ended.has_failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// A network of loopback alone, for this process and all that it starts: it can be cut.
fn own_network() {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("root may");
    sink::trial::network("up");
}

/// All tests that this kernel and back end need.
fn trials() -> impl Iterator<Item = Trial> {
    let modules = MODULES.iter().filter(|(_, each, _)| match each {
        Each::Backend => true,
        Each::Own => here::seen_already() < Seen::Own,
        Each::Kernel => here::seen_already() < Seen::Kernel,
        Each::Host => !here::is_machine(),
    });
    modules.flat_map(|(module, each, tests)| {
        tests.iter().map(move |(name, test)| {
            let full = format!("{module}::{name}");
            let alone = ALONE.iter().any(|begin| full.starts_with(begin));
            Trial::ignorable_test(full.clone(), move || {
                coverage::begin();
                let done = attempt(&full, *test, alone)?;
                // The others are done with one back end of a machine only.
                if matches!(each, Each::Backend | Each::Own)
                    && matches!(done, Completion::Completed)
                {
                    coverage::passed();
                }
                Ok(done)
            })
        })
    })
}

fn attempt(name: &str, test: fn() -> Outcome, alone: bool) -> Result<Completion, Failed> {
    let started = Instant::now();
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        let before = follow::skipped();
        let done = if alone {
            let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
            catch_unwind(test)
        } else {
            let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
            catch_unwind(test)
        };
        match done {
            Ok(Ok(())) => {
                if started.elapsed() > SLOW {
                    println!("note: {name} took {} s", started.elapsed().as_secs());
                }
                return Ok(Completion::Completed);
            }
            Ok(Err(Unable(reason))) => {
                println!("note: {name} cannot be done here: {reason}");
                return Ok(Completion::ignored_with(reason));
            }
            Err(_) if left > 0 && !alone && skipped_since(before) => {
                println!("note: {name} is repeated: the kernel skipped runs of programs meanwhile");
                coverage::begin();
            }
            Err(panic) => return Err(said(&*panic).into()),
        }
    }
}

/// Whether the kernel skipped runs since then. Counters are polled, so it may take a moment to know.
fn skipped_since(before: u64) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        if follow::skipped() > before {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it panicked".to_owned())
}
